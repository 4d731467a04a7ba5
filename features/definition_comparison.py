"""Several definitions of attrition side by side, on the same customers and Mondays, for a bank that chooses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from configs.settings import Settings
from features.build import calendar_of, rows_before
from features.catalogue.grammar import Name
from features.cohort import exclusion
from features.engine.balances import make_steps, make_wealth
from features.engine.cut import as_if_prompt, mend, replay
from features.engine.entities import Ints, World, day_number
from features.engine.tiles import Calendar, Grid
from features.families.relationship import assigned
from features.families.tiers import place
from features.label import end_of, outcome
from features.outcome_window import Aftermath, Flags, make_aftermath

BACK_DAYS = 90  # so long after the outcome window it is looked whether money came back
BACK_SHARE = 0.5  # of what had left: from here on the money is back


@dataclass(frozen=True)
class Verdict:
    """What one definition makes of each customer on each snapshot (snapshot × customer).

    ``exclusion`` is the place in cohort.CODES, or ELIGIBLE. Of the money that was gone at the end of the outcome
    window (``lost``, base currency), ``still_here`` was with the bank on the snapshot. ``came_back``: within
    BACK_DAYS of the window's end at least BACK_SHARE of ``lost`` was here again on some day; only known where
    ``followed`` (per snapshot), because those days have matured too.
    """

    exclusion: Ints
    attrited: Flags
    lost: Grid
    still_here: Grid
    came_back: Flags
    followed: Flags


@dataclass(frozen=True)
class Compared:
    """One verdict per candidate, and what stands beside them: money that left, place of the tier, branch.

    ``leaving`` is the money (base currency) that was with the bank on the snapshot and gone at the end of the
    longest outcome window: one measure for all candidates. ``branch`` is a code of ``branches``, -1: none known.
    """

    verdicts: tuple[Verdict, ...]
    leaving: Grid
    tier: Ints
    branch: Ints
    branches: tuple[str, ...]


def compare(
    world: World,
    snapshots: Sequence[date],
    history_from: date,
    data_through: date,
    candidates: Sequence[Settings],
) -> Compared:
    """Every candidate on every snapshot, all of which must have matured by ``data_through`` for each of them.

    The candidates differ in definition, horizon and drop only: dates, cohort and tiers are the first one's.
    Who is eligible is judged by what was seen on the snapshot, what became of them by what is known today.
    """
    first = candidates[0]
    calendar = calendar_of(snapshots, history_from, first)
    grids = _grids_seen(world, calendar, candidates)
    after = make_aftermath(world, calendar, first.label, day_number(data_through))
    branch, _ = assigned(world, calendar, "branch_id")
    verdicts = tuple(
        _verdict(after, one, grids[_eligible(k)].astype(np.int64), grids[_NOW], data_through)
        for k, one in enumerate(candidates)
    )
    longest = max(range(len(candidates)), key=lambda k: candidates[k].label.horizon_days)
    labels = world.tables["assignments"].labels["branch_id"]
    return Compared(verdicts, verdicts[longest].still_here, place(grids[_BASE], first.tiers), branch, labels)


_BASE, _NOW = Name("aum_base", ""), Name("aum", "last")


def _eligible(candidate: int) -> Name:
    return Name("exclusion", str(candidate))


def _grids_seen(world: World, calendar: Calendar, candidates: Sequence[Settings]) -> dict[Name, Grid]:
    """Exclusion by each candidate, average AUM and AUM, by the rows that each snapshot could see."""
    grids = _grids(as_if_prompt(world), calendar, candidates)
    for special in replay(world, calendar.snapshots):
        mend(grids, special, _grids(special.world, calendar.only(special.snapshot), candidates))
    return grids


def _grids(world: World, calendar: Calendar, candidates: Sequence[Settings]) -> dict[Name, Grid]:
    wealth = make_wealth(make_steps(world.tables["holdings"]), calendar, len(world))
    active = rows_before(world, calendar)
    grids = {
        _eligible(k): exclusion(world, wealth, active, one).astype(np.float64)
        for k, one in enumerate(candidates)
    }
    base = wealth.constant_price_mean(candidates[0].label.base_weeks)
    return grids | {_BASE: base, _NOW: wealth.now(wealth.aum)}


def _verdict(after: Aftermath, settings: Settings, code: Ints, now: Grid, data_through: date) -> Verdict:
    label, found = settings.label, outcome(after, settings)
    base = np.maximum(np.nan_to_num(found.base), 0.0)
    lost = found.outflow_share * base
    rest = base - lost
    followed_up = end_of(after, settings, label.horizon_days) + BACK_DAYS
    highest = after.highest_aum(followed_up, BACK_DAYS)
    return Verdict(
        code,
        found.gone_within > 0,
        lost,
        np.clip(now - rest, 0.0, lost),
        (lost > 0) & (highest - rest >= BACK_SHARE * lost),
        followed_up <= day_number(data_through),
    )
