"""A compact history gives the same bytes; what is kept of them is needed."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from configs.settings import Settings
from features.build import build, build_labels
from features.engine import compact_history as module
from features.engine.compact_history import COMPACTED, compact_rows, kept_days
from features.engine.entities import FOREVER, Entities, Rows, day_number, make_entities
from tests.test_no_leakage import digest

SEEDS = range(40, 52)


def look(entities: Entities, drawn: Any, snapshots: list[date], settings: Settings) -> list[str]:
    """The digests of cohort, features and labels."""
    tables = [
        table for _, *built in build(entities, snapshots, drawn.history_from, settings) for table in built
    ]
    matured = drawn.data_through + timedelta(weeks=26)
    tables += [table for _, table in build_labels(entities, snapshots, drawn.history_from, matured, settings)]
    return [digest(table) for table in tables]


def compact(entities: Entities, before: int) -> Entities:
    rows = {name: module.compact_rows(entities.tables[name], before) for name in COMPACTED}
    return replace(entities, tables={**entities.tables, **rows})


def differs(seed: int, draw_bank: Any, tables_of: Any, settings: Settings) -> bool:
    drawn = draw_bank(seed)
    # The bank's snapshots come early in its history: look at Mondays that leave years behind them.
    monday = drawn.history_from + timedelta(days=(drawn.data_through - drawn.history_from).days // 7 * 7 - 56)
    snapshots = [monday - timedelta(weeks=5), monday]
    entities = make_entities(tables_of(drawn.bank))
    before = day_number(snapshots[0]) - kept_days(settings)
    compacted = compact(entities, before)
    assert sum(map(len, compacted.tables.values())) <= sum(map(len, entities.tables.values()))
    return look(entities, drawn, snapshots, settings) != look(compacted, drawn, snapshots, settings)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_bytes(seed, draw_bank, tables_of, bank_settings):
    assert not differs(seed, draw_bank, tables_of, bank_settings)


def test_the_same_bytes_where_months_decide_the_tier(draw_bank, tables_of, bank_settings):
    """The months looked at reach further back than any window."""
    rule = bank_settings.tier_rule.model_copy(update={"kind": "monthly_average"})
    by_month = bank_settings.model_copy(update={"tier_rule": rule})
    assert kept_days(by_month) > kept_days(bank_settings)
    assert not any(differs(seed, draw_bank, tables_of, by_month) for seed in (40, 41))


@pytest.mark.parametrize("kept", ["first", "last", "unsettled"])
def test_all_that_is_kept_is_needed(kept, draw_bank, tables_of, bank_settings, monkeypatch):
    """Dropped on purpose, each of them is missed in some bank."""

    def without(rows: Rows, before: int) -> Rows:
        full = compact_rows(rows, before)
        settled = np.flatnonzero((full.day < before) & (full.known_on < before) & (full.until == FOREVER))
        keep = np.ones(len(full), bool)
        if kept == "unsettled":
            keep = ~((full.day < before) & ((full.known_on >= before) | (full.until < FOREVER)))
        else:
            sort = module._sorts(full)[settled]
            step = 1 if kept == "first" else -1
            keep[settled[::step][module._firsts(sort[::step])]] = False
        return full.take(keep)

    monkeypatch.setattr(module, "compact_rows", without)
    assert any(differs(seed, draw_bank, tables_of, bank_settings) for seed in SEEDS)


def test_a_row_of_each_sort_is_kept(entities_of):
    """Five fees and a salary in 2018, one of 2018 known in 2023, and all of 2023."""
    fee = {"kind": "fee", "amount": -10}
    rows = [fee | {"booked_at": datetime(2018, 3, day)} for day in (1, 2, 3, 4, 5)]
    rows += [{"kind": "salary", "amount": 10, "booked_at": datetime(2018, 3, 3)}]
    rows += [fee | {"booked_at": datetime(2018, 3, 3), "known_on": date(2023, 1, 5)}]
    rows += [fee | {"booked_at": datetime(2023, 1, day)} for day in (2, 3, 4)]
    entities = entities_of(transactions=rows)
    kept = compact(entities, day_number(date(2023, 1, 2))).tables["transactions"]
    days = [str(np.datetime64(int(day), "D")) for day in kept.day]
    assert days == ["2018-03-01", "2018-03-03", "2018-03-03", "2018-03-05",
                    "2023-01-02", "2023-01-03", "2023-01-04"]  # fmt: skip


def test_a_booking_of_each_of_the_newest_days_is_kept(entities_of):
    """Of 120 days with two card payments each the newest 100, and the first day as the first of its sort."""
    days = [date(2018, 1, 1) + timedelta(days=number) for number in range(120)]
    rows = [
        {"kind": "card", "amount": -10, "booked_at": datetime.combine(day, datetime.min.time(), None)}
        for day in days
        for _ in range(2)
    ]
    entities = entities_of(transactions=rows)
    kept = compact(entities, day_number(date(2023, 1, 2))).tables["transactions"]
    assert kept.day.tolist() == [
        day_number(day) for day in (days[0], *days[20:], days[-1])
    ]  # and the last row of its sort
