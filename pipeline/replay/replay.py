"""``make replay``: the Mondays of a past period as they would have been run, and what they would have caught.

Nobody was called in the replay, so nobody was kept; it tells who stood on a list before the money began to
move, and what that took.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from configs.dates import WEEK, latest_monday
from configs.errors import DataError
from features.build import first_monday
from models.metrics import without_money
from pipeline.artefacts import read_json, write_json, write_text
from pipeline.context import Context
from pipeline.lease import held
from pipeline.progress import progress_bar, step
from pipeline.replay.figures import by_branch, by_monday, counted, figures_of_ways
from pipeline.replay.leavers import left_on, matured_mondays, read_leavers
from pipeline.replay.mondays import KEPT, Replay, note_of, remove_old, replay_of, run_mondays
from pipeline.replay.page import replay_page
from pipeline.replay.published import compare_published
from pipeline.replay.stories import stories
from pipeline.replay.ways import PARTS, Counts, Rules, count_ways
from pipeline.tables import Ingested


def run_replay(bank: Context, tables: Ingested, mondays: list[date]) -> tuple[dict[str, Any], Path]:
    """The figures, and the page; both are written to ``data/<bank>/replay/<first>_<last>``, .json and .html.

    Raises DataError where no outcome of these Mondays is known, or none of them has a list; LeaseError where
    the same replay runs already, or another command writes the bank's features just now.
    """
    _check_period(bank, tables, mondays)
    replay = replay_of(bank, tables, mondays)
    with held(replay.context.home.root, "replay"):
        remove_old(replay)
        run_mondays(replay)
        return _write(bank, replay, _result(bank, replay))


def _check_period(bank: Context, tables: Ingested, mondays: list[date]) -> None:
    """Raises DataError unless the data reaches from before the first Monday to that of the last, and the
    outcome of one of them is known."""
    if not mondays:
        raise DataError("no Monday lies between the two. Give the first one in FROM and the last in TO.")
    earliest, latest = (
        first_monday(tables.first_day) + WEEK,
        latest_monday(tables.last_day + timedelta(days=1)),
    )
    if mondays[0] < earliest or mondays[-1] > latest:
        raise DataError(
            f"the data reaches from {tables.first_day} to {tables.last_day}, so that {mondays[0]} to "
            f"{mondays[-1]} cannot be run. Begin on {earliest} or later, and end on {latest} or before."
        )
    end = tables.last_day + timedelta(days=1)
    if not bank.settings.label.timeline(mondays[0]).matured(end):
        weeks = bank.settings.label.weeks_to_close
        raise DataError(
            f"no outcome from {mondays[0]} on is known: the data ends on {tables.last_day}, and an outcome "
            f"takes {weeks} weeks. Begin on {latest - weeks * WEEK} or before."
        )


def _write(bank: Context, replay: Replay, result: dict[str, Any]) -> tuple[dict[str, Any], Path]:
    folder, name = bank.home.root / "replay", f"{replay.mondays[0]}_{replay.mondays[-1]}"
    # Made where no other command looks for what a killed one left, then moved in one rename.
    json_file, page = (replay.folder.parent / f"{name}.{ending}" for ending in ("json", "html"))
    write_json(json_file, result)
    write_text(page, replay_page(replay.context.settings, read_json(json_file)))
    for path in (json_file, page):
        path.replace(folder / path.name)
    return result, folder / page.name


def _result(bank: Context, replay: Replay) -> dict[str, Any]:
    settings, known = replay.context.settings, matured_mondays(replay)
    notes = [note_of(replay, day) | {"monday": day} for day in replay.mondays]
    kept = [(note["monday"], replay.kept(note["monday"]) / KEPT) for note in notes if note["model_id"]]
    evaluated = [(day, path) for day, path in kept if day in known]
    if not evaluated:
        why = next((note["reason"] for note in reversed(notes) if note["reason"]), "no outcome is known yet")
        raise DataError(f"no list of {replay.mondays[0]} to {known[-1]} can be evaluated: {why}")
    everybody = read_leavers(replay)
    leavers = everybody[counted(everybody, evaluated[0][0], evaluated[-1][0])].reset_index(drop=True)
    label, seed = settings.label, settings.training.seed

    def counts_of(part: float) -> Counts:
        with progress_bar("mondays") as on_monday:
            rules_of = replace(rules, part=part)
            return count_ways(evaluated, leavers, partial(left_on, replay), rules_of, on_monday)

    rules = Rules(settings.lists.cool_down_weeks, (label.lead_days + label.horizon_days) // 7, seed)
    with step("ways") as counts:
        ways = counts_of(1.0)
        counts |= {"leavers": len(leavers), "mondays": len(evaluated)}
    with step("figures"):
        figures = figures_of_ways(ways, leavers, label.horizon_days, seed)
        parts = [
            {"part": part} | figures_of_ways(counts_of(part), leavers, label.horizon_days, seed)
            for part in PARTS[:-1]
        ]
    left = {day: int(left_on(replay, day)["attrited"].sum()) for day in known}
    names = set(everybody["customer_id"])
    result = {
        **_period(replay, [day for day, _ in evaluated]),
        "reach_weeks": rules.reach_weeks,
        "quiet_weeks": rules.quiet_weeks,
        "leavers": {
            "counted": len(leavers),
            "money": round(float(leavers["lost_minor"].sum()) / 100, 2),
            "not_counted": len(everybody) - len(leavers),
            "held_out": _held_out(evaluated, leavers),
        },
        "models": _models(notes),
        **figures,
        "parts": [*parts, {"part": 1.0} | figures],
        "mondays": by_monday(notes, ways, left),
        "branches": by_branch(ways, leavers, _branches(evaluated, ways)),
        "stories": stories(evaluated, leavers, names, ways, rules.reach_weeks, settings.counts == "money"),
        "published_live": compare_published(bank, notes),
    }
    return result if settings.counts == "money" else without_money(result)


def _period(replay: Replay, evaluated: Sequence[date]) -> dict[str, Any]:
    """The bank, the Mondays that are looked at, and what counts as leaving."""
    settings = replay.context.settings
    return {
        "bank": settings.bank,
        "title": settings.title,
        "counts": settings.counts,
        "base_currency": settings.base_currency,
        "from": str(replay.mondays[0]),
        "to": str(replay.mondays[-1]),
        "first_list": str(evaluated[0]),
        "last_evaluated": str(evaluated[-1]),
        "data_through": str(replay.tables.last_day),
        "definition": settings.label.definition,
    }


def _held_out(evaluated: list[tuple[date, Path]], leavers: pd.DataFrame) -> int:
    """Leavers who were in the control group on a Monday on which they would have been called."""
    names: set[str] = set()
    for _, path in evaluated:
        table = pq.read_table(path, columns=["customer_id", "worked_decision"], partitioning=None).to_pandas()
        names |= set(table.loc[table["worked_decision"] == "held_out", "customer_id"])
    return len(names & set(leavers["customer_id"]))


def _models(notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each model in the order in which they scored: since when, trained as of, Mondays."""
    models: dict[str, dict[str, Any]] = {}
    for note in notes:
        if note["model_id"]:
            row = {"model_id": note["model_id"], "since": str(note["monday"]), "mondays": 0}
            row["trained_as_of"] = note["trained_as_of"]
            models.setdefault(note["model_id"], row)["mondays"] += 1
    return list(models.values())


def _branches(evaluated: list[tuple[date, Path]], ways: Counts) -> list[str]:
    """The branch of each customer of any cohort, as of the last Monday that has them; empty for none."""
    branches: Mapping[str, str] = {}
    for _, path in evaluated:
        table = pq.read_table(path, columns=["customer_id", "branch_id"], partitioning=None)
        branches = {**branches, **dict(zip(*(column.to_pylist() for column in table.columns), strict=True))}
    return [branches.get(str(name)) or "" for name in np.asarray(ways.customers)]


def replay_in_words(result: dict[str, Any]) -> str:
    """One row per way to fill the lists, and what they are about."""
    leavers, has_money = result["leavers"], result["counts"] == "money"
    took = f" with {leavers['money']:,.0f} {result['base_currency']}" if has_money else ""
    lines = [
        f"{leavers['counted']:,} customers left{took} after lists from {result['first_list']} to "
        f"{result['last_evaluated']}",
        f"{'':<18}{'in time':>9}{'share':>8}{'money' if has_money else '':>8}{'weeks':>7}{'calls':>9}",
    ]
    for name, row in result["ways"].items():
        money = f"{row['money_share']:.0%}" if has_money else ""
        lines.append(
            f"{name:<18}{row['found']:>9,.0f}{row['share']:>8.0%}{money:>8}{row['weeks']:>7.1f}"
            f"{row['calls']:>9,}"
        )
    live = result["published_live"]
    if live:
        scores, decisions = (sum(row[name] for row in live) for name in ("scores", "decisions"))
        lines.append(
            f"{len(live)} Mondays were published live: the same scores on {scores}, decisions on {decisions}"
        )
    return "\n".join(lines)
