"""Tiers by monthly averages: ten calendars worked by hand, the sum that saves, and a loop month by month."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest

from configs.settings import Settings
from configs.tier_rule import TierRule
from features.build import build
from features.engine.balances import make_balances
from features.engine.entities import day_number
from features.engine.tiles import Calendar
from features.tier_rule import follow, place, tier_columns, tier_places
from tests.features.conftest import HISTORY, held

DAY = timedelta(days=1)
MILLION = 1_000_000
RULE = TierRule(kind="monthly_average", months_below=3, months_watched=3)
# Balances from a day on (month, day, amount), all in 2023; the bounds are 500,000 (A), 1 million (W) and 5
# million (P), M below. Then per month of 2023, once it is closed, the tier and how many months in a row lay
# below its bound; from the third on the customer is watched.
CALENDARS: dict[str, tuple[list[tuple[int, int, float]], str]] = {
    # Six months below a million; the best of them, February's 900,000, is an A. The count begins anew.
    "falls to the best of six": (
        [(1, 1, 1_200_000), (2, 1, 900_000), (3, 1, 700_000), (4, 1, 400_000)],
        "W0 W1 W2 W3 W4 W5 A0 A1 A2 A3 A4 A5",
    ),
    # After four months below, June's average is a million to the cent: the watch is over.
    "the amount is back": (
        [(1, 1, 1_200_000), (2, 1, 800_000), (6, 1, 1_000_000), (7, 1, 800_000)],
        "W0 W1 W2 W3 W4 W0 W1 W2 W3 W4 W5 A0",
    ),
    "up at once": (
        [(1, 1, 300_000), (2, 1, 600_000), (3, 1, 5_000_000)],
        "M0 A0 P0 P0 P0 P0 P0 P0 P0 P0 P0 P0",
    ),
    # 6 million, then 700,000: from P to A past W.
    "falls two tiers": (
        [(1, 1, 6_000_000), (2, 1, 700_000)],
        "P0 P1 P2 P3 P4 P5 A0 A0 A0 A0 A0 A0",
    ),
    # One cent less than a million on each of a month's days.
    "a cent below": (
        [(1, 1, 1_000_000), (2, 1, 999_999.99), (9, 1, 1_000_000)],
        "W0 W1 W2 W3 W4 W5 A0 A0 W0 W0 W0 W0",
    ),
    # Opened on January 16: 16 of 31 days with 1.2 million are 619,354.83 a day.
    "opens in the month": (
        [(1, 16, 1_200_000)],
        "A0 W0 W0 W0 W0 W0 W0 W0 W0 W0 W0 W0",
    ),
    # February: 7 days with 2.5 million and 21 with 500,000 are 28 million / 28. March lies below.
    "the average of all days": (
        [(1, 1, 1_200_000), (2, 1, 2_500_000), (2, 8, 500_000)],
        "W0 W0 W1 W2 W3 W4 W5 A0 A0 A0 A0 A0",
    ),
    # Watched, then 5.5 million in May: a higher tier at once, and the count begins anew below it.
    "up while watched": (
        [(1, 1, 1_200_000), (2, 1, 700_000), (5, 1, 5_500_000), (6, 1, 700_000)],
        "W0 W1 W2 W3 P0 P1 P2 P3 P4 P5 A0 A0",
    ),
    # 1.5 million in February, then 700,000: to W first, which has a watch of its own.
    "down step by step": (
        [(1, 1, 6_000_000), (2, 1, 1_500_000), (3, 1, 700_000)],
        "P0 P1 P2 P3 P4 P5 W0 W1 W2 W3 W4 W5",
    ),
    # Everything leaves on March 16. March: 15 of 31 days with 800,000 are 387,096.77 a day, the best of six.
    "everything leaves": (
        [(1, 1, 800_000), (3, 16, 0)],
        "A0 A0 A1 A2 A3 A4 A5 M0 M0 M0 M0 M0",
    ),
}


def by_month(settings: Settings, rule: TierRule = RULE) -> Settings:
    return settings.model_copy(update={"tier_rule": rule})


def monday_from(day: date) -> date:
    return day + DAY * (-day.weekday() % 7)


def columns(entities: Any, mondays: list[date], settings: Settings) -> dict[str, np.ndarray]:
    days = np.array([day_number(day) for day in mondays])
    calendar = Calendar(days, day_number(HISTORY), (4, 13))
    balances = make_balances(entities.tables["holdings"], calendar, len(entities))
    return tier_columns(balances, np.zeros((len(mondays), len(entities))), settings)


def test_ten_calendars_worked_by_hand(entities_of: Any, bank_settings: Settings) -> None:
    rows = [
        {"customer_id": name} | held("demand", date(2023, month, day), Decimal(str(amount)))
        for name, (balances, _) in CALENDARS.items()
        for month, day, amount in balances
    ]
    customers = [{"customer_id": name, "opened_on": date(2015, 1, 1)} for name in CALENDARS]
    entities = entities_of(holdings=rows, customers=customers)
    # The first Monday on which each month is closed; one that begins a month sees the last one closed.
    mondays = [monday_from(date(2023 + month // 12, month % 12 + 1, 1)) for month in range(1, 13)]
    assert date(2023, 5, 1) in mondays
    found = columns(entities, mondays, by_month(bank_settings))
    letters = "MAWP"
    for k, name in enumerate(entities.customers):
        states = zip(found["tier"][:, k], found["months_below"][:, k], strict=True)
        assert " ".join(f"{letters[tier]}{count}" for tier, count in states) == CALENDARS[name][1], name
    # A week before, the month is still open: whoever rises by it has not risen yet.
    before = columns(entities, [monday - 7 * DAY for monday in mondays], by_month(bank_settings))
    rises = list(entities.customers).index("up at once")
    assert before["tier"][:3, rises].tolist() == [0, 0, 1]


def test_the_sum_that_saves_the_tier_saves_it_and_a_cent_less_does_not(
    entities_of: Any, bank_settings: Settings
) -> None:
    """Monday, May 15: 800,000 since February. 17 days of May are left; 200,000 × 31 / 17 = 364,705.882…"""
    rows = [held("demand", date(2023, 1, 1), 1_200_000), held("demand", date(2023, 2, 1), 800_000)]
    monday, settings = date(2023, 5, 15), by_month(bank_settings)
    found = {
        name: int(of[0, 0]) for name, of in columns(entities_of(holdings=rows), [monday], settings).items()
    }
    assert found == {
        "tier": 2, "months_below": 3, "falls_to": 1, "month_average_minor": 80_000_000,
        "needed_minor": 20_000_000, "saved_by_minor": 36_470_589,
    }  # fmt: skip
    for missing, count in ((0, 0), (1, 4)):
        sum_minor = 80_000_000 + found["saved_by_minor"] - missing
        saved = [*rows, held("demand", monday, Decimal(sum_minor) / 100)]
        june = columns(entities_of(holdings=saved), [date(2023, 6, 5)], settings)
        assert june["months_below"].tolist() == [[count]]


def test_money_that_is_back_keeps_the_tier_from_the_next_month_on(
    entities_of: Any, bank_settings: Settings
) -> None:
    """Watched with 800,000 since February; a million and a half is back on May 25, too late for May."""
    rows = [held("demand", date(2023, 1, 1), 1_200_000), held("demand", date(2023, 2, 1), 800_000)]
    rows.append(held("demand", date(2023, 5, 25), 1_500_000))
    found = columns(entities_of(holdings=rows), [date(2023, 5, 29)], by_month(bank_settings))
    # 24 × 800,000 + 7 × 1.5 million of 31 million: 1.3 million are missing, and 3 days are left.
    assert {name: of[0, 0] for name, of in found.items()} | {"month_average_minor": 0} == {
        "tier": 2, "months_below": 3, "falls_to": 2, "month_average_minor": 0,
        "needed_minor": 4_193_549, "saved_by_minor": 43_333_334,
    }  # fmt: skip


def test_a_late_row_changes_the_mondays_after_it_was_known(entities_of: Any, bank_settings: Settings) -> None:
    """What left on February 1 is known on May 10: until then nobody is watched."""
    late = held("demand", date(2023, 2, 1), 800_000) | {"known_on": date(2023, 5, 10)}
    entities = entities_of(holdings=[held("demand", date(2022, 1, 3), 1_200_000), late])
    mondays = [date(2023, 5, 8), date(2023, 5, 15)]
    cohorts = [
        cohort.to_pylist()[0] for _, cohort, _ in build(entities, mondays, HISTORY, by_month(bank_settings))
    ]
    shown = [(row["tier"], row["months_below"], row["falls_to"], row["saved_by_minor"]) for row in cohorts]
    assert shown == [("wealth", 0, "wealth", 0), ("wealth", 3, "affluent", 36_470_589)]
    ((_, cohort, _),) = build(entities, mondays[1:], HISTORY, bank_settings)
    assert "months_below" not in cohort.column_names


@pytest.mark.parametrize(("below", "watched"), [(3, 3), (1, 1), (2, 4)])
def test_tiers_equal_a_loop_month_by_month_over_the_whole_history(
    below: int, watched: int, entities_of: Any, bank_settings: Settings
) -> None:
    random, rows = Random(below), []
    for name in range(25):
        day = date(2022, 1, 3) + DAY * random.randrange(60)
        while day < date(2025, 7, 1):
            amount = random.choice((300_000, 500_000, 700_000, 1_000_000, 1_300_000, 5_000_000, 6_000_000, 0))
            rows.append({"customer_id": f"C{name:02}"} | held("fund", day, amount))
            day += DAY * random.choice((9, 40, 80, 200))
    customers = [{"customer_id": f"C{name:02}", "opened_on": date(2015, 1, 1)} for name in range(25)]
    entities = entities_of(holdings=rows, customers=customers)
    rule = TierRule(kind="monthly_average", months_below=below, months_watched=watched)
    settings = by_month(bank_settings, rule)
    mondays = [date(2024, 12, 2) + 7 * DAY * week for week in range(0, 30, 3)]
    found = columns(entities, mondays, settings)
    bounds = [int(tier.min_aum) for tier in settings.tiers]
    for k, name in enumerate(entities.customers):
        changes = {row["valued_on"]: row["balance"] for row in rows if row["customer_id"] == name}
        for s, monday in enumerate(mondays):
            tier, count = looped(changes, monday, bounds, below + watched)
            assert (found["tier"][s, k], found["months_below"][s, k]) == (tier, count), (name, monday)
    alone = columns(entities, mondays[-1:], settings)
    assert all(np.array_equal(alone[name][0], found[name][-1]) for name in found)


def looped(changes: dict[date, int], monday: date, bounds: list[int], months_to_fall: int) -> tuple[int, int]:
    """Tier and months below it by every closed month from 2022 on, day by day."""
    tier = count = balance = total = days = 0
    levels: list[int] = []
    day = date(2022, 1, 1)
    while day < monday:
        balance = changes.get(day, balance)
        total, days = total + balance, days + 1
        day += DAY
        if day.day > 1:
            continue
        level = sum(Fraction(total, days) >= bound for bound in bounds[1:])
        total, days = 0, 0
        levels.append(level)
        if level >= tier:
            tier, count = level, 0
        elif count + 1 == months_to_fall:
            tier, count = max(levels[-months_to_fall:]), 0
        else:
            count += 1
    return tier, count


def test_whatever_came_before_the_months_looked_at_changes_nothing() -> None:
    levels = np.random.default_rng(5).integers(0, 4, (60, 4_000))
    levels[:, 2_000:] = np.minimum(levels[:, 2_000:], np.arange(60)[::-1, None] // 12)
    looked_at = RULE.months_looked_at(4)
    for whole, late in zip(follow(levels, RULE), follow(levels[60 - looked_at :], RULE), strict=True):
        assert np.array_equal(whole[-1], late[-1])


@pytest.mark.parametrize(
    ("aum", "tier"),
    [(-5, "mass"), (0, "mass"), (499_999.99, "mass"), (500_000, "affluent"), (9e9, "private")],
)
def test_a_tier_begins_at_its_bound(aum: float, tier: str, bank_settings: Settings) -> None:
    assert bank_settings.tiers[place(np.array(aum), bank_settings.tiers)].name == tier


def test_by_threshold_the_average_decides_and_without_one_there_is_no_tier(
    entities_of: Any, bank_settings: Settings
) -> None:
    entities = entities_of(holdings=[held("demand", date(2023, 1, 1), 1)])
    calendar = Calendar(np.array([day_number(date(2023, 5, 1))]), day_number(HISTORY), (4, 13))
    balances = make_balances(entities.tables["holdings"], calendar, 1)
    for base, expected in ((np.nan, -1), (700_000.0, 1), (6e6, 3)):
        assert tier_places(balances, np.array([[base]]), bank_settings).tolist() == [[expected]]
