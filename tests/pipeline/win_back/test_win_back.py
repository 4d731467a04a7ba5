"""Who is asked to come back and in which order; judged on Mondays by what was known on each."""

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.bank_folder import load_settings
from configs.call_lists import Assignment
from configs.settings import Settings
from models.win_back import Past, Prior, chances_out_of_time, fit_chance
from pipeline.lists.control_group import held_by_name
from pipeline.win_back import win_back as module

MONDAY, WEEK = date(2026, 11, 16), timedelta(weeks=1)
PRIOR = Prior(rate=0.05, evidence=20, least=20)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings("demo", {"lists": {"control_group_share": 0.0}})


def rows(monday: date, back: int, customers: int = 300, **changes: Any) -> pd.DataFrame:
    """Customers who left so many weeks before a Monday; the ``back`` first held most and came back."""
    number = np.arange(customers)
    frame = pd.DataFrame({"customer_id": [f"C{n:03}" for n in number], "snapshot_date": monday})
    known = monday + 17 * WEEK < MONDAY
    fixed: dict[str, Any] = {
        "left_on": monday - 20 * WEEK, "base_minor": 1_000_000_00, "lost_minor": 800_000_00 + 1_000 * number,
        "missing_minor": 400_000_00, "aum_minor": 200_000_00, "classes": np.where(number < 60, 6, 2),
        "satisfaction": np.nan, "tenure_days": 4000, "reason": "complaint", "destination": "broker",
        "kept_off": "", "reached_on": None, "branch_id": "B1", "manager_id": None, "household_id": None,
        "returned": pd.Series(number < back if known else [None] * customers, dtype=object),
        "brought_minor": np.where(number < back, 500_000_00, 0), "contacted": number < 2 * back,
    }  # fmt: skip
    fixed |= {f"by_{reason}": False for reason in ("complaint", "manager", "salary", "rollover", "interest")}
    return frame.assign(**fixed | changes)


def listed(frame: pd.DataFrame, settings: Settings, monkeypatch: Any, scored: Any = ()) -> module.FormerList:
    monkeypatch.setattr(module, "former_customers", lambda *_: frame)
    return module.win_back(settings, None, SimpleNamespace(), MONDAY, scored)  # type: ignore[arg-type]


def test_a_model_is_learnt_from_enough_returns_alone() -> None:
    generator = np.random.default_rng(1)
    columns = generator.normal(size=(400, 3))
    returned = generator.random(400) < 1 / (1 + np.exp(3 - 2 * columns[:, 0]))
    past = Past(columns, returned, np.arange(400), np.repeat(np.arange(4) * 4, 100), 17, 1.0)
    chance = fit_chance(past, PRIOR)
    assert chance.rests_on == "model"
    likely = chance.of(columns)
    assert likely[columns[:, 0] > 1].mean() > 3 * likely[columns[:, 0] < -1].mean()
    # In the large it promises what was seen; shrinking takes nothing from the sum.
    assert likely.sum() == pytest.approx(returned.sum(), rel=0.02)
    few = past.take(returned.cumsum() < PRIOR.least)
    alike = fit_chance(few, PRIOR)
    assert (alike.rests_on, set(alike.of(columns))) == ("rate", {alike.rate})
    assert alike.rate == pytest.approx((few.returned.sum() + 1) / (len(few.returned) + 20))
    # Nothing was seen at all: the prior.
    assert fit_chance(past.take(np.zeros(400, bool)), PRIOR).rate == pytest.approx(PRIOR.rate)


def test_a_week_is_judged_by_what_was_known_on_it() -> None:
    """Outcomes of rows of week 0 are known in week 17; what is known later changes no chance."""
    generator = np.random.default_rng(2)
    weeks = np.repeat([0, 4, 17, 20], 100)
    past = Past(generator.normal(size=(400, 2)), generator.random(400) < 0.5, np.arange(400), weeks, 17, 1.0)
    chances = chances_out_of_time(past, PRIOR, np.array([4, 17]))
    assert np.isnan(chances[weeks != 17]).all()
    other = replace(past, returned=np.where(weeks == 0, past.returned, ~past.returned))
    np.testing.assert_array_equal(chances_out_of_time(other, PRIOR, np.array([4, 17])), chances)
    turned = replace(past, returned=np.where(weeks == 0, ~past.returned, past.returned))
    assert (chances_out_of_time(turned, PRIOR, np.array([17])) != chances)[weeks == 17].all()


def test_the_list_is_by_chance_times_money_and_leaves_out_who_must_not_be_asked(
    settings: Settings, monkeypatch: Any
) -> None:
    past = pd.concat([rows(MONDAY - k * WEEK, 60) for k in (52, 48, 44, 40)])
    changes = {
        "kept_off": ["", "opted_out", "", "", "", ""],
        "missing_minor": [400_000_00, 400_000_00, 0, 400_000_00, 400_000_00, 400_000_00],
        "left_on": [MONDAY - 20 * WEEK] * 4 + [MONDAY - 5 * WEEK, MONDAY - 20 * WEEK],
        "classes": [2, 6, 6, 6, 6, 6],
        "lost_minor": [900_000_00, *[800_000_00] * 5],
    }
    today = rows(MONDAY, 0, 6, **changes)
    today.loc[5, "reached_on"] = MONDAY - 1 * WEEK
    gone = listed(pd.concat([past, today]), settings, monkeypatch)
    assert gone.figures["rests_on"] == "model"
    # C001 opted out, C002 is just coming back; C004 left five weeks ago, C005 was reached a week ago.
    assert [row.customer_id for row in gone.customers] == ["C003", "C000", "C004", "C005"]
    first, most = gone.customers[:2]
    assert first.value_minor == pytest.approx(first.chance * first.lost_minor, rel=1e-3)
    assert first.value_minor > most.value_minor
    assert first.lost_minor < most.lost_minor
    cool_down = settings.lists.cool_down_weeks
    assert [row.waits_until for row in gone.customers[2:]] == [
        MONDAY + 3 * WEEK,
        MONDAY + (cool_down - 1) * WEEK,
    ]
    scored = listed(pd.concat([past, today]), settings, monkeypatch, {"C003"})
    assert [row.customer_id for row in scored.customers] == ["C000", "C004", "C005"]
    assert scored.figures["outcome"]["groups"]["contacted"] == {
        "customers": 120, "returned": 60, "brought_minor": 60 * 500_000_00,
    }  # fmt: skip
    assert gone.figures["evaluated"] is None  # by the first outcome known the last judged Monday was over
    longer = pd.concat([rows(MONDAY - k * WEEK, 60) for k in range(76, 16, -4)])
    evaluated = listed(pd.concat([longer, today]), settings, monkeypatch).figures["evaluated"]
    # Who came back held six classes, which is learnt, and had lost a little less money than the others.
    assert (evaluated["auroc"], evaluated["auroc_money"]) == (1.0, 0.0)


def test_too_few_returns_are_one_rate_and_most_money_first(settings: Settings, monkeypatch: Any) -> None:
    gone = listed(pd.concat([rows(MONDAY - 40 * WEEK, 3), rows(MONDAY, 0, 4)]), settings, monkeypatch)
    assert gone.figures["rests_on"] == "rate"
    assert [row.customer_id for row in gone.customers] == ["C003", "C002", "C001", "C000"]
    assert listed(rows(MONDAY, 0, 0), settings, monkeypatch).customers == ()


def test_the_control_group_is_left_alone_and_counted(settings: Settings, monkeypatch: Any) -> None:
    share = settings.model_copy(
        update={"lists": settings.lists.model_copy(update={"control_group_share": 0.5})}
    )
    frame = pd.concat([rows(MONDAY - 40 * WEEK, 60), rows(MONDAY, 0, 100)])
    gone = listed(frame, share, monkeypatch)
    assert len(gone.customers) + gone.figures["control_group"] == 100
    assert 30 < gone.figures["control_group"] < 70
    assert set(gone.figures["outcome"]["groups"]) == {"contacted", "not_contacted", "control_group"}


def test_an_assignment_that_holds_beyond_its_period_counts_before_the_draw(
    settings: Settings, monkeypatch: Any
) -> None:
    """By this half-year's draw nobody is in the control group; C001 and the household of C002 still are."""
    today = rows(MONDAY, 0, 4, household_id=[None, None, "H", None])
    held = {name: Assignment(MONDAY - 20 * WEEK, MONDAY + WEEK, True) for name in ("C001", "old", "C009")}
    held["C000"] = Assignment(MONDAY - 20 * WEEK, MONDAY + WEEK, False)
    monkeypatch.setattr(module, "former_customers", lambda *_: today)
    named = held_by_name(held, {"C009": "H"}, lambda name: {"old": "C003"}.get(name, name))
    gone = module.win_back(settings, None, SimpleNamespace(), MONDAY, (), named)  # type: ignore[arg-type]
    assert [row.customer_id for row in gone.customers] == ["C000"]
    assert gone.figures["control_group"] == 3


def test_where_no_contact_is_known_nobody_is_said_not_to_have_been_reached(
    settings: Settings, monkeypatch: Any
) -> None:
    past = rows(MONDAY - 40 * WEEK, 3, contacted=False)
    gone = listed(pd.concat([past, rows(MONDAY, 0, 4, contacted=False)]), settings, monkeypatch)
    assert gone.figures["outcome"]["groups"].keys() == {"others"}
