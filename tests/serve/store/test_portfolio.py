"""A list and its portfolio, chosen and ordered in SQL, against the same rules over Python's own objects."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from types import MappingProxyType

import pytest

from configs.call_lists import Week
from configs.published import RunExtras
from configs.response import Response
from pipeline.lists.decisions import choose
from serve.store.contacts import Author, Contact, of_run, record
from serve.store.portfolio import Choice, ListOwner, PortfolioView, next_to_do
from serve.store.scope import EVERYTHING, Reach, Scope
from serve.store.store import Store
from tests.serve.pages import published_bank
from tests.serve.pages.published_bank import MANAGERS, MONDAY, OF

C1, C2, C3, C4, C5, C6, EVIL = (number for number, (_, manager) in OF.items() if manager == "M1")
OWN = ["6217000000000000901", "6217000000000000902"]
M1, EARLIER = ListOwner("M1"), "2026-11-23-earlier"
SERVED_ON = MONDAY + timedelta(weeks=2)
DUE = (None, SERVED_ON - timedelta(days=1), SERVED_ON, SERVED_ON - timedelta(days=90))  # two are overdue
SERVED = published_bank.run(7, run_id="2026-11-30-served", snapshot_date=SERVED_ON)


@pytest.fixture(scope="module")
def bank(tmp_path_factory, settings):
    """Two Mondays. C6 is new on the second; C3 is cooled down, C4 no longer scored, and C5 is M2's."""
    with Store(f"sqlite:///{tmp_path_factory.mktemp('portfolio') / 'store.db'}") as store:
        scores = [
            replace(
                published_bank.score(place, number, 7),
                segment=("steady", "at_risk")[place % 2],
                contact_due_on=DUE[place % len(DUE)],
            )
            for place, number in enumerate(OF)
        ]
        publish(store, settings, EARLIER, scores, opted_out=frozenset({C6}))
        reached = {C3: MONDAY + timedelta(weeks=1)}
        now = [
            replace(score, manager_id="M2") if score.customer_id == C5 else score
            for score in scores
            if score.customer_id != C4
        ]
        publish(store, settings, SERVED.run_id, now, reached=reached)
        record_outcome(store, C2)
        yield store


def publish(store, settings, run_id, scores, **week):
    monday = date.fromisoformat(run_id[:10])
    run = published_bank.run(7, run_id=run_id, snapshot_date=monday, cohort=len(scores))
    run = replace(run, excluded=MappingProxyType({}))
    lists = choose(scores, MANAGERS, settings.lists, Week(monday, 14, Response(0.3), **week))
    profiles = [published_bank.profile(place, score.customer_id) for place, score in enumerate(scores)]
    store.publish(run, scores, (), lists, RunExtras(profiles))


def record_outcome(store, customer_id, manager_id="M1"):
    at = datetime(2026, 12, 1, tzinfo=UTC)
    contact = Contact(f"k-{customer_id}", customer_id, manager_id, SERVED.run_id, "will_stay", "", at)
    with store.append() as connection:
        record(connection, contact, Author(manager_id, b"k" * 32))


def following(store, customer_id, scope=Scope(Reach.OWN, "M1")):  # noqa: B008
    with store.at_run(None, scope) as session:
        return next_to_do(session, customer_id)


def portfolio_of(session):
    """Score, profile, decision and whether an outcome is recorded, of each of M1's customers."""
    decisions = {name: made for name, made in session.decisions().items() if made.manager_id == "M1"}
    scores, profiles = session.scores(list(decisions)), session.profiles(list(decisions))
    done = of_run(session.connection, session.run.run_id, list(decisions))
    return [(scores[name], profiles[name], made, name in done) for name, made in decisions.items()]


def chosen_by_hand(portfolio, choice, listed_only):
    """The customers that a choice names, by the plain rules of docs/pages.md."""
    rows = []
    for score, profile, decision, done in portfolio:
        name, due, listed = score.customer_id, profile.maturities, decision.rank is not None
        fits = {
            "": True, "new": listed and name == C6, "maturing": bool(due), "listed": listed,
            "unlisted": not listed, "overdue": (score.contact_due_on or SERVED_ON) < SERVED_ON,
        }[choice.show]  # fmt: skip
        fits &= choice.state == "" or (listed and done == (choice.state == "done"))
        fits &= choice.band in ("", score.risk_band) and (listed or not listed_only)
        fits &= choice.reason in ("", score.reasons[0].group)
        size = {"risk": -score.risk, "aum": -score.aum_minor}.get(choice.sort, 0)
        fits &= choice.segment in ("", score.segment)
        if choice.sort == "overdue":
            size = (score.contact_due_on or date.max).toordinal()
        if choice.sort == "maturity":
            size = due[0].matures_on.toordinal() if due else date.max.toordinal()
        part = 2 if not listed else score.list_part == "if_time"
        order = (part, size, decision.rank or 0, -decision.expected_value_minor, name)
        rows += [(order, name)] if fits else []
    return tuple(name for _, name in sorted(rows))


def test_every_choice_names_the_customers_that_the_plain_rules_name(bank):
    bands, states = ("", "high", "medium", "low"), ("", "to_do", "done")
    onlys = ("", "new", "maturing", "listed", "unlisted", "overdue")
    sorts = ("", "keep", "risk", "aum", "maturity", "overdue")
    choices = [
        Choice(
            band, ("", "outflow")[sort == "aum"], state, only, sort, segment=("", "steady")[only == "listed"]
        )
        for band, state, only, sort in product(bands, states, onlys, sorts)
    ]
    some = 0
    with bank.at_run(None, Scope(Reach.OWN, "M1")) as session:
        portfolio, views = portfolio_of(session), [PortfolioView(session, M1, only) for only in (True, False)]
        # Every seventh, so that each value of a field meets each value of another.
        for view, choice in product(views, [*choices[:5], *choices[5::7]]):
            expected = chosen_by_hand(portfolio, choice, view.listed_only)
            assert view.page(choice, 0, 100) == (expected, len(expected)), choice
            assert view.page(choice, 1, 2) == (expected[1:3], len(expected)), choice
            some += bool(expected)
        assert view.page(Choice(show="overdue"), 0, 100)[1] == 2
    assert some > 20  # the comparison is not one of nothing with nothing


def test_figures_who_is_new_and_who_is_gone(bank):
    with bank.at_run(None, Scope(Reach.OWN, "M1")) as session:
        view = PortfolioView(session, M1, True)
        figures = view.figures
        assert (figures.customers, figures.listed, figures.done, figures.new) == (4, 4, 1, 1)
        assert figures.keep_minor == sum(
            decision.expected_value_minor for decision in session.decisions([C1, C2, C6, EVIL]).values()
        )
        assert view.new([C1, C6]) == {C6}
        gone, others = view.gone()
        # C4 and C5 went too; who they are is no longer M1's to see.
        assert ([(decision.customer_id, decision.decision) for decision in gone], others) == (
            [(C3, "cooled_down")], 2
        )  # fmt: skip
    with bank.at_run(None, EVERYTHING) as session:
        gone, others = PortfolioView(session, M1, True).gone()
        assert ([decision.customer_id for decision in gone], others) == ([C3, C5], 1)
    with bank.at_run(EARLIER) as session:
        first = PortfolioView(session, M1, True)
        assert (first.before, first.gone(), first.figures.new) == (None, ((), 0), 0)


def test_nobody_sees_another_managers_customers(bank):
    with bank.at_run(None, Scope(Reach.OWN, "M2")) as session:
        view = PortfolioView(session, M1, False)
        assert (view.page(Choice(), 0, 100), view.figures.customers) == (((), 0), 0)
        assert view.new([C6]) == frozenset()
        assert [decision.customer_id for decision in view.gone()[0]] == [C5]  # M2's own now


def test_the_next_to_do_skips_who_is_done_and_begins_again_at_the_top(bank):
    assert [following(bank, number) for number in (C1, C2, C6, EVIL)] == [C6, C6, EVIL, C1]
    assert following(bank, C3) is None  # on no list


def test_the_next_to_do_stays_on_the_list_and_within_reach(bank):
    head = Scope(Reach.BRANCH, "B1")
    assert following(bank, OWN[0], head) == OWN[1]
    record_outcome(bank, OWN[1], "B1")
    assert following(bank, OWN[0], head) is None  # nobody else is left; M1's customers are not on this list
    assert following(bank, C5) is None  # M2's, foreign
