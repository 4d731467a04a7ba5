"""What the lists of a Monday rest on: the bank's own contacts, as they were known then."""

import re
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from types import MappingProxyType, SimpleNamespace

import pytest

from configs.bank_folder import load_settings
from configs.call_lists import Assignment, CallList, Week
from configs.errors import ConfigError
from configs.published import Decision, Manager, Run, Score
from configs.response import Response
from pipeline.lists import call_lists
from pipeline.lists.call_lists import (
    _with_lists,
    check_salt,
    costs_of,
    least_value,
    log_unpaying,
    with_next_steps,
)
from pipeline.lists.decisions import choose
from pipeline.lists.reached import reached, reached_within
from pipeline.scoring.profiles import maturities
from tests.pipeline.conftest import SELECTS

MONDAY, SINCE = date(2024, 3, 18), date(2024, 2, 12)
LISTS = load_settings("demo").lists
CONTACTS = """SELECT NO AS contact_id, CUST AS customer_id, 'M1' AS manager_id, DONE AS contacted_at,
'phone' AS channel, 'sale' AS purpose, nullif(CAME, '') AS outcome, KNOWN AS known_on, _file, _line FROM
con"""


@pytest.fixture
def contacted(tiny):
    """C1 twice, C2 not reached, C3 known too late, C4 too long ago, C5 on the Monday itself, C6
    without outcome.
    """
    tiny.declare_contacts(CONTACTS, "M1\n")
    tiny.write(
        "con_1.csv",
        "NO,CUST,DONE,CAME,KNOWN\n"
        "K1,C1,2024-03-04 10:00:00,answered,2024-03-04\n"
        "K2,C1,2024-03-12 23:59:59,declined,2024-03-13\n"
        "K3,C2,2024-03-12 10:00:00,no_answer,2024-03-12\n"
        "K4,C3,2024-03-15 10:00:00,answered,2024-03-18\n"
        "K5,C4,2024-02-11 10:00:00,answered,2024-02-11\n"
        "K6,C5,2024-03-18 00:00:00,answered,2024-03-18\n"
        "K7,C6,2024-03-17 10:00:00,,2024-03-17\n",
    )
    return tiny


def test_the_last_day_on_which_each_customer_was_reached_as_known_before_the_monday(contacted):
    tables = contacted.ingest()
    assert contacted.quarantine() == []
    assert reached(tables, LISTS, MONDAY, SINCE) == {"C1": date(2024, 3, 12), "C6": date(2024, 3, 17)}
    assert reached(tables, LISTS, date(2024, 3, 25), SINCE)["C3"] == date(2024, 3, 15)


def test_who_was_reached_within_a_window_as_known_before_the_monday(contacted):
    tables = contacted.ingest()
    first, later = date(2024, 3, 4), date(2024, 3, 12)
    windows = {first: (first, later), later: (later, date(2024, 3, 18)), MONDAY: (MONDAY, MONDAY)}
    found = reached_within(tables, LISTS, MONDAY, windows)
    assert found == {first: {"C1"}, later: {"C1", "C6"}, MONDAY: set()}
    assert reached_within(tables, LISTS, date(2024, 3, 25), windows)[later] == {"C1", "C3", "C6"}


def test_a_contact_corrected_later_counts_as_it_stood_on_the_monday(contacted):
    contacted.ingest()
    contacted.write("con_2.csv", "NO,CUST,DONE,CAME,KNOWN\nK2,C1,2024-03-12 23:59:59,no_answer,2024-03-20\n")
    tables = contacted.ingest()
    assert reached(tables, LISTS, MONDAY, SINCE)["C1"] == date(2024, 3, 12)
    assert reached(tables, LISTS, date(2024, 3, 25), SINCE)["C1"] == date(2024, 3, 4)


def test_nobody_talked_through_a_message_that_was_declined(contacted):
    """``lists.talked`` says what counts: of a message only an answer does, by telephone whatever was said."""
    talked = {"phone": ("answered",)}
    narrow = LISTS.model_copy(update={"talked": talked})
    tables = contacted.ingest()
    # Of C1 the call of 03-12 was declined, of C6 nobody noted an outcome.
    assert reached(tables, narrow, MONDAY, SINCE) == {"C1": date(2024, 3, 4)}
    contacted.select("contacts", CONTACTS.replace("'phone'", "'message'"))
    assert reached(contacted.ingest(), LISTS, MONDAY, SINCE) == {"C1": date(2024, 3, 4)}


def test_a_bank_without_contacts_has_reached_nobody(tiny):
    assert reached(tiny.ingest(), LISTS, MONDAY, SINCE) == {}


@pytest.mark.parametrize(("lead", "horizon", "weeks"), [(7, 90, 14), (7, 30, 6), (0, 90, 13), (8, 90, 14)])
def test_weeks_until_the_outcome_is_known(tiny, lead, horizon, weeks):
    settings = tiny.settings(label={"lead_days": lead, "horizon_days": horizon})
    assert settings.label.weeks_to_close == weeks


def test_other_facts_make_another_run_and_the_same_facts_the_same_in_any_order():
    run = Run("r", "tiny", MONDAY, "m", "CNY", 90, 0, MappingProxyType({}), MappingProxyType({"tables": "t"}))
    week = Week(MONDAY, 14, Response(0.3), frozenset("ab"), {"a": MONDAY, "b": MONDAY})
    named = _with_lists(run, week, "learnt")
    assert named.run_id.startswith("2024-03-18-")
    assert _with_lists(run, replace(week, reached={"b": MONDAY, "a": MONDAY}), "learnt") == named
    assignments = {"a": Assignment(MONDAY, MONDAY, True)}
    for other in (
        replace(week, opted_out=frozenset("a")),
        replace(week, reached={}),
        replace(week, selected=frozenset("a")),
        replace(week, assignments=assignments),
        replace(week, response=Response(0.2)),
        replace(week, response=Response(0.3, channels={"phone": 1.0, "message": 0.2})),
        replace(week, least_value_minor=1),
        replace(week, costs_minor={"phone": 1}),
    ):
        assert _with_lists(run, other, "learnt").run_id != named.run_id
    by_settings = _with_lists(run, week, "settings")
    assert (by_settings.run_id == named.run_id, by_settings.policy, named.policy) == (
        False,
        "settings",
        "learnt",
    )


def test_who_is_listed_gets_a_next_step_by_reasons_and_what_falls_due(tiny):
    """Of C1 all that is there falls due on 03-20, of C2 nothing; C3 is the third of two."""
    named = SELECTS["holdings"].replace("DAY AS known_on", "DAY AS known_on, DUE AS matures_on")
    tiny.select("holdings", named)
    tiny.write_holdings("hold_1.parquet", DUE=["2024-03-20", *[None] * 5])
    scores = [
        Score(f"C{n}", "B1", "M1", "all", "mature", False, n * 1000_25, 900_00 - n, "low", (), risk_90d=0.1)
        for n in (1, 2, 3)
    ]
    settings = tiny.settings(lists={"control_group_share": 0.0})
    week = Week(MONDAY, 14, Response(0.3))
    lists = choose(scores, [Manager("M1", "", "B1", 2)], settings.lists, week)
    due = maturities(tiny.ingest(), MONDAY, [score.customer_id for score in scores])
    (told,) = with_next_steps(settings, due, MONDAY, lists)
    steps = {one.customer_id: (one.next_step_en, one.next_step_zh) for one in told.decisions}
    rules = settings.next_steps.rules
    rollover = next(rule for rule in rules if rule.maturing_days)
    assert steps == {"C1": (rollover.en, rollover.zh), "C2": (rules[-1].en, rules[-1].zh), "C3": (None, None)}
    assert [replace(one, next_step_en=None, next_step_zh=None) for one in told.decisions] == [
        *lists[0].decisions
    ]


def test_a_next_step_names_the_contact_that_is_due_after_what_to_say():
    settings = load_settings("demo")  # the branch head's visit; else a call by the manager
    rule = settings.next_steps.rules[-1]
    score = Score("c", "B1", "M1", "wealth", "mature", False, 0, 0, "high", (), risk_90d=0.5)
    visit = replace(score, segment="high_value_leaving", contact_due_on=date(2024, 3, 4))
    call = replace(score, segment="high_value_at_risk", contact_due_on=date(2024, 3, 17))
    expected = {
        "visit": (visit, "Overdue by 14 days: visit by the branch head", "已逾期14天：支行行长面访"),
        "call": (call, "Overdue by a day: call or visit by the manager", "已逾期1天：客户经理电话或面访"),
        "year": (replace(call, contact_due_on=date(2023, 3, 20)),
                 "Overdue by a year or more: call or visit by the manager",
                 "已逾期一年以上：客户经理电话或面访"),
        "orphan": (replace(call, manager_id=None),
                   "Overdue by a day: call or visit", "已逾期1天：电话或面访"),
        "this week": (replace(call, contact_due_on=date(2024, 3, 24)),
                      "Due this week: call or visit by the manager", "本周应完成：客户经理电话或面访"),
        "next week": (replace(call, contact_due_on=date(2024, 3, 25)), "", ""),
        "nothing is due": (replace(call, contact_due_on=None), "", ""),
        "any contact": (replace(call, segment="steady"), "", ""),
    }  # fmt: skip
    for who, (each, en, zh) in expected.items():
        decision = Decision("c", "B1", "M1", "listed", "most_to_keep", 0, rank=1)
        lists = [CallList("B1", None, (each,), 1, 0, 0, (decision,))]
        ((found,),) = (each.decisions for each in with_next_steps(settings, {}, MONDAY, lists))
        after = (f"{rule.en}. {en}", f"{rule.zh}。{zh}") if en else (rule.en, rule.zh)
        assert (found.next_step_en, found.next_step_zh) == after, who


def test_a_call_must_keep_what_it_costs():
    """A call of 150 that earns 0.01 of what it keeps must keep 15,000; the bank may want more."""
    profit = {"call_cost": 150, "margin": 0.01}
    channels = [
        {"name": "phone", "response": 1.0, "places": 1.0},
        {"name": "message", "response": 0.2, "places": 0.1},
        {"name": "offer", "response": 2.0, "places": 1.0, "cost": 400.0},
    ]
    wanted = load_settings("demo", {"profit": profit, "lists": {"channels": channels, "least_value": 99.5}})
    assert costs_of(wanted) == {"phone": 15_000_00, "message": 1_500_00, "offer": 40_000_00}
    assert least_value(wanted) == 99_50
    assert costs_of(load_settings("wallet")) == {}


def test_a_week_in_which_no_call_pays_is_said(caplog):
    scores = [
        Score(name, "B1", "M1", "all", "mature", False, 1000_00, money, "low", (), risk_90d=0.5)
        for name, money in (("a", 100_00), ("b", 60_00))
    ]
    lists = LISTS.model_copy(update={"control_group_share": 0.0})
    for least, said in (
        (15_00, ""),
        (16_00, "expected to keep 16 .* the most that one keeps is 15."),
    ):
        week = Week(MONDAY, 14, Response(0.3), least_value_minor=least)
        log_unpaying(choose(scores, [Manager("M1", "", "B1", 2)], lists, week), least)
        assert bool(caplog.messages) == bool(said)
        assert re.search(said, " ".join(caplog.messages))


def test_a_bank_with_managers_needs_a_salt_of_its_own():
    """The demo, which nobody's customers depend on, and a bank without a control group need none."""
    person = {"promotion": {"approval": "second person"}}
    with pytest.raises(ConfigError, match=r"lists\.salt is empty.*banks/demo/bank\.toml"):
        check_salt(load_settings("demo", person))
    for enough in (
        {},
        person | {"lists": {"salt": "ours"}},
        person | {"lists": {"control_group_share": 0.0}},
    ):
        check_salt(load_settings("demo", enough))


def test_lists_learn_from_all_that_the_effect_knows(monkeypatch):
    """Outcomes of those whom nobody called too."""
    store = SimpleNamespace(read=lambda: nullcontext())
    monkeypatch.setattr(call_lists, "Store", lambda *_: nullcontext(store))
    for name in ("reached", "contact_days"):
        monkeypatch.setattr(call_lists, name, lambda *_: {})
    monkeypatch.setattr(call_lists, "policies_at", lambda *_: ["settings", "learnt"])

    def learning(*given):
        raise LookupError(given)

    monkeypatch.setattr(call_lists, "response_by", learning)
    settings, effect = load_settings("demo"), SimpleNamespace(rows=("a",), matured=("b",))
    bank = SimpleNamespace(settings=settings, home=SimpleNamespace(store=""))
    publication = SimpleNamespace(run=SimpleNamespace(snapshot_date=MONDAY))
    with pytest.raises(LookupError) as raised:
        call_lists.choose_lists(bank, None, publication, effect)
    assert raised.value.args == (("learnt", settings, ("a",), MONDAY, ("b",)),)
