"""Campaigns from approval to effect over a store by hand: sent once, quiet on the lists, measured."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from sqlalchemy import insert, select

from configs.bank_folder import load_settings
from configs.campaigns import Plan
from configs.errors import ConfigError
from configs.published import Manager
from configs.response import Response
from pipeline.campaigns import sending
from pipeline.campaigns.effect import campaign_figures, estimate_effects, write_effects
from pipeline.campaigns.sending import send_due
from pipeline.context import Context
from pipeline.ingest.renumbered import Numbers
from pipeline.lists import experiment
from pipeline.lists.call_lists import week_of
from pipeline.lists.decisions import choose
from pipeline.lists.households import with_households
from serve.store import audit, campaign_members, campaign_sending, campaigns, contacts, renumbering, tables
from serve.store.contacts import Author
from serve.store.store import Store, keep_figures
from tests.serve.conftest import a_score, published_run

MONDAY, WEEK = date(2026, 3, 2), timedelta(weeks=1)
LATER = MONDAY + 14 * WEEK  # the first Monday on which outcomes of MONDAY are known
OTHERS = {
    "lists": {"control_group_share": 0.0, "salt": "grain"},
    "profit": {"call_cost": 100.0, "margin": 0.01},
}
NAMES = [f"c{number:02}" for number in range(1, 13)]


@dataclass(frozen=True)
class Tables:
    """Tables without contacts, whose bookings reach up to ``end``."""

    end: date = LATER
    buckets: int = 0

    def as_of(self, monday):
        return f"before {monday}"

    def whole(self, table):
        return Path(f"no {table}")


class Bank:
    """Twelve customers of M1, who has room for one, c01; c11 and c12 are one household."""

    def __init__(self, address, folder, **settings):
        self.settings = load_settings("demo", OTHERS | settings)
        self.context = Context(self.settings, folder, lambda: datetime(2026, 3, 2, 8, tzinfo=UTC), address)
        self.store = Store(address)
        self.people = [
            a_score(name, (100 - place) * 100_00, household_id="H1" if name > "c10" else None)
            for place, name in enumerate(NAMES)
        ]

    def publish(self, monday=MONDAY, run_id="run-1", changes=()):
        with self.store.write() as connection:
            week = week_of(connection, monday, 14, Response(0.3), {})
        week = with_households(week, {"c11": "H1", "c12": "H1"}, self.settings.lists)
        scores = [dict(changes).get(score.customer_id, score) for score in self.people]
        scores = [score for score in scores if score]
        lists = choose(scores, [Manager("M1", "", "B1", 1)], self.settings.lists, week)
        run = published_run(run_id, monday, cohort=len(scores), excluded={})
        self.store.publish(run, scores, (), lists)
        return {each.customer_id: each.decision for listed in lists for each in listed.decisions}

    def propose(self, key="key", approved=True, **changes):
        fields = {"title": "Term deposits", "size": 4, "channel": "phone", "starts_on": MONDAY,
                  "ends_on": MONDAY + 20 * WEEK, "control_share": 0.5}  # fmt: skip
        with self.store.append() as connection:
            made = campaigns.create(connection, Plan(**fields | changes), key, Author("Wang Fang", None))
            if approved:
                campaigns.approve(connection, made.campaign_id, Author("Li Na", None))
        return made.campaign_id

    def send(self):
        return [(each.campaign.campaign_id, each.contacts) for each in send_due(self.context, Tables())]

    def members(self, name):
        kept = tables.campaign_members
        with self.store.read() as connection:
            rows = connection.execute(select(kept).where(kept.c.campaign_id == name)).all()
        return {row.customer_id: row.why or row.arm for row in rows}

    def opt_out(self, customer_id):
        with self.store.append() as connection:
            contacts.opt_out(connection, customer_id, datetime(2026, 3, 2, tzinfo=UTC), Author("Li Na", None))

    def readers(self, name):
        with self.store.at_run() as session:
            return [each.customer_id for each in campaign_members.members(session, name)]


@pytest.fixture(params=["sqlite", "postgresql"])
def bank(request, tmp_path):
    sqlite = f"sqlite:///{tmp_path}/demo/store.db"
    address = sqlite if request.param == "sqlite" else request.getfixturevalue("postgres").empty_store()
    made = Bank(address, tmp_path)
    made.publish()
    yield made
    made.store.close()


def test_a_campaign_from_approval_to_effect(bank, monkeypatch):
    name = bank.propose(control_share=0.4)
    bank.opt_out("c02")  # between approval and sending
    assert bank.send() == [(name, 4)]
    arms = bank.members(name)
    assert (arms["c01"], arms["c02"]) == ("listed", "opted_out")
    contacted = [each for each, arm in arms.items() if arm == "contact"]
    control = [each for each, arm in arms.items() if arm == "control"]
    assert (len(contacted), bank.readers(name)) == (4, contacted)
    assert control
    assert bank.send() == []
    assert bank.members(name) == arms
    bank.opt_out(contacted[0])
    assert bank.readers(name) == contacted[1:]
    with bank.store.read() as connection:
        campaign = campaigns.campaign_of(connection, name)
        assert (campaign.state(MONDAY), campaign.sent_on, campaign.run_id) == ("sent", MONDAY, "run-1")
        assert campaign.sent["left_out"] == {
            "beyond_size": 12 - 2 - 4 - len(control),
            "listed": 1,
            "opted_out": 1,
        }
        sent = [each for each in audit.entries(connection) if each.action == "send campaign"]
        assert [(each.subject, each.details["contact"]) for each in sent] == [(name, 4)]
        waiting = campaign_members.latest_result(connection, name)
    assert (waiting["contacts"], waiting["control"], waiting["known"]) == (4, len(control), 0)
    assert (waiting["cost"], waiting["next_outcome"], waiting["net"]) == (400.0, "2026-06-07", None)

    # The lists leave all arms alone until the outcome is known, but not in a rerun of the Monday itself.
    everybody = {*contacted, *control}
    decisions = bank.publish(run_id="run-2")
    assert "in_campaign" not in decisions.values()
    decisions = bank.publish(MONDAY + WEEK, "run-3")
    household = {"c11", "c12"} if everybody & {"c11", "c12"} else set()
    assert {each for each, why in decisions.items() if why == "in_campaign"} == (everybody | household) - {
        contacted[0]
    }
    assert "in_campaign" not in bank.publish(LATER, "run-4").values()

    # Of the control group everybody leaves with half of 1,000, of the contacted only the first does.
    gone = {*control, contacted[0]}
    frame = pd.DataFrame({"customer_id": NAMES, "attrited": [each in gone for each in NAMES],
                          "outflow_share": 0.5, "aum_base": 1000.0})  # fmt: skip
    monkeypatch.setattr(experiment, "build_outcomes", lambda *_: None)
    monkeypatch.setattr(experiment, "data_through", lambda tables, monday: min(tables.end, monday))
    monkeypatch.setattr(experiment, "read_partition", lambda *_: frame)
    for as_of, known in ((LATER - WEEK, 0), (LATER, 4 + len(control))):
        effects = estimate_effects(bank.context, Tables(), as_of, lambda *_: None)
        with bank.store.write() as connection:
            write_effects(connection, effects)
            figures = campaign_members.latest_result(connection, name)
        assert figures["known"] == known
    assert figures["money"]["difference"][0] == pytest.approx(0.5 - 0.125)
    assert figures["money"]["kept"][0] == pytest.approx(4000 * 0.375)
    assert figures["net"][0] == pytest.approx(0.01 * 1500 - 400)
    assert figures["customers"]["kept"][0] == pytest.approx(4 * 0.75)

    # A bank that delivers no label of that week: contacts have cost the same, and nothing is waited for.
    label = bank.settings.label.model_copy(update={"definition": "delivered"})
    delivered = replace(bank.context, settings=bank.settings.model_copy(update={"label": label}))
    figures = estimate_effects(delivered, Tables(), LATER, lambda *_: None).figures[name]
    found = [figures[key] for key in ("contacts", "cost", "known", "waiting", "next_outcome", "state")]
    assert found == [4, 400, 0, 0, None, "inconclusive"]


def test_a_customer_and_a_household_are_in_one_campaign_at_a_time_the_one_approved_first(bank):
    first, second = (
        bank.propose("a", size=3, control_share=0.0),
        bank.propose("b", size=20, control_share=0.0),
    )
    assert [contacts for _, contacts in bank.send()] in ([3, 7], [3 + 7, 0], [10])
    arms = [bank.members(name) for name in (first, second)]
    contacted = [{each for each, arm in of.items() if arm == "contact"} for of in arms]
    assert not contacted[0] & contacted[1]
    assert len(contacted[0] | contacted[1]) == 10  # c01 is listed, and of c11 and c12 one is contacted
    assert "in_campaign" in {*arms[0].values(), *arms[1].values()}


def test_what_is_not_approved_or_not_due_is_not_sent_and_an_empty_audience_waits(bank, caplog):
    bank.propose("draft", approved=False)
    bank.propose("later", starts_on=MONDAY + WEEK)
    withdrawn = bank.propose("withdrawn")
    with bank.store.append() as connection:
        campaigns.withdraw(connection, withdrawn, Author("Li Na", None), "no")
    empty = bank.propose("empty", rule={"stages": ["dormant"]})
    with caplog.at_level("WARNING", "attrition"):
        assert bank.send() == [(empty, 0)]
    assert "'Term deposits' reaches nobody on 2026-03-02 and waits" in caplog.text
    with bank.store.read() as connection:
        assert campaigns.campaign_of(connection, empty).state(MONDAY) == "approved"
        assert connection.execute(select(tables.campaign_members)).all() == []


def test_a_crash_half_way_leaves_nothing_and_the_next_sending_is_whole(bank, monkeypatch):
    name = bank.propose()

    def crash(*_):
        raise OSError("no power")

    with monkeypatch.context() as patched:
        patched.setattr(sending.campaign_members, "write_result", crash)
        with pytest.raises(Exception, match="no power"):
            bank.send()
    assert bank.members(name) == {}
    assert bank.send() == [(name, 4)]


def test_workbooks_hold_whom_readers_see_and_go_when_it_is_withdrawn(bank):
    bank.publish(run_id="run-2")
    with bank.store.write() as connection:
        keep_figures(connection, "run-2", "terms", asdict(bank.settings.list_terms))
    name = bank.propose(control_share=0.0)
    bank.send()
    folder = bank.context.home.campaigns / name
    in_charge = folder / "manager_M1.xlsx"
    first = in_charge.read_bytes()
    bank.send()
    assert in_charge.read_bytes() == first
    bank.opt_out(bank.readers(name)[0])
    bank.send()
    assert in_charge.read_bytes() != first
    with bank.store.append() as connection:
        campaigns.withdraw(connection, name, Author("Li Na", None), "no")
    bank.send()
    assert not folder.exists()


def test_two_sendings_at_once_send_once(bank, monkeypatch):
    """The second one saw the campaign as due before the first was done."""
    name = bank.propose()
    with bank.store.read() as connection:
        seen = campaign_sending.due(connection, MONDAY)
    assert bank.send() == [(name, 4)]
    members = bank.members(name)
    monkeypatch.setattr(sending.campaign_sending, "due", lambda *_: seen)
    assert bank.send() == [(name, 0)]
    assert bank.members(name) == members
    with bank.store.read() as connection:
        assert len([each for each in audit.entries(connection) if each.action == "send campaign"]) == 1


def test_who_moved_or_is_no_longer_scored_and_a_run_that_is_rolled_back(bank):
    name = bank.propose(size=12, control_share=0.0)
    bank.send()
    sent = bank.readers(name)
    moved = a_score("c03", 1, branch_id="B2", manager_id="M2")
    bank.publish(MONDAY + WEEK, "run-2", {"c02": None, "c03": moved}.items())
    with bank.store.at_run() as session:
        seen = {each.customer_id: each.manager_id for each in campaign_members.members(session, name)}
    assert [*seen] == [each for each in sent if each != "c02"]
    assert seen["c03"] == "M2"
    bank.store.rollback()
    assert bank.readers(name) == sent
    assert bank.send() == []


def test_members_follow_new_numbers_and_are_pruned_with_the_assignments(bank):
    name = bank.propose(size=12, control_share=0.0)
    bank.send()
    arms = bank.members(name)
    with bank.store.write() as connection:
        renumbering.follow_numbers(connection, {"c05": "n05", "c01": "c06", "c12": "c07"})
    gone = {"c05", "c01", "c12"}
    assert bank.members(name) == {each: arm for each, arm in arms.items() if each not in gone} | {
        "n05": "contact"
    }
    bank.publish(MONDAY + 60 * WEEK, "run-2")
    bank.store.prune(100, 100, 61)
    assert bank.members(name)
    bank.store.prune(100, 100, 60)
    assert bank.members(name) == {}
    with bank.store.read() as connection:
        assert campaigns.campaign_of(connection, name).sent["contact"]
        assert campaign_members.latest_result(connection, name)


def test_an_open_assignment_under_an_old_number_keeps_its_customer_out_of_campaigns(bank, monkeypatch):
    """p02 is c02 now, and p12 is c12, who lives with c11; the outcome of p03, who is c03, is known."""
    row = {"run_id": "r", "tier": "", "reason_group": "", "risk": 0.1, "money_at_risk_minor": 0}
    row |= {"until": MONDAY + 20 * WEEK, "control_group": False}
    with bank.store.write() as connection:
        for name, ago in (("p02", 13), ("p12", 1), ("p03", 14)):
            assigned = row | {"customer_id": name, "assigned_on": MONDAY - ago * WEEK}
            connection.execute(insert(tables.assignments).values(assigned))
    newest = Numbers({"p02": "c02", "p12": "c12", "p03": "c03"})
    monkeypatch.setattr(sending, "newest_numbers", lambda _: newest)
    name = bank.propose(size=12, control_share=0.0)
    bank.send()
    why = {each: arm for each, arm in bank.members(name).items() if arm != "contact"}
    assert why == {"c01": "listed"} | dict.fromkeys(("c02", "c11", "c12"), "in_experiment")


def test_whoever_was_contacted_often_is_left_alone_by_lists_and_campaigns(bank, monkeypatch):
    monkeypatch.setattr(sending, "contact_days", lambda *_: {"c02": 5, "c03": 6})
    name = bank.propose(control_share=0.0, channel="message", size=1)
    assert bank.send() == [(name, 1)]
    assert bank.members(name)["c02"] == "contact"
    with bank.store.read() as connection:
        assert campaign_sending.unrecorded(connection, MONDAY, MONDAY + WEEK) == {"c02": 1}
        assert campaign_sending.unrecorded(connection, MONDAY + WEEK, MONDAY + 2 * WEEK) == {}
        lists, days = bank.settings.lists, {"c02": 5, "c03": 6, "c04": 5}
        for monday, often in ((MONDAY, {"c03"}), (MONDAY + WEEK, {"c02", "c03"})):
            assert sending.contacted_often(connection, days, lists, monday) == often


def test_a_control_group_that_anybody_could_work_out_is_refused(tmp_path):
    bank = Bank(f"sqlite:///{tmp_path}/demo/store.db", tmp_path, promotion={"approval": "second person"},
                lists={"control_group_share": 0.0})  # fmt: skip
    bank.publish()
    name = bank.propose()
    with pytest.raises(ConfigError, match=f"control group of campaign {name}"):
        bank.send()
    bank.store.close()


def test_the_cost_is_that_of_the_channel_and_without_a_control_group_there_is_no_effect(bank):
    phone = {"name": "phone", "response": 1.0, "places": 1.0}
    message = {"name": "message", "response": 0.3, "places": 0.1, "cost": 2.5}
    with_messages = load_settings(
        "demo", {"lists": {"channels": [phone, message]}, "profit": {"call_cost": 100.0}}
    )
    rows = [SimpleNamespace(**dict.fromkeys(campaign_sending.OUTCOME), arm="contact", risk=0.5, manager_id="",
                            reason_group="", expected_value_minor=1, customer_id="c1",
                            assigned_on=MONDAY)] * 4  # fmt: skip
    costs = []
    for settings, channel in (
        (with_messages, "message"),
        (with_messages, "visit"),
        (bank.settings, "message"),
    ):
        with bank.store.read() as connection:
            campaign = campaigns.campaign_of(connection, bank.propose(channel, channel=channel))
        figures = campaign_figures(settings, campaign, rows, MONDAY)
        assert (figures["control"], figures["customers"], figures["net"]) == (0, None, None)
        costs.append(figures["cost"])
    assert costs == [10.0, 400.0, 400.0]
