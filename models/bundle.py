"""A trained model as a folder of plain text: written whole, signed, verified before it is read."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.errors import DataError
from configs.files import whole_folder
from configs.settings import NOT_IN_MODELS, Settings
from models.alive import Alive
from models.boosting import Trees
from models.explain import Contributions, contributions
from models.hazard import Calibrator, Model
from models.learnt import Learnt
from models.matrix import Matrix, feature_values, is_known
from models.peers import Peers
from models.severity import Severity, money_at_risk
from models.splits import Split
from models.start import Start

# Names inside the files stay as they were first written: model_id is a hash over every byte.
MANIFEST, SIGNATURE = "manifest.json", "signature"
AUM_NOW = "aum_last"  # the feature that holds the AUM of the day
LARGEST_FILE = 256_000_000  # bytes; the largest, of trees, takes a few million
_REMEDY = "Restore the folder from a backup, or train again; never mend a bundle by hand."


@dataclass(frozen=True)
class Scored:
    """The scores of a frame, in its row order.

    ``risks`` is rows × horizons, calibrated, growing along a row; ``share`` of AUM is expected to leave if
    the customer does; ``contributions`` is what the scores are made of.
    """

    risks: NDArray[np.float64]
    share: NDArray[np.float64]
    contributions: Contributions


@dataclass(frozen=True)
class Predicted:
    """One row per row of a matrix: risks (rows × horizons) and money at risk, in base currency."""

    risks: NDArray[np.float64]
    money: NDArray[np.float64]


@dataclass(frozen=True)
class Bundle:
    """All that training makes and scoring needs: models of whether, when and how much.

    ``metrics``, ``settings`` and ``reference_rows`` (models/smoke_test.py) hold only what JSON can hold.
    ``medians`` are those of the known values of each column in training (None: never known): beside them a
    customer's own value is large or small, whoever else is scored with him.
    """

    model: Model
    calibrator: Calibrator
    severity: Severity
    metrics: Mapping[str, Any]
    settings: Mapping[str, Any]
    medians: tuple[float | None, ...]
    learnt: Learnt = field(default_factory=Learnt)
    reference_rows: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def model_id(self) -> str:
        """The first 16 hex digits of a hash over all files: another byte, another model."""
        return str(json.loads(self.files[MANIFEST])["model_id"])

    @property
    def trained_as_of(self) -> date:
        """The Monday of training: the bundle has seen outcomes known before that day."""
        return date.fromisoformat(self.metrics["trained_as_of"])

    @property
    def snapshots(self) -> Split:
        """The Mondays that trained, tuned and evaluated the bundle."""
        sets = (self.metrics["snapshots"][name] for name in ("train", "tune", "judge"))
        return Split(*(tuple(map(date.fromisoformat, days)) for days in sets))

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Name and content of every file but the signature. Raises DataError for what is not JSON."""
        trees, share = self.model.trees, self.severity
        columns = [
            {"dtype": "float64", "median": median, "name": name, "typical": fill_value}
            for name, median, fill_value in zip(trees.columns, self.medians, trees.fill_values, strict=True)
        ]
        text, fill_values = (share.trees.text, share.trees.fill_values) if share.trees else ("", None)
        model, start = self.model, self.model.start and asdict(self.model.start)
        calibrator = {"horizons": model.horizons, "log_kept": model.log_kept, "start": start}
        content = {
            "model.txt": trees.text.encode("utf-8"),
            "calibrator.json": _json(calibrator | asdict(self.calibrator)),
            "severity.txt": text.encode("utf-8"),
            "severity.json": _json({"mean": share.mean, "scale": share.scale, "typical": fill_values}),
            "contract.json": _json({"columns": columns}),
            "peers.json": _json(asdict(self.learnt.peers)),
            "alive.json": _json(self.learnt.alive and asdict(self.learnt.alive)),
            "metrics.json": _json(self.metrics),
            "settings.json": _json(self.settings),
            "golden.json": _json(self.reference_rows),
        }
        return {**content, MANIFEST: _manifest(content)}

    def score(self, features: pd.DataFrame) -> Scored:
        """The scores of each row of ``features``.

        These are the key and exactly the contract's columns, in order; those of ``learnt`` are the last of
        them (``learnt.extended`` adds them). Raises DataError for another order or type, a missing, extra or
        repeated column, a repeated customer, a column without any known value that was always known in
        training, and no rows at all.
        """
        values = feature_values(features, self.model.columns)
        if not len(values):
            raise DataError("there is nobody to score. Check that the snapshot ran and has a cohort.")
        self.check_known(is_known(values), len(values))
        return self.explained(values)

    def explained(self, values: NDArray[np.float64]) -> Scored:
        """The scores of rows × the contract's columns, each row by itself: of a Monday, or of a part of it.

        What ``score`` looks at in all rows together is then the caller's to check.
        """
        parts = contributions(self.model, values)
        return Scored(self.calibrator.risks(parts.raw), self.severity.share(values), parts)

    def check_known(self, known: NDArray[np.bool_], customers: int) -> None:
        """Raises DataError for a column that no customer of a Monday knows, but always was known in
        training."""
        trees = self.model.trees
        for name, fill_value, some in zip(trees.columns, trees.fill_values, known.tolist(), strict=True):
            if fill_value is not None and not some:
                raise DataError(
                    f"feature {name!r} is unknown for all {customers} customers but was always known when "
                    f"model {self.model_id} was trained. Look for a table that was not delivered, or train "
                    "again."
                )

    def predict(self, rows: Matrix) -> Predicted:
        """Risks and money at risk of rows that are already a matrix, without explanations."""
        risks = self.calibrator.risks(self.model.raw(rows.features))
        share = self.severity.share(rows.features)
        return Predicted(risks, money_at_risk(risks[:, -1], share, rows.aum, present_aum(rows)))


def present_aum(rows: Matrix) -> NDArray[np.float64]:
    """Per row the AUM of the day (base currency); the weight itself where a bank counts customers."""
    return rows.column(AUM_NOW) if AUM_NOW in rows.columns else rows.aum


def settings_of(settings: Settings) -> dict[str, Any]:
    """The settings kept with a model, as plain JSON; without the salt and what changes no byte of it."""
    dump = settings.model_dump(mode="json", exclude=NOT_IN_MODELS)
    del dump["training"]["threads"], dump["lists"]["salt"], dump["lists"]["control_group_period"]
    del dump["lists"]["channels"]
    # A setting that is gone and one under its first name: a model's id rests on every byte of these lines.
    dump["training"]["half_life_weeks"] = 0
    dump["lists"]["held_out"] = dump["lists"].pop("control_group_share")
    return dump


def write(bundle: Bundle, models: Path, key: bytes) -> Path:
    """Writes ``models/<model_id>/`` whole or not at all and returns it; the same bundle gives the same bytes.

    A draft beside it is filled, flushed to disk and renamed. ``key`` signs the manifest and changes no other
    file. If the folder is there already it is verified and kept. Raises DataError if it is there but changed.
    """
    target = models / bundle.model_id
    if target.exists():
        load(target, key)
        return target
    signature = {SIGNATURE: _signature(bundle.files[MANIFEST], key)}
    with whole_folder(target) as draft:
        for name, content in (bundle.files | signature).items():
            (draft / name).write_bytes(content)
    return target


def load(folder: Path, key: bytes) -> Bundle:
    """The bundle in ``folder``, parsed after its signature, then size and hash of every file, were verified.

    LightGBM aborts the process, or silently scores otherwise, on a model text with one changed byte.
    Raises DataError naming the folder, the file and the remedy if one is missing, extra or changed, or if the
    manifest was not signed with ``key``.
    """
    content = _verified(folder, key)
    try:
        parsed = {name: json.loads(content[name]) for name in content if name.endswith(".json")}
        columns, fill_values, medians = (
            tuple(column[name] for column in parsed["contract.json"]["columns"])
            for name in ("name", "typical", "median")
        )
        calibrator, severity, peers, alive = (
            parsed[f"{name}.json"] for name in ("calibrator", "severity", "peers", "alive")
        )
        share, start = severity["typical"], calibrator["start"]
        return Bundle(
            Model(
                Trees(content["model.txt"].decode("utf-8"), columns, fill_values),
                tuple(calibrator["horizons"]),
                calibrator["log_kept"],
                Start.of(start),
            ),
            Calibrator(tuple(calibrator["slopes"]), tuple(calibrator["offsets"])),
            Severity(
                Trees(content["severity.txt"].decode("utf-8"), columns, tuple(share)) if share else None,
                severity["mean"],
                severity["scale"],
            ),
            parsed["metrics.json"],
            parsed["settings.json"],
            medians,
            Learnt(
                Peers(tuple(peers["columns"]), tuple(peers["overall"]), peers["groups"]),
                Alive(**alive) if alive else None,
            ),
            parsed["golden.json"],
        )
    except KeyError as error:
        raise DataError(
            f"bundle {folder} lacks {error}: it was written by another version of this software. Train again."
        ) from None


def _verified(folder: Path, key: bytes) -> dict[str, bytes]:
    """The bytes of every file but manifest and signature, each as the manifest and the folder's name say."""
    if not folder.is_dir():
        raise DataError(f"there is no bundle at {folder}. Train first, or name another model.")
    paths = list(folder.iterdir())
    for path in paths:
        if not path.is_file():
            raise DataError(f"bundle {folder}: {path.name} does not belong there. {_REMEDY}")
        if path.stat().st_size > LARGEST_FILE:
            raise DataError(
                f"bundle {folder}: {path.name} has {path.stat().st_size:,} bytes, more than a model's file "
                f"ever has ({LARGEST_FILE:,}). {_REMEDY}"
            )
    content = {path.name: path.read_bytes() for path in paths}
    for name in (MANIFEST, SIGNATURE):
        if name not in content:
            raise DataError(f"bundle {folder}: {name} is missing. {_REMEDY}")
    written, signature = content.pop(MANIFEST), content.pop(SIGNATURE)
    if not hmac.compare_digest(signature, _signature(written, key)):
        raise DataError(
            f"bundle {folder}: the {SIGNATURE} does not fit {MANIFEST}: one of them is changed, or another "
            "key signed it. Set ATTRITION_BUNDLE_KEY to the key it was signed with, restore it, or train "
            "again."
        )
    if written != _manifest(content):
        raise DataError(f"bundle {folder}: {_difference(written, content)}. {_REMEDY}")
    if json.loads(written)["model_id"] != folder.name:
        raise DataError(f"bundle {folder}: {MANIFEST} is of another model than the folder's name. {_REMEDY}")
    return content


def _difference(written: bytes, content: Mapping[str, bytes]) -> str:
    """The first file that is not as the manifest says, whose signature fits."""
    files = json.loads(written)["files"]
    for name in sorted({*files, *content}):
        if name not in content:
            return f"{name} is missing"
        if name not in files:
            return f"{name} does not belong there"
        if files[name] != _digest(content[name]):
            break
    return f"{name} is changed"


def _signature(manifest: bytes, key: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104) over the manifest, and through it over every file; in hex."""
    return hmac.new(key, manifest, "sha256").hexdigest().encode() + b"\n"


def _manifest(content: Mapping[str, bytes]) -> bytes:
    """Size and SHA-256 of each file, and the model_id made from them."""
    files = {name: _digest(file) for name, file in content.items()}
    model_id = hashlib.sha256(_json(files)).hexdigest()[:16]
    return _json({"files": files, "model_id": model_id})


def _digest(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _json(value: Any) -> bytes:
    """Sorted keys, one form per value. Raises DataError for what JSON cannot hold (NaN, dates, arrays)."""
    try:
        text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"a bundle holds only plain JSON: {error}. Convert it before writing.") from None
    return f"{text}\n".encode()
