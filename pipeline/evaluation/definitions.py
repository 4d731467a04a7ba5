"""The definitions of attrition compared: the leavers by each among the same customers and Mondays."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from configs.dates import mondays
from configs.errors import DataError
from configs.published import HORIZONS
from configs.settings import Label, Settings
from features.build import first_monday
from features.cohort import CODES, ELIGIBLE
from features.definition_comparison import BACK_DAYS, Compared, Verdict, compare
from features.engine.entities import Ints
from features.engine.tiles import SnapshotArray
from features.label import DEFINITIONS
from pipeline.artefacts import write_json, write_parquet, write_text
from pipeline.context import Context
from pipeline.evaluation.definitions_page import definitions_page
from pipeline.snapshots.build import load_entities, run_task
from pipeline.snapshots.spark import BucketTask
from pipeline.tables import Ingested
from pipeline.training.train import training_mondays

GROUPS = ("quarter", "tier", "branch")
MONEY = ("left", "still_here", "caught", "leaving")
COUNTS = ("eligible", "attrited", "followed", "came_back", *MONEY)


def candidates(settings: Settings, drops: Sequence[float]) -> dict[str, Settings]:
    """By name each definition at the bank's horizon and drop, then aum_drop at every drop and horizon.

    Those of the first kind come first, the bank's own among them; beside a label of the bank's own of any
    horizon the others look at the longest of theirs. Dates, cohort and tiers are the bank's. Where it counts
    customers: its own, and silence at every horizon.
    """
    label = settings.label
    if settings.counts == "customers":
        days = [label.horizon_days] if label.definition == "silence" else []
        silence = [
            {"definition": "silence", "horizon_days": each} for each in dict.fromkeys((*days, *HORIZONS))
        ]
        return _named(settings, [{}, *silence])
    changes: list[dict[str, Any]] = [
        {
            "definition": definition,
            "horizon_days": label.horizon_days if label.horizon_days in HORIZONS else max(HORIZONS),
        }
        for definition in DEFINITIONS
        if definition != "delivered"
    ]
    changes += [{}] if label.definition == "delivered" else []
    changes += [
        {"definition": "aum_drop", "min_drop": drop, "horizon_days": days}
        for days in HORIZONS
        for drop in drops
    ]
    return _named(settings, changes)


def _named(settings: Settings, changes: Sequence[Mapping[str, Any]]) -> dict[str, Settings]:
    labels = [settings.label.model_copy(update=change) for change in changes]
    return {name_of(label): settings.model_copy(update={"label": label}) for label in labels}


def name_of(label: Label) -> str:
    """For example ``aum_drop 50% 90d``."""
    drop = f" {label.min_drop:.0%}" if label.definition == "aum_drop" else ""
    return f"{label.definition}{drop} {label.horizon_days}d"


def compare_definitions(
    context: Context,
    tables: Ingested,
    as_of: date,
    drops: Sequence[float],
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """One entry per candidate; written to ``definitions.json`` and as a page to ``definitions.html``. Money
    is in base currency.

    Looks at the first Monday of every month whose outcome has matured by ``as_of`` for each candidate, with
    what was known before that day; where the bank delivers its labels, at every Monday with some. Raises
    DataError when there is none.
    """
    settings, home = context.settings, context.home
    chosen = candidates(settings, drops)
    data_through = min(as_of, tables.last_day + timedelta(days=1))
    horizon = max(*HORIZONS, settings.label.horizon_days)
    snapshots = (
        labelled(settings, tables, data_through, horizon)
        if settings.label.definition == "delivered"
        else monthly(settings, tables, data_through, horizon)
    )
    task = DefinitionTask(tables, snapshots, home.drafts, tuple(chosen.values()), data_through)
    try:
        run_task(task, settings.engine, progress)
        groups, excluded, both = (_gathered(task.drafts, kind) for kind in task.kinds)
    finally:
        shutil.rmtree(task.drafts, ignore_errors=True)
    results = {}
    for number, (name, candidate) in enumerate(chosen.items()):
        totals = groups[groups["candidate"] == number]
        codes = excluded[excluded["candidate"] == number].set_index("code")["customers"]
        results[name] = (
            _described(candidate.label, snapshots, data_through)
            | _totals(totals)
            | {"excluded": codes[codes > 0].to_dict()}
            | {f"by_{by}": {str(key): _totals(rows) for key, rows in totals.groupby(by)} for by in GROUPS}
        )
        if settings.counts == "customers":
            results[name] = _of_customers(results[name]) | {"definition": name}
    result = {
        "bank": settings.bank,
        "title": settings.title,
        "as_of": str(as_of),
        "base_currency": settings.base_currency,
        "counts": settings.counts,
        "lead_days": settings.label.lead_days,
        "chosen": name_of(settings.label),
        "tiers": task.tiers,
        "snapshots": [str(snapshot_date) for snapshot_date in snapshots],
        "candidates": results,
        "overlap": _overlap(both, list(chosen)),
    }
    write_json(home.root / "definitions.json", result)
    write_text(home.root / "definitions.html", definitions_page(settings, result))
    return result


def monthly(settings: Settings, tables: Ingested, data_through: date, horizon_days: int) -> tuple[date, ...]:
    """The first Monday of each month with enough history before it and a closed outcome window after it."""
    start, after_weeks = first_monday(tables.first_day), settings.training.first_after_weeks
    timed = settings.label.model_copy(update={"horizon_days": horizon_days})
    snapshots = tuple(
        day
        for day in mondays(start, data_through)[after_weeks:]
        if day.day <= 7 and timed.timeline(day).matured(data_through)
    )
    if not snapshots:
        raise DataError(
            f"no first Monday of a month lies {after_weeks} weeks after {start} and "
            f"{timed.lead_days + horizon_days} days before {data_through}: no definition can be evaluated. "
            "Deliver a longer history, or lower training.first_after_weeks."
        )
    return snapshots


def labelled(settings: Settings, tables: Ingested, data_through: date, horizon_days: int) -> tuple[date, ...]:
    """The Mondays with labels, with enough history before them and a window of so many days after them."""
    timed = settings.label.model_copy(update={"horizon_days": horizon_days})
    known = training_mondays(settings, tables, data_through)
    snapshots = tuple(day for day in known if timed.timeline(day).matured(data_through))
    if not snapshots:
        raise DataError(
            f"no Monday has labels whose windows had closed, and that were known, before {data_through}: "
            "no definition can be evaluated. Deliver labels of older dates; `make ingest` says which rows "
            "are no labels."
        )
    return snapshots


@dataclass(frozen=True)
class DefinitionTask(BucketTask):
    """The work on one bucket: every candidate on every Monday, added up, as three small tables."""

    candidates: tuple[Settings, ...]
    data_through: date
    kinds = ("groups", "excluded", "both")

    @property
    def tiers(self) -> list[str]:
        """Their names, from the lowest."""
        return [tier.name for tier in sorted(self.candidates[0].tiers, key=lambda tier: tier.min_aum)]

    def __call__(self, bucket: int) -> None:
        entities, start = load_entities(self.tables, bucket), first_monday(self.tables.first_day)
        compared = compare(entities, self.due, start, self.data_through, self.candidates)
        frames = (
            group_totals(compared, self.due, self.tiers),
            excluded_counts(compared),
            both_counts(compared),
        )
        for kind, frame in zip(self.kinds, frames, strict=True):
            table = pa.Table.from_pandas(frame, preserve_index=False)
            write_parquet(table, self.drafts / kind / f"bucket={bucket:02d}.parquet")


def group_totals(compared: Compared, snapshots: Sequence[date], tiers: Sequence[str]) -> pd.DataFrame:
    """One row per candidate, quarter, tier and branch: COUNTS over customer-Mondays, MONEY in minor units.

    Whole numbers, so that no order of buckets changes a sum.
    """
    quarters = np.array([f"{day.year} Q{(day.month + 2) // 3}" for day in snapshots])
    branches = np.array([*compared.branches, ""], dtype=object)
    parts = []
    for candidate, verdict in enumerate(compared.verdicts):
        # Who had left before by this candidate is no leaver of its own, but the money is the same for all.
        counted = np.isin(verdict.exclusion, (ELIGIBLE, CODES.index("already_left")))
        snapshot, customer = np.nonzero(counted)
        keys = {
            "candidate": np.full(len(snapshot), candidate),
            "quarter": quarters[snapshot],
            "tier": np.array(tiers, dtype=object)[compared.tier[snapshot, customer]],
            "branch": branches[compared.branch[snapshot, customer]],
        }
        rows = pd.DataFrame(keys | _counted(verdict, compared.leaving, snapshot, customer))
        parts.append(rows.groupby(list(keys), as_index=False, sort=True).sum())
    return pd.concat(parts, ignore_index=True)


def _counted(verdict: Verdict, leaving: SnapshotArray, snapshot: Ints, customer: Ints) -> dict[str, Ints]:
    eligible = verdict.exclusion[snapshot, customer] == ELIGIBLE
    attrited = eligible & verdict.attrited[snapshot, customer]
    followed = attrited & verdict.followed[snapshot]
    lost, still_here, away = (
        np.rint(money[snapshot, customer] * 100) for money in (verdict.lost, verdict.still_here, leaving)
    )
    columns = {
        "eligible": eligible,
        "attrited": attrited,
        "followed": followed,
        "came_back": followed & verdict.came_back[snapshot, customer],
        "left": attrited * lost,
        "still_here": attrited * still_here,
        "caught": attrited * away,
        "leaving": away,
    }
    return {name: column.astype(np.int64) for name, column in columns.items()}


def excluded_counts(compared: Compared) -> pd.DataFrame:
    """One row per candidate and exclusion code: customer-Mondays, without customers not known yet."""
    rows = [
        (candidate, code, int((verdict.exclusion == k).sum()))
        for candidate, verdict in enumerate(compared.verdicts)
        for k, code in enumerate(CODES)
        if code != "not_yet_customer"
    ]
    return pd.DataFrame(rows, columns=["candidate", "code", "customers"])


def both_counts(compared: Compared) -> pd.DataFrame:
    """One row per pair of candidates: customer-Mondays that the first finds and the other calls gone too, be
    it since before the Monday."""
    rows = [
        (candidate, k, int(((first.exclusion == ELIGIBLE) & first.attrited & other.attrited).sum()))
        for candidate, first in enumerate(compared.verdicts)
        for k, other in enumerate(compared.verdicts)
    ]
    return pd.DataFrame(rows, columns=["candidate", "other", "customers"])


def _gathered(drafts: Path, kind: str) -> pd.DataFrame:
    """The sums over all buckets."""
    paths = sorted((drafts / kind).glob("*.parquet"))
    frame = pd.concat([pq.ParquetFile(path).read().to_pandas() for path in paths], ignore_index=True)
    keys = [name for name in frame.columns if name not in (*COUNTS, "customers")]
    return frame.groupby(keys, as_index=False, sort=True).sum()


def _described(label: Label, snapshots: Sequence[date], data_through: date) -> dict[str, Any]:
    closes = timedelta(days=label.lead_days + label.horizon_days + BACK_DAYS)
    return {
        "definition": label.definition,
        "min_drop": label.min_drop if label.definition == "aum_drop" else None,
        "horizon_days": label.horizon_days,
        "snapshots_followed": sum(day + closes <= data_through for day in snapshots),
    }


def _totals(groups: pd.DataFrame) -> dict[str, Any]:
    """The counts, the money in base currency, and what follows from them; a share of nothing is None."""
    total = {name: int(groups[name].sum()) for name in COUNTS}
    shares = {
        "rate": _share(total["attrited"], total["eligible"]),
        "coverage": _share(total["caught"], total["leaving"]),
        "still_here_share": _share(total["still_here"], total["left"]),
        "misjudgement": _share(total["came_back"], total["followed"]),
    }
    return total | {name: total[name] / 100 for name in MONEY} | shares


def _of_customers(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures, at every depth, but those of money and of tiers."""
    of_money = (*MONEY, "coverage", "still_here_share", "by_tier")
    return {
        name: _of_customers(value) if isinstance(value, Mapping) else value
        for name, value in figures.items()
        if name not in of_money
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _overlap(both: pd.DataFrame, names: Sequence[str]) -> dict[str, Mapping[str, float | None]]:
    """Of the customers that one candidate (outer key) finds, the share that another (inner key) finds too."""
    count = both.pivot(index="candidate", columns="other", values="customers").to_numpy()
    return {
        name: {other: _share(int(count[k, j]), int(count[k, k])) for j, other in enumerate(names)}
        for k, name in enumerate(names)
    }
