"""Entries are on the disk when ``write`` returns, many in one transaction; the chain tells what was
changed."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from configs.errors import DataError
from serve.auth import access_log
from serve.auth.access_log import AccessLog, verified
from serve.store.audit import Entry
from tests.serve.conftest import AUDIT_KEY, demo_service

pytestmark = pytest.mark.either_store

KEY = bytes.fromhex(AUDIT_KEY)


def settings(store_url, **changes):
    return demo_service(store_url).model_copy(update={"alarm_answers": 1_000} | changes)


@pytest.fixture
def log(store_url):
    log = AccessLog(settings(store_url))
    yield log
    log.close()


def entry(number):
    return Entry(datetime(2026, 11, 22, tzinfo=UTC), "li", "read customer", f"c{number}", {"status": 200})


async def together(log, numbers):
    await asyncio.gather(*(log.write([entry(number)]) for number in numbers))


def test_concurrent_entries_are_all_there_and_share_transactions(log, store_url, access_entries, monkeypatch):
    sizes = []
    real = access_log.chained
    monkeypatch.setattr(
        access_log, "chained", lambda added, *rest: sizes.append(len(added)) or real(added, *rest)
    )
    asyncio.run(together(log, range(200)))
    asyncio.run(together(log, range(200, 210)))
    assert sorted(one.subject for one in access_entries()) == sorted(f"c{number}" for number in range(210))
    assert sum(sizes) == 210
    assert len(sizes) <= 4
    broken, head = verified(store_url, KEY)
    assert (broken, head.number) == ([], 210)


def test_two_processes_write_one_chain(log, store_url):
    other = AccessLog(settings(store_url))

    async def both():
        await asyncio.gather(together(log, range(50)), together(other, range(50, 100)))

    asyncio.run(both())
    other.close()
    broken, head = verified(store_url, KEY)
    assert (broken, head.number) == ([], 100)


def test_who_has_gone_does_not_keep_the_others_from_being_written(log, access_entries):
    async def one_leaves():
        tasks = [asyncio.create_task(log.write([entry(number)])) for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, gone, last = asyncio.run(one_leaves())
    assert (first, type(gone), last) == (None, asyncio.CancelledError, None)
    assert len(access_entries()) == 3


def test_a_log_that_cannot_be_written_is_an_error_for_each_who_waits_and_mends(tmp_path):
    blocked = tmp_path / "deep"
    blocked.write_text("no folder")
    log = AccessLog(settings(f"sqlite:///{blocked}/store.db"))

    async def two():
        return await asyncio.gather(
            *(log.write([entry(number)]) for number in range(2)), return_exceptions=True
        )

    assert [type(one) for one in asyncio.run(two())] == [DataError, DataError]
    blocked.unlink()
    asyncio.run(together(log, [1]))
    log.close()
    assert verified(f"sqlite:///{blocked}/store.db", KEY)[1].number == 1


@pytest.mark.either_store("sqlite")
def test_another_writer_keeps_the_event_loop_waiting_for_a_moment_only(
    store_url, access_entries, monkeypatch
):
    monkeypatch.setattr(access_log, "ALONE_SECONDS", 0.1)
    log = AccessLog(settings(store_url))
    asyncio.run(together(log, [1]))
    assert log._chain.run("PRAGMA busy_timeout", {}).fetchone() == (100,)  # milliseconds
    path = store_url.removeprefix("sqlite:///").replace("store.db", "store-access.db")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DataError, match="locked"):
            asyncio.run(together(log, [2]))
        other.execute("ROLLBACK")
    other.close()
    asyncio.run(together(log, [3]))
    log.close()
    assert [entry.subject for entry in access_entries()] == ["c1", "c3"]


def test_a_changed_entry_and_a_log_that_is_gone_are_noticed(tmp_path):
    url = f"sqlite:///{tmp_path}/store.db"
    assert verified(url, KEY) == ([], None)
    log = AccessLog(settings(url))
    asyncio.run(together(log, range(3)))
    log.close()
    _, head = verified(url, KEY)
    path = Path(tmp_path / "store-access.db")
    with sqlite3.connect(path) as opened:
        opened.execute("UPDATE audit SET subject = 'c9' WHERE number = 2")
    opened.close()
    assert verified(url, KEY)[0] == ["entry 2 is not as it was written"]
    path.unlink()
    assert verified(url, KEY, head)[0] == ["there is no access log"]


def test_who_reads_far_more_than_usual_is_told_of_once_a_day(store_url, access_entries, caplog):
    """The busiest day before was 20 answers: 3 x 20 = 60 is still usual, the 61st raises the alarm."""
    log = AccessLog(settings(store_url, alarm_answers=10, alarm_factor=3))

    async def read(day, numbers):
        at = datetime(2026, 11, day, tzinfo=UTC)
        for number in numbers:
            await log.write([Entry(at, "li", "read customer", f"c{number}", {})])

    asyncio.run(read(21, range(20)))
    assert [one.action for one in access_entries()].count("alarm") == 1  # the 11th of somebody new
    caplog.clear()
    asyncio.run(read(22, range(60)))
    assert not caplog.records
    asyncio.run(read(22, range(60, 63)))
    log.close()
    alarms = [one for one in access_entries() if one.action == "alarm"]
    told = [(one.actor, one.subject, one.details) for one in alarms][1:]
    assert told == [("service", "li", {"answers": 61, "day": "2026-11-22", "limit": 60.0})]
    assert caplog.messages == ["alarm: a caller reads far more customers than usual; the access log says who"]
    assert verified(store_url, KEY)[0] == []


def test_two_workers_count_together_what_a_caller_reads(store_url, access_entries):
    other = AccessLog(settings(store_url, alarm_answers=10))
    low = AccessLog(settings(store_url, alarm_answers=10))

    async def read():
        for number in range(6):
            await other.write([entry(number)])
            await low.write([entry(number)])

    asyncio.run(read())
    other.close()
    low.close()
    assert [one.details["answers"] for one in access_entries() if one.action == "alarm"] == [11]
