"""Several definitions of attrition beside each other, on the same customers and Mondays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np

from configs.settings import Settings
from features.build import calendar_of
from features.catalogue.grammar import Name
from features.cohort import exclusion
from features.engine.balances import make_balances
from features.engine.cut import Arrays, any_between, recompute_late_arrivals
from features.engine.entities import Entities, Ints, day_number
from features.engine.tiles import Calendar, SnapshotArray
from features.families.relationship import assigned
from features.label import (
    Flags,
    OutcomeWindow,
    end_of,
    highest_aum,
    is_known,
    label_of,
    make_outcome_window,
)
from features.tier_rule import tier_places
from features.weight import base_aum, present_aum, rows_before

UNKNOWN = -2
BACK_DAYS = 90  # so long after the outcome window it is looked whether money came back
BACK_SHARE = 0.5  # of what had left: from here on the money is back


@dataclass(frozen=True)
class Verdict:
    """The verdict of one definition on each customer and snapshot (snapshot × customer).

    ``exclusion`` is the place in cohort.CODES, or ELIGIBLE, or UNKNOWN without a label. Of the
    money that was gone at the end of the outcome window (``lost``, base currency), ``still_here`` was with
    the bank on the snapshot. ``came_back``: within BACK_DAYS of the window's end at least BACK_SHARE of
    ``lost`` was here again on some day (where the bank counts customers, the customer made a booking); only
    known where ``followed`` (per snapshot), because those days have matured too.
    """

    exclusion: Ints
    attrited: Flags
    lost: SnapshotArray
    still_here: SnapshotArray
    came_back: Flags
    followed: Flags


@dataclass(frozen=True)
class Compared:
    """One verdict per candidate, and what stands beside them: money that left, place of the tier, branch.

    ``leaving`` is the money (base currency) that was with the bank on the snapshot and gone at the end of the
    longest outcome window: one measure for all candidates. ``branch`` is a code of ``branches``, -1: none
    known.
    """

    verdicts: tuple[Verdict, ...]
    leaving: SnapshotArray
    tier: Ints
    branch: Ints
    branches: tuple[str, ...]


def compare(
    entities: Entities,
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
    arrays = recompute_late_arrivals(entities, calendar, partial(_arrays, candidates=candidates))
    window = make_outcome_window(entities, calendar, first, day_number(data_through))
    branch, _ = assigned(entities, calendar, "branch_id")
    verdicts = tuple(
        _verdict(
            window, candidate, arrays[Name("exclusion", str(k))].astype(np.int64), arrays[_NOW], data_through
        )
        for k, candidate in enumerate(candidates)
    )
    longest = max(range(len(candidates)), key=lambda k: candidates[k].label.horizon_days)
    labels = entities.tables["assignments"].labels["branch_id"]
    return Compared(verdicts, verdicts[longest].still_here, arrays[_TIER], branch, labels)


_TIER, _NOW = Name("tier", "place"), Name("aum", "last")


def _arrays(entities: Entities, calendar: Calendar, candidates: Sequence[Settings]) -> Arrays:
    balances = make_balances(entities.tables["holdings"], calendar, len(entities))
    base, aum = (of(entities, balances, candidates[0]) for of in (base_aum, present_aum))
    active = rows_before(entities, calendar)
    arrays = {
        Name("exclusion", str(k)): exclusion(entities, balances, base, active, candidate).astype(np.float64)
        for k, candidate in enumerate(candidates)
    }
    return arrays | {_TIER: tier_places(balances, base, candidates[0]), _NOW: aum}


def _verdict(
    window: OutcomeWindow, settings: Settings, code: Ints, aum: SnapshotArray, data_through: date
) -> Verdict:
    outflow_share, time_to_attrition = label_of(window, settings)
    base = np.maximum(np.nan_to_num(window.base), 0.0)
    lost = outflow_share * base
    rest = base - lost
    end, known = end_of(window, settings, settings.label.horizon_days), is_known(window, settings.label)
    followed_up = end + BACK_DAYS
    if settings.counts == "customers":
        back = any_between(window.bookings, base.shape[1], end, followed_up)
    else:
        back = highest_aum(window.balances, followed_up, BACK_DAYS) - rest >= BACK_SHARE * lost
    return Verdict(
        np.where(known, code, UNKNOWN),
        time_to_attrition > 0,
        lost,
        np.clip(aum - rest, 0.0, lost),
        (lost > 0) & back,
        followed_up <= day_number(data_through),
    )
