"""The golden rows of a bundle: inputs and what the model said of them when it was trained, to be said again anywhere.

They are nobody's rows: each value is a quantile of its column, drawn on its own, so that a bundle carries no
customer about.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.errors import DataError
from models.bundle import Bundle
from models.matrix import KEY, Matrix, by_column

ROWS = 16
TOLERANCE = 1e-9  # of a probability or a share; another processor may round the last digits otherwise
_EDGE = 0.05  # quantiles from here to 1 − here: the ends of a column are single customers
_UNKNOWN = 0.1  # share of the values left out in columns in which a value may be unknown


def golden(bundle: Bundle, rows: Matrix, seed: int) -> dict[str, Any]:
    """``rows`` of input, null = unknown, and the ``risks`` and ``share`` that the bundle gives them."""
    values = _drawn(bundle, rows, seed)
    scored = bundle.score(_frame(bundle, values))
    known = values.astype(object)
    known[np.isnan(values)] = None
    return {"rows": known.tolist(), "risks": scored.risks.tolist(), "share": scored.share.tolist()}


def check_golden(bundle: Bundle) -> None:
    """Scores the golden rows again. Raises DataError if there are none, or other numbers come out."""
    recorded: Mapping[str, Any] = bundle.golden
    if not recorded:
        raise DataError(f"model {bundle.model_id} has no golden rows to be tried with. Train it again.")
    scored = bundle.score(_frame(bundle, np.array(recorded["rows"], dtype=np.float64)))
    gaps = [
        float(np.abs(found - np.array(recorded[name])).max())
        for name, found in (("risks", scored.risks), ("share", scored.share))
    ]
    if not max(gaps) <= TOLERANCE:
        raise DataError(
            f"model {bundle.model_id} scores its golden rows otherwise than when it was trained, by up to "
            f"{max(gaps):.3g}. Install the versions in requirements.lock, or train again."
        )


def _drawn(bundle: Bundle, rows: Matrix, seed: int) -> NDArray[np.float64]:
    """Golden rows × columns: quantiles of each known column, in an order of its own."""
    random = np.random.default_rng(seed)
    values = np.full((ROWS, len(rows.columns)), np.nan)
    for column, found in enumerate(by_column(rows.features)):
        known = found[~np.isnan(found)]
        if len(known):
            values[:, column] = random.permutation(np.quantile(known, np.linspace(_EDGE, 1 - _EDGE, ROWS)))
        if bundle.model.trees.typical[column] is None:
            values[random.random(ROWS) < _UNKNOWN, column] = np.nan
    return values


def _frame(bundle: Bundle, values: NDArray[np.float64]) -> pd.DataFrame:
    """As scoring gets it; the key is made up."""
    names = [f"golden-{number:02d}" for number in range(len(values))]
    key = pd.DataFrame(dict(zip(KEY, (names, date(2000, 1, 3)), strict=True)))
    return pd.concat([key, pd.DataFrame(values, columns=list(bundle.model.columns))], axis=1)
