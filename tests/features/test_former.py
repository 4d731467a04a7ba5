"""Former customers by hand, and blind to the future: neither who left nor who came back is known early."""

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from configs.settings import Settings
from features import former
from features.engine import cut
from features.engine.entities import make_entities
from features.former import build_former, former_mondays
from tests.conftest import Bank
from tests.features.conftest import HISTORY, held
from tests.test_no_leakage import (
    delivered,
    digest,
    first_seen,
    forgets_corrected,
    hindsight,
    middle_of,
    tomorrow,
)

LEFT = date(2024, 2, 5)  # the first Monday that finds the money gone
SENT, WEEK = datetime(2024, 2, 1, 12), timedelta(weeks=1)
OUTCOME = ("returned", "brought_minor", "contacted")


def life(*holdings: Any, **more: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """400,000 on deposit and 400,000 at hand until a transfer of 700,000 on the Thursday before LEFT."""
    rows = [held("demand", date(2022, 5, 1), 400_000), held("term", date(2022, 5, 1), 400_000)]
    rows += [held("demand", SENT.date(), 100_000), held("term", SENT.date(), 0), *holdings]
    sent = {"booked_at": SENT, "amount": -700_000, "kind": "transfer_out", "counterparty": "broker"}
    return {"holdings": rows, "transactions": [sent]} | more


@pytest.fixture(scope="module")
def former_on(entities_of: Any, bank_settings: Settings) -> Any:
    """The rows of one Monday of the table of ``as_of``, which must be Mondays that teach."""

    def look(monday: date, as_of: date, **tables: Any) -> list[dict[str, Any]]:
        table = build_former(entities_of(**tables), as_of, HISTORY, bank_settings)
        return [row for row in table.to_pylist() if row["snapshot_date"] == monday]

    return look


def test_who_left_with_how_much_where_to_and_why(former_on: Any) -> None:
    events = [{"occurred_at": datetime(2024, 1, 3, 9), "kind": "complaint"}]
    contacts = [{"contacted_at": datetime(2024, 3, 1, 9), "channel": "phone", "outcome": "answered"}]
    monday = LEFT + 4 * WEEK
    ((row),) = former_on(monday, monday, **life(events=events, contacts=contacts))
    # 91 days up to LEFT: 87 of them with 800,000 and four with 100,000.
    base = 100 * (87 * 800_000 + 4 * 100_000) / 91
    assert (row["left_on"], row["base_minor"]) == (LEFT, round(base))
    assert (row["lost_minor"], row["aum_minor"]) == (round(base) - 10_000_000, 10_000_000)
    assert (row["reason"], row["destination"], row["classes"]) == ("complaint", "broker", 2)
    assert row["tenure_days"] == (LEFT - date(2015, 5, 1)).days
    assert (row["reached_on"], row["kept_off"], row["returned"]) == (date(2024, 3, 1), "", None)


def test_another_manager_is_a_reason_once_the_bank_knows(former_on: Any) -> None:
    first = {"from_on": date(2020, 1, 6), "manager_id": "M1", "branch_id": "B1", "to_on": date(2024, 1, 15)}
    second = {"from_on": date(2024, 1, 15), "manager_id": "M2", "branch_id": "B1", "to_on": None}
    monday = LEFT + 4 * WEEK
    for known_on, reason in ((monday - timedelta(days=1), "manager"), (monday, "")):
        handed = [first, second | {"known_on": known_on}]
        ((row),) = former_on(monday, monday, **life(assignments=handed))
        assert row["reason"] == reason
    ((row),) = former_on(monday, monday, **life(assignments=[second]))
    assert row["reason"] == ""  # the first manager of all is no change


def test_nobody_is_gone_before_it_has_lasted(former_on: Any) -> None:
    # LEFT and the four Mondays after it: the Monday before the last knows nothing.
    assert not former_on(LEFT + 3 * WEEK, LEFT + 3 * WEEK, **life())
    back = held("demand", date(2024, 2, 27), 800_000)
    assert not former_on(LEFT + 4 * WEEK, LEFT + 4 * WEEK, **life(back))
    falls = [held("fund", date(2022, 5, 1), 800_000, units=100, unit_price=8_000),
             held("fund", SENT.date(), 100_000, units=100, unit_price=1_000)]  # fmt: skip
    assert not former_on(LEFT + 4 * WEEK, LEFT + 4 * WEEK, holdings=falls)


def test_who_comes_back_has_half_of_it_for_five_mondays(former_on: Any) -> None:
    # From 100,000 half of some 669,000 more is needed by the end of a week: 435,000 are.
    came, monday = date(2024, 4, 3), LEFT + 4 * WEEK
    whole, little = (life(held("demand", came, amount)) for amount in (435_000, 434_000))
    later = monday + 20 * WEEK
    ((row),) = former_on(monday, later, **whole)
    assert (row["returned"], row["brought_minor"], row["contacted"]) == (True, 33_500_000, False)
    ((row),) = former_on(monday, later, **little)
    assert (row["returned"], row["brought_minor"]) == (False, 0)
    # The week of 04-03 ends before 04-08; the fifth Monday is 05-06.
    assert former_on(date(2024, 4, 29), date(2024, 4, 29), **whole)
    assert not former_on(date(2024, 5, 6), date(2024, 5, 6), **whole)
    assert former_on(date(2024, 5, 6), date(2024, 5, 6), **little)
    visit = life(held("demand", came, 435_000), held("demand", date(2024, 4, 24), 100_000))
    assert former_on(date(2024, 5, 27), date(2024, 5, 27), **visit)
    # The horizon of 13 weeks and four more have passed after 17 weeks, not after 16.
    ((early), (late)) = (former_on(monday, monday + k * WEEK, **whole) for k in (16, 20))
    assert [row["returned"] for row in (*early, *late)] == [None, True]


def test_two_years_later_nobody_is_a_former_customer(former_on: Any) -> None:
    assert former_on(LEFT + 100 * WEEK, LEFT + 100 * WEEK, **life())
    assert not former_on(LEFT + 104 * WEEK, LEFT + 104 * WEEK, **life())


@pytest.mark.parametrize(
    ("record", "why"),
    [({"status": "closed"}, "closed"), ({"status": "frozen"}, "deceased_or_frozen"),
     ({"status": "deceased"}, "deceased_or_frozen"), ({"is_staff": True}, "staff"),
     ({"marketing_opt_out": True}, "opted_out")],
)  # fmt: skip
def test_who_must_not_be_asked_is_kept_off(record: Any, why: str, former_on: Any) -> None:
    first = {"opened_on": date(2015, 5, 1), "known_on": date(2015, 5, 1), "superseded_on": date(2024, 2, 20)}
    customers = [first, first | {"known_on": date(2024, 2, 20), "superseded_on": None} | record]
    monday = LEFT + 4 * WEEK
    ((row),) = former_on(monday, monday, **life(customers=customers))
    assert row["kept_off"] == why


@pytest.fixture(scope="module")
def loose(bank_settings: Settings) -> Settings:
    """So that many of the few random customers have left, and some came back."""
    terms = {"share_gone": 0.2, "share_back": 0.2, "lasting_weeks": 1, "horizon_weeks": 6}
    return bank_settings.model_copy(update={"win_back": bank_settings.win_back.model_copy(update=terms)})


def table_of(bank: Bank, monday: date, drawn: Any, tables_of: Any, settings: Settings) -> pa.Table:
    return build_former(make_entities(tables_of(bank)), monday, drawn.history_from, settings)


def seen_through(drawn: Any, tables_of: Any, settings: Settings, times: int) -> str | None:
    monday = middle_of(drawn)
    return first_seen(
        lambda bank: digest(table_of(bank, monday, drawn, tables_of, settings)), drawn.bank, monday, times
    )


def test_the_future_changes_no_byte(draw_bank: Any, tables_of: Any, loose: Settings) -> None:
    for seed in range(2):
        assert not seen_through(draw_bank(seed), tables_of, loose, 5)


@pytest.mark.parametrize(
    ("part", "leak"),
    [(former, forgets_corrected), (cut, forgets_corrected)]
    + [
        pytest.param(part, leak, marks=pytest.mark.long)
        for part in (former, cut)
        for leak in (tomorrow, hindsight)
    ],
)
def test_a_planted_leak_is_noticed(
    part: Any, leak: Any, draw_bank: Any, tables_of: Any, loose: Settings, monkeypatch: Any
) -> None:
    monkeypatch.setattr(part, "seen", leak)
    if part is former:
        monkeypatch.setattr(former, "value_as_of", partial(cut.value_as_of, visible=leak))
    assert any(seen_through(draw_bank(seed), tables_of, loose, 8) for seed in range(9))


def test_a_monday_that_teaches_sees_what_it_saw_then(draw_bank: Any, tables_of: Any, loose: Settings) -> None:
    """Features of an earlier Monday are those of the rows known then; outcomes alone are known later."""
    rows = back = 0
    for seed in range(4):
        drawn = draw_bank(seed)
        newest = drawn.snapshots[-1]
        table = table_of(drawn.bank, newest, drawn, tables_of, loose)
        for monday in former_mondays(drawn.history_from, newest)[-8:-1:3]:
            then = table_of(delivered(drawn.bank, monday), monday, drawn, tables_of, loose)
            there = [
                one.filter(pc.equal(one["snapshot_date"], pa.scalar(monday))).drop_columns([*OUTCOME])
                for one in (table, then)
            ]
            assert digest(there[0]) == digest(there[1])
            rows += len(there[0])
        back += sum(bool(came) for came in table["returned"].to_pylist())
    assert (rows > 5, back > 5) == (True, True)
