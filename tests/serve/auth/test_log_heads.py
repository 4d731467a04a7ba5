"""Each log notes the head of the other, so that one that was emptied, replaced or removed is noticed."""

import asyncio
import shutil
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from configs.errors import DataError
from serve.app import create_app
from serve.auth import log_heads
from serve.auth.access_log import AccessLog, LostError, verified
from serve.store import audit
from serve.store import database as connect
from serve.store.audit import Entry, verify
from tests.serve.conftest import AUDIT_KEY
from tests.servers import until

KEY = bytes.fromhex(AUDIT_KEY)
RISK, EMPTY_LOG = "/v1/customers/c1/risk", ("DELETE FROM audit", "DELETE FROM audit_head")


@pytest.fixture(autouse=True)
def heads_unnoted():
    """Here they are noted."""


def access_file(store_url):
    return Path(store_url.removeprefix("sqlite:///")).with_name("store-access.db")


def sql(engine, *statements):
    with connect.write(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def in_store(store, *statements):
    sql(connect.connect(store.engine.url.render_as_string(hide_password=False)), *statements)


def deed(store, action="promoted"):
    with store.write() as connection:
        audit.append(connection, Entry(datetime.now(UTC), "li", action, "m1", {}), KEY)


def broken_logs(store, store_url):
    """The breaks of the audit log and of the access log, as ``make audit`` looks for them."""
    with store.read() as connection:
        noted = log_heads.noted_audit_head(store_url, connection)
        breaks = verify(connection, KEY, noted)
    return breaks, verified(store_url, KEY, log_heads.known_access_head(store))[0]


def actions(store):
    with store.read() as connection:
        return [entry.action for entry in audit.entries(connection)]


@pytest.mark.either_store
def test_a_service_notes_each_head_in_the_other_log_once(
    service, store_url, bearer, published, access_entries
):
    deed(published)
    for _ in range(2):  # the second service has nothing to add when it stops
        with TestClient(create_app(service), headers=bearer("crm")) as client:
            assert client.get("/readyz").status_code == 200
    with TestClient(create_app(service), headers=bearer("crm")) as client:
        assert client.get(RISK).status_code == 200
    assert actions(published) == ["promoted", log_heads.ACCESS_HEAD]
    assert [entry.action for entry in access_entries()] == [log_heads.AUDIT_HEAD, "read customer"]
    assert broken_logs(published, store_url) == ([], [])


def test_a_deed_is_noted_at_the_next_look_with_the_head_of_what_was_read(
    service, bearer, published, access_entries, monkeypatch
):
    monkeypatch.setattr(log_heads, "LOOK_SECONDS", 0.01)
    with TestClient(create_app(service), headers=bearer("crm")) as client:
        assert client.get(RISK).status_code == 200
        deed(published)
        until(lambda: actions(published)[-2:] == ["promoted", log_heads.ACCESS_HEAD])
        assert access_entries()[-1].action == log_heads.AUDIT_HEAD


@pytest.fixture
def noted(service, store_url, bearer, published):
    """A store whose logs have noted each other's heads."""
    deed(published)
    with TestClient(create_app(service), headers=bearer("crm")) as client:
        client.get(RISK)
    assert broken_logs(published, store_url) == ([], [])
    return published


@pytest.mark.either_store
@pytest.mark.usefixtures("noted")
def test_an_emptied_log_is_noticed_by_the_other(store, store_url):
    sql(connect.access_log(store_url), *EMPTY_LOG, "DELETE FROM reads")
    assert broken_logs(store, store_url)[1] == ["entry 2 is not the one whose hash was written down"]


@pytest.mark.either_store
@pytest.mark.usefixtures("noted")
def test_an_emptied_audit_log_is_noticed_by_the_access_log(store, store_url):
    in_store(store, *EMPTY_LOG)
    assert broken_logs(store, store_url)[0] == ["entry 1 is not the one whose hash was written down"]


def test_a_restored_store_ends_what_was_noted_of_its_audit_log(noted, store_url, service):
    in_store(noted, *EMPTY_LOG)
    deed(noted, log_heads.RESTORED)
    assert broken_logs(noted, store_url)[0] == []
    with TestClient(create_app(service)):
        pass  # notes the new head
    assert broken_logs(noted, store_url) == ([], [])
    in_store(noted, *EMPTY_LOG)
    assert broken_logs(noted, store_url)[0]


def test_an_emptied_audit_log_is_not_noted_but_logged(noted, store_url, service, caplog):
    in_store(noted, *EMPTY_LOG)
    deed(noted, "another")
    with TestClient(create_app(service)):
        pass
    assert "does not hold entry 1, which the access log notes" in caplog.text
    assert broken_logs(noted, store_url)[0] == ["entry 1 is not the one whose hash was written down"]


def without(path, *endings):
    for ending in endings:
        Path(f"{path}{ending}").unlink()


def replaced(path, older):
    without(path, "", "-wal", "-shm")
    shutil.copy(older, path)


LOST = {
    "removed": lambda path, _older: path.unlink(),
    "moved": lambda path, _older: path.rename(path.with_name("elsewhere.db")),
    "removed with its WAL": lambda path, _older: without(path, "", "-wal", "-shm"),
    "cut off": lambda path, _older: path.write_bytes(b""),
    "an older one": replaced,
}
# SQLite writes what it still holds into these when its connection closes: nothing is lost, or it says so.
DAMAGED = {
    "half": lambda path, _older: path.write_bytes(path.read_bytes()[:6000]),
    "no database": lambda path, _older: path.write_bytes(b"x" * 50_000),
    "without its WAL": lambda path, _older: without(path, "-wal"),
}


@pytest.mark.parametrize("fate", [*LOST, *DAMAGED])
def test_a_log_that_is_not_where_it_was_gives_no_data(
    noted, store_url, service, bearer, tmp_path, fate, caplog, access_entries
):
    """Noticed before the next answer; as it was again, it is written again."""
    path, safe, older = access_file(store_url), tmp_path / "safe", tmp_path / "older.db"
    safe.mkdir()
    shutil.copy(path, older)  # closed, so it is whole without a WAL
    with TestClient(create_app(service), headers=bearer("crm")) as client:
        for _ in range(3):
            assert client.get(RISK).status_code == 200
        for file in path.parent.glob("store-access.db*"):
            shutil.copy(file, safe)
        before = len(access_entries())
        (LOST | DAMAGED)[fate](path, older)
        answers = [client.get(asked) for asked in (RISK, "/v1/managers/M1/list", "/v1/exports/scores")]
        assert client.get("/healthz").status_code == 200
        if fate in DAMAGED and answers[0].status_code == 200:
            assert len(access_entries()) == before + 3
            assert broken_logs(noted, store_url) == ([], [])
            return
        assert [answer.status_code for answer in answers] == [503, 503, 503]
        assert not any("c1" in answer.text for answer in answers)
        assert client.get("/readyz").status_code == 503
        assert "access log" in caplog.text
        if "moved" in fate:
            assert not path.exists()  # nothing is begun in its place
            assert "make new-access-log" in caplog.text
        for file in path.parent.glob("store-access.db*"):
            file.unlink()
        for file in safe.iterdir():
            shutil.copy(file, path.parent)
        assert client.get(RISK).status_code == 200
        assert client.get("/readyz").status_code == 200
    assert broken_logs(noted, store_url) == ([], [])


def test_a_log_that_went_while_the_service_stood_still_is_noticed_at_its_start(
    noted, store_url, service, bearer
):
    access_file(store_url).unlink()
    with TestClient(create_app(service), headers=bearer("crm")) as client:
        assert (client.get(RISK).status_code, client.get("/readyz").status_code) == (503, 503)
    assert broken_logs(noted, store_url)[1] == ["there is no access log"]
    deed(noted, log_heads.BEGUN_ANEW)
    with TestClient(create_app(service), headers=bearer("crm")) as client:
        assert (client.get(RISK).status_code, client.get("/readyz").status_code) == (200, 200)
    assert broken_logs(noted, store_url) == ([], [])
    access_file(store_url).unlink()
    assert broken_logs(noted, store_url)[1] == ["there is no access log"]


@pytest.mark.either_store
def test_a_log_that_is_emptied_under_a_running_service_is_noticed(store_url, service):
    log = AccessLog(service)
    entry = Entry(datetime(2026, 11, 22, tzinfo=UTC), "li", "read customer", "c1", {})
    asyncio.run(log.write([entry]))
    sql(connect.access_log(store_url), *EMPTY_LOG)
    for _ in range(2):
        with pytest.raises(LostError, match="does not hold entry 1"):
            asyncio.run(log.write([entry]))
    with pytest.raises(LostError):
        log.require()
    log.close()


@pytest.mark.either_store
def test_what_is_added_while_the_log_is_looked_for_is_not_missed(service, monkeypatch):
    log = AccessLog(service)
    entry = Entry(datetime(2026, 11, 22, tzinfo=UTC), "li", "read customer", "c1", {})
    asyncio.run(log.write([entry]))
    read = log.read

    @contextmanager
    def read_before_another_entry():
        with read() as connection:
            asyncio.run(log.write([entry]))
            yield connection

    monkeypatch.setattr(log, "read", read_before_another_entry)
    log.require()
    log.close()


@pytest.mark.usefixtures("published")
def test_a_lock_on_the_log_keeps_other_answers_from_nothing(service, store_url, monkeypatch):
    """The event loop goes on while a thread waits for the lock; then the answer is a 503."""
    monkeypatch.setattr("serve.auth.access_log.ALONE_SECONDS", 0.5)

    async def scene():
        log = AccessLog(service)
        entry = Entry(datetime(2026, 11, 22, tzinfo=UTC), "li", "read customer", "c1", {})
        await log.write([entry])
        with sqlite3.connect(access_file(store_url), isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting, turns = asyncio.create_task(log.write([entry])), 0
            while not waiting.done():
                await asyncio.sleep(0.001)
                turns += 1
            other.execute("ROLLBACK")
        other.close()
        with pytest.raises(DataError, match="locked"):
            waiting.result()
        await log.write([entry])
        log.close()
        return turns

    assert asyncio.run(scene()) > 5  # none, where the loop itself waits
