"""However far somebody sees, no question reads a whole table that grows with customers."""

import sqlite3

import pytest
from sqlalchemy import event
from sqlalchemy.dialects import sqlite

from configs.published import LANGUAGES
from serve.store import point_read, tables
from serve.store.branch_summary import branch_rows
from serve.store.scope import Reach, Scope

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
