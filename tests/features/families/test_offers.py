"""What money here would earn more by the offers that run on the Sunday before Monday 2024-03-04."""

from datetime import date, timedelta
from typing import Any

import pytest

from configs.settings import Settings
from features.build import build
from features.engine.entities import make_entities

MONDAY, HISTORY = date(2024, 3, 4), date(2022, 1, 3)
DAY = timedelta(days=1)
OFFER = {"offer_id": "O", "product_class": "term", "months": 12, "interest_rate": "2.25",
         "from_on": date(2024, 1, 1), "known_on": date(2023, 12, 28), "to_on": None}  # fmt: skip


@pytest.fixture
def gap(tables_of: Any, bank_settings: Settings) -> Any:
    """Interest missed and money below offers, of 600,000 in a year's deposit at 1.75% and 100,000 without."""

    def look(*offers: dict[str, Any], paid_out: date | None = None, **changed: Any) -> tuple[float, float]:
        held = {"customer_id": "C1", "valued_on": date(2023, 6, 1), "known_on": date(2023, 6, 1)}
        rows = [
            held | {"product_id": "term", "balance": 600_000, "interest_rate": "1.75"} | changed,
            held | {"product_id": "demand", "balance": 100_000},
        ]
        if paid_out:
            end = {"product_id": "term", "balance": 0, "valued_on": paid_out, "known_on": paid_out}
            rows.append(held | end)
        bank = {
            "customers": [{"customer_id": "C1", "opened_on": date(2015, 5, 1)}],
            "products": [{"product_id": "term", "product_class": "term", "months": 12},
                         {"product_id": "demand", "product_class": "demand"}],
            "holdings": rows,
            "offers": list(offers),
        }  # fmt: skip
        ((_, _, features),) = build(make_entities(tables_of(bank)), [MONDAY], HISTORY, bank_settings)
        (row,) = features.to_pylist()
        assert row["offer_gap_share"] == pytest.approx(row["offer_gap_sum"] / row["aum_last"], nan_ok=True)
        return row["offer_gap_sum"], row["below_offer_sum"]

    return look


@pytest.mark.parametrize(
    "other",
    [
        {"months": 6}, {"months": None}, {"product_class": "wealth"}, {"currency": "USD"},
        {"least_amount": 600_001}, {"from_on": MONDAY}, {"to_on": MONDAY - DAY},
    ],
)  # fmt: skip
def test_an_offer_counts_for_its_class_currency_term_amount_and_days(gap, other):
    assert gap(OFFER) == (3_000, 600_000)  # half a percent of 600,000
    assert gap(OFFER | {"least_amount": 600_000, "to_on": MONDAY}) == (3_000, 600_000)
    assert not gap(OFFER | other)[0] > 0


def test_a_balance_counts_that_is_paid_out_on_the_monday_itself(gap):
    assert gap(OFFER, paid_out=MONDAY) == (3_000, 600_000)


def test_the_best_of_several_and_none_that_pays_less(gap):
    assert gap(OFFER, OFFER | {"offer_id": "P", "interest_rate": "2.75"}) == (6_000, 600_000)
    assert gap(OFFER | {"interest_rate": "1.75"}) == (0, 0)


def test_the_last_version_known_counts(gap):
    ended = OFFER | {"to_on": date(2024, 2, 1)}
    assert gap(OFFER, ended | {"known_on": MONDAY - DAY}) != (3_000, 600_000)
    assert gap(OFFER, ended | {"known_on": MONDAY}) == (3_000, 600_000)


def test_nothing_is_known_without_offers_or_without_interest(gap):
    for found in (gap(), gap(OFFER | {"known_on": MONDAY}), gap(OFFER, interest_rate=None)):
        assert all(value != value for value in found)
