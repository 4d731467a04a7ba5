"""Satisfaction of a bank whose truth is planted; and what a Monday may see."""

import tracemalloc
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from configs.bank_folder import load_settings
from configs.branch_figures.contents import as_object
from configs.branch_figures.satisfaction import Satisfaction
from pipeline.satisfaction import answers as module
from pipeline.satisfaction.answers import Answers, Wave, questionnaires, read_answers, waves_until
from pipeline.satisfaction.figures import figures_of, satisfaction_figures

SETTINGS = load_settings("demo")
SURVEY = SETTINGS.survey
MONDAY = date(2026, 11, 16)
NAMES = [factor.name for factor in SURVEY.factors]
DRIVES = {"service": 0.3, "environment": 0.05, "products": 0.2, "brand": 0.1, "manager": 0.5}
MONDAYS = tuple(MONDAY - timedelta(weeks=back) for back in range(52, -1, -1))


def planted(customers: int, turned: bool = True) -> Answers:
    """Three branches, B2 with bad service, by which customers leave; the old answer more, and better."""
    rng = np.random.default_rng(5)
    old, branch = rng.uniform(size=customers) < 0.4, rng.integers(0, 3, customers)
    general, special = rng.normal(size=(customers, 1)), rng.normal(size=(customers, 5))
    levels = 7 + 1.2 * (np.sqrt(0.3) * general + np.sqrt(0.7) * special)
    levels[:, 0] -= 1.0 * (branch == 1)
    levels += 1.0 * old[:, None]
    everybody = pd.DataFrame({
        "customer_id": [f"C{number:05}" for number in range(customers)],
        "branch_id": np.array(["B1", "B2", "B3"], object)[branch],
        "tier": "wealth", "lifecycle_stage": "mature", "age_band": np.where(old, "60+", "30–39"), "wave": 1,
    })  # fmt: skip
    columns = {}
    for item in SURVEY.items:
        level = levels @ np.array(list(DRIVES.values())) / sum(DRIVES.values())
        if item.asks == "factor":
            level = levels[:, NAMES.index(item.factor)]
        score = np.clip(np.rint(level + 0.8 * rng.normal(size=customers)), 1, 10)
        columns[item.name] = 11 - score if item.reversed and not turned else score
    left = rng.uniform(size=customers) < 0.08 * np.exp(-0.6 * (levels[:, 0] - 7))
    whole = everybody.assign(**columns, answered_on=date(2026, 8, 3), left=left.astype(float))
    chosen = whole[rng.uniform(size=customers) < np.where(old, 0.6, 0.2)].reset_index(drop=True)
    categories = (chosen["age_band"] == "60+").to_numpy(np.int64)
    weights = module.raked([categories], [np.bincount(old.astype(np.int64)).astype(float)])
    waves = tuple(Wave(f"2026-Q{k}", date(2026, 3 * k - 2, 1), date(2026, 3 * k - 2, 6)) for k in (2, 3))
    return Answers(waves, chosen.drop(columns="left").assign(weight=weights), everybody, chosen)


def contents(answers: Answers, least: int = 10) -> dict[str, Satisfaction]:
    figures = SETTINGS.figures.model_copy(update={"least_customers": least})
    settings = SETTINGS.model_copy(update={"figures": figures})
    return {one.branch_id: one.content for one in figures_of(settings, answers, MONDAY)}  # type: ignore[misc]


def test_the_planted_truth_is_recovered() -> None:
    answers = planted(5_000)
    found = contents(answers)
    bank, good, bad = found[""], found["B1"], found["B2"]
    order = sorted(bank.factors, key=lambda one: -one.derived.share)
    assert [one.factor for one in order] == sorted(DRIVES, key=lambda name: -DRIVES[name])
    assert [(message.code, message.factor) for message in bank.messages] == [
        ("driver", "manager"), ("outflow", "service"),
    ]  # fmt: skip
    service, *others = bank.factors
    assert service.outflow.step < service.outflow.step_high < 0
    assert not any(one.outflow.clear for one in others)
    assert service.left_of_low > 1.5 * service.left_of_high
    assert (bad.messages[0].code, bad.messages[0].factor) == ("below", "service")
    assert bad.factors[0].field == "improve"
    assert good.messages[0].code == "level"
    # The old are too many among who answered and give a point more: weights take it out again.
    everybody, answered = ((rows["age_band"] == "60+").mean() for rows in (answers.cohort, answers.rows))
    assert answered > everybody + 0.2
    manager = bank.factors[4]
    unweighted = answers.rows[["manager", "manager_reachable"]].to_numpy().mean()
    truth = 7 + everybody
    assert manager.low < truth < manager.high < unweighted
    assert 0.9 * len(answers.rows) > bank.effective_n > 0.5 * len(answers.rows)
    assert (bank.structure.suggested, bank.structure.as_mapped) == (5, True)
    assert not any(item.against for item in bank.items)


def test_an_item_that_the_map_forgot_to_turn_is_named() -> None:
    right, wrong = contents(planted(900))[""], contents(planted(900, turned=False))[""]
    assert as_object(right) == as_object(contents(planted(900))[""])  # to the last digit
    assert [item.item for item in wrong.items if item.against] == ["service_waiting"]
    assert wrong.factors[0].alpha < 0 < 0.6 < right.factors[0].alpha


def test_few_answers_say_nothing() -> None:
    answers = planted(60)
    few = contents(replace(answers, rows=answers.rows[:12]), least=10)
    assert few[""].factors[0].mean is not None
    assert (few[""].derived, few[""].outflow) == (None, None)
    for branch, content in contents(replace(answers, rows=answers.rows[:12]), least=13).items():
        assert [message.code for message in content.messages] == ["few"], branch
        assert {one.mean for one in content.factors} | {one.alpha for one in content.factors} == {None}
        assert {point.overall for point in content.trend} == {None}
        assert {content.overall, content.bank_level, *(item.mean for item in content.items)} == {None}
    assert contents(replace(answers, rows=answers.rows[:0])) == {}


ANSWERS = [  # customer, day, item, score, known on, superseded on
    ("C1", date(2026, 11, 2), "service", 6, date(2026, 11, 3), None),
    ("C1", date(2026, 11, 2), "service_waiting", 3, date(2026, 11, 3), None),
    ("C1", date(2026, 11, 16), "service", 1, date(2026, 11, 16), None),  # the Monday itself
    ("C2", date(2026, 11, 2), "service", 1, date(2026, 11, 16), None),  # not known yet
    ("C3", date(2026, 11, 2), "service", 2, date(2026, 11, 3), date(2026, 11, 9)),  # corrected
    ("C3", date(2026, 11, 2), "service", 9, date(2026, 11, 9), None),
    ("C3", date(2026, 11, 2), "parking", 1, date(2026, 11, 3), None),  # not in the map
    ("C4", date(2026, 7, 27), "service", 4, date(2026, 7, 28), date(2026, 11, 16)),  # corrected later
    ("C4", date(2026, 6, 2), "service", 8, date(2026, 6, 2), None),
]


def tables_of(rows: list[tuple[Any, ...]]) -> Any:
    names = ("customer_id", "answered_on", "item", "score", "known_on", "superseded_on")
    table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})
    table = table.set_column(5, "superseded_on", table["superseded_on"].cast(pa.date32()))
    return SimpleNamespace(buckets=1, read=lambda *_, **__: table)


def test_a_monday_sees_what_happened_and_was_known_before_it() -> None:
    seen = questionnaires(SURVEY, tables_of(ANSWERS), date(2026, 6, 1), MONDAY)
    assert seen["customer_id"].tolist() == ["C1", "C3", "C4", "C4"]
    assert seen["service"].tolist() == [6, 9, 8, 4]
    assert seen["service_waiting"].tolist()[0] == 8  # 11 − 3
    assert len(questionnaires(SURVEY, tables_of(ANSWERS), date(2026, 6, 3), MONDAY)) == 3


def test_answers_take_memory_as_there_are_questionnaires_not_customers_by_days() -> None:
    """3,000 customers who answered on 1,000 days are 3,000 rows, not 3 million."""
    since = MONDAY - timedelta(days=1_000)
    days = [since + timedelta(days=k % 1_000) for k in range(3_000)]
    tables = tables_of([(f"C{k:04}", day, "service", 5, day, None) for k, day in enumerate(days)])
    tracemalloc.start()
    seen = questionnaires(SURVEY, tables, since, MONDAY)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(seen), seen["service"].unique().tolist()) == (3_000, [5])
    assert most < 20e6


def test_waves_have_the_cohort_of_their_beginning() -> None:
    waves = waves_until(SURVEY, MONDAYS)
    assert [(wave.name, wave.monday) for wave in waves] == [
        ("2026-Q1", date(2026, 1, 5)), ("2026-Q2", date(2026, 4, 6)),
        ("2026-Q3", date(2026, 7, 6)), ("2026-Q4", date(2026, 10, 5)),
    ]  # fmt: skip
    # A wave that began before the structure does has no cohort.
    assert [wave.name for wave in waves_until(SURVEY, MONDAYS[30:])] == ["2026-Q3", "2026-Q4"]
    half = SURVEY.model_copy(update={"wave": "half_year", "waves": 1})
    assert [wave.name for wave in waves_until(half, MONDAYS)] == ["2026-H2"]
    unread: Any = None
    assert not [*satisfaction_figures(SETTINGS, unread, unread, MONDAYS[-3:])]  # no wave has begun since


def test_who_left_is_seen_once_the_quarter_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """C4 answered on Monday 2026-07-27: 13 weeks from 08-03 end on 11-02, and 60 of 100 went out, net."""
    asked: list[date] = []

    def structure(_: Any, days: Any, columns: Any) -> pa.Table:
        asked.extend(days)
        size = 600_000_00
        rows = {
            "customer_id": ["C1", "C3", "C4"], "exclusion": ["", "", "dormant"],
            "branch_id": ["B1", None, "B1"],
            "tier": ["affluent"] * 3, "lifecycle_stage": ["mature"] * 3, "age_band": [None, "60+", "60+"],
            "opening_13w_minor": [size] * 3, "inflow_13w_minor": [0, 0, size // 10],
            "outflow_13w_minor": [0, 0, size * 7 // 10],
        }  # fmt: skip
        return pa.table(rows).select([*columns])

    monkeypatch.setattr(module, "read_structure", structure)
    answers = read_answers(SETTINGS, None, tables_of(ANSWERS), MONDAYS)  # type: ignore[arg-type]
    assert answers.outflow[["customer_id", "left"]].to_numpy().tolist() == [["C4", 1.0]]
    assert asked[-1] == date(2026, 11, 2)
    assert answers.rows["customer_id"].tolist() == ["C1", "C3"]  # C4 was not of the cohort
    assert answers.rows["wave"].tolist() == [3, 3]
    early = read_answers(SETTINGS, None, tables_of(ANSWERS), MONDAYS[:-3])  # type: ignore[arg-type]
    assert early.outflow["service"].tolist() == [8]  # 2026-10-26: only the quarter of June is over


def test_who_left_takes_memory_as_there_are_answers_not_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20,000 customers on each of 26 Mondays one answered."""
    asked = [MONDAYS[week + 1] for week in range(26)]
    table = pa.table({
        "customer_id": [f"C{number:05}" for number in range(20_000)],
        **{f"{part}_13w_minor": [600_000_00] * 20_000 for part in ("opening", "inflow", "outflow")},
    })  # fmt: skip
    monkeypatch.setattr(module, "read_structure", lambda _, __, columns: table.select([*columns]))
    whole = pd.DataFrame({"customer_id": [f"C{k:05}" for k in range(26)], "answered_on": asked})
    tracemalloc.start()
    seen = module._outflow(SETTINGS, None, whole, MONDAYS)  # type: ignore[arg-type]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen["left"].tolist() == [0.0] * 26
    assert most < 5e6
