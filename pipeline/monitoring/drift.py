"""How far this Monday's features have moved from those that the model was judged on."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.bundle import Bundle
from pipeline.artefacts import Home

BINS = 10  # tenths of the reference
SHOWN = 10  # features, those that moved most
MOVED, DRIFTED = 0.10, 0.25  # readings of a PSI in credit scoring (Siddiqi, Credit Risk Scorecards, 2006)

Values = NDArray[np.float64]


def drift(home: Home, bundle: Bundle, as_of: date) -> dict[str, Any] | None:
    """The features of one Monday beside those of the last Monday that judged the model: how many, and the most moved.

    None where the features of that Monday are no longer kept. What everybody shares on a Monday (the calendar) is
    left out. One feature at a time is held in memory.
    """
    since = bundle.snapshots.evaluation[-1]
    then, now = (home.partition("features", day) for day in (since, as_of))
    if not then.exists():
        return None
    there = set(pq.ParquetDataset(now).schema.names)
    names = [name for name in bundle.model.columns if name in there]
    found = [(psi(_column(then, name), _column(now, name)), name) for name in names]
    noise = _noise(len(_column(then, names[0])), len(_column(now, names[0])))
    measured = sorted(
        ((value, name) for value, name in found if value is not None), key=lambda one: (-one[0], one[1])
    )
    told = [
        {"feature": name, "psi": round(value, 4), "reading": reading(value, noise)}
        for value, name in measured
    ]
    drifted = sum(one["reading"] == "drifted" for one in told)
    return {"since": str(since), "features": len(told), "drifted": drifted, "most": told[:SHOWN]}


def psi(then: Values, now: Values) -> float | None:
    """Population stability index over tenths of ``then``; what is missing is a bin of its own.

    Half a customer is added to each bin, so that an empty one does not weigh without end. None for a feature that has
    one value for everybody.
    """
    if len(np.unique(now)) == 1:
        return None
    known = then[~np.isnan(then)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else known
    before, after = (_shares(values, edges) for values in (then, now))
    return float(((after - before) * np.log(after / before)).sum())


def reading(value: float, noise: float) -> str:
    """What a PSI means beyond the ``noise`` that two samples of one population show."""
    beyond = value - noise
    return "drifted" if beyond >= DRIFTED else "moved" if beyond >= MOVED else "stable"


def _noise(then: int, now: int) -> float:
    """PSI of two samples of one population, three standard deviations up: (1/n + 1/m) · χ² with BINS degrees."""
    return (1 / then + 1 / now) * (BINS + 3 * (2 * BINS) ** 0.5)


def _shares(values: Values, edges: Values) -> Values:
    known = values[~np.isnan(values)]
    inside = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    counts = np.append(inside, len(values) - len(known)) + 0.5
    return np.asarray(counts / counts.sum(), np.float64)


def _column(path: Path, name: str) -> Values:
    return np.asarray(pq.read_table(path, columns=[name])[name].to_numpy(), np.float64)
