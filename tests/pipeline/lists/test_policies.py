"""Which policy fills the lists: judged by what contacts did, approved by a second person, taken back."""

import random
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType, SimpleNamespace

import pytest

from configs.bank_folder import load_settings
from configs.errors import DataError
from configs.published import Run
from pipeline.commands.summaries import policies_in_words
from pipeline.context import Context
from pipeline.lists import policies
from pipeline.monitoring.matured import CellCounts, Matured
from serve.store.store import Store

MONDAY = date(2026, 11, 16)
AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LISTS = {"min_group": 50, "control_group_share": 0.3}
NEXT = MONDAY + timedelta(weeks=1)


@pytest.fixture(scope="module")
def settings():
    chosen = {"promotion": {"approval": "second person"}, "lists": LISTS, "profit": {"call_cost": 100}}
    return load_settings("demo", chosen)


def logged(seed, kept, customers=4_000, mistake=1.0):
    """Assignments of a year, of which a contact keeps the share ``kept`` of leavers, by first reason; and, by
    customer, the money that a contact keeps in truth, on average. Published risks are ``mistake`` times true.
    """
    draw, rows, truth = random.Random(seed), [], {}
    for number in range(customers):
        reason, risk = draw.choice(sorted(kept)), draw.uniform(0.05, 0.5)
        money, control = draw.choice((400_000, 600_000)), draw.random() < 0.3
        works = kept[reason] * (1 - risk)
        attrited = draw.random() < risk * (1 if control else 1 - works)
        day = MONDAY - timedelta(weeks=16 + number % 60)
        published = min(0.95, mistake * risk)
        values = {"reason_group": reason, "risk": published, "risk_30d": None, "movable": None,
                  "lifecycle_stage": "mature", "risk_band": "high", "channel": "phone", "manager_id": "M1",
                  "reached": None, "left_early": None,
                  "money_at_risk_minor": round(100 * published * money), "base_minor": 100 * money,
                  "lost_minor": 100 * money * attrited}  # fmt: skip
        assigned = {"customer_id": str(number), "assigned_on": day, "control_group": control}
        rows.append(SimpleNamespace(**assigned, **values, attrited=attrited))
        truth[number] = money * risk * works
    return rows, truth


def test_the_settings_rest_on_no_outcome_of_the_uncalled_either(settings):
    day, cell = MONDAY - timedelta(weeks=20), ("salary", "high", "mature")
    matured = [Matured(day, 90, day, {}, (CellCounts(cell, 900.0, 1_800),))]
    by = {name: policies.response_by(name, settings, [], MONDAY, matured) for name in policies.POLICIES}
    assert by["learnt"].estimate(cell).observed_to_expected > 1.5
    assert by["settings"].cells == {}


def test_what_outcomes_taught_keeps_more_where_the_settings_are_wrong(settings):
    """Calls keep eight in ten of those whose salary stopped, and drive away some who move money out."""
    rows, _ = logged(1, {"salary": 0.8, "outflow": -0.2})
    found = policies.comparison(settings, rows, MONDAY, "settings")
    assert (found["champion"], found["challenger"], found["known"]) == ("settings", "learnt", 4_000)
    value, low, high = found["difference"]
    assert 0 < low < value < high
    assert found["objections"] == []
    back = policies.comparison(settings, rows, MONDAY, "learnt")
    assert back["difference"][2] < 0
    assert back["objections"] == ["it would have kept less"]
    later = [row for row in rows if row.assigned_on >= MONDAY - timedelta(weeks=20)]
    few = policies.comparison(settings, later, MONDAY, "settings")
    assert "below lists.min_group = 50" in few["objections"][0]


def test_without_a_control_group_nothing_is_compared():
    """Controls of an earlier setting have a propensity that the present one makes 0."""
    rows, _ = logged(1, {"salary": 0.8, "outflow": -0.2}, 600)
    chosen = {"promotion": {"approval": "automatic"}, "lists": {"control_group_share": 0.0}}
    found = policies.comparison(load_settings("demo", chosen), rows, MONDAY, "settings")
    assert (found["known"], found["difference"]) == (0, [0, 0, 0])
    assert found["objections"] == ["lists.control_group_share = 0, so that nobody can see what contacts did"]


def test_the_value_is_right_on_average_whatever_was_expected(settings):
    """Risks are published twice too high; those contacted by one alone keep what they do in truth."""
    errors, spreads = [], []
    for seed in range(6):
        rows, truth = logged(seed, {"salary": 0.6, "outflow": 0.0}, 2_500, 1.9)
        one, other = (policies.response_by(name, settings, rows, MONDAY, ()) for name in policies.POLICIES)
        gains = policies._gains(settings, rows, one, other)
        cost = settings.profit.call_cost / settings.profit.margin
        counted = [number for number, gain in enumerate(gains) if gain]
        contacts = {
            name: policies._contacted(rows, policies._expected(settings, rows, response) - cost)
            for name, response in (("one", one), ("other", other))
        }
        right = sum((truth[number] - cost) * (1 if contacts["one"][number] else -1) for number in counted)
        errors.append(float(gains.sum()) - right)
        spreads.append(float(gains.std()) * len(gains) ** 0.5)
    assert abs(sum(errors)) < 3 * sum(spread**2 for spread in spreads) ** 0.5


def test_a_policy_is_measured_by_what_it_had_learnt_before(settings, monkeypatch):
    rows, _ = logged(1, {"salary": 0.8, "outflow": -0.2}, 600)
    learnt_by, measured = [], []

    def learn(_policy, _settings, _rows, day, _matured):
        learnt_by.append(day)
        return policies.learnt_response(settings, [], day)

    monkeypatch.setattr(policies, "response_by", learn)
    gains = policies._gains
    monkeypatch.setattr(policies, "_gains", lambda s, of, *by: measured.append(of) or gains(s, of, *by))
    policies.comparison(settings, rows, MONDAY, "learnt")
    assert len(measured) == 3
    assert sum(map(len, measured)) == 600
    for day, of_period in zip(learnt_by[::2], measured, strict=True):
        assert all(day <= row.assigned_on for row in of_period)


def test_outcomes_are_counted_by_cell(settings):
    rows, _ = logged(1, {"salary": 0.8, "outflow": -0.2}, 900)
    counts = policies.outcomes_by_cell(settings, rows, MONDAY)
    listed = [row for row in rows if not row.control_group]
    assert counts[()] == len(listed)
    assert counts["salary",] + counts["outflow",] == len(listed)
    in_cell = [
        row for row in listed if row.reason_group == "salary" and settings.bands.of(row.risk) == "high"
    ]
    assert counts["salary", "high"] == counts["salary", "high", "mature"] == len(in_cell) > 0
    assert policies.outcomes_by_cell(settings, rows, MONDAY - timedelta(weeks=70)) == {}


@pytest.fixture
def bank(tmp_path, settings, monkeypatch):
    """li is at the keyboard; one run was published, with a year of outcomes behind it."""
    monkeypatch.setenv("ATTRITION_USER", "li")
    monkeypatch.setenv("ATTRITION_AUDIT_KEY", "b7" + bytes(range(2, 66, 2))[1:].hex())
    rows, _ = logged(1, {"salary": 0.8, "outflow": -0.2})
    monkeypatch.setattr(policies.assignments, "experiment_rows", lambda *_: rows)
    bank = Context(settings, tmp_path, lambda: AT)
    with Store(bank.home.store) as store:
        none = MappingProxyType({})
        store.publish(Run("r", "demo", MONDAY, "m", "CNY", 90, 0, none, none), [], [], [])
    return bank


def held(bank, monday):
    with Store(bank.home.store) as store, store.read() as connection:
        return policies.policies_at(connection, monday)[-1]


def test_a_policy_is_approved_by_a_second_person_for_the_next_monday_and_taken_back(bank, monkeypatch):
    assert held(bank, NEXT) == "learnt"
    with pytest.raises(DataError, match="was never compared"):
        policies.approve(bank, "settings", "Wang Fang")
    found = policies.compare(bank)
    assert "objection: it would have kept less" in policies_in_words(found)
    with pytest.raises(DataError, match="'settings' is not approved: it would have kept less"):
        policies.approve(bank, "settings", "Wang Fang")
    rows, _ = logged(2, {"salary": 0.3, "outflow": 0.3}, 600)
    monkeypatch.setattr(policies.assignments, "experiment_rows", lambda *_: rows)
    monkeypatch.setattr(policies, "_objections", lambda *_: [])
    policies.compare(bank)
    for name in ("li", " ＬＩ "):
        with pytest.raises(DataError, match="cannot approve it too"):
            policies.approve(bank, "settings", name)
    with pytest.raises(DataError, match="Did you mean 'settings'"):
        policies.approve(bank, "setting", "Wang Fang")
    policies.approve(bank, "settings", "Wang Fang")
    assert (held(bank, MONDAY), held(bank, NEXT)) == ("learnt", "settings")
    with pytest.raises(DataError, match="'settings' is approved already and fills the lists from 2"):
        policies.approve(bank, "settings", "Wang Fang")
    assert policies.roll_back(bank, "Chen") == "learnt"
    assert held(bank, NEXT) == "learnt"
    with pytest.raises(DataError, match="no earlier policy"):
        policies.roll_back(bank, "Chen")


def test_figures_decide_alone_only_where_the_bank_lets_them(bank, settings, monkeypatch):
    rows, _ = logged(1, {"salary": 0.8, "outflow": -0.2})
    first = date(2026, 12, 7)
    monkeypatch.setattr(policies, "POLICIES", ("settings", "learnt"))
    policies.follow_figures(bank, rows, first)
    assert held(bank, first + timedelta(weeks=1)) == "settings"
    automatic = settings.promotion.model_copy(update={"approval": "automatic"})
    alone = Context(settings.model_copy(update={"promotion": automatic}), bank.data, lambda: AT)
    policies.follow_figures(alone, rows, first + timedelta(weeks=1))
    assert held(alone, date.max) == "settings"
    policies.follow_figures(alone, rows, first)
    assert (held(alone, first), held(alone, first + timedelta(weeks=1))) == ("settings", "learnt")
    policies.follow_figures(alone, rows, first)  # run again
    assert held(alone, date.max) == "learnt"
