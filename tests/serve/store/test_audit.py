"""No change of the audit log goes unnoticed, and what it cannot record does not happen."""

import hashlib
import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import event, text

from configs.errors import DataError
from serve.store.audit import Entry, Head, append, entries, head, verify
from serve.store.store import Store

KEY, OTHER_KEY = bytes(range(7, 39)), bytes(range(8, 40))
AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
COLUMNS = ("at", "actor", "action", "subject", "details", "previous", "hash")


def entry(number: int) -> Entry:
    """Actors and actions repeat, as in life, so that exchanging two fields may change nothing else."""
    return Entry(
        AT + timedelta(minutes=number), f"user{number % 3}", "promoted", f"model-{number}", {"n": number}
    )


def fill(store, count=8, key=KEY):
    with store.write() as connection:
        for number in range(1, count + 1):
            append(connection, entry(number), key)


def breaks(store, key=KEY, written_head=None):
    with store.read() as connection:
        return verify(connection, key, written_head)


def test_entries_come_back_in_order_and_the_chain_is_whole(store):
    fill(store)
    with store.read() as connection:
        assert entries(connection) == tuple(entry(number) for number in range(1, 9))
        assert entries(connection, ["trained"]) == ()
        assert head(connection).number == 8
    assert breaks(store) == []


def test_the_hash_is_the_one_anybody_can_compute(store):
    with store.write() as connection:
        first = append(connection, Entry(AT, "li", "trained", "m1", {"b": 1, "a": "é"}))
    row = [1, "2026-11-22T08:30:00+00:00", "li", "trained", "m1", '{"a":"é","b":1}', "0" * 64]
    by_hand = hashlib.sha256(json.dumps(row, ensure_ascii=False).encode()).hexdigest()
    assert first == Head(1, by_hand)
    assert breaks(store, key=None) == []


def test_times_are_kept_in_utc(store):
    noon = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=8)))
    with store.write() as connection:
        append(connection, Entry(noon, "li", "trained", "m1", {}))
        assert entries(connection)[0].at == datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
        with pytest.raises(DataError, match="with its zone"):
            append(connection, Entry(noon.replace(tzinfo=None), "li", "trained", "m1", {}))
        with pytest.raises(DataError, match="plain JSON"):
            append(connection, Entry(noon, "li", "trained", "m1", {"auroc": float("nan")}))


def manipulate(connection, dice: random.Random) -> str:
    """One change by somebody who may write to the store; returns which."""
    count = connection.execute(text("SELECT count(*) FROM audit")).scalar()
    one, other = dice.sample(range(1, count + 1), 2)
    kind = dice.choice(("field", "delete", "swap", "insert", "cut", "cut and head", "head"))
    if kind == "field":
        column = dice.choice(COLUMNS)
        set_field(connection, one, column, changed(field(connection, one, column), dice))
    elif kind == "delete":
        connection.execute(text("DELETE FROM audit WHERE number = :n"), {"n": one})
    elif kind == "swap":
        swap(connection, one, other, dice.choice((COLUMNS, ("at", "subject"), ("hash",), ("number",))))
    elif kind == "insert":
        insert_copy(connection, one, count)
    elif kind == "head":
        connection.execute(text("DELETE FROM audit_head"))
    else:
        connection.execute(text("DELETE FROM audit WHERE number >= :n"), {"n": max(one, 2)})
        if kind == "cut and head":
            last = "(SELECT hash FROM audit ORDER BY number DESC LIMIT 1)"
            head = f"number = (SELECT max(number) FROM audit), hash = {last}"
            connection.execute(text(f"UPDATE audit_head SET {head}"))
    return kind


def field(connection, number, column):
    return connection.execute(text(f"SELECT {column} FROM audit WHERE number = {number}")).scalar()


def set_field(connection, number, column, value):
    connection.execute(text(f"UPDATE audit SET {column} = :v WHERE number = {number}"), {"v": value})


def changed(value: str, dice: random.Random) -> str:
    at = dice.randrange(len(value))
    return dice.choice((value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :], value + " ", value[:at]))


def swap(connection, one, other, columns):
    if columns == ("number",):
        for old, new in ((one, -1), (other, one), (-1, other)):
            connection.execute(text(f"UPDATE audit SET number = {new} WHERE number = {old}"))
        return
    for column in columns:
        values = field(connection, one, column), field(connection, other, column)
        set_field(connection, one, column, values[1])
        set_field(connection, other, column, values[0])


def insert_copy(connection, number, count):
    """A copy of an entry after itself; those behind it move on by one, and the head with them."""
    for later in range(count, number, -1):
        connection.execute(text(f"UPDATE audit SET number = {later + 1} WHERE number = {later}"))
    names = ", ".join(COLUMNS)
    copy = f"SELECT {number + 1}, {names} FROM audit WHERE number = {number}"
    connection.execute(text(f"INSERT INTO audit (number, {names}) {copy}"))
    connection.execute(text("UPDATE audit_head SET number = number + 1"))


@pytest.mark.parametrize("key", [None, KEY], ids=["hash", "HMAC"])
@pytest.mark.parametrize("times", [100, pytest.param(1_000, marks=pytest.mark.long)])
def test_every_manipulation_is_noticed(store, times, key):
    fill(store, key=key)
    dice, seen = random.Random(20240304), set()
    for number in range(times):
        with store.read() as connection:
            seen.add(kind := manipulate(connection, dice))
            assert verify(connection, key), f"manipulation {number}, {kind}"
            connection.rollback()
    assert breaks(store, key) == []
    assert len(seen) == 7


def write_anew(store, key):
    """What somebody without our key would do: change history, then make every hash and the head fit again."""
    with store.write() as connection:
        kept = entries(connection)
        connection.execute(text("DELETE FROM audit"))
        connection.execute(text("DELETE FROM audit_head"))
        for one in kept[:3] + kept[4:]:
            append(connection, one, key)


@pytest.mark.parametrize("forgers", [None, OTHER_KEY])
def test_a_chain_written_anew_without_the_key_is_noticed(store, forgers):
    fill(store)
    write_anew(store, forgers)
    assert breaks(store)[0] == "entry 1 is not as it was written"


def test_a_head_written_down_elsewhere_shows_an_older_log_put_back(store):
    fill(store)
    with store.read() as connection:
        noted = head(connection)
    assert breaks(store, written_head=noted) == []
    with store.write() as connection:
        for table in ("audit", "audit_head"):
            connection.execute(text(f"DELETE FROM {table}"))
    fill(store, 6)
    assert breaks(store) == []
    assert breaks(store, written_head=noted) == ["entry 8 is not the one whose hash was written down"]


def test_breaks_are_told_in_words(store):
    fill(store)
    with store.write() as connection:
        connection.execute(text("DELETE FROM audit WHERE number IN (3, 8)"))
        set_field(connection, 5, "actor", "somebody")
    assert breaks(store) == [
        "after entry 2 comes entry 4",
        "entry 4 does not follow the one before it",
        "entry 5 is not as it was written",
        "the log ends with entry 7, but its head is that of entry 8",
    ]


def test_nothing_is_added_to_a_log_without_a_head(store):
    fill(store)
    with store.write() as connection:
        connection.execute(text("DELETE FROM audit_head"))
    with pytest.raises(DataError, match="lost its head"):
        fill(store, 1)


def test_what_goes_on_after_a_cut_tail_does_not_hide_it(store):
    fill(store)
    with store.write() as connection:
        connection.execute(text("DELETE FROM audit WHERE number = 8"))
    fill(store, 2)
    assert "after entry 7 comes entry 9" in breaks(store)


def test_if_the_entry_cannot_be_written_neither_is_the_rest(published, make_run):
    """The run is changed in the same transaction; planted: the audit table takes no row."""
    fill(published, 1)

    def refuse(*arguments):
        if arguments[2].startswith("INSERT INTO audit "):
            raise RuntimeError("planted")

    def change_and_record():
        with published.write() as connection:
            connection.execute(text("UPDATE runs SET model_id = 'another'"))
            append(connection, entry(2), KEY)

    event.listen(published.engine, "before_cursor_execute", refuse)
    with pytest.raises(RuntimeError, match="planted"):
        change_and_record()
    event.remove(published.engine, "before_cursor_execute", refuse)
    assert published.latest_run() == make_run()
    assert breaks(published) == []
    change_and_record()
    assert published.latest_run().model_id == "another"


def test_and_if_the_rest_fails_there_is_no_entry(store):
    def record_and_fail():
        with store.write() as connection:
            append(connection, entry(2), KEY)
            connection.execute(text("UPDATE no_such_table SET model_id = 'another'"))

    fill(store, 1)
    with pytest.raises(DataError, match="no_such_table"):
        record_and_fail()
    with store.read() as connection:
        assert [one.subject for one in entries(connection)] == ["model-1"]
    assert breaks(store) == []


def test_a_log_that_was_taken_away_is_noticed(published):
    with published.write() as connection:
        connection.execute(text("DROP TABLE audit"))
    with pytest.raises(DataError, match="no such table: audit"):
        breaks(published)


def test_writers_at_once_wait_for_each_other(store_url, store):
    def work(number):
        with Store(store_url) as own:
            for _ in range(10):
                fill(own, 1)
        return number

    fill(store, 1)
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(work, range(4))) == [0, 1, 2, 3]
    with store.read() as connection:
        assert head(connection).number == 41
    assert breaks(store) == []
