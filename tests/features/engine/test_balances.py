"""AUM, daily averages and market moves around Monday 2024-03-04, by hand."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

MONDAY = date(2024, 3, 4)


def held(product: str, day: date, balance: Any, units: Any = None, price: Any = None) -> dict[str, Any]:
    return {"product_id": product, "valued_on": day, "balance": balance, "units": units, "unit_price": price}


def test_daily_average_by_hand(features_on: Any) -> None:
    # The 28 days from 02-05: 100 up to 02-25 (21 days), 170 on 02-26 … 03-02 (6), 30 on 03-03 (1).
    rows = [held("demand", date(2023, 1, 1), 100), held("demand", date(2024, 2, 26), 170),
            held("demand", date(2024, 3, 3), 30), held("demand", MONDAY, 10**9)]  # fmt: skip
    found = features_on(MONDAY, holdings=rows)
    assert found["aum_mean_4w"] == (21 * 100 + 6 * 170 + 30) / 28
    assert (found["aum_last"], found["aum_min_4w"]) == (30, 30)
    # The Mondays 02-12, 02-19, 02-26 and 03-04 saw 100, 100, 100 and 30.
    assert found["aum_drawdown_4w"] == pytest.approx(0.7)
    assert found["aum_change_4w"] == pytest.approx(-0.7)


def test_deviation_and_slope_of_a_straight_line(features_on: Any) -> None:
    # 13 Mondays 100, 110 … 220: slope 10 a week; variance of 0 … 12 is 14; the mean of the days comes apart.
    rows = [held("demand", date(2023, 1, 1), 90)]
    days = [date.fromordinal(MONDAY.toordinal() - 7 * k - 1) for k in reversed(range(13))]
    rows += [held("demand", day, 100 + 10 * k) for k, day in enumerate(days)]
    found = features_on(MONDAY, holdings=rows)
    assert found["aum_slope_13w"] * found["aum_mean_13w"] == pytest.approx(10)
    assert found["aum_deviation_13w"] * found["aum_mean_13w"] == pytest.approx(10 * 14**0.5)


def test_a_fund_that_fell_is_no_outflow(features_on: Any) -> None:
    rows = [held("fund", date(2023, 1, 1), 1_000, 1_000, 1),
            held("fund", date(2024, 2, 20), 600, 1_000, "0.6")]  # fmt: skip
    found = features_on(MONDAY, holdings=rows)
    assert (found["aum_last"], found["market_move_sum_13w"], found["aum_change_4w"]) == (600, -400, 0)
    assert found["aum_base"] == 600  # the average of the 13 weeks at the prices of the Monday


def test_sold_after_a_rise(features_on: Any) -> None:
    # 1,000 rises to 1,200; then 300 of it is sold at the new price: 900 beside 1,200.
    rows = [held("fund", date(2023, 1, 1), 1_000, 1_000, 1),
            held("fund", date(2024, 2, 20), 900, 750, "1.2")]  # fmt: skip
    found = features_on(MONDAY, holdings=rows)
    assert found["market_move_sum_13w"] == 200
    assert found["aum_change_4w"] == pytest.approx(-0.25)


def test_a_market_move_is_a_whole_number_of_cents_with_halves_up(features_on: Any) -> None:
    # 1.00 × 0.005 is half a cent, which as a float product is 0.4999…; -0.005 rounds up to 0.
    for price, cents in (("1.0050", 1), ("0.9950", 0), ("1.0049", 0), ("0.9949", -1)):
        rows = [held("fund", date(2023, 1, 1), 1, 1, 1), held("fund", date(2024, 2, 20), 1, 1, price)]
        assert features_on(MONDAY, holdings=rows)["market_move_sum_13w"] == cents / 100


@pytest.mark.parametrize(("units", "price"), [(None, None), (0, 1), (1_000, None), (1_000, 0)])
def test_no_market_move_without_units_and_price(features_on: Any, units: Any, price: Any) -> None:
    rows = [held("fund", date(2023, 1, 1), 1_000, units, price),
            held("fund", date(2024, 2, 20), 600, 1_000, 2)]  # fmt: skip
    found = features_on(MONDAY, holdings=rows)
    assert (found["market_move_sum_13w"], found["aum_change_4w"]) == (0, -0.4)


def test_what_counts_is_the_value_in_base_currency(features_on: Any) -> None:
    rows = [held("demand", date(2023, 1, 1), 100) | {"currency": "USD", "balance_base": Decimal(720)}]
    found = features_on(MONDAY, holdings=rows)
    assert (found["aum_last"], found["demand_share"]) == (720, 1)


def in_dollars(day: date, balance: int, rate: str, **more: Any) -> dict[str, Any]:
    base = (balance * Decimal(rate)).quantize(Decimal("0.01"))
    dollars = {"currency": "USD", "balance_base": base, "to_base": Decimal(rate)}
    return held("demand", day, balance) | dollars | more


def test_a_dollar_that_fell_is_no_outflow(features_on: Any) -> None:
    # 1,000 dollars at 7.2; then at 6.3, of which 100 are paid out: 900 × 7.2 - 1,000 × 7.2 … at the new rate.
    rows = [in_dollars(date(2023, 1, 1), 1_000, "7.2"), in_dollars(date(2024, 2, 20), 900, "6.3")]
    found = features_on(MONDAY, holdings=rows)
    assert (found["aum_last"], found["market_move_sum_13w"]) == (5_670, -900)
    assert found["aum_change_4w"] == pytest.approx(-0.1)


def test_price_and_rate_move_together(features_on: Any) -> None:
    # 1,000 units at 1 dollar: × 1.2 by the price, then × 0.5 by the rate; all units are still there.
    fund = {"product_id": "fund", "units": 1_000}
    rows = [in_dollars(date(2023, 1, 1), 1_000, "8", unit_price=1, **fund),
            in_dollars(date(2024, 2, 20), 1_200, "4", unit_price="1.2", **fund)]  # fmt: skip
    found = features_on(MONDAY, holdings=rows)
    assert (found["aum_last"], found["market_move_sum_13w"], found["aum_change_4w"]) == (4_800, -3_200, 0)


def test_a_price_of_a_whole_house_does_not_overflow(features_on: Any) -> None:
    rows = [held("fund", date(2023, 1, 1), 2 * 10**9, 1, 2 * 10**9),
            held("fund", date(2024, 2, 20), 6 * 10**9, 1, 6 * 10**9)]  # fmt: skip
    assert features_on(MONDAY, holdings=rows)["market_move_sum_13w"] == pytest.approx(4 * 10**9)


def test_an_overdraft_makes_aum_negative_and_shares_unknown(features_on: Any) -> None:
    found = features_on(MONDAY, holdings=[held("demand", date(2023, 1, 1), -50)])
    assert (found["aum_last"], found["product_held"]) == (-50, 0)
    assert found["demand_share"] != found["demand_share"]
