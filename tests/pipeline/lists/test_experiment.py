"""From assignments in the store to figures and sentences: their outcomes, who counts, and what is open."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from configs.bank_folder import load_settings
from configs.call_lists import CallList
from configs.published import Decision
from configs.response import Response
from pipeline.commands.summaries import effect_in_words
from pipeline.context import Context
from pipeline.lists import experiment, responses
from pipeline.lists.experiment import (
    Effect,
    estimate_effect,
    figures,
    observed_rows,
    with_assignments,
    write_effect,
)
from pipeline.lists.responses import learnt_response, start_of
from pipeline.monitoring.matured import CellCounts, Matured
from serve.store import assignments
from serve.store.store import Store
from tests.serve.conftest import a_score, published_run

MONDAY = date(2026, 3, 2)
OPEN = date(2026, 6, 1)
AS_OF = date(2026, 6, 8)  # a day after the outcome of MONDAY, 97 days later, could be told


@pytest.fixture(scope="module")
def settings():
    return load_settings("demo", {"lists": {"min_group": 4}})


def assigned(number, held_out, attrited, reached=None, **changes):
    observed = (None, None) if attrited is None else (1_000_00, 800_00 * attrited)
    of_score = {"reason_group": "salary", "risk": 0.5, "risk_30d": None, "movable": None}
    assigned = {"manager_id": "M1", "assigned_on": MONDAY, "channel": None, "left_early": None}
    values = of_score | assigned | {"lifecycle_stage": "mature"} | changes
    outcome = {"attrited": attrited, "base_minor": observed[0], "lost_minor": observed[1], "reached": reached}
    return SimpleNamespace(customer_id=f"c{number}", control_group=held_out, **values, **outcome)


@pytest.fixture
def rows():
    """Six listed of whom one left, two held out of whom one left; two whose outcome is open."""
    listed = [
        assigned(number, False, number == 0, manager_id=None if number == 5 else "M1") for number in range(6)
    ]
    held_out = [assigned(6, True, True), assigned(7, True, False)]
    return [*listed, *held_out, *(assigned(number, False, None, assigned_on=OPEN) for number in (8, 9))]


def test_figures_by_hand(settings, rows):
    found = figures(settings, rows, AS_OF)
    assert (found["known"], found["waiting"], found["currency"]) == (8, 2, "CNY")
    customers, money = found["customers"], found["money"]
    assert customers["listed"] == {"assignments": 6, "left": pytest.approx(1 / 6)}
    assert customers["control_group"] == {"assignments": 2, "left": 0.5}
    assert customers["kept"][0] == pytest.approx(6 * (1 / 2 - 1 / 6))
    # 800 of each 1,000 go: of the 6,000 of the listed 6,000 · (0.4 − 800 / 6,000) were kept.
    assert money["kept"][0] == pytest.approx(1_600)
    assert found["state"] == "collecting"
    assert (found["contamination"], customers["called"]) == (None, None)
    assert set(found["by_reason"]) == {"salary"}
    assert set(found["by_manager"]) == {"M1"}
    assert found["by_manager"]["M1"]["listed"]["assignments"] == 5


def test_who_was_reached_all_the_same_and_who_never(settings, rows):
    """Five of six listed, one of two controls: so 1 / 3 less left, over 5 / 6 less 1 / 2."""
    for number, row in enumerate(rows[:8]):
        row.reached = number not in (0, 7)
    found = figures(settings, rows, AS_OF)
    reached = {"controls": 2, "controls_reached": 1, "listed": 6, "listed_not_reached": 1}
    assert found["contamination"] == reached
    assert found["customers"]["called"][0] == pytest.approx(1.0)
    assert found["money"]["called"][0] == pytest.approx((0.4 - 0.8 / 6) / (5 / 6 - 1 / 2))
    text = effect_in_words(found)
    assert "effect on the called: not known yet" in text  # from −100 to +100
    found["customers"]["called"][1] = -0.5
    assert "effect on the called: +100.00 points [-50.00, +100.00], of their" in effect_in_words(found)
    assert "reached: 1 of 2 controls all the same; never: 1 of 6 listed" in text


def test_assignments_are_compared_in_their_order(rows):
    rows[0].assigned_on = MONDAY + timedelta(weeks=1)
    rows[7].assigned_on = MONDAY - timedelta(weeks=1)
    found = observed_rows(rows)
    assert found.control.tolist() == [True, *[False] * 5, True, False]
    assert found.attrited.tolist() == [False, *[False] * 5, True, True]


def test_groups_below_the_least_number_are_not_told(rows):
    found = figures(load_settings("demo", {"lists": {"min_group": 9}}), rows, AS_OF)
    assert (found["by_reason"], found["by_manager"]) == ({}, {})
    assert found["response"]["overall"] == pytest.approx(0.3, abs=0.05)


def test_the_power_of_a_small_experiment(settings, rows):
    """Two of eight left, so calls that keep 3 in 10 of them make 7.5 points."""
    power = figures(settings, rows, AS_OF)["power"]
    assert (power["left"], power["expected"]) == (0.25, pytest.approx(0.075))
    assert power["visible"] > 0.8
    assert power["needed"] > 1_000
    # Nothing was drawn in the last 13 weeks but the two of 1 June.
    assert power["a_week"] == pytest.approx(2 / 13)
    assert power["weeks_to_go"] == pytest.approx((power["needed"] - 10) * 13 / 2 + 14, abs=15)


def test_without_a_control_group_nothing_is_compared(settings, rows):
    found = figures(settings, [one for one in rows if not one.control_group], AS_OF)
    assert (found["customers"], found["money"], found["power"]["visible"]) == (None, None, None)
    assert "now no effect can be seen" in effect_in_words(found)


def test_before_the_first_assignment_everything_is_open(settings):
    found = figures(settings, [], AS_OF)
    assert (found["known"], found["power"]["weeks_to_go"]) == (0, None)
    assert "at the present rate there never will be" in effect_in_words(found)


def test_the_first_run_counts_its_own_control_group(settings):
    """Nothing was assigned before; of two assigned this Monday one is in the control group."""
    run = published_run(day=OPEN)
    scores = [a_score(name, 1, manager_id=None) for name in ("c1", "c2", "c3")]
    whys = ("listed", "held_out", "cooled_down")
    decisions = tuple(
        Decision(
            score.customer_id, None, None, why, "", 0, assigned_on=OPEN if why != "cooled_down" else None
        )
        for score, why in zip(scores, whys, strict=True)
    )
    lists = [CallList(None, None, (), 3, 0, 0, decisions)]
    before = Effect(OPEN, OPEN, {}, {}, (), (), figures(settings, [], OPEN))
    found = with_assignments(settings, before, SimpleNamespace(run=run, scores=scores), lists).figures
    assert (before.figures["waiting"], before.figures["power"]["weeks_to_go"]) == (0, None)
    assert (found["known"], found["waiting"], found["control"]) == (0, 2, 1)
    assert found["power"]["a_week"] == 2
    assert found["power"]["weeks_to_go"] > 0
    assert found["next_outcome"] == "2026-09-06"  # 7 + 90 days after 1 June


def test_in_words(settings, rows):
    said = effect_in_words(figures(settings, rows, AS_OF))
    assert "8 assignments with a known outcome before 2026-06-08, 2 waiting for theirs" in said
    assert "listed: 16.67% of 6 left, control group: 50.00% of 2 left" in said
    assert "customers kept: 2.0 [" in said
    assert "not enough data yet, " in said
    assert "more weeks" in said


def test_enough_data_is_said(settings):
    many = [assigned(number, number % 2 == 0, number % 4 == 0) for number in range(2_000)]
    found = figures(settings, many, AS_OF)
    assert (found["power"]["weeks_to_go"], found["state"]) == (0, "shown")
    said = "enough data: an effect of 7.50 points is seen in 8 of 10 such experiments"
    assert said in effect_in_words(found)
    assert "state: shown, calling helps" in effect_in_words(found)
    harm = [assigned(number, number % 2 == 1, number % 4 == 0) for number in range(2_000)]
    assert "state: shown, calling harms" in effect_in_words(figures(settings, harm, AS_OF))


def test_lists_of_a_monday_learn_only_from_what_was_known_then(settings):
    many = [assigned(number, False, False) for number in range(50)]
    assert learnt_response(settings, many, date(2026, 6, 6)).overall.share == 0.3
    # Of 50 at 0.5 nobody left.
    assert learnt_response(settings, many, date(2026, 6, 7)).overall.share > 0.32


def test_money_comes_in_yuan(rows):
    assert observed_rows(rows).base.tolist() == [1_000.0] * 8


@pytest.fixture
def store(tmp_path):
    """One Monday whose assignments, c1 (listed) and c2 (control group), wait for their outcomes."""
    address = f"sqlite:///{tmp_path}/demo/store.db"
    scores = [a_score(name, 1, manager_id=None) for name in ("c1", "c2")]
    until = MONDAY + timedelta(weeks=14)
    decisions = (
        Decision("c1", "B1", None, "listed", "most_to_keep", 1, 1, until, MONDAY),
        Decision("c2", "B1", None, "held_out", "drawn", 1, None, until, MONDAY),
    )
    run = published_run(day=MONDAY, cohort=2, excluded={})
    with Store(address) as store:
        store.publish(run, scores, [], [CallList("B1", None, (scores[0],), 2, 2, 2, decisions)])
        yield store


@dataclass(frozen=True)
class Tables:
    """Tables whose bookings reach up to ``end``; ``view`` names what any Monday sees of them."""

    end: date
    view: str = "good"

    def as_of(self, monday):
        return f"{self.view} before {monday}"

    def whole(self, table):
        return Path(f"no {table}")


@pytest.fixture
def labels(monkeypatch):
    """c1 stayed though half is gone, c2 left with nine tenths, c3 has no assignment; which Mondays
    were asked for.
    """
    asked = []
    frame = pd.DataFrame(
        {
            "customer_id": ["c1", "c2", "c3"],
            "attrited": [0, 1, 1],
            "outflow_share": [0.5, 0.9, 1.0],
            "aum_base": [1000.005, 2000.0, 1.0],
        }
    )
    monkeypatch.setattr(experiment, "build_outcomes", lambda *given: asked.append(given[3:5]))
    monkeypatch.setattr(experiment, "data_through", lambda tables, monday: min(tables.end, monday))
    monkeypatch.setattr(experiment, "read_partition", lambda *_: frame)
    monkeypatch.setattr(experiment, "reached_within", reached_within)
    monkeypatch.setattr(responses, "build_outcomes", lambda *_: None)
    monkeypatch.setattr(responses, "read_partition", lambda *_: frame[["customer_id", "attrited"]])
    return asked


def reached_within(*arguments):
    """c2 was reached in the window of MONDAY, which ends 97 days later."""
    windows = arguments[-1]
    assert all(window == (day, day + timedelta(days=97)) for day, window in windows.items())
    return {day: {"c2"} for day in windows}


@pytest.mark.usefixtures("labels")
def test_the_effect_learns_from_those_whom_nobody_called(settings, tmp_path, monkeypatch):
    day, cell = MONDAY - timedelta(weeks=20), ("salary", "high", "mature")
    matured = [Matured(day, 90, day, {}, (CellCounts(cell, 900.0, 1_800),))]
    monkeypatch.setattr(experiment, "read_matured", lambda *_: matured)
    effect = estimate_effect(Context(settings, tmp_path), Tables(MONDAY), MONDAY, None)
    known = {
        tuple(each["cell"]): each["observed_to_expected"] for each in effect.figures["response"]["cells"]
    }
    assert effect.matured == matured
    assert max(known.values()) > 1.5


def outcomes(store):
    with store.write() as connection:
        return [
            (row.customer_id, row.attrited, row.base_minor, row.lost_minor, row.reached)
            for row in assignments.experiment_rows(connection)
        ]


@pytest.fixture
def follow_up(store, labels, settings, tmp_path):  # noqa: ARG001
    """Estimate the effect as of a Monday and write it; the outcomes that the store then holds."""

    def followed(tables, monday):
        effect = estimate_effect(Context(settings, tmp_path), tables, monday, None)
        with store.write() as connection:
            write_effect(connection, effect)
        known = {row.customer_id: row.attrited for row in effect.rows}
        is_past = monday < effect.newest
        stored = {name: None if is_past else attrited for name, attrited, *_ in outcomes(store)}
        assert (known, effect.figures["known"]) == (stored, 0 if is_past else len({*known.values()} - {None}))
        return outcomes(store)

    return followed


def outcome(attrited, base_minor, lost_minor):
    money = {"base_minor": base_minor, "lost_minor": lost_minor}
    return {"attrited": attrited, "reached": False} | money


WAITING = [("c1", None, None, None, None), ("c2", None, None, None, None)]
FILLED = [("c1", False, 1000_00, 0, False), ("c2", True, 2000_00, 1800_00, True)]


def test_an_outcome_is_filled_in_once_its_window_has_closed(follow_up, labels):
    # The window of 2 March closes before 7 June: data through 5 June is a day short.
    assert follow_up(Tables(date(2026, 6, 6)), AS_OF) == WAITING
    assert follow_up(Tables(date(2026, 6, 7)), AS_OF) == FILLED
    assert follow_up(Tables(AS_OF), AS_OF) == FILLED
    assert labels == [([], date(2026, 6, 6)), ([MONDAY], date(2026, 6, 7)), ([], AS_OF)]


def test_who_was_reached_is_filled_in_where_the_outcome_is_older_than_that(follow_up, store):
    before = {name: value for name, value in outcome(False, 1000_00, 0).items() if name != "reached"}
    with store.write() as connection:
        assignments.fill(connection, MONDAY, {"c1": before, "c2": before})
    assert follow_up(Tables(AS_OF), AS_OF) == FILLED


def test_bookings_dated_a_year_ahead_close_no_window(follow_up):
    """On 1 June the window of 2 March is open, whatever day the files name."""
    assert follow_up(Tables(date(2027, 6, 6)), OPEN) == WAITING


def test_what_was_filled_in_too_early_is_taken_back(follow_up, store):
    with store.write() as connection:
        assignments.fill(connection, MONDAY, {"c1": outcome(False, 1, 0), "c2": outcome(False, 1, 0)})
        assignments.write_result(connection, date(2027, 6, 7), {"as_of": "2027-06-07"})
    assert follow_up(Tables(OPEN), OPEN) == WAITING
    with store.write() as connection:
        assert assignments.latest_result(connection)["as_of"] == str(OPEN)


def test_outcomes_of_other_files_are_told_again(follow_up, store, labels):
    with store.write() as connection:
        assignments.fill(connection, MONDAY, {"c1": outcome(True, 1, 1), "c2": outcome(False, 1, 0)})
        assignments.write_result(connection, OPEN, {"as_of": "2026-06-08", "seen": "bad before 2026-06-08"})
    assert follow_up(Tables(date(2026, 6, 15)), date(2026, 6, 15)) == FILLED
    assert follow_up(Tables(date(2026, 6, 22)), date(2026, 6, 22)) == FILLED
    assert [days for days, _ in labels] == [[MONDAY], []]


def test_a_past_week_takes_back_nothing_and_knows_nothing_of_later(follow_up, store):
    assert follow_up(Tables(AS_OF), AS_OF) == FILLED
    run = published_run(day=AS_OF, cohort=0, excluded={})
    store.publish(run, [], [], [])
    assert follow_up(Tables(AS_OF), OPEN) == FILLED


def test_who_left_early_is_known_when_its_own_window_has_closed(follow_up, store):
    """The 30 days of 2 March, which begin a week later, are over on 8 April."""

    def early():
        with store.write() as connection:
            return [row.left_early for row in assignments.experiment_rows(connection)]

    for end, known in ((date(2026, 4, 7), [None, None]), (date(2026, 4, 8), [False, True])):
        assert follow_up(Tables(end), date(2026, 4, 13)) == WAITING
        assert early() == known
    row = assigned(1, False, None, left_early=True, risk_30d=0.1)
    counts = [responses.learn(load_settings("demo"), [row], day).early for day in (MONDAY, date(2026, 4, 8))]
    assert counts == [0, 1]  # however early the store was filled


@pytest.mark.usefixtures("store", "labels")
def test_whoever_gets_no_label_is_not_waited_for(settings, tmp_path, monkeypatch):
    """The bank labels c1 alone, on 7 June; a week that it does not label at all has no outcome, ever."""
    label = settings.label.model_copy(update={"definition": "delivered"})
    context = Context(settings.model_copy(update={"label": label}), tmp_path)
    frame = pd.DataFrame({"customer_id": ["c1"], "attrited": [1], "outflow_share": [1.0], "aum_base": [5.0]})
    monkeypatch.setattr(experiment, "read_partition", lambda *_: frame)
    labelled = [MONDAY]
    monkeypatch.setattr(
        experiment, "with_outcome", lambda *given: [day for day in labelled if given[3] >= date(2026, 6, 7)]
    )

    def counts(monday):
        effect = estimate_effect(context, Tables(monday), monday, None)
        return [row.customer_id for row in effect.rows], effect.figures["known"], effect.figures["waiting"]

    assert counts(OPEN) == (["c1", "c2"], 0, 2)
    assert counts(AS_OF) == (["c1"], 1, 0)
    labelled.clear()
    assert counts(AS_OF) == ([], 0, 0)


def test_an_estimate_is_kept_and_replaced(store):
    with store.write() as connection:
        assert assignments.latest_result(connection) is None
        assignments.write_result(connection, AS_OF, {"known": 1, "说": None})
        assignments.write_result(connection, AS_OF, {"known": 2})
        assignments.write_result(connection, MONDAY, {"known": 3})
        assert assignments.latest_result(connection) == {"known": 2}


def test_the_default_response_is_the_setting(settings):
    assert start_of(settings) == Response(settings.profit.success_rate)
