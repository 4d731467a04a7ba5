"""What an ingest says of balances at month-ends alone, of one day alone, and of accounts that are gone."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline.ingest.findings import read_findings

MONTHS = [date(2024, month, 1) - timedelta(days=1) for month in range(2, 11)]
CUSTOMERS = [f"C{n}" for n in range(1, 7)]


def snapshots(tiny: Any, days: list[date], gone: str = "", **last: Decimal) -> None:
    """A balance of each customer on each day; ``gone`` has the first alone, ``last`` are other first ones."""
    rows = [(name, day) for day in days for name in CUSTOMERS if name != gone or day == days[0]]
    tiny.write_holdings(
        "hold_1.parquet",
        CUST=[name for name, _ in rows],
        PROD=["P1"] * len(rows),
        DAY=[str(day) for _, day in rows],
        BAL=[last.get(name, Decimal("1000.25")) if day == days[0] else Decimal("1000.25")
             for name, day in rows],
    )  # fmt: skip
    lines = [f"M{k},C1,A1,{day} 10:00:00,1.50,CNY,other,{day}," for k, day in enumerate(days)]
    tiny.write("txn_2.csv", (tiny.raw / "txn_1.csv").read_text().partition("\n")[0] + "\n" + "\n".join(lines))


def said(tiny: Any, about: str, warning: bool = True, **changes: Any) -> list[str]:
    tables = tiny.ingest()
    findings = read_findings(tiny.settings(**changes), tables)
    return [one.text for one in findings if one.warning == warning and one.text.startswith(about)]


def test_windows_that_see_one_month_end_or_none_are_named(tiny: Any) -> None:
    snapshots(tiny, MONTHS)
    (text,) = said(tiny, "holdings")
    assert text == (
        "holdings: rows lie 30 days apart (9 days from 2024-01-31 to 2024-09-30): features over 4 weeks see "
        "one of them or none, and say more of the calendar than of customers. Set windows = [13, 26, 52] "
        "under [features] in configs/banks/tiny/bank.toml."
    )
    fitting = {"features": {"windows": [13, 26, 52]}}
    assert said(tiny, "holdings", **fitting) == []
    (remark,) = said(tiny, "holdings", warning=False, **fitting)
    assert "Features over less than 13 weeks are left out or empty" in remark


def test_an_outcome_window_shorter_than_a_month_is_named(tiny: Any) -> None:
    snapshots(tiny, MONTHS[:2] + MONTHS[3:4])  # 29 and 61 days apart
    short = {"features": {"windows": [13]}, "label": {"horizon_days": 30}}
    (text,) = said(tiny, "holdings", **short)
    assert "label.horizon_days = 30: an outcome window may hold none" in text


def test_balances_of_one_day_are_named(tiny: Any) -> None:
    (text,) = said(tiny, "holdings", warning=False)
    assert text.startswith("holdings: all rows are of one day, 2024-03-03: nothing can be seen to change.")


def test_daily_rows_are_not_named(tiny: Any) -> None:
    snapshots(tiny, [date(2024, 3, 1) + timedelta(days=k) for k in range(10)])
    assert said(tiny, "holdings") + said(tiny, "transactions") == []


def test_accounts_that_are_in_no_later_snapshot_are_named_with_their_money(tiny: Any) -> None:
    snapshots(tiny, MONTHS, gone="C2", C2=Decimal("700.00"))
    fitting = {"features": {"windows": [13]}}
    (text,) = said(tiny, "holdings", **fitting)
    assert text.startswith("holdings: 1 accounts with 700 CNY in all have no row on the last day")
    assert text.endswith("Deliver 0 for what has been closed.")


def test_an_account_that_ended_with_0_is_closed(tiny: Any) -> None:
    snapshots(tiny, MONTHS, gone="C2", C2=Decimal(0))
    assert said(tiny, "holdings", features={"windows": [13]}) == []


@pytest.mark.parametrize("late", [31, 32])
def test_the_history_begins_with_the_balances_where_they_come_later(tiny: Any, late: int) -> None:
    begins = date(2024, 3, 1) + timedelta(days=late)  # the first booking is of 1 March
    snapshots(tiny, [begins, begins + timedelta(days=30)])
    tables = tiny.ingest()
    assert tables.first_day == (begins if late > 31 else date(2024, 3, 1))
    named = said(tiny, "holdings begin", warning=False)
    assert len(named) == (late > 31)


def test_older_balances_of_a_later_delivery_move_the_beginning_back(tiny: Any) -> None:
    late = date(2024, 4, 12)
    snapshots(tiny, [late])
    assert tiny.ingest().first_day == late
    tiny.write_holdings("hold_2.parquet", DAY=["2024-03-03"] * 6)
    tables = tiny.ingest()
    assert len(tables.builds_on) == 1
    assert tables.first_day == date(2024, 3, 1)
