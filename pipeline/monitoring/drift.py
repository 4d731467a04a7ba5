"""The drift of this Monday's features from those of the Mondays that evaluated the model.

A feature has drifted if its tenths differ by more than three things explain:

- the sampling error of both Mondays, with the number of features (χ², Holm);
- customers of one manager, who share some values: they count as fewer (Rao, Scott 1984);
- what is usual from Monday to Monday, such as the days since a salary on different days of the month: the
  largest difference among the Mondays that evaluated the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from models.bundle import Bundle
from pipeline.artefacts import Home, fingerprint, read_json, write_json

BINS = 10  # tenths of the reference
SHOWN = 10  # features, those that drifted most
MOVED, DRIFTED = 0.10, 0.25  # readings of a PSI in credit scoring (Siddiqi, Credit Risk Scorecards, 2006)
CUSTOMERS = 50_000  # of a Monday are enough: no further file is read (customers lie in files at random)
FALSE_ALARMS = 0.05 / 52  # probability of any in one stable Monday: one year in twenty has one

Values = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """Customers of one Monday by bin of one feature: tenths of the reference, and one for what is missing.

    ``design``: how many customers count as one because some share a manager (design effect), at least 1;
    ``managers``: the number of these groups.
    """

    counts: Counts
    design: float
    managers: int


# Of the Mondays that evaluated a model: names of features, their bounds, the histograms of the last Monday,
# and by other Monday the counts.
Reference = tuple[list[str], list[Values], list[Histogram], list[list[Counts]]]


def drift(home: Home, bundle: Bundle, as_of: date) -> dict[str, Any] | None:
    """The drift of one Monday's features since the model's last evaluation Monday: counts, and the largest.

    None where the features of that Monday are no longer kept. What everybody shares on a Monday (the
    calendar) is left out. Each file is read once, those of the Mondays that evaluated the model in its first
    week only.
    """
    since = bundle.snapshots.evaluation[-1]
    if not home.partition("features", since).exists():
        return None
    delivered, values, managers = _monday(home, as_of, bundle.model.columns)
    names, edges, reference, others = _reference(home, bundle, delivered)
    values = values[:, [delivered.index(name) for name in names]]
    present = histograms(values, managers, edges)
    features = measured(
        [
            (name, reference[k], present[k], [other[k] for other in others])
            for k, name in enumerate(names)
            if len(np.unique(values[:, k])) > 1
        ]
    )
    drifted = sum(feature["reading"] == "drifted" for feature in features)
    return {"since": str(since), "features": len(features), "drifted": drifted, "most": features[:SHOWN]}


def measured(features: Sequence[tuple[str, Histogram, Histogram, Sequence[Counts]]]) -> list[dict[str, Any]]:
    """PSI and reading of each feature, the largest first.

    A feature has a name, its histograms of the reference and of the present, and the counts of other Mondays,
    which say what is usual.
    """
    chances = corrected_chances([chance_of(reference, present) for _, reference, present, _ in features])
    rows = [
        {"feature": name, "psi": round(size := psi(reference.counts, present.counts), 4)}
        | {"reading": reading(size - _explained(reference, present, others), chance)}
        for (name, reference, present, others), chance in zip(features, chances, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row["psi"], row["feature"]))


def _explained(reference: Histogram, present: Histogram, others: Sequence[Counts]) -> float:
    """The part of a PSI that chance adds on average, or the largest that is usual, whichever is larger."""
    bins = np.count_nonzero(reference.counts + present.counts)
    by_chance = sum(
        (bins - 1) * histogram.design / histogram.counts.sum() for histogram in (reference, present)
    )
    return max(by_chance, *(psi(reference.counts, other) for other in others), 0.0)


def edges_of(values: Values) -> Values:
    """The bounds between tenths of what is known, without repeats."""
    known = values[~np.isnan(values)]
    return np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else known


def counts_of(values: Values, edges: Values) -> Counts:
    """Customers by bin: one between each two bounds, and the last for what is missing."""
    return np.bincount(_bins(values, edges), minlength=len(edges) + 2)


def _bins(values: Values, edges: Values) -> Counts:
    return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))


def histograms(values: Values, managers: Counts, edges: Sequence[Values]) -> list[Histogram]:
    """One per column of ``values``; ``managers`` numbers the group of each row, from 0."""
    sizes = np.bincount(managers)
    sizes, group = sizes[sizes > 0], np.unique(managers, return_inverse=True)[1]
    return [_histogram(column, bounds, group, sizes) for column, bounds in zip(values.T, edges, strict=True)]


def _histogram(values: Values, edges: Values, group: Counts, sizes: Counts) -> Histogram:
    bins = len(edges) + 2
    by_group = np.bincount(group * bins + _bins(values, edges), minlength=len(sizes) * bins).reshape(-1, bins)
    counts = by_group.sum(axis=0)
    used = (counts > 0) & (counts < len(values))
    if len(sizes) < 2 or used.sum() < 2:  # one manager tells nothing of how alike the customers of one are
        return Histogram(counts, 1.0, len(values))
    shares = counts[used] / len(values)
    spread = ((by_group[:, used] - np.outer(sizes, shares)) ** 2).sum(axis=0) * len(sizes) / (len(sizes) - 1)
    design = (spread / (len(values) * shares)).sum() / (used.sum() - 1)
    return Histogram(counts, max(1.0, float(design)), len(sizes))


def psi(reference: Counts, present: Counts) -> float:
    """Population stability index of two rows of counts.

    Half a customer is added to each bin, so that an empty one does not weigh without end.
    """
    before, after = ((counts + 0.5) / (counts + 0.5).sum() for counts in (reference, present))
    return float(((after - before) * np.log(after / before)).sum())


def chance_of(reference: Histogram, present: Histogram) -> float:
    """The probability of counts at least so different, if both are samples of one population.

    Pearson's χ² of a table of two rows, which counts the sampling error of both, over the design effect (Rao,
    Scott 1984), by F as there are few managers. Customers who are the same in both samples make the
    difference smaller, so the probability is rather too large.
    """
    counts = np.stack([reference.counts, present.counts])
    table = counts[:, counts.sum(axis=0) > 0].astype(np.float64)
    freedom = table.shape[1] - 1
    if not freedom:
        return 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    ratio = ((table - expected) ** 2 / expected).sum() / freedom / max(reference.design, present.design)
    return float(
        f_distribution.sf(ratio, freedom, freedom * max(reference.managers + present.managers - 2, 1))
    )


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


def _reference(home: Home, bundle: Bundle, delivered: Sequence[str]) -> Reference:
    """The figures kept beside the model's page; counted anew where Mondays, features delivered or bounds are
    others."""
    days = [day for day in bundle.snapshots.evaluation if home.partition("features", day).exists()]
    made_by = [(home.partition("features", day) / "_made_by.json").read_text("utf-8") for day in days]
    key = fingerprint(*delivered, *map(str, (*days, BINS, CUSTOMERS)), *made_by)
    path = home.reports / f"{bundle.model_id}.drift.json"
    kept: dict[str, Any] = read_json(path) if path.is_file() else {}
    if kept.get("key") != key:
        kept = {"key": key, **_of_evaluation(home, days, delivered)}
        write_json(path, kept)
    return (
        kept["names"],
        [np.array(bounds, np.float64) for bounds in kept["edges"]],
        [Histogram(np.array(counts), *rest) for counts, *rest in kept["reference"]],
        [[np.array(counts) for counts in monday] for monday in kept["others"]],
    )


def _of_evaluation(home: Home, days: Sequence[date], delivered: Sequence[str]) -> dict[str, Any]:
    """The figures of the Mondays that evaluated a model, plain JSON; one without a feature is left out."""
    *earlier, since = days
    names, values, managers = _monday(home, since, delivered)
    edges = [edges_of(column) for column in values.T]
    reference = histograms(values, managers, edges)
    others = []
    for day in earlier:
        of_day, values, _ = _monday(home, day, names)
        if of_day == names:
            others.append([counts_of(*pair).tolist() for pair in zip(values.T, edges, strict=True)])
    return {
        "names": names,
        "edges": [bounds.tolist() for bounds in edges],
        "reference": [(each.counts.tolist(), each.design, each.managers) for each in reference],
        "others": others,
    }


def _monday(home: Home, day: date, wanted: Sequence[str]) -> tuple[list[str], Values, Counts]:
    """The features wanted that one Monday has, customers × those, and the number of each customer's manager.

    Who has none is alone. Files are read until they hold enough customers.
    """
    names, blocks, managers = list[str](), list[Values](), list[str]()
    for path in sorted(home.partition("features", day).glob("*.parquet")):
        if len(managers) >= CUSTOMERS:
            break
        features = pq.ParquetFile(path)
        names = names or [name for name in wanted if name in features.schema_arrow.names]
        table = features.read(columns=names)
        blocks.append(
            np.column_stack([table[name].to_numpy() for name in names]).astype(np.float64, copy=False)
        )
        rows = pq.ParquetFile(home.partition("cohort", day) / path.name).read(
            columns=["exclusion", "manager_id"]
        )
        of_eligible = rows.filter(pc.equal(rows["exclusion"], ""))["manager_id"].to_pylist()
        managers += [name or f"\0{len(managers) + number}" for number, name in enumerate(of_eligible)]
    return names, np.concatenate(blocks), np.unique(managers, return_inverse=True)[1]
