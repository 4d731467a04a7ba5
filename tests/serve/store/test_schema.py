"""The tables' versions: each step up and down keeps the rows, and the last is what serve/store/tables.py says."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from configs.errors import DataError
from configs.tables import Sensitivity
from serve.store import schema, tables
from serve.store.audit import Entry, append, verify
from serve.store.database import connect, read, write
from serve.store.store import Store

VERSIONS = [f"{number:04}" for number in range(1, int(schema.VERSION) + 1)]
CONTACT = "INSERT INTO contacts VALUES (1, 'k', 'c1', 'M1', 'run-1', 'leaving', NULL, '2026-11-17 09:00:00')"


@pytest.fixture
def store_url(either_url):
    return either_url


@pytest.fixture
def engine(store_url):
    engine = connect(store_url)
    yield engine
    engine.dispose()


def test_the_migrations_end_with_the_tables_as_declared(engine):
    with write(engine) as connection:
        assert schema.migrate(connection) == VERSIONS
        context = MigrationContext.configure(connection, opts={"version_table": "store_version"})
        assert compare_metadata(context, tables.metadata) == []


def test_down_and_up_again_with_rows_in_the_tables(published, engine, make_run, scores, exclusions, lists):
    published.publish(make_run("run-0"), scores, exclusions, lists)
    published.serve_run("run-1")
    before = [as_before_decisions(published.published(run_id)) for run_id in (None, "run-0", "run-1")]
    drawn = lots(engine)
    assert len(drawn) == 3
    assert published.migrate("0001") == VERSIONS[:0:-1]
    with read(engine) as connection:
        packed = connection.scalar(
            text("SELECT reasons FROM scores WHERE run_id = 'run-1' AND customer_id = 'c1'")
        )
        none = connection.scalar(
            text("SELECT reasons FROM scores WHERE run_id = 'run-1' AND customer_id = 'c4'")
        )
    assert (json.loads(packed), none) == ([one.__dict__ for one in scores[0].reasons], "[]")
    assert published.migrate() == VERSIONS[1:]
    assert [published.published(run_id) for run_id in (None, "run-0", "run-1")] == before
    assert published.migrate() == []
    assert lots(engine) == drawn


def test_decisions_of_a_run_from_before_they_were_kept_are_those_its_lists_imply(published, engine):
    """c2 had opted out, c4 and c1 are M1's list and c5 the branch's own; c3 was left off. Twice up, the same."""
    for _ in range(2):
        published.migrate("0005")
        with read(engine) as connection:
            listed = connection.execute(text("SELECT customer_id, manager_id, rank FROM list_entries"))
            assert sorted(listed) == [("c1", "M1", 2), ("c4", "M1", 1), ("c5", None, 1)]
        published.migrate()
        with published.at_run() as run:
            found = run.decisions()
        assert {name: (one.manager_id, one.decision, one.why, one.rank) for name, one in found.items()} == {
            "c1": ("M1", "listed", "most_to_keep", 2),
            "c2": ("M1", "opted_out", "by_bank", None),
            "c3": ("M1", "beyond_capacity", "less_to_keep", None),
            "c4": ("M1", "listed", "most_to_keep", 1),
            "c5": (None, "listed", "most_to_keep", 1),
        }


def test_a_store_from_before_versions_is_named_and_migrated(published, store_url, engine):
    before = as_before_decisions(published.published())
    published.migrate("0001")
    with write(engine) as connection:
        connection.execute(text("ALTER TABLE scores DROP COLUMN changes"))  # as before these were published
        head = append(connection, Entry(datetime(2026, 11, 22, tzinfo=UTC), "li", "trained", "m1", {}))
        connection.execute(text("DROP TABLE store_version"))
    with Store(store_url) as store:
        with pytest.raises(
            DataError, match=rf"of version 0001, this software needs {schema.VERSION}\. Run make migrate\."
        ):
            store.latest_run()
        with pytest.raises(DataError, match="Run make migrate"):
            store.rollback()
        assert store.migrate() == VERSIONS[1:]
        assert store.published() == before
        with store.read() as connection:
            assert verify(connection, witness=head) == []


@pytest.mark.usefixtures("published")
def test_a_store_of_later_software_is_left_alone(store_url, engine):
    with write(engine) as connection:
        connection.execute(text("UPDATE store_version SET version_num = '0099'"))
    with Store(store_url) as store:
        with pytest.raises(DataError, match=r"of version 0099.*Install the software"):
            store.latest_run()
        with pytest.raises(DataError, match=f"0099, which is not among {', '.join(VERSIONS)}"):
            store.migrate()


def as_before_decisions(whole):
    """What version 0005 can keep of it: of the decisions neither what a call is worth nor how long they hold."""
    lists = [
        replace(
            one,
            decisions=tuple(
                replace(decision, worth_minor=0, until=None, drawn_on=None) for decision in one.decisions
            ),
        )
        for one in whole.lists
    ]
    return replace(whole, lists=tuple(lists))


def lots(engine):
    with read(engine) as connection:
        return connection.execute(text("SELECT * FROM trial ORDER BY customer_id, drawn_on")).all()


def test_an_empty_store_says_so(engine, store_url):
    with write(engine), Store(store_url) as store, pytest.raises(DataError, match="no run was published"):
        store.latest_run()


def test_rows_that_the_version_before_cannot_keep_stop_the_way_back(published, engine):
    with write(engine) as connection:
        connection.execute(text(CONTACT))
    before = published.published()
    with pytest.raises(DataError, match="cannot keep the 1 rows of contacts"):
        published.migrate("0002")
    assert published.published() == before


@pytest.mark.usefixtures("published")
def test_everything_but_the_audit_log_and_the_trial_can_be_taken_away(engine):
    with write(engine) as connection:
        assert schema.migrate(connection, None) == VERSIONS[::-1]
        stay = ["audit", "audit_head", "effects", "store_version", "trial"]
        assert sorted(inspect(connection).get_table_names()) == stay
        assert schema.migrate(connection) == VERSIONS


def test_the_last_migration_is_the_version_that_is_asked_for():
    files = sorted((schema.MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert files[-1].name.startswith(f"{schema.VERSION}_")


ALL = [*tables.metadata.sorted_tables, *tables.access_metadata.sorted_tables]


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_every_table_and_column_says_what_it_is_and_how_far_it_may_travel(table):
    assert table.info["one_row_per"]
    for column in table.columns:
        assert column.doc, column.name
        assert column.info["sensitivity"] in Sensitivity, column.name
        personal = re.fullmatch("customer_id|note|marketing_opt_out", column.name)
        assert not personal or column.info["sensitivity"] is Sensitivity.PERSONAL, column.name
