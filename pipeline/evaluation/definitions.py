"""What each definition of attrition would have found in the past: the same customers and Mondays, judged by each."""

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
from configs.settings import HORIZONS, Label, Settings
from features.build import first_monday
from features.cohort import CODES, ELIGIBLE
from features.definition_comparison import BACK_DAYS, Compared, Verdict, compare
from features.engine.entities import Ints
from features.engine.tiles import Grid
from features.label import DEFINITIONS
from pipeline.artefacts import Home, write_json, write_parquet
from pipeline.snapshots.build import load_world, run_task
from pipeline.tables import Ingested

GROUPS = ("quarter", "tier", "branch")
MONEY = ("left", "still_here", "caught", "leaving")
COUNTS = ("eligible", "attrited", "followed", "came_back", *MONEY)
UNKNOWN, ALREADY_LEFT = CODES.index("not_yet_customer"), CODES.index("already_left")


def candidates(settings: Settings, drops: Sequence[float]) -> dict[str, Settings]:
    """By name: the four definitions at the bank's own horizon and drop, then aum_drop at every drop and horizon.

    The first four come first, the bank's own among them. Dates, cohort and tiers are the bank's.
    """
    own = [_with(settings, definition=definition) for definition in DEFINITIONS]
    grid = [
        _with(settings, definition="aum_drop", min_drop=drop, horizon_days=days)
        for days in HORIZONS
        for drop in drops
    ]
    return {name_of(one.label): one for one in (*own, *grid)}


def name_of(label: Label) -> str:
    """For example ``aum_drop 50% 90d``."""
    drop = f" {label.min_drop:.0%}" if label.definition == "aum_drop" else ""
    return f"{label.definition}{drop} {label.horizon_days}d"


def _with(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"label": settings.label.model_copy(update=changes)})


def compare_definitions(
    settings: Settings,
    home: Home,
    tables: Ingested,
    as_of: date,
    drops: Sequence[float],
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """One entry per candidate; written to ``definitions.json`` too. Money is in base currency.

    Looks at the first Monday of every month whose outcome has matured by ``as_of`` for each candidate, with what
    was known before that day. Raises DataError when there is none.
    """
    chosen = candidates(settings, drops)
    data_through = min(as_of, tables.last_day + timedelta(days=1))
    days = monthly(settings, tables, data_through, max(one.label.horizon_days for one in chosen.values()))
    task = DefinitionTask(tuple(chosen.values()), tables, days, data_through, home.root / "making")
    try:
        run_task(task, settings.engine, progress)
        cells, excluded, both = (_gathered(task.drafts, kind) for kind in task.kinds)
    finally:
        shutil.rmtree(task.drafts, ignore_errors=True)
    result = {
        "bank": settings.bank,
        "title": settings.title,
        "as_of": str(as_of),
        "base_currency": settings.base_currency,
        "lead_days": settings.label.lead_days,
        "chosen": name_of(settings.label),
        "tiers": task.tiers,
        "snapshots": [str(day) for day in days],
        "candidates": {
            name: _described(one.label, days, data_through)
            | _summed(cells[cells["candidate"] == k])
            | {"excluded": _codes(excluded[excluded["candidate"] == k])}
            | {f"by_{by}": _by(cells[cells["candidate"] == k], by) for by in GROUPS}
            for k, (name, one) in enumerate(chosen.items())
        },
        "overlap": _overlap(both, list(chosen)),
    }
    write_json(home.root / "definitions.json", result)
    return result


def monthly(settings: Settings, tables: Ingested, data_through: date, horizon_days: int) -> tuple[date, ...]:
    """The first Monday of each month that has enough history before it and a closed outcome window after it."""
    start = first_monday(tables.first_day)
    timed = settings.label.model_copy(update={"horizon_days": horizon_days})
    enough = mondays(start, data_through)[settings.training.first_after_weeks :]
    days = tuple(day for day in enough if day.day <= 7 and timed.timeline(day).matured(data_through))
    if not days:
        raise DataError(
            f"no first Monday of a month lies {settings.training.first_after_weeks} weeks after {start} and "
            f"{timed.lead_days + horizon_days} days before {data_through}, so no definition can be judged. "
            "Deliver a longer history, or lower training.first_after_weeks."
        )
    return days


@dataclass(frozen=True)
class DefinitionTask:
    """The work on one bucket: every candidate on every Monday, added up, as three small tables."""

    candidates: tuple[Settings, ...]
    tables: Ingested
    due: tuple[date, ...]
    data_through: date
    drafts: Path
    kinds = ("cells", "excluded", "both")

    @property
    def tiers(self) -> list[str]:
        """Their names, from the lowest."""
        return [tier.name for tier in sorted(self.candidates[0].tiers, key=lambda tier: tier.min_aum)]

    def __call__(self, bucket: int) -> None:
        world, start = load_world(self.tables, bucket), first_monday(self.tables.first_day)
        found = compare(world, self.due, start, self.data_through, self.candidates)
        made = (cells_of(found, self.due, self.tiers), excluded_of(found), both_of(found))
        for kind, frame in zip(self.kinds, made, strict=True):
            table = pa.Table.from_pandas(frame, preserve_index=False)
            write_parquet(table, self.drafts / kind / f"bucket={bucket:02d}.parquet")


def cells_of(found: Compared, due: Sequence[date], tiers: Sequence[str]) -> pd.DataFrame:
    """One row per candidate, quarter, tier and branch: COUNTS over customer-Mondays, MONEY in minor units.

    Whole numbers, so that no order of buckets changes a sum.
    """
    quarters = np.array([f"{day.year} Q{(day.month + 2) // 3}" for day in due])
    branches = np.array([*found.branches, ""], dtype=object)
    parts = []
    for k, verdict in enumerate(found.verdicts):
        # Who had left before by this candidate is no leaver of its own, but the money is the same for all.
        s, who = np.nonzero(np.isin(verdict.exclusion, (ELIGIBLE, ALREADY_LEFT)))
        keys = {
            "candidate": np.full(len(s), k),
            "quarter": quarters[s],
            "tier": np.array(tiers, dtype=object)[found.tier[s, who]],
            "branch": branches[found.branch[s, who]],
        }
        rows = pd.DataFrame(keys | _counted(verdict, found.leaving, s, who))
        parts.append(rows.groupby(list(keys), as_index=False, sort=True).sum())
    return pd.concat(parts, ignore_index=True)


def _counted(verdict: Verdict, leaving: Grid, s: Ints, who: Ints) -> dict[str, Ints]:
    eligible = verdict.exclusion[s, who] == ELIGIBLE
    attrited = eligible & verdict.attrited[s, who]
    followed = attrited & verdict.followed[s]
    lost, still_here, away = (
        np.rint(grid[s, who] * 100) for grid in (verdict.lost, verdict.still_here, leaving)
    )
    found = {
        "eligible": eligible,
        "attrited": attrited,
        "followed": followed,
        "came_back": followed & verdict.came_back[s, who],
        "left": attrited * lost,
        "still_here": attrited * still_here,
        "caught": attrited * away,
        "leaving": away,
    }
    return {name: value.astype(np.int64) for name, value in found.items()}


def excluded_of(found: Compared) -> pd.DataFrame:
    """One row per candidate and exclusion code: customer-Mondays; who was not known yet is counted nowhere."""
    rows = [
        (k, code, int((verdict.exclusion == place).sum()))
        for k, verdict in enumerate(found.verdicts)
        for place, code in enumerate(CODES)
        if place != UNKNOWN
    ]
    return pd.DataFrame(rows, columns=["candidate", "code", "customers"])


def both_of(found: Compared) -> pd.DataFrame:
    """One row per pair of candidates: customer-Mondays that the first finds and the other calls gone too, be it
    since before the Monday."""
    gone = [one.attrited.reshape(-1) for one in found.verdicts]
    eligible = [(one.exclusion == ELIGIBLE).reshape(-1) for one in found.verdicts]
    rows = [
        (k, other, int((eligible[k] & gone[k] & gone[other]).sum()))
        for k in range(len(gone))
        for other in range(len(gone))
    ]
    return pd.DataFrame(rows, columns=["candidate", "other", "customers"])


def _gathered(drafts: Path, kind: str) -> pd.DataFrame:
    """The sums over all buckets."""
    parts = [pq.ParquetFile(path).read().to_pandas() for path in sorted((drafts / kind).glob("*.parquet"))]
    frame = pd.concat(parts, ignore_index=True)
    keys = [name for name in frame.columns if name not in (*COUNTS, "customers")]
    return frame.groupby(keys, as_index=False, sort=True).sum()


def _described(label: Label, days: Sequence[date], data_through: date) -> dict[str, Any]:
    closes = timedelta(days=label.lead_days + label.horizon_days + BACK_DAYS)
    return {
        "definition": label.definition,
        "min_drop": label.min_drop if label.definition == "aum_drop" else None,
        "horizon_days": label.horizon_days,
        "snapshots_followed": sum(day + closes <= data_through for day in days),
    }


def _summed(cells: pd.DataFrame) -> dict[str, Any]:
    """The counts, the money in base currency, and what follows from them; a share of nothing is None."""
    total = {name: int(cells[name].sum()) for name in COUNTS}
    shares = {
        "rate": _share(total["attrited"], total["eligible"]),
        "coverage": _share(total["caught"], total["leaving"]),
        "still_here_share": _share(total["still_here"], total["left"]),
        "misjudgement": _share(total["came_back"], total["followed"]),
    }
    return total | {name: total[name] / 100 for name in MONEY} | shares


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _codes(excluded: pd.DataFrame) -> dict[str, int]:
    return {
        code: int(count) for code, count in zip(excluded["code"], excluded["customers"], strict=True) if count
    }


def _by(cells: pd.DataFrame, column: str) -> dict[str, Any]:
    return {str(key): _summed(rows) for key, rows in cells.groupby(column, sort=True)}


def _overlap(both: pd.DataFrame, names: Sequence[str]) -> dict[str, Mapping[str, float | None]]:
    """Of the customers that one candidate (outer key) finds, the share that another (inner key) finds too."""
    count = both.pivot(index="candidate", columns="other", values="customers").to_numpy()
    return {
        name: {other: _share(int(count[k, j]), int(count[k, k])) for j, other in enumerate(names)}
        for k, name in enumerate(names)
    }
