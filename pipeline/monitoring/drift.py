"""The drift of this Monday's features from those of the Mondays that evaluated the model."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import chi2

from models.bundle import Bundle
from pipeline.artefacts import Home

BINS = 10  # tenths of the reference
SHOWN = 10  # features, those that drifted most
MOVED, DRIFTED = 0.10, 0.25  # readings of a PSI in credit scoring (Siddiqi, Credit Risk Scorecards, 2006)
CUSTOMERS = 50_000  # compared at most, evenly over all files: more would tell nothing more
FALSE_ALARMS = 0.05 / 52  # probability of any in one stable Monday: one year in twenty has one

Values = NDArray[np.float64]
Counts = NDArray[np.int64]


def drift(home: Home, bundle: Bundle, as_of: date) -> dict[str, Any] | None:
    """The drift of one Monday's features since the model's last evaluation Monday: counts, and the largest.

    None where the features of that Monday are no longer kept. What everybody shares on a Monday (the
    calendar) is left out. Each file is read once.
    """
    since = bundle.snapshots.evaluation[-1]
    reference, present = (home.partition("features", day) for day in (since, as_of))
    if not reference.exists():
        return None
    delivered = set(pq.ParquetDataset(present).schema.names)
    names = [name for name in bundle.model.columns if name in delivered]
    features = measured(names, _values(reference, names), _values(present, names))
    drifted = sum(feature["reading"] == "drifted" for feature in features)
    return {"since": str(since), "features": len(features), "drifted": drifted, "most": features[:SHOWN]}


def measured(names: Sequence[str], before: Values, after: Values) -> list[dict[str, Any]]:
    """PSI and reading of each feature, the largest first, from customers × names of two Mondays."""
    pairs = zip(names, before.T, after.T, strict=True)
    features = [{"feature": name} | shift for name, *values in pairs if (shift := _shift(*values))]
    chances = corrected_chances([feature.pop("chance") for feature in features])
    for feature, chance in zip(features, chances, strict=True):
        feature["reading"] = reading(feature.pop("beyond"), chance)
    return sorted(features, key=lambda feature: (-feature["psi"], feature["feature"]))


def _shift(before: Values, after: Values) -> dict[str, Any] | None:
    """PSI of one feature, the part ``beyond`` what chance adds on average, and the ``chance`` of so large a
    shift; None for a feature that has one value for everybody."""
    if len(np.unique(after)) == 1:
        return None
    reference, present = binned(before, after)
    size = psi(reference, present)
    chance_alone = (np.count_nonzero(reference + present) - 1) * (1 / len(before) + 1 / len(after))
    chance = chance_of(reference, present)
    return {"psi": round(size, 4), "beyond": size - chance_alone, "chance": chance}


def binned(before: Values, after: Values) -> tuple[Counts, Counts]:
    """Counts of customers over tenths of ``before``; what is missing is a bin of its own."""
    known = before[~np.isnan(before)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else known
    return _counts(before, edges), _counts(after, edges)


def psi(reference: Counts, present: Counts) -> float:
    """Population stability index of two rows of counts.

    Half a customer is added to each bin, so that an empty one does not weigh without end.
    """
    before, after = ((counts + 0.5) / (counts + 0.5).sum() for counts in (reference, present))
    return float(((after - before) * np.log(after / before)).sum())


def chance_of(reference: Counts, present: Counts) -> float:
    """The probability of counts at least so different, if both are samples of one population.

    Pearson's χ² of a table of two rows, which counts the sampling error of both. Customers who are the same
    in both samples make the difference smaller, so the probability is rather too large.
    """
    table = np.stack([reference, present])[:, (reference + present) > 0].astype(np.float64)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(chi2.sf(((table - expected) ** 2 / expected).sum(), table.shape[1] - 1))


def corrected_chances(chances: Sequence[float]) -> Values:
    """The probabilities corrected for how many there are (Holm 1979); features may depend on each other."""
    order = np.argsort(chances, kind="stable")
    factors = len(order) - np.arange(len(order))
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(np.asarray(chances)[order] * factors), 1.0)
    return corrected


def reading(beyond: float, chance: float) -> str:
    """The reading of a PSI beyond what chance adds; a shift that chance explains is none."""
    if chance > FALSE_ALARMS:
        return "stable"
    return "drifted" if beyond >= DRIFTED else "moved" if beyond >= MOVED else "stable"


def _counts(values: Values, edges: Values) -> Counts:
    known = values[~np.isnan(values)]
    inside = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return np.append(inside, len(values) - len(known)).astype(np.int64)


def _values(partition: Path, names: Sequence[str]) -> Values:
    """Customers × names: every customer, or every second, third, … of a large bank."""
    paths = sorted(partition.glob("*.parquet"))
    step = -(-sum(pq.read_metadata(path).num_rows for path in paths) // CUSTOMERS)
    return np.concatenate(list(_blocks(paths, names, max(step, 1))))


def _blocks(paths: Sequence[Path], names: Sequence[str], step: int) -> Iterator[Values]:
    rows = 0
    for path in paths:
        table = pq.ParquetFile(path).read(columns=[*names])
        block = np.column_stack([table[name].to_numpy()[-rows % step :: step] for name in names])
        rows += len(table)
        yield block.astype(np.float64, copy=False)
