"""However far somebody sees, no question reads a whole table that grows with customers."""

import re
import sqlite3
from dataclasses import replace

import pytest
from sqlalchemy import event
from sqlalchemy.dialects import sqlite

from configs.call_lists import Week
from configs.published import LANGUAGES, Manager
from configs.response import Response
from pipeline.lists.decisions import choose
from serve.store import point_read, tables
from serve.store.branch_summary import branch_rows
from serve.store.portfolio import Choice, ListOwner, PortfolioView, next_to_do
from serve.store.portfolio_page import Asked, portfolio_page
from serve.store.scope import Reach, Scope
from serve.store.store import Store
from tests.serve.pages import published_bank

# These have few rows; what else SQLite names is its own steps.
LARGE = set(tables.metadata.tables) - {"current_run", "runs"}
NUMBER = {Reach.BRANCH: "B1", Reach.OWN: "M1"}


def whole_tables(connection, sql, values):
    """The large tables that a statement reads from end to end."""
    plan = [row[3].split() for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    return {step[1] for step in plan if step[0] == "SCAN" and step[1] in LARGE}


@pytest.fixture
def asked(published):
    """Every statement on the way to the store, and what it reads whole."""
    seen = {}

    @event.listens_for(published.engine, "before_cursor_execute")
    def look(connection, _cursor, statement, values, *_rest):
        if statement.startswith("SELECT"):
            seen[statement] = whole_tables(connection.connection.driver_connection, statement, values)

    return seen


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize("reach", Reach)
def test_questions_find_their_rows_by_key(published, asked, reach, still):
    with published.at_run(scope=Scope(reach, NUMBER.get(reach, ""), still)) as read_session:
        read_session.customer("c1")
        read_session.customers(["c1", "c6"])
        read_session.history("c1")
        read_session.profiles(["c1"]).get("c1")
        read_session.manager("M1")
        read_session.manager_list("M1")
        read_session.branch_list("B1")
        read_session.managers("B1")
        read_session.decisions(["c1"])
        read_session.page()
        read_session.within_reach()
        branch_rows(read_session, "B1")
    assert len(asked) >= 11
    assert set().union(*asked.values()) == set()


@pytest.mark.parametrize("reach", Reach)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_question_asked_most_finds_its_row_by_key(published, reach, language):
    sql = point_read._statements(sqlite.dialect(paramstyle="named"), "form")[reach, language]
    path = published.engine.url.database
    with sqlite3.connect(path) as connection:
        assert whole_tables(connection, sql, {"customer_id": "c1", "number": NUMBER.get(reach, "")}) == set()
    connection.close()


BRANCHES, TEAM, PORTFOLIO = 8, 4, 10
CHOICES = [Choice(), Choice(stage="mature", sort="risk"), Choice(tier="wealth"), Choice(state="to_do"),
           Choice(band="high", sort="aum"), Choice(show="overdue", sort="overdue")]  # fmt: skip


@pytest.fixture(scope="module")
def large(tmp_path_factory, settings):
    """Two Mondays of several branches with several managers each, published as every run is."""
    people = [f"{branch}-{place}" for branch in range(BRANCHES) for place in range(TEAM)]
    managers = [Manager(name, "", f"B{name[0]}", 3) for name in people]
    with Store(f"sqlite:///{tmp_path_factory.mktemp('large') / 'store.db'}") as store:
        for snapshot_date in published_bank.MONDAYS[-2:]:
            like = published_bank.score(0, next(iter(published_bank.OF)), 7)
            scores = [
                replace(like, customer_id=f"{place:019}", manager_id=name, branch_id=f"B{name[0]}")
                for place, name in enumerate(people * PORTFOLIO)
            ]
            run = published_bank.run(
                7, snapshot_date=snapshot_date, run_id=str(snapshot_date), cohort=len(scores)
            )
            week = Week(snapshot_date, 14, Response(0.3))
            store.publish(
                replace(run, excluded={}), scores, (), choose(scores, managers, settings.lists, week)
            )
        yield store


def test_nobody_waits_for_the_customers_of_all_others(large):
    """A page is about a manager or a branch, whatever is chosen there: of no table is a whole run read."""
    whole_runs = []

    @event.listens_for(large.engine, "before_cursor_execute")
    def look(connection, _cursor, statement, values, *_rest):
        if statement.startswith("SELECT"):
            driver = connection.connection.driver_connection
            plan = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            whole_runs.extend((step, statement) for step in plan if re.search(r"\(run_version=\?\)$", step))

    with large.at_run() as session:
        for owner in (ListOwner("3-1"), ListOwner(None, "B3"), ListOwner(), ListOwner(None, "B3", True)):
            for listed_only in (True, False):
                view = PortfolioView(session, owner, listed_only)
                assert view.figures.customers >= 0
                if not owner.everybody:  # who has no list
                    view.gone()
                for choice in CHOICES:
                    view.new(view.page(choice, 0, 5)[0])
        for asked in (Asked(), Asked("listed"), Asked(band="high", sort="aum")):
            assert portfolio_page(session, "3-1", asked, 0, 5)[1] >= 0
        next_to_do(session, f"{0:019}")
    assert whole_runs == []
