"""Rows go in as they are, many at once or not at all."""

import pytest
from sqlalchemy import select, text

from serve.store import tables
from serve.store.database import connect, write
from serve.store.rows import bulk_insert
from serve.store.schema import prepare
from serve.store.store import Store

pytestmark = pytest.mark.either_store

ODD = [
    "plain",
    "tab\tand\nline",
    r"back\slash",
    r"\N",
    "",
    "\"quoted\", 'twice'",
    "张伟 · é",
    "\r\n",
    "%s ? :x",
]

ROWS = [(1, f"c{place:02}", place, "g", "f", None, 0.1 + 0.2, text, text) for place, text in enumerate(ODD)]


@pytest.fixture
def engine(store_url):
    engine = connect(store_url)
    with write(engine) as connection:
        prepare(connection)
    yield engine
    engine.dispose()


def test_every_value_comes_back_as_it_was(engine):
    with write(engine) as connection:
        bulk_insert(connection, tables.reasons, iter(ROWS))
        found = connection.execute(select(tables.reasons).order_by(tables.reasons.c.place)).all()
    assert found == ROWS


def test_rows_that_fail_halfway_leave_nothing(engine):
    def failing():
        yield from ROWS
        raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"), write(engine) as connection:
        bulk_insert(connection, tables.reasons, failing())
    with write(engine) as connection:
        assert connection.execute(select(tables.reasons)).all() == []
        bulk_insert(connection, tables.reasons, iter(()))


def test_the_planner_knows_of_the_rows(postgres, make_run, scores, exclusions, lists):
    with Store(postgres.empty_store()) as store:
        store.publish(make_run(), scores, exclusions, lists)
        with store.read() as connection:
            counted = text(
                "SELECT reltuples FROM pg_class WHERE relname IN ('scores', 'reasons') ORDER BY relname"
            )
            assert connection.scalars(counted).all() == [sum(len(one.reasons) for one in scores), len(scores)]
