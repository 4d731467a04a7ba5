"""A trained model with all it needs, as a folder of plain text: written whole, signed, verified before it is read."""

import hashlib
import hmac
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.errors import DataError
from configs.files import whole_folder
from configs.settings import NOT_IN_MODELS, Settings
from models.boosting import Trees
from models.calibrate import Calibrator
from models.explain import Contributions, contributions
from models.hazard import Model
from models.matrix import feature_values
from models.peers import Peers
from models.severity import Severity

MANIFEST, SIGNATURE = "manifest.json", "signature"
_REMEDY = "Restore the folder from a backup, or train again; never mend a bundle by hand."


@dataclass(frozen=True)
class Scored:
    """In the row order of the frame that was scored.

    ``risks`` is rows × horizons, calibrated, growing along a row; ``share`` of AUM is expected to leave if
    the customer does; ``contributions`` is what the scores are made of.
    """

    risks: NDArray[np.float64]
    share: NDArray[np.float64]
    contributions: Contributions


@dataclass(frozen=True)
class Bundle:
    """What training makes and scoring needs: whether, when and how much.

    ``metrics``, ``settings`` and ``golden`` (models/reference_rows.py) hold only what JSON can hold. ``medians``
    are those of the known values of each column in training (None: never known): beside them a customer's own value
    is large or small, whoever else is scored with him.
    """

    model: Model
    calibrator: Calibrator
    severity: Severity
    metrics: Mapping[str, Any]
    settings: Mapping[str, Any]
    medians: tuple[float | None, ...]
    peers: Peers = field(default_factory=Peers)
    golden: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def model_id(self) -> str:
        """The first 16 hex digits of a hash over all files: another byte, another model."""
        return str(json.loads(self.files[MANIFEST])["model_id"])

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Name and content of every file but the signature. Raises DataError for what is not JSON."""
        columns = [
            {"dtype": "float64", "median": median, "name": name, "typical": typical}
            for name, median, typical in zip(
                self.model.columns, self.medians, self.model.trees.typical, strict=True
            )
        ]
        severity = self.severity
        content = {
            "model.txt": self.model.trees.text.encode("utf-8"),
            "calibrator.json": _json(
                {
                    "horizons": self.model.horizons,
                    "log_kept": self.model.log_kept,
                    **asdict(self.calibrator),
                }
            ),
            "severity.txt": severity.trees.text.encode("utf-8") if severity.trees else b"",
            "severity.json": _json(
                {
                    "mean": severity.mean,
                    "scale": severity.scale,
                    "typical": severity.trees.typical if severity.trees else None,
                }
            ),
            "contract.json": _json({"columns": columns}),
            "peers.json": _json(asdict(self.peers)),
            "metrics.json": _json(self.metrics),
            "settings.json": _json(self.settings),
            "golden.json": _json(self.golden),
        }
        return {**content, MANIFEST: _manifest(content)}

    def score(self, features: pd.DataFrame) -> Scored:
        """Risks and share per row of ``features``: the key and exactly the contract's columns, in order; those
        of ``peers`` are the last of them (``peers.extended`` adds them).

        Raises DataError for another order or type, a missing, extra or repeated column, a repeated
        customer, a column without any known value that was always known in training, and no rows at all.
        """
        values = feature_values(features, self.model.columns)
        if not len(values):
            raise DataError("there is nobody to score. Check that the snapshot ran and has a cohort.")
        for name, typical, column in zip(self.model.columns, self.model.trees.typical, values.T, strict=True):
            if typical is not None and np.isnan(column).all():
                raise DataError(
                    f"feature {name!r} is unknown for all {len(values)} customers but was always known when "
                    f"model {self.model_id} was trained. Look for a table that was not delivered, or train "
                    "again."
                )
        why = contributions(self.model, values)
        return Scored(self.calibrator.risks(why.raw), self.severity.share(values), why)


def settings_of(settings: Settings) -> dict[str, Any]:
    """The settings as they are kept with a model; without threads and whatever else changes no byte, nor the salt."""
    dump = settings.model_dump(mode="json", exclude=NOT_IN_MODELS)
    del dump["training"]["threads"], dump["lists"]["salt"]
    dump["training"]["half_life_weeks"] = 0  # every row weighs the same; a model's id rests on this line too
    return dump


def write(bundle: Bundle, models: Path, key: bytes) -> Path:
    """Writes ``models/<model_id>/`` whole or not at all and returns it; the same bundle gives the same bytes.

    A draft beside it is filled, flushed to disk and renamed. ``key`` signs the manifest and changes no other
    file. If the folder is there already it is verified and kept. Raises DataError if it is there but changed.
    """
    target = models / bundle.model_id
    for left_over in models.glob(".draft-*"):
        shutil.rmtree(left_over)
    if target.exists():
        load(target, key)
        return target
    signature = {SIGNATURE: _signature(bundle.files[MANIFEST], key)}
    with whole_folder(target) as draft:
        for name, content in (bundle.files | signature).items():
            (draft / name).write_bytes(content)
    return target


def load(folder: Path, key: bytes) -> Bundle:
    """Reads a bundle after verifying the signature, then size and hash of every file; only then it is parsed.

    LightGBM aborts the process, or silently scores otherwise, on a model text with one changed byte.
    Raises DataError naming the folder, the file and the remedy if one is missing, extra or changed, or if the
    manifest was not signed with ``key``.
    """
    content = _verified(folder, key)
    try:
        return _read(content)
    except KeyError as error:
        raise DataError(
            f"bundle {folder} lacks {error}: it was written by another version of this software. Train again."
        ) from None


def _read(content: Mapping[str, bytes]) -> Bundle:
    """The bundle from the bytes of its files. Raises KeyError for a field that this version needs."""
    contract = json.loads(content["contract.json"])["columns"]
    columns = tuple(column["name"] for column in contract)
    whether = Trees(
        content["model.txt"].decode("utf-8"), columns, tuple(column["typical"] for column in contract)
    )
    lines, severity = json.loads(content["calibrator.json"]), json.loads(content["severity.json"])
    peers = json.loads(content["peers.json"])
    how_much = None
    if severity["typical"] is not None:
        how_much = Trees(content["severity.txt"].decode("utf-8"), columns, tuple(severity["typical"]))
    return Bundle(
        Model(whether, tuple(lines["horizons"]), lines["log_kept"]),
        Calibrator(tuple(lines["slopes"]), tuple(lines["offsets"])),
        Severity(how_much, severity["mean"], severity["scale"]),
        json.loads(content["metrics.json"]),
        json.loads(content["settings.json"]),
        tuple(column["median"] for column in contract),
        Peers(tuple(peers["columns"]), tuple(peers["overall"]), peers["groups"]),
        json.loads(content["golden.json"]),
    )


def _verified(folder: Path, key: bytes) -> dict[str, bytes]:
    """The bytes of every file but manifest and signature, each as the manifest and the folder's name say."""
    if not folder.is_dir():
        raise DataError(f"there is no bundle at {folder}. Train first, or name another model.")
    found = {path.name: path for path in folder.iterdir()}
    for name, path in found.items():
        if not path.is_file():
            raise DataError(f"bundle {folder}: {name} does not belong there. {_REMEDY}")
    content = {name: path.read_bytes() for name, path in found.items()}
    written, signature = (_taken(content, name, folder) for name in (MANIFEST, SIGNATURE))
    if not hmac.compare_digest(signature, _signature(written, key)):
        raise DataError(
            f"bundle {folder}: the {SIGNATURE} does not fit {MANIFEST}: one of them is changed, or another key "
            "signed it. Set ATTRITION_BUNDLE_KEY to the key it was signed with, restore it, or train again."
        )
    if written != _manifest(content):
        raise DataError(f"bundle {folder}: {_difference(written, content)}. {_REMEDY}")
    if json.loads(written)["model_id"] != folder.name:
        raise DataError(f"bundle {folder}: {MANIFEST} is of another model than the folder's name. {_REMEDY}")
    return content


def _taken(content: dict[str, bytes], name: str, folder: Path) -> bytes:
    """Takes one file out of ``content``, which must hold it."""
    if name not in content:
        raise DataError(f"bundle {folder}: {name} is missing. {_REMEDY}")
    return content.pop(name)


def _difference(written: bytes, content: Mapping[str, bytes]) -> str:
    """Which file is not what the manifest, whose signature fits, says."""
    promised = json.loads(written)["files"]
    for name in sorted({*promised, *content}):
        if name not in content:
            return f"{name} is missing"
        if name not in promised:
            return f"{name} does not belong there"
        if promised[name] != _print(content[name]):
            break
    return f"{name} is changed"


def _signature(manifest: bytes, key: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104) over the manifest, and through it over every file; in hex."""
    return hmac.new(key, manifest, "sha256").hexdigest().encode() + b"\n"


def _manifest(content: Mapping[str, bytes]) -> bytes:
    """Size and SHA-256 of each file, and the model_id made from them."""
    files = {name: _print(one) for name, one in content.items()}
    model_id = hashlib.sha256(_json(files)).hexdigest()[:16]
    return _json({"files": files, "model_id": model_id})


def _print(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _json(value: Any) -> bytes:
    """Sorted keys, one form per value. Raises DataError for what JSON cannot hold (NaN, dates, arrays)."""
    try:
        text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"a bundle holds only plain JSON: {error}. Convert it before writing.") from None
    return f"{text}\n".encode()
