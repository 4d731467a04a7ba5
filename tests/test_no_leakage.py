"""Features are blind to the future: what happened or became known from a Monday on changes no byte of it."""

import hashlib
import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from configs.settings import Settings
from configs.tables import TABLES
from features import cohort
from features import label as labels
from features.build import build, build_labels
from features.engine import cut
from features.engine.entities import Rows, make_entities
from features.engine.tiles import Calendar
from features.families import lifecycle, relationship
from features.structure import build_structure_of
from tests.conftest import DAY, Bank, Row, day_of
from tests.features.conftest import with_label

Look = Callable[[Bank], list[str]]
TABLES_OF_A_CUSTOMER = [name for name, contract in TABLES.items() if contract.by_customer]


def digest(table: pa.Table) -> str:
    """Of the bytes, so that NaN equals NaN and -0.0 does not equal 0.0."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def looker(tables_of: Any, settings: Settings, history_from: date, snapshots: Sequence[date]) -> Look:
    """Cohort, features, structure and what was unexplained, as four digests per snapshot."""

    def look(bank: Bank) -> list[str]:
        entities = make_entities(tables_of(bank))
        made = build(entities, snapshots, history_from, settings)
        structure = build_structure_of(entities, snapshots, history_from, settings)
        both = zip(made, structure, strict=True)
        return [digest(table) for (_, *one), (_, *other) in both for table in (*one, *other)]

    return look


class Perturbation:
    """One random change to a bank that a Monday cannot know of yet."""

    def __init__(self, rng: random.Random, monday: date) -> None:
        self.rng, self.monday = rng, monday

    def apply(self, bank: Bank) -> str:
        changes = [(self.add, self.event), (self.add_late, self.past_event), (self.delete, self.unseen)]
        changes += [(self.change, self.unseen), (self.correct, self.stands), (self.postpone, self.corrected)]
        changes.append((self.welcome, self.event))
        for change, fits in self.rng.sample(changes, len(changes)):
            table = self.rng.choice(TABLES_OF_A_CUSTOMER)
            if rows := [row for row in bank[table] if fits(table, row)]:
                return change(bank, table, self.rng.choice(rows))
        raise AssertionError("this bank has nothing to perturb")

    def later(self) -> date:
        """The Monday itself half of the time."""
        return self.monday + DAY * self.rng.choice((0, 0, 0, 1, 6, 7, 90))

    def event(self, table: str, _row: Row) -> bool:
        return table != "customers"

    def past_event(self, table: str, row: Row) -> bool:
        return table != "customers" and happened(table, row) < self.monday

    def stands(self, table: str, row: Row) -> bool:
        return happened(table, row) < self.monday and not row.get("superseded_on")

    def unseen(self, table: str, row: Row) -> bool:
        return happened(table, row) >= self.monday or row["known_on"] >= self.monday

    def corrected(self, _table: str, row: Row) -> bool:
        return (row.get("superseded_on") or date.min) >= self.monday

    def copy(self, table: str, row: Row, number: int, **changed: Any) -> Row:
        key = TABLES[table].key[0]
        own = {} if key == "customer_id" else {key: f"new-{number}"}
        return {**row, **own, "superseded_on": None, **changed}

    def add(self, bank: Bank, table: str, row: Row) -> str:
        """Something happens on or after the Monday; booked at its midnight at the earliest."""
        column, day = TABLES[table].happened, self.later()
        when = datetime.combine(day, time(0)) if column.endswith("_at") else day
        bank[table].append(self.copy(table, row, len(bank[table]), **{column: when, "known_on": day}))
        return f"add to {table} on {day}"

    def add_late(self, bank: Bank, table: str, row: Row) -> str:
        column, known = TABLES[table].happened, self.later()
        changed = {column: row[column] - DAY * self.rng.randrange(1, 30), "known_on": known}
        bank[table].append(self.copy(table, row, len(bank[table]), **changed))
        return f"add to {table}, known on {known}"

    def delete(self, bank: Bank, table: str, row: Row) -> str:
        bank[table].remove(row)
        if row["customer_id"] not in {one["customer_id"] for one in bank["customers"]}:
            for other in TABLES_OF_A_CUSTOMER:  # ingest refuses rows of nobody
                bank[other] = [one for one in bank[other] if one["customer_id"] != row["customer_id"]]
        return f"delete from {table}: {row}"

    def change(self, _bank: Bank, table: str, row: Row) -> str:
        row |= self.other_content(table)
        return f"change in {table}: {row}"

    def correct(self, bank: Bank, table: str, row: Row) -> str:
        """A row that stands is corrected on or after the Monday: a later version with another content."""
        known = max(self.later(), row["known_on"] + DAY)
        bank[table].append({**row, **self.other_content(table), "known_on": known})
        row["superseded_on"] = known
        return f"correct {table} on {known}: {row}"

    def postpone(self, _bank: Bank, table: str, row: Row) -> str:
        """A correction of the future comes on another day of the future, or not at all."""
        row["superseded_on"] = self.rng.choice((None, self.later()))
        return f"postpone in {table}: {row}"

    def welcome(self, bank: Bank, _table: str, _row: Row) -> str:
        name, day = f"N{len(bank['customers'])}", self.later()
        bank["customers"].append({"customer_id": name, "opened_on": day - DAY, "known_on": day})
        bank["holdings"].append({"customer_id": name, "product_id": "P-demand-1", "valued_on": day - DAY,
                                 "known_on": day, "balance": Decimal(800_000)})  # fmt: skip
        return f"welcome a customer known on {day}"

    def other_content(self, table: str) -> Row:
        amount = Decimal(self.rng.randrange(-(10**8), 10**8)) / 100
        return {
            "customers": {"status": self.rng.choice(("frozen", "closed")), "is_staff": True},
            "assignments": {"manager_id": self.rng.choice(("M8", "M9", None)), "to_on": None},
            "transactions": {"amount": amount, "amount_base": amount, "kind": "salary"},
            "holdings": {"balance": amount, "matures_on": self.monday + DAY * self.rng.randrange(90)},
            "contacts": {"outcome": self.rng.choice(("answered", "declined"))},
            "events": {},
            "surveys": {"score": self.rng.randint(1, 10)},
            "labels": {"gone": self.rng.random() < 0.5},
            "households": {"household_id": self.rng.choice(("F8", "F9"))},
        }[table]


def happened(table: str, row: Row) -> date:
    return day_of(row[TABLES[table].happened])


def middle_of(drawn: Any) -> date:
    return sorted(drawn.snapshots)[len(drawn.snapshots) // 2]


def first_seen(look: Callable[[Bank], Any], bank: Bank, monday: date, times: int) -> str | None:
    """The first perturbation that changed what is looked at; None where none of them did."""
    before = look(bank)
    for number in range(times):
        changed, perturbation = deepcopy(bank), Perturbation(random.Random(f"{monday} {number}"), monday)
        said = [perturbation.apply(changed) for _ in range(3)]
        if look(changed) != before:
            return f"{monday}: {said}"
    return None


def seen_through(drawn: Any, tables_of: Any, settings: Settings, times: int) -> str | None:
    """The first perturbation that changed a byte of its middle Monday or of the one a week before."""
    monday = middle_of(drawn)
    look = looker(tables_of, settings, drawn.history_from, [monday - 7 * DAY, monday])
    return first_seen(look, drawn.bank, monday, times)


@pytest.mark.parametrize(
    ("seeds", "times"), [(range(4), 12), pytest.param(range(100, 110), 100, marks=pytest.mark.long)]
)
def test_the_future_changes_no_byte(seeds, times, draw_bank, tables_of, bank_settings):
    for seed in seeds:
        assert not seen_through(draw_bank(seed), tables_of, bank_settings, times)


@pytest.mark.parametrize("seed", range(6))
def test_everything_changes_on_the_monday(seed, draw_bank, tables_of, bank_settings):
    """Every holding paid out, everyone reassigned, asked and corrected: that Monday sees none of it."""
    drawn = draw_bank(seed)
    monday = middle_of(drawn)
    look = looker(tables_of, bank_settings, drawn.history_from, [monday])
    bank, perturbation = deepcopy(drawn.bank), Perturbation(random.Random(seed), monday)
    for table in (name for name in TABLES_OF_A_CUSTOMER if name != "customers"):
        bank[table] += [on_monday(perturbation, table, row, k) for k, row in enumerate(drawn.bank[table])]
    for row in [
        row for row in bank["customers"] if row["known_on"] < monday and not row.get("superseded_on")
    ]:
        bank["customers"].append(row | {"status": "closed", "known_on": monday})
        row["superseded_on"] = monday
    assert look(bank) == look(drawn.bank)


def on_monday(perturbation: Perturbation, table: str, row: Row, number: int) -> Row:
    """The row again, as something else that happens in the Monday's first moment."""
    column, monday = TABLES[table].happened, perturbation.monday
    when = datetime.combine(monday, time(0)) if column.endswith("_at") else monday
    content = {"balance": 0, "matures_on": None} if table == "holdings" else perturbation.other_content(table)
    # A handover is known before it happens.
    known = monday - DAY if table == "assignments" else monday
    return perturbation.copy(table, row, number, **content, **{column: when, "known_on": known})


# A delivered label looks at no window of ours; tests/features/test_delivered.py has when it may be known.
DEFINITIONS = tuple(name for name in labels.DEFINITIONS if name != "delivered")


@pytest.mark.parametrize("definition", DEFINITIONS[1:])
def test_the_future_changes_nobodys_eligibility(definition, draw_bank, tables_of, bank_settings):
    assert not seen_through(
        draw_bank(6), tables_of, with_label(bank_settings, definition=definition, dormant_floor=400_000.0), 12
    )


def test_offers_of_the_future_are_not_seen(draw_bank, tables_of, bank_settings):
    """Better offers for everything, known on the Monday or beginning with it, and the end of all others."""
    found = set()
    for seed in range(3):
        drawn = draw_bank(seed)
        monday = middle_of(drawn)
        look = looker(tables_of, bank_settings, drawn.history_from, [monday])
        sunday = monday - DAY

        def with_offers(known_on: date, from_on: date, to_on: date, drawn: Any = drawn) -> Bank:
            rows = [
                row | {"offer_id": row["offer_id"] + later, "interest_rate": 9, "from_on": from_on,
                       "known_on": known_on, "to_on": to_on}
                for row in drawn.bank["offers"] for later in ("", "again")
            ]  # fmt: skip
            return drawn.bank | {"offers": [*drawn.bank["offers"], *rows]}

        before = look(drawn.bank)
        assert look(with_offers(monday, sunday, monday)) == before  # known too late
        assert look(with_offers(monday, sunday - DAY, sunday)) == before  # over, as is known too late
        found.add(look(with_offers(sunday, sunday, monday)) == before)  # known and running on the Sunday
    assert found == {False}


def labelled_anew(drawn: Any, tables_of: Any, settings: Settings, from_day: int) -> bool:
    """True where a label changes when everyone does the opposite so many days after its window."""
    monday = middle_of(drawn)
    end = settings.label.timeline(monday).outcome_end

    def look(bank: Bank) -> str:
        entities, through = make_entities(tables_of(bank)), end + 60 * DAY
        ((_, table),) = build_labels(entities, [monday], drawn.history_from, through, settings)
        return digest(table)

    return look(afterwards(drawn.bank, end + from_day * DAY)) != look(drawn.bank)


def afterwards(bank: Bank, day: date) -> Bank:
    """Every holding paid out or, if empty, paid into; everyone books; every record says closed, or active."""
    bank = deepcopy(bank)
    for row in [row for row in bank["holdings"] if row["known_on"] < day]:
        balance = Decimal(0) if row["balance"] > 0 else Decimal(900_000)
        plain = {key: value for key, value in row.items() if key in ("customer_id", "product_id")}
        bank["holdings"].append({**plain, "valued_on": day, "known_on": day, "balance": balance})
    for row in [row for row in bank["customers"] if not row.get("superseded_on") and row["known_on"] < day]:
        status = "active" if row["status"] == "closed" else "closed"
        bank["customers"].append(row | {"status": status, "known_on": day})
        row["superseded_on"] = day
        booking = {"booked_at": datetime.combine(day, time(0)), "known_on": day, "amount": Decimal(-5)}
        bank["transactions"].append({"customer_id": row["customer_id"], **booking})
    return bank


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_what_follows_the_window_changes_no_label(definition, draw_bank, tables_of, bank_settings):
    settings = with_label(bank_settings, definition=definition, dormant_floor=400_000.0)
    assert not any(labelled_anew(draw_bank(seed), tables_of, settings, 0) for seed in range(6))


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_a_label_that_looks_past_its_window_is_noticed(
    definition, draw_bank, tables_of, bank_settings, monkeypatch
):
    end_of = labels.end_of
    settings = with_label(bank_settings, definition=definition, dormant_floor=400_000.0)
    assert any(labelled_anew(draw_bank(seed), tables_of, settings, -30) for seed in range(6))
    monkeypatch.setattr(labels, "end_of", lambda *window: end_of(*window) + 30)
    assert any(labelled_anew(draw_bank(seed), tables_of, settings, 0) for seed in range(6))


def test_the_past_changes_bytes(draw_bank, tables_of, bank_settings):
    """The looks are not blind: one more booking known on the Sunday before is seen by that Monday only."""
    drawn = draw_bank(1)
    monday = middle_of(drawn)
    look = looker(tables_of, bank_settings, drawn.history_from, [monday - 7 * DAY, monday])
    before, bank = look(drawn.bank), deepcopy(drawn.bank)
    late = datetime.combine(monday - DAY, time(23, 59, 59))
    bank["transactions"] += [
        {"customer_id": row["customer_id"], "booked_at": late, "amount": Decimal(-5)}
        for row in bank["customers"]
    ]
    after = look(bank)
    assert after[:4] == before[:4]
    assert after[5] != before[5]
    assert after[6] != before[6]


def tomorrow(rows: Rows, snapshot: Any) -> Any:
    return (rows.day < snapshot + 1) & (rows.known_on < snapshot + 1) & (rows.until >= snapshot)


def hindsight(rows: Rows, snapshot: Any) -> Any:
    return (rows.day < snapshot) & (rows.known_on < snapshot + 7) & (rows.until >= snapshot)


def forgets_corrected(rows: Rows, snapshot: Any) -> Any:
    """Leaves out what will be corrected later: only the future can tell."""
    return (rows.day < snapshot) & (rows.known_on < snapshot) & (rows.until >= snapshot + 10**5)


LEAKS = [
    (part, leak) for part in (cut, cohort, relationship) for leak in (tomorrow, hindsight, forgets_corrected)
]


@pytest.mark.parametrize(("part", "leak"), [*LEAKS, (lifecycle, forgets_corrected)])
def test_a_planted_leak_is_noticed(part, leak, draw_bank, tables_of, bank_settings, monkeypatch):
    if part in (cohort, lifecycle):
        monkeypatch.setattr(part, "value_as_of", partial(cut.value_as_of, visible=leak))
    else:
        monkeypatch.setattr(part, "seen", leak)
    assert any(seen_through(draw_bank(seed), tables_of, bank_settings, 10) for seed in range(9))


def test_tiles_that_begin_a_day_early_are_noticed(draw_bank, tables_of, bank_settings, monkeypatch):
    """Monday's bookings fall into the week before."""
    position = Calendar.position
    monkeypatch.setattr(Calendar, "position", lambda self, day: position(self, np.asarray(day) - 1))
    assert any(seen_through(draw_bank(seed), tables_of, bank_settings, 10) for seed in range(3))


def test_one_monday_alone_or_among_others(draw_bank, tables_of, bank_settings):
    """A backfill of many Mondays at once gives the bytes that each gave live, from the rows of its day."""
    drawn = draw_bank(5)
    together = looker(tables_of, bank_settings, drawn.history_from, drawn.snapshots)(drawn.bank)
    for number, monday in enumerate(drawn.snapshots):
        live = delivered(drawn.bank, monday)
        alone = looker(tables_of, bank_settings, drawn.history_from, [monday])(live)
        assert alone == together[4 * number : 4 * number + 4], monday


def delivered(bank: Bank, monday: date) -> Bank:
    """The bank as delivered by then: no later rows, no later corrections, no customers to come."""
    known = {row["customer_id"] for row in bank["customers"] if row["known_on"] < monday}
    offers = [row for row in bank["offers"] if row["known_on"] < monday]
    there = {"products": bank["products"], "offers": offers}
    for table in TABLES_OF_A_CUSTOMER:
        rows = [row for row in bank[table] if row["customer_id"] in known and row["known_on"] < monday]
        there[table] = [row | {"superseded_on": corrected_by(row, monday)} for row in rows]
    return there


def corrected_by(row: Row, monday: date) -> date | None:
    day = row.get("superseded_on")
    return day if day and day < monday else None
