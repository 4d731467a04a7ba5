from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from configs.errors import ConfigError, DataError
from pipeline.demo_bank import Bank
from pipeline.demo_bank import parameters as p

LAST_MONDAY = date(2026, 11, 16)
CUSTOMERS, WEEKS = 800, 30


def played(called_in: dict[int, list[str]]) -> tuple[Bank, dict[str, pa.Table]]:
    """A bank at its end, and all its weeks' tables by name, spoiled rows and all."""
    bank = Bank(CUSTOMERS, WEEKS, 7, LAST_MONDAY)
    bank.opening_week()
    weeks = [bank.advance(called_in.get(week, [])) for week in range(WEEKS)]
    return bank, {name: pa.concat_tables([week.tables[name] for week in weeks]) for name in weeks[0].tables}


def others(table: pa.Table, called: list[str]) -> list[dict[str, object]]:
    if "CUST_NO" not in table.column_names:
        return table.to_pylist()
    who = table["CUST_NO"].cast(pa.string())
    return table.filter(pc.invert(pc.is_in(who, pa.array(called)))).to_pylist()


def test_a_call_changes_only_the_called() -> None:
    quiet, without = played({})
    called = quiet.customers.customer_ids[:400]
    _, with_calls = played({5: called, 15: called})
    changed = 0
    for name, table in without.items():
        assert others(table, called) == others(with_calls[name], called), name
        changed += table.num_rows != with_calls[name].num_rows
    # Two calls to 400 customers: their contacts at least are more.
    assert changed > 0


def test_calls_move_the_probability_the_way_the_truth_says() -> None:
    bank, other = (Bank(CUSTOMERS, WEEKS, 7, LAST_MONDAY) for _ in range(2))
    for _ in range(20):
        bank.advance()
        other.advance()
    before = bank.truth()
    helped = before.customer[before.call_effect < -0.005]
    harmed = before.customer[before.call_effect > 0.005]
    assert len(helped) > len(harmed) > 0
    assert (before.call_effect == 0).mean() > 0.3
    other.advance([bank.customers.customer_ids[place] for place in helped])
    bank.advance()
    quiet, called = bank.truth(), other.truth()
    mean = [truth.probability[np.isin(truth.customer, helped)].mean() for truth in (quiet, called)]
    assert mean[1] < mean[0]


def test_a_call_works_on_those_alone_who_are_recorded_as_having_answered() -> None:
    bank = Bank(CUSTOMERS, WEEKS, 7, LAST_MONDAY)
    numbers = np.array(bank.customers.customer_ids)
    rows = bank.advance(numbers[:300].tolist()).tables["contacts"].to_pylist()
    asked_for = {row["CUST_NO"] for row in rows if row["CONT_PURP"] == "30"} & set(numbers)
    answered = {row["CUST_NO"] for row in rows if (row["CONT_PURP"], row["CONT_RSLT"]) == ("30", "A")}
    assert 100 < len(answered) < len(asked_for) <= 300
    assert answered & asked_for == set(numbers[bank.states.called_until > 0])


def test_an_unknown_number_cannot_be_called() -> None:
    bank = Bank(CUSTOMERS, WEEKS, 7, LAST_MONDAY)
    with pytest.raises(DataError, match="'1'"):
        bank.advance(["1"])


def test_the_last_week_is_the_last() -> None:
    bank = Bank(CUSTOMERS, 1, 7, LAST_MONDAY)
    bank.advance()
    with pytest.raises(ConfigError, match="after 1 weeks"):
        bank.advance()


def test_everything_happens_within_the_period() -> None:
    bank = Bank(CUSTOMERS, 8, 7, LAST_MONDAY)
    assert bank.monday == date(2026, 9, 21)
    bank.opening_week()
    weeks = [bank.advance() for _ in range(8)]
    assert weeks[-1].monday == date(2026, 11, 9)
    assert bank.monday == LAST_MONDAY
    moments = pa.concat_tables([week.tables["events"] for week in weeks])["EVT_TM"]
    assert pc.min(moments).as_py().date() >= date(2026, 9, 21)
    assert pc.max(moments).as_py().date() < LAST_MONDAY


def test_shares_of_the_population() -> None:
    bank = Bank(20_000, WEEKS, 7, LAST_MONDAY)
    customers = bank.customers
    assert len(set(customers.customer_ids)) == customers.count
    assert {len(number) for number in customers.customer_ids} == {19}
    # One standard error of a share of 20,000 is below 0.0036.
    assert abs((customers.opened_week >= 0).mean() - p.NEW_SHARE) < 0.015
    affluent = ((customers.anchor >= 500_000_00) & (customers.anchor < 5_000_000_00)).mean()
    assert 0.45 < affluent < 0.62
