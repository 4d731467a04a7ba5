"""Weeks that made-up banks live with lists: ours as the weekly run fills them, others by another order.

A part of the banks is lived by a process of its own, from its raw extracts to what each world came to.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from sqlalchemy import Row

from benchmarks.worlds import Family, World, deliver, family, together, write_people
from configs.bank_folder import load_settings
from configs.call_lists import CallList, Week
from configs.list_settings import Lists
from configs.published import Manager, Run, Score
from configs.response import Response
from configs.settings import Settings
from models.bundle import Bundle, load
from models.experiment import difference_in_customers
from pipeline.artefacts import Home
from pipeline.ingest.ingest import ingest
from pipeline.lists.call_lists import week_of
from pipeline.lists.decisions import choose
from pipeline.lists.experiment import observed_rows, outcomes
from pipeline.lists.reached import reached
from pipeline.lists.responses import learnt_response
from pipeline.scoring.reasons import Models
from pipeline.scoring.score import read_managers, score
from pipeline.snapshots.build import build_outcomes, build_snapshots, read_partition
from pipeline.tables import Ingested
from serve.store import assignments
from serve.store.store import Store

HISTORY, LISTED, AFTER = 104, 26, 14  # weeks: without lists, with them, and until every outcome is known
LAST = date(2026, 11, 16)
MONDAYS = tuple(LAST - timedelta(weeks=AFTER + ahead) for ahead in range(LISTED, 0, -1))
OURS, WAYS = "ours", ("ours", "probability", "drop", "random")
UNHELD = "all of ours"  # the same with nobody held out
Outcomes = Mapping[str, Mapping[str, Any]]  # of one Monday, by customer_id
KEY = b"signs the model that the processes of a benchmark share"


@dataclass(frozen=True)
class Part:
    """Some of the banks, by seed; ``capacities`` are calls a week and list; all parts share ``work``."""

    number: int
    seeds: tuple[int, ...]
    customers: int
    capacities: tuple[int, ...]
    work: Path
    began: float

    @property
    def settings(self) -> Settings:
        """A row that the made-up bank spoils stands in each world, and a week has few of some tables."""
        changes = {"lists": {"reasons": 1}, "engine": {"workers": 1}, "quarantine_limit": 0.5}
        return load_settings("demo", changes)

    @property
    def home(self) -> Home:
        return Home(self.work / f"part-{self.number}")

    @property
    def quiet(self) -> Home:
        """The worlds without calls, of all parts."""
        return Home(self.work / "quiet")

    @property
    def ways(self) -> tuple[tuple[str, int], ...]:
        """The ways to fill lists, with calls a week; holding out is measured at the first capacity only."""
        return (*((way, calls) for calls in self.capacities for way in WAYS), (UNHELD, self.capacities[0]))

    def families(self) -> list[Family]:
        weeks = (HISTORY, LISTED + AFTER)
        return [family(seed, self.ways, self.customers, weeks, LAST) for seed in self.seeds]

    def store(self, world: World) -> Store:
        return Store(f"sqlite:///{self.work}/stores/{world.tag}.db")

    def ingest(self, home: Home) -> Ingested:
        return ingest(self.settings, home.root / "raw", home, lambda _: None)

    def say(self, what: str) -> None:
        took = time.perf_counter() - self.began
        print(f"{took:7.0f} s  part {self.number}: {what}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Lived:
    """One row per world with calls. ``saved``: AUM at the end beyond that of the quiet world, base currency.

    ``called`` and ``cohort`` are customers on an average Monday. ``effect``: what the effect page tells of
    ours, beside the truth.
    """

    seed: int
    way: str
    calls: int
    saved: float
    called: float
    cohort: float
    effect: dict[str, Any] | None


def live(part: Part) -> list[Lived]:
    """Every world of the part, from the common history to its end."""
    bundle = load(next((part.work / "models").iterdir()), KEY)
    families, raw = part.families(), part.home.root / "raw"
    worlds = [world for one in families for world in one.others]
    write_people(raw, [(one, one.others) for one in families])
    deliver(raw, together((one.others, one.past) for one in families))
    part.say(f"{len(worlds)} worlds")
    weeks = [_week(part, bundle, worlds) for _ in MONDAYS]
    ours = [world for world in worlds if world.way == OURS]
    deliver(raw, [[world.live() for world in ours] for _ in range(AFTER)])
    for world in worlds:
        while world.bank.monday < LAST:
            world.bank.advance()
    follow_up(part, part.ingest(part.home), worlds, MONDAYS[-1], LAST)
    means = {world.tag: np.mean([week[world.tag] for week in weeks], axis=0) for world in worlds}
    uncalled = {day: outcomes(part.quiet, day) for day in MONDAYS}
    part.say("every outcome is known")
    return [
        Lived(
            *(one.quiet.seed, world.way, world.calls, world.aum - one.quiet.aum),
            *means[world.tag].tolist(),
            _effect(part, world, one.quiet, uncalled) if world.way == OURS else None,
        )
        for one in families
        for world in one.others
    ]


@dataclass(frozen=True)
class Known:
    """The facts of a Monday's lists; ``scores`` and ``staff`` by world, the others by customer_id.

    ``fell``: by which share AUM fell in 13 weeks; ``reached``: the last day on which a call was answered.
    """

    monday: date
    scores: Mapping[str, list[Score]]
    staff: Mapping[str, list[Manager]]
    fell: Mapping[str, float]
    reached: Mapping[str, date]


def _week(part: Part, bundle: Bundle, worlds: Sequence[World]) -> dict[str, tuple[int, int]]:
    """One Monday: what arrived is read, everybody scored, the lists filled; then the week is lived.

    By world how many are called, and of how many in the cohort.
    """
    monday, raw = worlds[0].bank.monday, part.home.root / "raw"
    tables = part.ingest(part.home)
    follow_up(part, tables, worlds, monday - timedelta(weeks=1), monday)
    now = _known(part, bundle, tables, monday)
    called = {world.tag: _called(part, world, now) for world in worlds}
    deliver(raw, [[world.live(called[world.tag]) for world in worlds]])
    part.say(f"{monday}")
    return {tag: (len(names), len(now.scores[tag])) for tag, names in called.items()}


def _known(part: Part, bundle: Bundle, tables: Ingested, monday: date) -> Known:
    settings, home = part.settings, part.home
    build_snapshots(settings, home, tables, [monday], lambda *_: None)
    scores = score(settings, home, tables, Models(bundle), monday).scores
    rows = read_partition(home, "features", [monday], ["customer_id", "snapshot_date", "aum_change_13w"])
    fell = dict(zip(rows["customer_id"], (-rows["aum_change_13w"].fillna(0)).tolist(), strict=True))
    since = monday - timedelta(weeks=settings.lists.cool_down_weeks + 1)
    return Known(
        monday,
        by_world((one.customer_id, one) for one in scores),
        by_world((one.manager_id, one) for one in read_managers(tables)),
        fell,
        reached(tables, settings.lists, monday, since),
    )


def _called(part: Part, world: World, now: Known) -> list[str]:
    ours = world.way in (OURS, UNHELD)
    lists = our_lists(part, world, now) if ours else other_lists(part.settings, world, now)
    return [one.customer_id for part_of_bank in lists for one in part_of_bank.listed]


def our_lists(part: Part, world: World, now: Known) -> tuple[CallList, ...]:
    """Lists as the weekly run fills them: response rate learnt, customers assigned, published."""
    settings, monday, scores = part.settings, now.monday, now.scores[world.tag]
    share = settings.lists.control_group_share if world.way == OURS else 0.0
    with part.store(world) as store:
        with store.write() as connection:
            response = learnt_response(settings, assignments.experiment_rows(connection), monday)
            week = week_of(connection, monday, settings.label.weeks_to_close, response, now.reached)
        lists = choose(scores, now.staff[world.tag], _terms(settings, world, share), week)
        none = MappingProxyType({})
        run = Run(str(monday), "demo", monday, "", settings.base_currency, 90, len(scores), none, none)
        store.publish(run, scores, [], lists)
    return lists


def other_lists(settings: Settings, world: World, now: Known) -> tuple[CallList, ...]:
    """Filled by another order alone; nobody is held out, and nobody stays for having been listed."""
    week = Week(now.monday, settings.label.weeks_to_close, Response(1.0), reached=now.reached)
    return choose(in_order(world, now), now.staff[world.tag], _terms(settings, world, 0.0), week)


def in_order(world: World, now: Known) -> list[Score]:
    """The scores of a world with their place in its order as the money at risk, the first to call highest.

    The risk is left out: a call's worth is weighed by it, and would upset the order.
    """
    chance = np.random.default_rng([world.seed, now.monday.toordinal()])
    order = {
        "probability": lambda one: one.risk,
        "drop": lambda one: now.fell[one.customer_id],
        "random": lambda _: chance.random(),
    }[world.way]
    ranked = sorted(now.scores[world.tag], key=order)
    bare = {"risk_30d": None, "risk_60d": None, "risk_90d": 0.0, "movable": None}
    return [replace(one, money_at_risk_minor=place, **bare) for place, one in enumerate(ranked)]


def _terms(settings: Settings, world: World, share: float) -> Lists:
    return settings.lists.model_copy(update={"control_group_share": share, "default_capacity": world.calls})


def follow_up(part: Part, tables: Ingested, worlds: Iterable[World], since: date, until: date) -> None:
    """Fills in outcomes of our assignments that became known between two Mondays, as a weekly run does."""
    timeline = part.settings.label.timeline
    days = [day for day in MONDAYS if timeline(day).matured(until) and not timeline(day).matured(since)]
    build_outcomes(part.settings, part.home, tables, days, until, lambda *_: None)
    observed = {day: outcomes(part.home, day) for day in days}
    for world in (one for one in worlds if one.way == OURS and days):
        with part.store(world) as store, store.write() as connection:
            for day in days:
                assignments.fill(connection, day, observed[day])


def _effect(part: Part, world: World, quiet: World, without: Mapping[date, Outcomes]) -> dict[str, Any]:
    """The difference that the effect page tells of first assignments, beside the truth."""
    with part.store(world) as store, store.write() as connection:
        first = first_assignments(assignments.experiment_rows(connection))
    rows, truth = observed_rows(first), truly_kept(world, quiet, first, without)
    control = int(rows.control.sum())
    found = {"listed": len(rows) - control, "control": control, "truth": truth}
    if not 0 < control < len(rows):
        return found | {"covers": False}  # the page tells nothing
    share = part.settings.lists.control_group_share
    difference, low, high = difference_in_customers(rows, share)["difference"]
    return found | {"told": difference, "low": low, "high": high, "covers": low <= truth <= high}


def first_assignments(rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """The first assignment of each customer; rows come by customer and Monday."""
    return list({row.customer_id: row for row in reversed(list(rows))}.values())


def truly_kept(
    world: World, quiet: World, rows: Sequence[Row[Any]], without: Mapping[date, Outcomes]
) -> float:
    """The share by which fewer of the listed left than of the same customers uncalled.

    Raises ValueError where a held-out customer fared otherwise: the worlds would not be comparable.
    """
    fates = [(row, without[row.assigned_on][row.customer_id.replace(world.tag, quiet.tag)]) for row in rows]
    if any(row.control_group and row.attrited != uncalled["attrited"] for row, uncalled in fates):
        raise ValueError(f"{world.tag}: a customer held out fared otherwise than in the world without calls")
    listed = [(row, uncalled) for row, uncalled in fates if not row.control_group]
    return sum(uncalled["attrited"] - bool(row.attrited) for row, uncalled in listed) / len(listed)


def by_world(tagged: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    """The values of each world, by the tag before its number."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for number, one in tagged:
        found[number.partition("-")[0] + "-"].append(one)
    return found
