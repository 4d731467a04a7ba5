"""The smoke test of a bundle: loaded in a process of its own, where it scores its reference rows again.

LightGBM aborts the process on a model text that it does not like, and may take any time or memory before. The
reference rows are nobody's rows: each value is a quantile of its column, drawn on its own, so that a bundle
carries no customer about.
"""

import json
import resource
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.errors import DataError
from models.bundle import Bundle, Scored, load
from models.matrix import KEY, Matrix, by_column

ROWS = 16
TOLERANCE = 1e-9  # of a probability or a share; another processor may round the last digits otherwise
MEMORY_MB = 4_096  # address space of the child process; libraries alone map about 2,000
_EDGE = 0.05  # quantiles from here to 1 − here: the ends of a column are single customers
_UNKNOWN = 0.1  # share of the values left out in columns in which a value may be unknown
_ROOT = Path(__file__).parent.parent


def smoke_test(folder: Path, key: bytes, seconds: int, memory_mb: int = MEMORY_MB) -> None:
    """Loads the bundle and scores its reference rows in a child process with these limits.

    The key goes through a pipe and the child gets no environment, so nothing can be read off the process
    list. Raises DataError with the reason if the bundle is refused, the child dies or takes too long, or
    other numbers come out than when it was trained.
    """
    task = json.dumps({"folder": str(folder.resolve()), "key": key.hex(), "memory": memory_mb << 20})
    try:
        child = subprocess.run(
            [sys.executable, "-m", "models.smoke_test"],
            input=task,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            cwd=_ROOT,
            env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
        reason = _reason(child)
    except subprocess.TimeoutExpired:
        reason = f"no answer in {seconds} s."
    if reason:
        raise DataError(f"bundle {folder} was tried and is refused: {reason}")


def reference_rows(bundle: Bundle, rows: Matrix, seed: int) -> dict[str, Any]:
    """``rows`` of input, null = unknown, and the ``risks`` and ``share`` that the bundle gives them.

    Each known column's quantiles stand in an order of its own.
    """
    random = np.random.default_rng(seed)
    values = np.full((ROWS, len(rows.columns)), np.nan)
    for place, column in enumerate(by_column(rows.features)):
        known = column[~np.isnan(column)]
        if len(known):
            values[:, place] = random.permutation(np.quantile(known, np.linspace(_EDGE, 1 - _EDGE, ROWS)))
        if bundle.model.trees.fill_values[place] is None:
            values[random.random(ROWS) < _UNKNOWN, place] = np.nan
    scored = _score(bundle, values)
    plain = values.astype(object)
    plain[np.isnan(values)] = None
    return {"rows": plain.tolist(), "risks": scored.risks.tolist(), "share": scored.share.tolist()}


def check_reference_rows(bundle: Bundle) -> None:
    """Scores the reference rows again. Raises DataError if there are none, or other numbers come out."""
    expected = bundle.reference_rows
    if not expected:
        raise DataError(f"model {bundle.model_id} has no reference rows to be tried with. Train it again.")
    scored = _score(bundle, np.array(expected["rows"], dtype=np.float64))
    gap = max(
        float(np.abs(scored.risks - np.array(expected["risks"])).max()),
        float(np.abs(scored.share - np.array(expected["share"])).max()),
    )
    if not gap <= TOLERANCE:
        raise DataError(
            f"model {bundle.model_id} scores its reference rows otherwise than when it was trained, by up to "
            f"{gap:.3g}. Install the versions in requirements.lock, or train again."
        )


def _score(bundle: Bundle, values: NDArray[np.float64]) -> Scored:
    features = pd.DataFrame(values, columns=list(bundle.model.columns))
    key = {KEY[0]: [f"reference-{number:02d}" for number in range(len(values))], KEY[1]: date(2000, 1, 3)}
    return bundle.score(pd.concat([pd.DataFrame(key), features], axis=1))


def _reason(child: subprocess.CompletedProcess[str]) -> str:
    """The reason why the child refused or how it died; empty if all was well."""
    if child.returncode < 0:
        ended_by = signal.Signals(-child.returncode).name
        return f"the process that loaded it was ended by {ended_by}. Train it again."
    try:
        return str(json.loads((child.stdout.splitlines() or [""])[-1])["refused"])
    except (ValueError, KeyError, TypeError):
        message = (child.stderr.splitlines() or ["nothing"])[-1]
        return f"the process that loaded it left with code {child.returncode} and said: {message}"


def _main() -> None:
    """Prints, as the last line of the child, why the bundle is refused; an empty reason if it is not."""
    task = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (task["memory"],) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold the key
    reason = ""
    try:
        check_reference_rows(load(Path(task["folder"]), bytes.fromhex(task["key"])))
    except DataError as error:
        reason = str(error)
    print(json.dumps({"refused": reason}))


if __name__ == "__main__":
    _main()
