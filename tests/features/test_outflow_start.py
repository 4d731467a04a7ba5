from datetime import date, timedelta

import pytest

from configs.bank_folder import load_settings
from features.build import first_monday
from features.engine.entities import make_entities
from features.outflow_start import outflow_starts
from tests.conftest import as_tables

MONDAY = date(2024, 3, 4)
START = date(2023, 6, 5)


def started(balances: dict[date, int], price: dict[date, int] | None = None) -> date | None:
    """The outflow start of one customer with these balances from each day on, lead 7 and horizon 90."""
    holding = {"customer_id": "C1", "product_id": "P1"}
    rows = [
        holding | {"valued_on": day, "balance": balance}
        | ({"units": balance // price[day], "unit_price": price[day]} if price else {})
        for day, balance in balances.items()
    ]  # fmt: skip
    bank = {
        "customers": [{"customer_id": "C1", "opened_on": START, "known_on": START}],
        "products": [{"product_id": "P1", "product_class": "fund"}],
        "holdings": rows,
    }
    entities = make_entities(as_tables(bank))
    through = MONDAY + timedelta(days=97)
    starts = outflow_starts(entities, {"C1": MONDAY}, first_monday(START), through, load_settings("demo"))
    return starts.get("C1")


def test_money_that_leaves_at_once_moves_from_the_monday_after():
    # On Wednesday 04-17 all is gone: from Monday 04-22 on no day had more, on 04-15 there were two.
    assert started({START: 1_000_000, date(2024, 4, 17): 100_000}) == date(2024, 4, 22)


def test_what_moves_on_a_monday_moved_by_that_monday():
    assert started({START: 1_000_000, date(2024, 4, 22): 100_000}) == date(2024, 4, 22)
    assert started({START: 1_000_000, date(2024, 4, 23): 100_000}) == date(2024, 4, 29)


def test_a_tenth_of_what_left_is_the_beginning():
    # 800,000 leave in the end; 70,000 are no tenth of them, 80,000 are.
    first, later = date(2024, 3, 20), date(2024, 5, 1)
    assert started({START: 1_000_000, first: 930_000, later: 200_000}) == date(2024, 5, 6)
    assert started({START: 1_000_000, first: 920_000, later: 200_000}) == date(2024, 3, 25)


def test_money_that_came_back_once_has_not_begun_to_move():
    out, back, gone = date(2024, 3, 12), date(2024, 4, 2), date(2024, 5, 14)
    assert started({START: 1_000_000, out: 200_000, back: 1_000_000, gone: 100_000}) == date(2024, 5, 20)


def test_money_may_have_begun_to_move_before_the_monday():
    assert started({START: 1_000_000, date(2024, 2, 14): 850_000, date(2024, 5, 1): 100_000}) == date(
        2024, 2, 19
    )


def test_who_took_nothing_along_has_none():
    assert started({START: 1_000_000}) is None


def test_a_falling_price_moves_no_money():
    fall, gone = date(2024, 3, 12), date(2024, 5, 14)
    price = {START: 100, fall: 80, gone: 80}
    assert started({START: 1_000_000, fall: 800_000, gone: 80_000}, price) == date(2024, 5, 20)


@pytest.mark.parametrize("day", range(1, 8))
def test_a_list_of_the_monday_before_the_start_came_before_the_money_moved(day):
    moved = date(2024, 4, 15) + timedelta(days=day)
    start = started({START: 1_000_000, moved: 100_000})
    assert start - timedelta(weeks=1) < moved <= start
