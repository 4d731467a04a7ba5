"""The ways to fill the lists of a replay, beside each other: by the model, by each rule, by chance.

All are worked alike: whoever is listed is called, and has ``lists.cool_down_weeks`` of quiet then. Each list
of a team is as long as the model's, and holds nobody whom the bank's own records keep off a list. Chance
draws the lists of all Mondays at random, ``CHANCE_DRAWS`` times. ``published`` are the lists that the weekly
run publishes while nobody calls: without quiet, so that one customer has many places.

Where managers can call everybody within a few weeks, all ways find nearly everybody. So the ways are compared
at parts of the capacity too: the first quarter of each list, …
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.baselines import RULES

CHANCE_DRAWS = 50
PARTS = (0.1, 0.25, 0.5, 1.0)  # of each list
LISTS, CHANCE, PUBLISHED = "lists", "chance", "published"
WAYS = (LISTS, *RULES, CHANCE, PUBLISHED)
LONG_AGO = -10_000  # the week of the last call of who was not called yet
COLUMNS = ["customer_id", "branch_id", "manager_id", "decision", "rank", "worked_rank", "risk",
           "money_at_risk_minor"]  # fmt: skip
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Leavers:
    """The leavers by customer_id: their places among all customers, and the week of their outflow start."""

    place: Ints
    start: Ints


@dataclass
class Way:
    """Findings of a way, over (draw × customer) and (draw × leaver) arrays; all but chance have one draw.

    ``called`` is the week of the last call, ``calls`` their number. ``weeks`` are those from the first list
    in time to the outflow start, 0 for none.
    """

    called: NDArray[np.int32]
    calls: NDArray[np.int32]
    weeks: NDArray[np.int32]

    def add(
        self, draw: int, week: int, monday: "Cohort", chosen: Flags, leavers: Leavers, reach: int
    ) -> None:
        """One draw's list of one Monday; it is in time for leavers of the ``reach`` weeks after it."""
        self.called[draw, monday.at[chosen]] = week
        self.calls[draw, monday.at[chosen]] += 1
        ahead = leavers.start - week
        in_time = (ahead > 0) & (ahead <= reach) & (self.weeks[draw] == 0)
        in_time &= self.called[draw, leavers.place] == week
        self.weeks[draw, in_time] = ahead[in_time]


@dataclass(frozen=True)
class Cohort:
    """The cohort of one Monday, by customer_id: places among all customers, teams, the model's two lists, who
    may be called, who left within the outcome window, and the scores of each way, the highest first."""

    at: Ints
    team: Ints
    worked: Flags
    published: Flags
    callable: Flags
    left: Flags
    scores: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Counts:
    """All customers of any cohort, ascending, the leavers among them, what each way found, and by Monday what
    lists without quiet hold."""

    customers: NDArray[np.str_]
    leavers: Leavers
    ways: dict[str, Way]
    mondays: dict[date, dict[str, float]]


def count_ways(
    kept: Sequence[tuple[date, Path]],
    leavers: pd.DataFrame,
    left_on: Callable[[date], pd.DataFrame],
    rules_of: "Rules",
    progress: Progress,
) -> Counts:
    """The findings of each way on these Mondays with lists, the earliest first.

    ``leavers`` are by customer_id with their ``outflow_start``; ``left_on`` has who left after a Monday.
    """
    customers = _all_customers(kept, leavers)
    start = np.array([(day - kept[0][0]).days // 7 for day in leavers["outflow_start"]], np.int64)
    chosen_leavers = Leavers(np.searchsorted(customers, leavers["customer_id"].to_numpy(str)), start)
    ruled = [*_rules_in(kept[0][1])]
    names = [LISTS, *ruled, CHANCE, *([PUBLISHED] if rules_of.part == 1 else [])]
    ways = {way: _way(CHANCE_DRAWS if way == CHANCE else 1, len(customers), len(leavers)) for way in names}
    mondays: dict[date, dict[str, float]] = {}
    for number, (day, path) in enumerate(kept, start=1):
        cohort = _cohort(path, customers, left_on(day))
        week = (day - kept[0][0]).days // 7
        for name, way in ways.items():
            for draw, chosen in enumerate(_chosen(name, way, cohort, week, day, rules_of)):
                way.add(draw, week, cohort, chosen, chosen_leavers, rules_of.reach_weeks)
        mondays[day] = _by_itself(cohort)
        progress(number, len(kept))
    return Counts(customers, chosen_leavers, ways, mondays)


def _by_itself(cohort: Cohort) -> dict[str, float]:
    """The leavers within the outcome window on the published lists, and on lists as long of each rule; of
    chance the mean over all lists."""
    right = {
        rule: filled(cohort, cohort.published, cohort.callable, -scores)
        for rule, scores in cohort.scores.items()
        if rule != LISTS
    }
    right[PUBLISHED] = cohort.published
    room, free, gone = (
        np.bincount(cohort.team, weights=flags)
        for flags in (cohort.published, cohort.callable, cohort.callable & cohort.left)
    )
    by_chance = float((np.minimum(room / np.maximum(free, 1), 1.0) * gone).sum())
    return {name: float((chosen & cohort.left).sum()) for name, chosen in right.items()} | {CHANCE: by_chance}


@dataclass(frozen=True)
class Rules:
    """The weeks of quiet after a call, the weeks before the outflow start in which a list is in time, the
    seed of chance, and the part of each list that is worked."""

    quiet_weeks: int
    reach_weeks: int
    seed: int
    part: float = 1.0


def _way(draws: int, customers: int, leavers: int) -> Way:
    return Way(
        np.full((draws, customers), LONG_AGO, np.int32),
        np.zeros((draws, customers), np.int32),
        np.zeros((draws, leavers), np.int32),
    )


def _all_customers(kept: Sequence[tuple[date, Path]], leavers: pd.DataFrame) -> NDArray[np.str_]:
    names = [leavers["customer_id"].to_numpy(str)]
    for _, path in kept:
        column = pq.read_table(path, columns=["customer_id"], partitioning=None)["customer_id"]
        names.append(np.asarray(column.to_pylist(), dtype=str))
        names = [np.unique(np.concatenate(names))]
    return names[0]


def _rules_in(path: Path) -> list[str]:
    """The rules by which the customers of a Monday are ranked."""
    names = pq.read_schema(path).names
    return [rule for rule in RULES if rule in names]


def _cohort(path: Path, customers: NDArray[np.str_], left: pd.DataFrame) -> Cohort:
    ruled = _rules_in(path)
    frame = pq.read_table(path, columns=[*COLUMNS, *ruled], partitioning=None).to_pandas()
    money = frame["money_at_risk_minor"] * (1 - frame["risk"])
    names = frame["customer_id"].to_numpy(str)
    manager, branch = (frame[name].fillna("") for name in ("manager_id", "branch_id"))
    _, team = np.unique(
        np.where(manager != "", "m " + manager, "b " + branch).astype(str), return_inverse=True
    )
    gone = left.loc[left["attrited"], "customer_id"].to_numpy(str)
    return Cohort(
        np.searchsorted(customers, names),
        team,
        frame["worked_rank"].notna().to_numpy(),
        frame["rank"].notna().to_numpy(),
        ~frame["decision"].isin(("opted_out", "in_campaign", "too_often", "cooled_down")).to_numpy(),
        np.isin(names, gone),
        # Where the bank counts customers no money is at risk, and the risk ranks.
        {LISTS: (money if money.any() else frame["risk"]).to_numpy(np.float64)}
        | {rule: frame[rule].to_numpy(np.float64) for rule in ruled},
    )


def _chosen(name: str, way: Way, cohort: Cohort, week: int, day: date, rules_of: Rules) -> Iterator[Flags]:
    """One flag per customer of the cohort and draw: who is listed."""
    if name == PUBLISHED or (name == LISTS and rules_of.part == 1):
        yield cohort.worked if name == LISTS else cohort.published
        return
    random = np.random.default_rng([rules_of.seed, day.toordinal()])
    for draw in range(len(way.called)):
        quiet = week - way.called[draw, cohort.at] < rules_of.quiet_weeks
        order = random.random(len(cohort.at)) if name == CHANCE else -cohort.scores[name]
        yield filled(cohort, cohort.worked, cohort.callable & ~quiet, order, rules_of.part)


def filled(cohort: Cohort, model: Flags, free: Flags, order: NDArray[np.float64], part: float = 1.0) -> Flags:
    """Per team a part of as many as the list of the ``model`` holds, rounded up, of those who are ``free``,
    the smallest of ``order`` first.

    An unknown one (NaN) comes last; of equal ones the first by customer_id.
    """
    # 0.1 × 30 is 3.0000000000000004 in floats; the small step back keeps that 3.
    room = np.ceil(part * np.bincount(cohort.team, weights=model) - 1e-9).astype(np.int64)
    places = np.lexsort((order, ~free, cohort.team))
    team = cohort.team[places]
    ranks = np.arange(len(team)) - np.searchsorted(team, team)
    chosen = np.zeros(len(team), dtype=np.bool_)
    chosen[places] = ranks < room[team]
    return chosen & free
