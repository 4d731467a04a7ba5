"""Rows go in as they are, many at once or not at all."""

import pytest
from sqlalchemy import select

from serve import tables
from serve.connect import connect, writing
from serve.loading import load
from serve.schema import prepare

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


@pytest.fixture
def engine(either_url):
    engine = connect(either_url)
    with writing(engine) as connection:
        prepare(connection)
    yield engine
    engine.dispose()


def reasons(texts):
    return [
        (1, f"c{place:02}", place, "g", "f", None, 0.1 + 0.2, one, one) for place, one in enumerate(texts)
    ]


def test_every_value_comes_back_as_it_was(engine):
    with writing(engine) as connection:
        load(connection, tables.reasons, iter(reasons(ODD)))
        found = connection.execute(select(tables.reasons).order_by(tables.reasons.c.place)).all()
    assert found == reasons(ODD)


def test_rows_that_fail_halfway_leave_nothing(engine):
    def failing():
        yield from reasons(ODD)
        raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"), writing(engine) as connection:
        load(connection, tables.reasons, failing())
    with writing(engine) as connection:
        assert connection.execute(select(tables.reasons)).all() == []
        load(connection, tables.reasons, iter(()))
