"""Expected movement beside what was observed over four quarters of a made-up bank, never seen by the model.

    python -m benchmarks.movement --customers 20000 --work data/bench

On each of four Mondays, 13 weeks apart, the product's model is fitted on the four quarters that had ended by
then and predicts the tier and the stage of every customer a quarter later. Beside it stand a multinomial
logit of the same features and the plain matrix of the last quarter by tier × stage: log loss out of time. χ²
is by row of the matrix, in the whole bank and within branches: by chance alone, and with the shocks that
customers of a quarter share. Two planted errors, labels swapped and a feature that knows the end, show what
χ² would say.

``data/bench/movement.json`` holds the figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from benchmarks.processes import parser, stopwatch
from configs.bank_folder import load_settings
from configs.dates import WEEK
from configs.settings import Settings
from models.movement import (
    Codes,
    Floats,
    Quarter,
    agreement,
    counts_by_cell,
    expected_cells,
    fit_movement,
    log_loss,
)
from pipeline.artefacts import Home, write_json
from pipeline.demo_bank import write_demo_bank
from pipeline.ingest.ingest import ingest
from pipeline.structure.expected import (
    DIMENSIONS,
    QUARTER,
    QUARTERS,
    Present,
    present_on,
    quarter_between,
    words_of,
)
from pipeline.structure.facts import YEAR, build_structure

UNTIL = date(2026, 11, 16)
WEEKS, SEED = 169, 17
PREDICTED = 4  # quarters, the last of which ends on UNTIL
EXACT = 10**9  # quarters behind a mean that is taken as exact


@dataclass(frozen=True)
class Check:
    """Σ χ² over rows of a matrix, its degrees of freedom, and p; ``worst`` is the smallest p of a row."""

    statistic: float
    degrees: int
    p: float
    worst: float


def prepare(settings: Settings, home: Home, customers: int) -> None:
    """The bank's tables, and the structure of each Monday of three years, unless they stand already."""
    raw = home.root / "raw"
    if not (raw / "rm_info.csv").is_file():
        write_demo_bank(raw, customers, WEEKS, SEED, UNTIL)
    tables = ingest(settings, raw, home, lambda _: None)
    for day in (UNTIL, UNTIL - YEAR * WEEK):
        build_structure(settings, home, tables, day, lambda *_: None)


def predicted(settings: Settings, present: Sequence[Present], dimension: str) -> dict[str, Any]:
    """The figures of one quarter, the last of ``present``, predicted from those before it."""
    ends = len(words_of(settings)[dimension])
    branches = sorted({*present[-2].customers["branch_id"].to_pylist()} - {None})
    *fitted_on, ahead = (
        quarter_between(settings, pair, dimension, branches, ends) for pair in pairwise(present)
    )
    watch = stopwatch()
    model = fit_movement(fitted_on, ends, settings.training.seed)
    probabilities = model.probabilities(ahead.features, ahead.start)
    seconds = watch()["cpu"]
    own, branch = ahead.start, ahead.group * ends + ahead.start
    inside = [
        _inside(ahead, probabilities, row, spread)
        for row, spread in ((own, model.spread), (branch, model.group_spread))
    ]
    swapped = replace(ahead, end=np.array([1, 0, *range(2, ends + 1)])[ahead.end])
    knows = [replace(each, features=np.column_stack([each.features, each.end])) for each in fitted_on]
    leak = fit_movement(knows, ends, settings.training.seed)
    leaking = leak.probabilities(np.column_stack([ahead.features, ahead.start]), ahead.start)
    return {
        "dimension": dimension,
        "customers": len(ahead.start),
        "log_loss": {
            "trees": log_loss(probabilities, ahead.end),
            "logit": log_loss(logit(fitted_on, ahead, ends), ahead.end),
            "last_quarter": log_loss(last_quarter(settings, present, dimension, ends), ahead.end),
        },
        "cpu_seconds": seconds,
        "spread": [model.spread, model.group_spread],
        "chance": asdict(check(ahead, probabilities, own, 0.0, EXACT)),
        "with_shocks": asdict(check(ahead, probabilities, own, model.spread)),
        "branches_with_shocks": asdict(check(ahead, probabilities, branch, model.group_spread)),
        "inside": inside,
        "swapped": asdict(check(swapped, probabilities, own, model.spread)),
        "leak": asdict(check(ahead, leaking, own, leak.spread)),
        "expected": expected_cells(probabilities, own, ends).mean.round(1).tolist(),
        "observed": counts_by_cell(own, ahead.end, ends, ends + 1).astype(int).tolist(),
    }


def check(
    ahead: Quarter, probabilities: Floats, row: Codes, spread: float, quarters: int = QUARTERS
) -> Check:
    """χ² of what was observed."""
    cells = expected_cells(probabilities, row, int(row.max()) + 1)
    rows = [*agreement(cells, counts_by_cell(row, ahead.end, *cells.mean.shape), spread, quarters)]
    statistic, degrees = sum(each.statistic for each in rows), sum(each.degrees for each in rows)
    p = float(chi2.sf(statistic, degrees))
    return Check(round(statistic, 1), degrees, p, min(each.p for each in rows))


def _inside(ahead: Quarter, probabilities: Floats, row: Codes, spread: float) -> tuple[int, int]:
    """The cells that lie in their interval, and those that could hold customers."""
    cells = expected_cells(probabilities, row, int(row.max()) + 1)
    observed = counts_by_cell(row, ahead.end, *cells.mean.shape)
    low, high = cells.interval(spread, QUARTERS)
    possible = cells.mean.sum(axis=1, keepdims=True) + np.zeros_like(observed) > 0
    inside = possible & (np.floor(low) <= observed) & (observed <= np.ceil(high))
    return int(inside.sum()), int(possible.sum())


def logit(fitted_on: Sequence[Quarter], ahead: Quarter, ends: int) -> Floats:
    """A multinomial logit of the features in standard deviations, and of the state at the start."""

    def columns(quarter: Quarter) -> Floats:
        return np.column_stack([np.nan_to_num(quarter.features), np.eye(ends)[quarter.start]])

    model = make_pipeline(
        StandardScaler(),
        FunctionTransformer(np.clip, kw_args={"a_min": -5.0, "a_max": 5.0}),
        LogisticRegression(solver="newton-cholesky", max_iter=200),
    )
    rows = np.vstack([columns(quarter) for quarter in fitted_on])
    model.fit(rows, np.concatenate([quarter.end for quarter in fitted_on]))
    probabilities = np.zeros((len(ahead.start), ends + 1))
    probabilities[:, model[-1].classes_] = model.predict_proba(columns(ahead))
    return probabilities


def last_quarter(settings: Settings, present: Sequence[Present], dimension: str, ends: int) -> Floats:
    """The plain baseline: shares of the last quarter by tier × stage, one customer more like all of them."""
    before, start, _ = present[-3:]
    stages = len(words_of(settings)["stage"])
    rows = [each.states["tier"] * stages + each.states["stage"] for each in (before, start)]
    counts = counts_by_cell(
        rows[0], before.ends(start, dimension, ends), int(max(map(np.max, rows))) + 1, ends + 1
    )
    shares = (counts + counts.sum(axis=0) / counts.sum()) / (counts.sum(axis=1, keepdims=True) + 1)
    return shares[rows[1]]


def in_words(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figures of one dimension over all quarters."""
    loss = {name: np.mean([row["log_loss"][name] for row in rows]) for name in rows[0]["log_loss"]}
    lines = [f"{rows[0]['dimension']}: log loss " + ", ".join(f"{k} {v:.4f}" for k, v in loss.items())]
    for name in ("chance", "with_shocks", "branches_with_shocks", "swapped", "leak"):
        statistic, degrees = (sum(row[name][of] for row in rows) for of in ("statistic", "degrees"))
        quarters = ", ".join(f"{row[name]['statistic']}/{row[name]['degrees']}" for row in rows)
        lines.append(
            f"  χ² {name}: {statistic:.1f} of {degrees}, p {chi2.sf(statistic, degrees):.3g} ({quarters})"
        )
    for k, scope in enumerate(("bank", "branches")):
        inside, of = (sum(row["inside"][k][place] for row in rows) for place in (0, 1))
        lines.append(f"  cells of the {scope} inside their range: {inside} of {of}")
    return "\n".join(lines)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--customers", type=int, default=20_000)
    options.add_argument("--work", type=Path, default=Path("data/bench"), help="where banks and figures lie")
    chosen = options.parse_args()
    settings, home = load_settings("demo"), Home(chosen.work / f"movement-{chosen.customers}")
    prepare(settings, home, chosen.customers)
    days = [UNTIL - k * QUARTER for k in range(PREDICTED + QUARTERS, -1, -1)]
    present = [present_on(settings, home, day) for day in days]
    figures: dict[str, list[dict[str, Any]]] = {}
    for dimension in DIMENSIONS:
        ends = range(QUARTERS + 2, len(present) + 1)
        spans = (present[end - QUARTERS - 2 : end] for end in ends)
        figures[dimension] = [predicted(settings, span, dimension) for span in spans]
        print(in_words(figures[dimension]), flush=True)
    write_json(chosen.work / "movement.json", figures)


if __name__ == "__main__":
    main()
