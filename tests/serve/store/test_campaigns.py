"""Campaigns in the store: a second person approves, the preview counts, readers see whom they may contact."""

import json
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from configs.branch_figures.products import ProductGap
from configs.branch_rows import Coverage
from configs.campaigns import AudienceRule, Plan
from configs.published import Manager, Maturity, Profile, RunExtras
from serve.store import audit, campaign_members, campaigns, contacts, tables
from serve.store.audience import preview
from serve.store.campaigns import CampaignError, OwnApprovalError, UnknownCampaignError
from serve.store.contacts import Author, ConflictError
from serve.store.read_session import ReadSession, find
from serve.store.scope import EVERYTHING, Reach, Scope
from serve.store.store import keep_figures
from tests.serve.conftest import a_score, published_run

pytestmark = pytest.mark.either_store

MONDAY, WEEK = date(2026, 11, 16), timedelta(weeks=1)
WANG, LI = Author("Wang Fang", b"k" * 32), Author("Li Na", b"k" * 32)
B1, B2, M1 = Scope(Reach.BRANCH, "B1"), Scope(Reach.BRANCH, "B2"), Scope(Reach.OWN, "M1")


def a_plan(**changes):
    fields = {"title": "Term deposits roll over", "rule": {}, "size": 2, "channel": "phone",
              "starts_on": MONDAY, "ends_on": MONDAY + 4 * WEEK, "control_share": 0.5}  # fmt: skip
    return Plan(**fields | changes)


@pytest.fixture
def bank(store, make_lists, settings):
    """c1 listed; c2 opted out; c3 and c4 of one household; c5 of branch B2; c6 free; c7 harmed."""
    scores = (
        a_score("c1", 900_00), a_score("c2", 800_00, marketing_opt_out=True),
        a_score("c3", 700_00, household_id="H1"), a_score("c4", 600_00, household_id="H1"),
        a_score("c5", 500_00, branch_id="B2", manager_id="M2", tier="private", reasons=()),
        a_score("c6", 400_00), a_score("c7", 300_00),
    )  # fmt: skip
    lists = make_lists(scores, [Manager("M1", "", "B1", 1), Manager("M2", "", "B2", 0)])
    due = Maturity("T", "term", MONDAY + timedelta(days=20), 100_00)
    gap = ProductGap("fund", 3, 4, 0.3, 0.9)
    profiles = [Profile(name := score.customer_id, {}, (due,) if name in ("c3", "c6") else (),
                        gaps=(gap,) if name == "c6" else ()) for score in scores]  # fmt: skip
    coverage = [Coverage("B1", "M1", 6, 6, 0, 0, 0), Coverage("B2", "M2", 1, 1, 0, 0, 0)]
    run = published_run(cohort=7, excluded={})
    store.publish(run, scores, (), lists, RunExtras(profiles, coverage))
    with store.write() as connection:
        keep_figures(connection, run.run_id, "terms", asdict(settings.list_terms))
        harmed = tables.decisions.c.customer_id == "c7"
        connection.execute(update(tables.decisions).where(harmed).values(decision="do_not_disturb"))
    return store


def session_of(connection, scope=EVERYTHING):
    return ReadSession(connection, find(connection), scope)


def member(campaign_id, customer_id, rank, **changes):
    row = {"campaign_id": campaign_id, "customer_id": customer_id, "household_id": None, "branch_id": "B1",
           "manager_id": "M1", "arm": "contact", "why": None, "rank": rank, "until": MONDAY + 14 * WEEK,
           "tier": "affluent", "lifecycle_stage": "mature", "reason_group": "", "risk_band": "high",
           "risk": 0.4, "money_at_risk_minor": 1, "expected_value_minor": 1}  # fmt: skip
    return row | changes


def test_a_preview_counts_whom_a_rule_reaches_and_who_is_left_out_and_why(bank):
    def counted(rule, scope=EVERYTHING, **plan):
        with bank.read() as connection:
            return preview(session_of(connection, scope), a_plan(rule=rule, **plan))

    whole = counted({})
    assert (whole.fits, whole.free, whole.contacts, whole.control, whole.exact) == (7, 3, 2, 1, True)
    assert whole.left_out == {"listed": 1, "opted_out": 1, "do_not_disturb": 1, "household": 1}
    assert whole.money_at_risk_minor == 2200_00
    assert counted({}, control_share=0.0).control == 0
    many = counted({}, size=50, control_share=0.9)  # whoever is free is in one of the two
    assert (many.contacts, many.control) == (0, 3)
    small = counted({}, size=1)
    assert small.left_out == whole.left_out | {"beyond_size": 3 - small.contacts - small.control}
    for rule, fits in (
        ({"branches": ["B2"]}, 1), ({"tiers": ["private"]}, 1), ({"segments": ["none"]}, 0),
        ({"stages": ["mature"]}, 7), ({"risk_bands": ["low", "medium"]}, 0), ({"reasons": ["outflow"]}, 6),
        ({"least_money_at_risk": 600.01}, 3), ({"least_aum": 1_843_200.51}, 0), ({"maturing_days": 20}, 0),
        ({"maturing_days": 21}, 2), ({"product_gaps": ["fund"]}, 1), ({"product_gaps": ["trust"]}, 0),
        ({"maturing_days": 90, "product_gaps": ["fund", "trust"], "tiers": ["affluent"]}, 1),
    ):  # fmt: skip
        assert counted(rule).fits == fits, rule
    assert counted({}, B2).fits == counted({"branches": ["B2"]}).fits == 1
    with bank.write() as connection:
        contacts.opt_out(connection, "c6", datetime(2026, 11, 17, tzinfo=UTC), LI)
        at = {"assigned_on": MONDAY - 13 * WEEK, "until": MONDAY + 8 * WEEK, "control_group": True}
        row = {"customer_id": "c3", "run_id": "r", "tier": "", "reason_group": "", "risk": 0.1}
        connection.execute(insert(tables.assignments).values(row | at | {"money_at_risk_minor": 0}))
        other = campaigns.create(connection, a_plan(), "other", WANG)
        connection.execute(insert(tables.campaign_members).values(member(other.campaign_id, "c5", 1)))
    left_out = {"listed": 1, "opted_out": 2, "do_not_disturb": 1, "in_experiment": 2, "in_campaign": 1}
    assert (counted({}).left_out, counted({}).free) == (left_out, 0)
    with bank.write() as connection:  # the outcome window of thirteen weeks and six days has closed
        passed = {"assigned_on": MONDAY - 14 * WEEK, "until": MONDAY + 8 * WEEK}
        connection.execute(
            update(tables.assignments).where(tables.assignments.c.customer_id == "c3").values(passed)
        )
        connection.execute(update(tables.campaign_members).values(until=MONDAY))
    assert counted({}).left_out == {"listed": 1, "opted_out": 2, "do_not_disturb": 1, "household": 1}


def test_gaps_of_too_many_customers_are_not_counted_one_by_one(bank, monkeypatch):
    monkeypatch.setattr("serve.store.audience.PROFILES", 6)
    with bank.read() as connection:
        bound = preview(session_of(connection), a_plan(rule={"product_gaps": ["fund"]}))
        assert (bound.fits, bound.exact) == (7, False)
        narrow = preview(session_of(connection), a_plan(rule={"product_gaps": ["fund"], "branches": ["B1"]}))
        assert (narrow.fits, narrow.exact) == (1, True)


def test_a_second_person_approves_and_its_author_cannot_under_any_spelling(bank):
    with bank.append() as connection:
        made = campaigns.create(connection, a_plan(), "key-1", WANG)
        assert campaigns.create(connection, a_plan(), "key-1", WANG) == made
        assert (made.author, made.state(MONDAY), made.plan) == ("Wang Fang", "draft", a_plan())
        with pytest.raises(ConflictError):
            campaigns.create(connection, a_plan(size=3), "key-1", WANG)
        wide, accented, joined = "\uff37\uff21\uff2e\uff27 FANG", "W\u00e1ng Fang", "Wang\u200bFang"
        for name in ("Wang Fang", "wang fang", " WANG  FANG ", wide, "wang.fang", accented, joined):
            for decide in (campaigns.approve, lambda *rest: campaigns.refuse(*rest, "no")):
                with pytest.raises(OwnApprovalError, match="proposed by Wang Fang, who cannot"):
                    decide(connection, made.campaign_id, Author(name, WANG.audit_key))
        assert campaigns.campaign_of(connection, made.campaign_id) == made
        approved = campaigns.approve(connection, made.campaign_id, LI)
        assert campaigns.approve(connection, made.campaign_id, LI) == approved
        assert (approved.approved_by, approved.state(MONDAY)) == ("Li Na", "approved")
        assert [approved.due(MONDAY + k * WEEK) for k in (-1, 0, 3, 4)] == [False, True, True, False]
        assert approved.state(MONDAY + 4 * WEEK) == "ended"
        third = Author("Zhao Yun", LI.audit_key)
        for decide in (campaigns.approve, lambda *rest: campaigns.refuse(*rest, "no")):
            with pytest.raises(CampaignError, match="is approved by Li Na and cannot be"):
                decide(connection, made.campaign_id, third)
        gone = campaigns.withdraw(connection, made.campaign_id, WANG, "not now")
        assert (gone.state(MONDAY), gone.why, gone.due(MONDAY)) == ("withdrawn", "not now", False)
        assert campaigns.withdraw(connection, made.campaign_id, LI, "again") == gone
        other = campaigns.create(connection, a_plan(), "key-2", WANG)
        with pytest.raises(CampaignError, match="say why"):
            campaigns.refuse(connection, other.campaign_id, LI, " ")
        assert campaigns.refuse(connection, other.campaign_id, LI, "too many").state(MONDAY) == "refused"
        with pytest.raises(CampaignError, match="is refused by Li Na"):
            campaigns.approve(connection, other.campaign_id, third)
        noted = [(entry.action, entry.actor, entry.subject) for entry in audit.entries(connection)]
        assert noted[-5:] == [
            ("create campaign", "Wang Fang", made.campaign_id),
            ("approve campaign", "Li Na", made.campaign_id),
            ("withdraw campaign", "Wang Fang", made.campaign_id),
            ("create campaign", "Wang Fang", other.campaign_id),
            ("refuse campaign", "Li Na", other.campaign_id),
        ]
        assert audit.verify(connection, WANG.audit_key) == []


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ({"rule": {"segments": ["steadi"]}}, "unknown segment 'steadi'. Did you mean 'steady'"),
        ({"rule": {"tiers": ["affluent_"]}}, "unknown tier 'affluent_'. Did you mean 'affluent'"),
        ({"rule": {"branches": ["B3"]}}, "unknown branch 'B3'"),
        ({"starts_on": MONDAY - 5 * WEEK, "ends_on": MONDAY}, "ends_on = 2026-11-16 is over"),
        ({"starts_on": MONDAY + 54 * WEEK, "ends_on": MONDAY + 55 * WEEK}, "Begin earlier"),
    ],
    ids=str,
)
def test_a_draft_that_can_reach_nobody_is_refused_at_once(bank, plan, sentence):
    with bank.append() as connection, pytest.raises(CampaignError, match=sentence):
        campaigns.create(connection, a_plan(**plan), "key", WANG)


def test_a_branch_head_proposes_and_decides_for_the_own_branch_alone(bank):
    with bank.append() as connection:
        own = campaigns.create(connection, a_plan(), "key", WANG, B1)
        assert own.plan.rule == AudienceRule(branches=("B1",))
        assert campaigns.create(connection, a_plan(rule={"branches": ["B1"]}), "key", WANG, B1) == own
        for scope, branches in ((B1, ["B2"]), (B1, ["B1", "B2"]), (M1, [])):
            with pytest.raises(CampaignError, match="own branch alone"):
                campaigns.create(connection, a_plan(rule={"branches": branches}), "other", WANG, scope)
        everywhere = campaigns.create(connection, a_plan(), "all", WANG)
        mine, all_branches = own.campaign_id, everywhere.campaign_id
        for scope, seen in ((EVERYTHING, {mine, all_branches}), (B1, {mine, all_branches}),
                            (B2, {all_branches}), (M1, set())):  # fmt: skip
            assert {each.campaign_id for each in campaigns.listed(connection, scope)} == seen
        with pytest.raises(UnknownCampaignError):
            campaigns.approve(connection, own.campaign_id, LI, B2)
        with pytest.raises(CampaignError, match="decided about at head office"):
            campaigns.approve(connection, everywhere.campaign_id, LI, B1)
        assert campaigns.approve(connection, own.campaign_id, LI, B1).approved_by == "Li Na"


def test_readers_see_whom_they_may_contact_as_of_now(bank):
    with bank.append() as connection:
        made = campaigns.create(connection, a_plan(), "key", WANG)
        name = made.campaign_id
        rows = [member(name, "c6", 2), member(name, "c5", 1, branch_id="B1", manager_id="M1"),
                member(name, "c2", 3), member(name, "c9", 4),
                member(name, "c3", None, arm="control")]  # fmt: skip
        connection.execute(insert(tables.campaign_members), rows)

    def seen(scope=EVERYTHING, **page):
        with bank.read() as connection:
            session = session_of(connection, scope)
            found = campaign_members.members(session, name, **page)
            assert page or campaign_members.member_count(session, name) == len(found)
            return [(each.customer_id, each.branch_id, each.manager_id) for each in found]

    # c2 opted out by the bank's record, c9 is no longer scored, c5 has moved to branch B2 since.
    assert seen() == [("c5", "B2", "M2"), ("c6", "B1", "M1")]
    assert seen(after=1, limit=5) == seen(limit=2)[1:] == seen(B1) == seen(M1) == [("c6", "B1", "M1")]
    assert seen(B2) == [("c5", "B2", "M2")]
    with bank.read() as connection:
        assert [each.campaign_id for each in campaigns.listed(connection, M1)] == [name]
    with bank.append() as connection:
        contacts.opt_out(connection, "c6", datetime(2026, 11, 17, tzinfo=UTC), LI)
    assert seen() == [("c5", "B2", "M2")]
    with bank.append() as connection:
        campaigns.withdraw(connection, name, WANG, "enough")
    assert seen() == []


def test_a_campaign_of_a_branch_follows_its_customers_to_another_one(bank):
    """B1 was merged into B2: the head of B2 sees the customers to call, and decides about nothing."""
    with bank.write() as connection:
        name = campaigns.create(connection, a_plan(rule={"branches": ["B1"]}), "key", WANG).campaign_id
        assert (campaigns.listed(connection, B1)[0].campaign_id, campaigns.listed(connection, B2)) == (
            name,
            (),
        )
        connection.execute(insert(tables.campaign_members).values(member(name, "c5", 1)))
        assert [each.campaign_id for each in campaigns.listed(connection, B2)] == [name]
        assert campaigns.campaign_of(connection, name, B2).campaign_id == name
        with pytest.raises(CampaignError, match="of another branch is decided about at head office"):
            campaigns.withdraw(connection, name, LI, "no", B2)


def test_what_a_campaign_achieved_is_kept_by_monday(bank):
    with bank.write() as connection:
        name = campaigns.create(connection, a_plan(), "key", WANG).campaign_id
        assert campaign_members.latest_result(connection, name) is None
        for monday, known in ((MONDAY, 1), (MONDAY + WEEK, 2), (MONDAY, 3)):
            campaign_members.write_result(connection, name, monday, {"known": known})
        results = connection.execute(select(tables.campaign_results).order_by("as_of"))
        assert [(row.as_of, json.loads(row.figures)["known"]) for row in results] == [
            (MONDAY, 3),
            (MONDAY + WEEK, 2),
        ]
        assert campaign_members.latest_result(connection, name) == {"known": 2}
