"""Money that the lists keep, beside three other ways to fill them, and whether the effect page tells the truth.

    python -m benchmarks.lists --seeds 10 --customers 1000 --work data/bench/lists

Each of ten made-up banks (docs/lists.md says what a call does there) lives 104 weeks, on which one model is trained
that never sees the truth, and then 26 weeks in five worlds: its lists filled by us, by probability, by the fall of
AUM, at random, and nobody called. Every list has the same places, and in no world is anybody called who opted out or
is cooling down; ours alone also hold out their share. Fourteen weeks without lists follow, after which every
outcome is known.

- ``saved_*``: base currency in the bank at the end of these weeks, per bank, more than where nobody was called;
- ``seeds_covered``: banks in which the 95% interval of customers kept, as ``make effect`` tells it, holds what the
  lists truly did to the listed: how many fewer left than of the same customers in the world without calls. Only a
  customer's first lot counts, because only until then the two worlds are the same;
- ``page_ms``: what ``benchmarks.pages`` measured last, for the first page of a list of 500 rows in a store of a
  million customers.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks.worlds import Family, World, deliver, family, write_people
from configs.folder import load_settings
from configs.published import Helpfulness, Manager, Run, Score
from configs.settings import Settings
from models.bundle import Bundle
from models.effect import Kept, customers_kept
from pipeline.artefacts import Home, read_json, write_json
from pipeline.changes import Models
from pipeline.choosing import reached
from pipeline.effect import follow_up, helpfulness, known, outcomes, trial_weeks
from pipeline.intake.ingest import ingest
from pipeline.score import read_managers, score
from pipeline.snapshots import build_outcomes, build_snapshots, read_partition
from pipeline.tables import Ingested
from pipeline.train import fit_mondays, plan
from serve.lists.choice import CallList, choose
from serve.lists.decisions import Week
from serve.store import trial
from serve.store.store import Store
from serve.store.trial import Came, Lot

HISTORY, LISTED, AFTER = 104, 26, 14  # weeks
LAST = date(2026, 11, 16)
OURS, WAYS = "ours", ("ours", "probability", "drop", "random")
CAPACITY = (
    5  # calls a week and list: with the made-up bank's own 12 to 26 nearly everybody is called in any order
)


@dataclass(frozen=True)
class Bench:
    """Where everything lies: the worlds with calls are one delivery, those without another."""

    settings: Settings
    work: Path
    began: float

    @property
    def called(self) -> Home:
        return Home(self.work / "called")

    @property
    def quiet(self) -> Home:
        return Home(self.work / "quiet")

    def ingest(self, home: Home) -> Ingested:
        return ingest(self.settings, home.root / "raw", home, lambda _: None)

    def store(self, world: World) -> Store:
        return Store(f"sqlite:///{self.work}/stores/{world.tag}.db")

    def say(self, what: str) -> None:
        print(f"{time.perf_counter() - self.began:7.0f} s  {what}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    given = _arguments(arguments)
    shutil.rmtree(given.work, ignore_errors=True)
    changes = {"lists": {"default_capacity": CAPACITY, "reasons": 1}}
    bench = Bench(load_settings("demo", changes), given.work, time.perf_counter())
    families = [
        family(seed, WAYS, given.customers, (HISTORY, LISTED + AFTER), LAST) for seed in range(given.seeds)
    ]
    bench.say(f"{len(families)} banks")
    bundle = trained(bench, families)
    bench.say(f"a model, AUROC {bundle.metrics['model']['auroc']:.3f} out of time")
    lived = [world for one in families for world in one.others]
    write_people(bench.called.root / "raw", [(one, one.others) for one in families], CAPACITY)
    deliver(bench.called.root / "raw", _together([(one.others, one.past) for one in families]))
    for _ in range(LISTED):
        _week(bench, bundle, lived)
    for _ in range(AFTER):
        deliver(bench.called.root / "raw", [[world.live() for world in lived]])
    found = money_saved(families) | effects(bench, families)
    found |= {"minutes": round((time.perf_counter() - bench.began) / 60, 1), "customers": given.customers}
    pages = given.out.with_name("pages.json")
    found["page_ms"] = read_json(pages)["page_ms"] if pages.is_file() else None
    write_json(given.out, found)
    print(in_words(found))


def trained(bench: Bench, families: Sequence[Family]) -> Bundle:
    """One model for all banks, from the weeks before the lists begin; then the quiet worlds' other weeks arrive."""
    raw, start = bench.quiet.root / "raw", families[0].others[0].bank.monday
    write_people(raw, [(one, [one.quiet]) for one in families], CAPACITY)
    deliver(raw, _together([([one.quiet], one.past) for one in families]))
    tables = bench.ingest(bench.quiet)
    chosen = plan(bench.settings, tables, start)
    days = (*chosen.train, *chosen.tune, *chosen.judge)
    build_snapshots(bench.settings, bench.quiet, tables, days, _silent)
    build_outcomes(bench.settings, bench.quiet, tables, days, start, _silent)
    bundle, _ = fit_mondays(bench.settings, bench.quiet, chosen, start, _silent)
    deliver(raw, _together([([one.quiet], one.after) for one in families]))
    return bundle


def _together(parts: Iterable[tuple[Iterable[World], Sequence[Any]]]) -> Iterable[list[Any]]:
    """Week by week what all worlds recorded, each under its own numbers."""
    told = [[world.tagged(week) for week in weeks] for own, weeks in parts for world in own]
    return [list(week) for week in zip(*told, strict=True)]


def _week(bench: Bench, bundle: Bundle, lived: Sequence[World]) -> None:
    """One Monday: everything that arrived is read, everybody scored, the lists filled; then the week is lived."""
    monday, home = lived[0].bank.monday, bench.called
    tables = bench.ingest(home)
    build_snapshots(bench.settings, home, tables, [monday], _silent)
    scores = _by_world(score(bench.settings, home, tables, Models(bundle), monday).scores)
    fell = read_partition(home, "features", [monday], ["customer_id", "snapshot_date", "aum_change_13w"])
    drop = dict(zip(fell["customer_id"], (-fell["aum_change_13w"].fillna(0)).tolist(), strict=True))
    called_on, staff = reached(tables, monday, date.min.replace(year=monday.year - 1)), read_managers(tables)
    recorded = []
    for world in lived:
        own, managers = scores[world.tag], [one for one in staff if one.manager_id.startswith(world.tag)]
        if world.way == OURS:
            lists = our_lists(bench, world, tables, own, managers, called_on)
        else:
            lists = other_lists(bench.settings, world, own, managers, called_on, drop)
        recorded.append(world.live([one.customer_id for part in lists for one in part.listed]))
    deliver(home.root / "raw", [recorded])
    bench.say(f"{monday}")


def our_lists(
    bench: Bench,
    world: World,
    tables: Ingested,
    scores: Sequence[Score],
    managers: Sequence[Manager],
    called_on: Mapping[str, date],
) -> tuple[CallList, ...]:
    """As the weekly run fills them: outcomes followed up, helpfulness learnt, lots drawn, published."""
    monday, settings = world.bank.monday, bench.settings
    with bench.store(world) as store:
        follow_up(settings, bench.called, tables, store, _silent)
        with store.recording() as connection:
            helps = helpfulness(settings, trial.lots(connection), monday)
            week = trial.week(connection, monday, trial_weeks(settings), helps, called_on)
        lists = choose(scores, managers, settings.lists, week)
        none = MappingProxyType({})
        run = Run(str(monday), "demo", monday, "", settings.base_currency, 90, len(scores), none, none)
        store.publish(run, scores, [], lists)
    return lists


def other_lists(
    settings: Settings,
    world: World,
    scores: Sequence[Score],
    managers: Sequence[Manager],
    called_on: Mapping[str, date],
    drop: Mapping[str, float],
) -> tuple[CallList, ...]:
    """Filled by another order, put in place of the money at risk; nobody is held out, and none stays for that."""
    monday = world.bank.monday
    chance = np.random.default_rng([world.seed, monday.toordinal()])
    order = {
        "probability": lambda one: one.risk,
        "drop": lambda one: drop[one.customer_id],
        "random": lambda _: chance.random(),
    }[world.way]
    ranked = sorted(scores, key=order)
    placed = [replace(one, money_at_risk_minor=place) for place, one in enumerate(ranked)]
    week = Week(monday, trial_weeks(settings), Helpfulness(1.0), reached=called_on)
    return choose(placed, managers, settings.lists.model_copy(update={"held_out": 0.0}), week)


def money_saved(families: Sequence[Family]) -> dict[str, Any]:
    """Per way the mean over banks, and each bank's own; base currency."""
    saved = {way: [_more(one, way) for one in families] for way in WAYS}
    return {f"saved_{_long(way)}": round(float(np.mean(own))) for way, own in saved.items()} | {
        "saved_by_bank": {way: [round(one) for one in own] for way, own in saved.items()}
    }


def _more(one: Family, way: str) -> float:
    return next(world.aum for world in one.others if world.way == way) - one.quiet.aum


def _long(way: str) -> str:
    return f"by_{way}" if way in ("probability", "drop") else way


def effects(bench: Bench, families: Sequence[Family]) -> dict[str, Any]:
    """Per bank what the effect page tells of first lots, and what the lists truly did to these customers."""
    called, quiet = bench.ingest(bench.called), bench.ingest(bench.quiet)
    told, lots = [], []
    for one in families:
        world = next(world for world in one.others if world.way == OURS)
        with bench.store(world) as store:
            follow_up(bench.settings, bench.called, called, store, _silent)
            with store.recording() as connection:
                lots.append((world, one.quiet, first_lots(trial.lots(connection))))
    days = sorted({lot.drawn_on for _, _, own in lots for lot in own})
    build_outcomes(bench.settings, bench.quiet, quiet, days, LAST, _silent)
    without = {day: outcomes(bench.quiet, day) for day in days}
    for world, still, own in lots:
        told.append(_compared(customers_kept(known(own)), _truly_kept(world, still, own, without)))
    return {
        "seeds": len(families),
        "seeds_covered": sum(one["low"] <= one["truth"] <= one["high"] for one in told),
        "effects": told,
    }


def first_lots(lots: Iterable[Lot]) -> list[Lot]:
    """The first lot of each customer; lots come by customer and Monday."""
    return list({lot.customer_id: lot for lot in reversed(list(lots))}.values())


def _truly_kept(
    world: World, quiet: World, lots: Sequence[Lot], without: Mapping[date, Mapping[str, Came]]
) -> float:
    """By what share fewer of the listed left than of the same customers uncalled.

    Raises ValueError where a held-out customer fared otherwise than uncalled: the worlds would not be comparable.
    """
    fates = [(lot, without[lot.drawn_on][lot.customer_id.replace(world.tag, quiet.tag)]) for lot in lots]
    if any(lot.held_out and lot.attrited != came.attrited for lot, came in fates):
        raise ValueError(f"{world.tag}: a customer held out fared otherwise than in the world without calls")
    listed = [(lot, came) for lot, came in fates if not lot.held_out]
    return sum(came.attrited - bool(lot.attrited) for lot, came in listed) / len(listed)


def _compared(kept: Kept, truth: float) -> dict[str, Any]:
    arms = {"listed": kept.listed.lots, "held_out": kept.held_out.lots}
    return arms | {"told": kept.difference, "low": kept.low, "high": kept.high, "truth": truth}


def in_words(found: Mapping[str, Any]) -> str:
    lines = [f"money kept per bank of {found['customers']:,} customers in 26 weeks of lists:"]
    lines += [f"  {way:<12}{found[f'saved_{_long(way)}']:>14,}" for way in WAYS]
    lines.append(f"the interval holds the true effect in {found['seeds_covered']} of {found['seeds']} banks")
    return "\n".join(lines)


def _by_world(scores: Iterable[Score]) -> dict[str, list[Score]]:
    found: dict[str, list[Score]] = {}
    for one in scores:
        found.setdefault(one.customer_id[:4], []).append(one)
    return found


def _silent(*_: object) -> None:
    """Progress that nobody watches."""


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--customers", type=int, default=1_000, help="of each bank")
    parser.add_argument("--work", type=Path, default=Path("data/bench/lists"), help="emptied first")
    parser.add_argument("--out", type=Path, default=Path("data/bench/lists.json"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
