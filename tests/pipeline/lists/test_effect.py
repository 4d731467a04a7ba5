"""From lots in the store to figures and sentences: what came of them, who counts, and what is not known yet."""

from datetime import date, timedelta
from types import MappingProxyType

import pandas as pd
import pytest
from typer.testing import CliRunner

from configs.bank_folder import load_settings
from configs.call_lists import CallList
from configs.published import Decision, Helpfulness, Run, Score
from pipeline.__main__ import app
from pipeline.commands.summaries import effect_in_words
from pipeline.lists import effect
from pipeline.lists.effect import figures, follow_up, helpfulness, known
from serve.store import assignments as trial
from serve.store.assignments import Lot
from serve.store.store import Store

MONDAY = date(2026, 3, 2)
OPEN = date(2026, 6, 1)
AS_OF = date(2026, 6, 8)  # a day after the outcome of MONDAY, 97 days later, could be told


@pytest.fixture(scope="module")
def settings():
    return load_settings("demo", {"lists": {"min_group": 4}})


def lot(number, held_out, attrited, **changes):
    came = (None, None) if attrited is None else (1_000_00, 800_00 * attrited)
    values = {"manager_id": "M1", "reason_group": "salary", "risk": 0.5, "drawn_on": MONDAY} | changes
    return Lot(f"c{number}", values["drawn_on"], held_out, values["manager_id"], values["reason_group"],
               values["risk"], attrited, *came)  # fmt: skip


@pytest.fixture
def lots():
    """Six listed of whom one left, two held out of whom one left; two whose outcome is open."""
    listed = [
        lot(number, False, number == 0, manager_id=None if number == 5 else "M1") for number in range(6)
    ]
    held_out = [lot(6, True, True), lot(7, True, False)]
    return [*listed, *held_out, *(lot(number, False, None, drawn_on=OPEN) for number in (8, 9))]


def test_figures_by_hand(settings, lots):
    found = figures(settings, lots, AS_OF)
    assert (found["known"], found["waiting"], found["currency"]) == (8, 2, "CNY")
    customers, money = found["customers"], found["money"]
    assert customers["listed"] == {"lots": 6, "left": pytest.approx(1 / 6)}
    assert customers["held_out"] == {"lots": 2, "left": 0.5}
    assert customers["kept"][0] == pytest.approx(6 * (1 / 2 - 1 / 6))
    # 800 of each 1,000 go: of the 6,000 of the listed 6,000 · (0.4 − 800 / 6,000) were kept.
    assert money["kept"][0] == pytest.approx(1_600)
    assert set(found["by_reason"]) == {"salary"}
    assert set(found["by_manager"]) == {"M1"}
    assert found["by_manager"]["M1"]["listed"]["lots"] == 5


def test_groups_below_the_least_number_are_not_told(lots):
    found = figures(load_settings("demo", {"lists": {"min_group": 9}}), lots, AS_OF)
    assert (found["by_reason"], found["by_manager"]) == ({}, {})
    assert found["helpfulness"] == {"overall": 0.3, "by_reason": {}}


def test_the_power_of_a_small_trial(settings, lots):
    """Two of eight left, so calls that keep 3 in 10 of them make 7.5 points."""
    power = figures(settings, lots, AS_OF)["power"]
    assert (power["left"], power["expected"]) == (0.25, pytest.approx(0.075))
    assert power["visible"] > 0.8
    assert power["needed"] > 1_000
    # Nothing was drawn in the last 13 weeks but the two of 1 June.
    assert power["a_week"] == pytest.approx(2 / 13)
    assert power["weeks_to_go"] == pytest.approx((power["needed"] - 10) * 13 / 2 + 14, abs=15)


def test_without_held_out_nothing_is_compared(settings, lots):
    found = figures(settings, [one for one in lots if not one.held_out], AS_OF)
    assert (found["customers"], found["money"], found["power"]["visible"]) == (None, None, None)
    assert "nothing can be seen" in effect_in_words(found)


def test_before_the_first_lot_everything_is_open(settings):
    found = figures(settings, [], AS_OF)
    assert (found["known"], found["power"]["weeks_to_go"]) == (0, None)
    assert "no lots are drawn" in effect_in_words(found)


def test_in_words(settings, lots):
    said = effect_in_words(figures(settings, lots, AS_OF))
    assert "8 lots with a known outcome before 2026-06-08, 2 waiting for theirs" in said
    assert "listed: 16.67% of 6 left, held out: 50.00% of 2 left" in said
    assert "customers kept: 2.0 [" in said
    assert "not enough data yet, " in said
    assert "more weeks" in said


def test_enough_data_is_said(settings):
    many = [lot(number, number % 2 == 0, number % 4 == 0) for number in range(2_000)]
    found = figures(settings, many, AS_OF)
    assert found["power"]["weeks_to_go"] == 0
    assert "enough data: an effect of 7.50 points is seen in 8 of 10 such trials" in effect_in_words(found)


def test_lists_of_a_monday_learn_only_from_what_was_known_then(settings):
    many = [lot(number, False, False) for number in range(50)]
    assert helpfulness(settings, many, date(2026, 6, 6)).overall == 0.3
    # Of 50 at 0.5 nobody left: (20 · 0.3 + 25) / (20 + 12.5).
    assert helpfulness(settings, many, date(2026, 6, 7)).overall == pytest.approx(31 / 32.5)


def test_money_comes_in_yuan(lots):
    assert known(lots).base.tolist() == [1_000.0] * 8


@pytest.fixture
def store(tmp_path):
    """One Monday whose lots c1 (listed) and c2 (held out) wait for what came of them."""
    address = f"sqlite:///{tmp_path}/demo/store.db"
    scores = [
        Score(name, "B1", None, "affluent", "mature", False, 1, 1, "high", (), risk_90d=0.5)
        for name in ("c1", "c2")
    ]
    until = MONDAY + timedelta(weeks=14)
    decisions = (
        Decision("c1", "B1", None, "listed", "most_to_keep", 1, 1, until, MONDAY),
        Decision("c2", "B1", None, "held_out", "drawn", 1, None, until, MONDAY),
    )
    counts = MappingProxyType({})
    run = Run("run-1", "demo", MONDAY, "model-1", "CNY", 90, 2, counts, counts)
    with Store(address) as store:
        store.publish(run, scores, [], [CallList("B1", None, (scores[0],), 2, 2, 2, decisions)])
        yield store


class Tables:
    def __init__(self, last_day):
        self.last_day = last_day


@pytest.fixture
def labels(monkeypatch):
    """c1 stayed though half is gone, c2 left with nine tenths, c3 has no lot; which Mondays were asked for."""
    asked = []
    frame = pd.DataFrame(
        {
            "customer_id": ["c1", "c2", "c3"],
            "attrited": [0, 1, 1],
            "outflow_share": [0.5, 0.9, 1.0],
            "aum_base": [1000.005, 2000.0, 1.0],
        }
    )
    monkeypatch.setattr(effect, "build_outcomes", lambda *given: asked.append(given[3:5]))
    monkeypatch.setattr(effect, "read_partition", lambda *_: frame)
    return asked


def came(store):
    with store.write() as connection:
        return [
            (one.customer_id, one.attrited, one.base_minor, one.lost_minor) for one in trial.lots(connection)
        ]


def test_what_came_of_a_lot_is_filled_in_once_its_window_has_closed(store, labels, settings):
    # The window of 2 March closes before 7 June: data through 5 June is a day short.
    assert follow_up(settings, None, Tables(date(2026, 6, 5)), store, None) == 0
    assert came(store) == [("c1", None, None, None), ("c2", None, None, None)]
    assert follow_up(settings, None, Tables(date(2026, 6, 6)), store, None) == 2
    assert came(store) == [("c1", False, 1000_00, 0), ("c2", True, 2000_00, 1800_00)]
    assert labels == [([], date(2026, 6, 6)), ([MONDAY], date(2026, 6, 7))]
    assert follow_up(settings, None, Tables(date(2026, 7, 6)), store, None) == 0


def test_an_estimate_is_kept_and_replaced(store):
    with store.write() as connection:
        assert trial.latest_effect(connection) is None
        trial.keep_effect(connection, AS_OF, {"known": 1, "说": None})
        trial.keep_effect(connection, AS_OF, {"known": 2})
        trial.keep_effect(connection, MONDAY, {"known": 3})
        assert trial.latest_effect(connection) == {"known": 2}


def test_the_command_needs_tables(tmp_path):
    result = CliRunner().invoke(app, ["effect", "--data", str(tmp_path)])
    assert "holds no tables yet" in str(result.exception)


def test_the_default_helpfulness_is_the_setting(settings):
    assert helpfulness(settings, [], MONDAY) == Helpfulness(settings.profit.success_rate)
