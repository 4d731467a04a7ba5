"""The drift of this Monday's features from those of the Mondays that evaluated the model."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.bundle import Bundle
from pipeline.artefacts import Home

BINS = 10  # tenths of the reference
SHOWN = 10  # features, those that drifted most
MOVED, DRIFTED = 0.10, 0.25  # readings of a PSI in credit scoring (Siddiqi, Credit Risk Scorecards, 2006)

Values = NDArray[np.float64]


def drift(home: Home, bundle: Bundle, as_of: date) -> dict[str, Any] | None:
    """The drift of one Monday's features since the model's last evaluation Monday: counts, and the largest.

    None where the features of that Monday are no longer kept. What everybody shares on a Monday (the
    calendar) is left out. One feature at a time is held in memory.
    """
    since = bundle.snapshots.evaluation[-1]
    reference, present = (home.partition("features", day) for day in (since, as_of))
    if not reference.exists():
        return None
    delivered = set(pq.ParquetDataset(present).schema.names)
    measured = list[tuple[float, str]]()
    for name in bundle.model.columns:
        if name in delivered:
            before, after = _column(reference, name), _column(present, name)
            noise, value = _noise(len(before), len(after)), psi(before, after)
            if value is not None:
                measured.append((value, name))
    measured.sort(key=lambda pair: (-pair[0], pair[1]))
    features = [
        {"feature": name, "psi": round(value, 4), "reading": reading(value, noise)}
        for value, name in measured
    ]
    drifted = sum(feature["reading"] == "drifted" for feature in features)
    return {"since": str(since), "features": len(features), "drifted": drifted, "most": features[:SHOWN]}


def psi(reference: Values, present: Values) -> float | None:
    """Population stability index over tenths of ``reference``; what is missing is a bin of its own.

    Half a customer is added to each bin, so that an empty one does not weigh without end. None for a feature
    that has one value for everybody.
    """
    if len(np.unique(present)) == 1:
        return None
    known = reference[~np.isnan(reference)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else known
    before, after = (_shares(values, edges) for values in (reference, present))
    return float(((after - before) * np.log(after / before)).sum())


def reading(value: float, noise: float) -> str:
    """The reading of a PSI beyond the ``noise`` that two samples of one population show."""
    beyond = value - noise
    return "drifted" if beyond >= DRIFTED else "moved" if beyond >= MOVED else "stable"


def _noise(reference: int, present: int) -> float:
    """PSI of two samples of one population, plus three deviations: (1/n + 1/m) · χ² of BINS degrees."""
    return (1 / reference + 1 / present) * (BINS + 3 * (2 * BINS) ** 0.5)


def _shares(values: Values, edges: Values) -> Values:
    known = values[~np.isnan(values)]
    inside = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    counts = np.append(inside, len(values) - len(known)) + 0.5
    return np.asarray(counts / counts.sum(), np.float64)


def _column(path: Path, name: str) -> Values:
    return np.asarray(pq.read_table(path, columns=[name])[name].to_numpy(), np.float64)
