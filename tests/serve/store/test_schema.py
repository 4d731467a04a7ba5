"""The tables' versions: each step keeps the rows, and the last is what serve/store/tables.py says."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args, get_type_hints

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text, update

from configs.errors import DataError
from configs.tables import SENSITIVITIES
from serve.store import contacts, outbox, schema, tables
from serve.store.contacts import Author, Contact
from serve.store.database import connect, read, write
from serve.store.store import Store
from tests.serve.conftest import whole

pytestmark = pytest.mark.either_store

LI_LEI, NINE = outbox.Recipient("manager", "M1"), datetime(2026, 11, 16, 9, tzinfo=UTC)
VERSIONS = [f"{number:04}" for number in range(1, int(schema.VERSION) + 1)]


@pytest.fixture
def engine(store_url):
    engine = connect(store_url)
    yield engine
    engine.dispose()


def test_the_migrations_end_with_the_tables_as_declared(engine):
    with write(engine) as connection:
        assert schema.migrate(connection) == VERSIONS
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
        assert compare_metadata(context, tables.metadata) == []


NEXT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0011", "0010"
def upgrade():
    op.add_column("runs", sa.Column("region", sa.String, server_default="north"))
"""


def install_later_software(monkeypatch, tmp_path):
    """Software with one version more, whose step adds a column."""
    shutil.copytree(schema.MIGRATIONS, tmp_path / "migrations")
    (tmp_path / "migrations" / "versions" / "0011_region.py").write_text(NEXT)
    monkeypatch.setattr(schema, "MIGRATIONS", tmp_path / "migrations")
    monkeypatch.setattr(schema, "VERSION", "0011")


def test_a_store_of_another_version_is_named_and_migrated_with_its_rows(
    published, engine, store_url, publish_run, monkeypatch, tmp_path
):
    publish_run("run-0")
    published.rollback()
    before = [whole(published, run_id) for run_id in (None, "run-0", "run-1")]
    install_later_software(monkeypatch, tmp_path)
    with Store(store_url) as store:
        with pytest.raises(DataError, match=r"version 0010, this software needs 0011\. Run make migrate\."):
            store.latest_run()
        with pytest.raises(DataError, match="Run make migrate"):
            store.rollback()
        assert [store.migrate(), store.migrate()] == [["0011"], []]
        assert [whole(store, run_id) for run_id in (None, "run-0", "run-1")] == before
    with read(engine) as connection:
        assert connection.scalars(text("SELECT region FROM runs")).all() == ["north", "north"]


# As version 0001 made them, with a contact and its opt-out.
FIRST_CONTACTS = (
    """CREATE TABLE contacts (contact_id {serial} NOT NULL PRIMARY KEY, idempotency_key VARCHAR NOT NULL,
    customer_id VARCHAR NOT NULL, manager_id VARCHAR NOT NULL, run_id VARCHAR NOT NULL,
    outcome VARCHAR NOT NULL CHECK (outcome IN ('will_stay', 'undecided', 'leaving', 'no_answer',
    'not_interested', 'no_contact')), note TEXT, recorded_at {time} NOT NULL,
    UNIQUE (manager_id, idempotency_key))""",
    "CREATE INDEX contacts_of_customer ON contacts (customer_id, recorded_at)",
    """CREATE TABLE opt_outs (customer_id VARCHAR NOT NULL PRIMARY KEY, since DATE NOT NULL,
    contact_id INTEGER REFERENCES contacts (contact_id))""",
    """INSERT INTO contacts (idempotency_key, customer_id, manager_id, run_id, outcome, note, recorded_at)
    VALUES ('key-1', 'c1', 'M1', 'run-1', 'no_contact', 'asked', '2026-11-16 09:00:00')""",
    "INSERT INTO opt_outs VALUES ('c1', '2026-11-16', 1)",
)

LATER = (
    *(*tables.OF_OPERATORS, tables.announcements, tables.branch_figures, tables.tier_watches),
    tables.former_customers,
    *(tables.handovers, tables.handover_acceptances),
    *(tables.campaign_results, tables.campaign_members, tables.campaigns),
)
OF_CALLS = {
    "assignments": ("lifecycle_stage", "risk_30d", "movable", "channel", "left_early", "reached"),
    "decisions": ("channel", "rests_on"),
}


def test_a_store_of_the_first_version_gets_what_it_lacks_and_keeps_its_rows(published, engine, store_url):
    with write(engine) as connection:  # what no earlier run had
        connection.execute(update(tables.decisions).values(channel=None, rests_on=None))
    before = whole(published)
    with write(engine) as connection:
        for table in (*LATER, tables.alert_feedback):
            table.drop(connection)
        connection.execute(text("DROP TABLE opt_outs"))
        connection.execute(text("DROP TABLE contacts"))
        kinds = {"serial": "SERIAL", "time": "TIMESTAMP"}
        if connection.dialect.name == "sqlite":
            kinds = {"serial": "INTEGER", "time": "DATETIME"}
        for statement in FIRST_CONTACTS:
            connection.execute(text(statement.format(**kinds)))
        outbox.begin(connection, "run-1", LI_LEI, NINE, timedelta())
        connection.execute(text("DROP INDEX scores_of_household"))
        for name in ("risk_own", "segment", "household_id", "contact_due_on", "movable"):
            connection.execute(text(f"ALTER TABLE scores DROP COLUMN {name}"))
        connection.execute(text("ALTER TABLE coverage DROP COLUMN asked"))
        for table, names in OF_CALLS.items():
            for name in names:
                connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {name}"))
        connection.execute(text("UPDATE schema_version SET version_num = '0001'"))
    with Store(store_url) as store:
        with pytest.raises(DataError, match="Run make migrate"):
            store.latest_run()
        assert store.migrate() == VERSIONS[1:]
        assert whole(store) == before | {table.name: [] for table in LATER if table in tables.OF_A_RUN}
        with store.read() as connection:
            [contact] = contacts.latest_of(connection, "c1", 5)
            assert contact == Contact("key-1", "c1", "M1", "run-1", "no_contact", "asked", NINE, 1)
            assert connection.execute(select(tables.opt_outs)).all() == [("c1", NINE.date(), 1)]
        with store.write() as connection:
            withdrawn = replace(contact, key="key-2", outcome="", corrects=1, contact_id=None)
            assert contacts.record(connection, withdrawn, Author("li", b"k" * 32)).contact_id == 2
            assert contacts.opted_out(connection) == frozenset()
            context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
            assert compare_metadata(context, tables.metadata) == []
        with store.read() as connection:
            for table in LATER:
                assert connection.execute(select(table)).all() == []
            assert outbox.states(connection, "run-1") == {LI_LEI: "sending"}
        with store.write() as connection:
            for kind in get_args(get_type_hints(outbox.Recipient)["kind"]):
                assert outbox.begin(connection, "run-1", outbox.Recipient(kind, ""), NINE, timedelta())


def test_a_store_of_before_the_first_version_is_refused_with_what_to_do(engine, store_url):
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE runs (run_id VARCHAR PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE store_version (version_num VARCHAR)"))
        connection.execute(text("INSERT INTO store_version VALUES ('0010')"))
    with Store(store_url) as store:
        for refused in (store.latest_run, store.migrate, store.rollback):
            sentence = r"older version.*Name a new store in ATTRITION_STORE.*make weekly"
            with pytest.raises(DataError, match=sentence):
                refused()


@pytest.mark.usefixtures("published")
def test_a_store_of_later_software_is_left_alone(store_url, engine):
    with write(engine) as connection:
        connection.execute(text("UPDATE schema_version SET version_num = '0099'"))
    with Store(store_url) as store:
        with pytest.raises(DataError, match=r"of version 0099.*Install the software"):
            store.latest_run()
        with pytest.raises(DataError, match=f"0099, which is not among {', '.join(VERSIONS)}"):
            store.migrate()


def test_an_empty_store_says_so(engine, store_url):
    with write(engine), Store(store_url) as store, pytest.raises(DataError, match="no run was published"):
        store.latest_run()


def test_the_last_migration_is_the_version_that_is_asked_for():
    files = sorted((schema.MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert files[-1].name.startswith(f"{schema.VERSION}_")


ALL = [*tables.metadata.sorted_tables, *tables.access_metadata.sorted_tables]


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_every_table_and_column_says_what_it_is_and_how_far_it_may_travel(table):
    assert table.info["one_row_per"]
    for column in table.columns:
        assert column.doc, column.name
        assert column.info["sensitivity"] in SENSITIVITIES, column.name
        personal = re.fullmatch("customer_id|note|marketing_opt_out", column.name)
        assert not personal or column.info["sensitivity"] == "personal", column.name
