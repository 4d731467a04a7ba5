"""The audit log: who did what, when and to what, as a chain that cannot be mended without leaving a break.

Entries are only ever added. Each holds the hash of the one before, and a head (number and hash of the last
one, sealed) shows a tail that was cut off. With a key every hash is an HMAC-SHA256 (RFC 2104), so that
whoever can write to the store, but has no key, cannot write the chain anew; without one it is a plain
SHA-256. Who puts back an older copy of the whole store is only noticed by a head that was written down
elsewhere: ``verify`` takes one.
"""

import hashlib
import hmac
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, text

from configs.errors import DataError
from serve.store.tables import audit, audit_head

# Made once: json.dumps makes an encoder for each call that asks for something special.
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_HASHED = json.JSONEncoder(ensure_ascii=False, default=repr)
_FIELDS = ("number", "at", "actor", "action", "subject", "details", "previous")


@dataclass(frozen=True)
class Entry:
    """One deed: ``actor`` did ``action`` to ``subject``. ``details`` hold only what JSON can hold.

    ``at`` is given by the caller, with a time zone; it is kept in UTC, in whole seconds.
    """

    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Head:
    """The last entry's number and hash; written as ``12:9f86d0…`` to be kept outside of the store."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Raises DataError for what is no ``number:hash``."""
        number, _, digest = text.partition(":")
        if not number.isdecimal() or len(digest) != 64:
            raise DataError(
                f"{text!r} is not a head. Give its number, a colon and the 64 digits of its hash."
            )
        return cls(int(number), digest)


EMPTY = Head(0, "0" * 64)  # before the first entry


def lock(connection: Connection) -> None:
    """One writer at a time, until the transaction ends. As its first statement, so that it reads the newest.

    On SQLite a writing transaction has the lock from its beginning (serve/store/database.py).
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {audit_head.name} IN EXCLUSIVE MODE"))


def append(connection: Connection, entry: Entry, key: bytes | None = None) -> Head:
    """Adds one entry to the end of the chain and returns the new head.

    It belongs to the caller's transaction (``Store.write``): if it fails nothing else must be committed, and
    the other way round. Raises DataError when the log has entries but no head, or an entry is not plain.
    """
    before = head(connection)
    if before is None and connection.execute(select(audit.c.number).limit(1)).first():
        raise DataError("the audit log has lost its head; nothing can be added. Run `make audit`.")
    rows, last = chained([entry], before or EMPTY, key)
    connection.execute(insert(audit), rows)
    connection.execute(delete(audit_head))
    connection.execute(insert(audit_head), head_row(last, key))
    return last


def chained(added: Iterable[Entry], before: Head, key: bytes | None) -> tuple[list[dict[str, Any]], Head]:
    """The rows of entries that follow the entry ``before``, in their order, and the head they lead to."""
    number, previous, rows = before.number, before.hash, []
    for number, entry in enumerate(added, before.number + 1):
        row = {
            "number": number,
            "at": _utc(entry.at),
            "actor": entry.actor,
            "action": entry.action,
            "subject": entry.subject,
            "details": _canonical(entry.details),
            "previous": previous,
        }
        previous = row["hash"] = _hash(row, key)
        rows.append(row)
    return rows, Head(number, previous)


def head_row(last: Head, key: bytes | None) -> dict[str, Any]:
    """The one row that the table of heads then holds."""
    return {"slot": 1, "number": last.number, "hash": last.hash, "seal": _seal(last, key)}


def head(connection: Connection) -> Head | None:
    """The head as it stands in the store; None before the first entry."""
    row = connection.execute(select(audit_head)).first()
    return Head(row.number, row.hash) if row else None


def holds(connection: Connection, last: Head) -> bool:
    """True where the log has this entry, with its hash."""
    stored = connection.scalar(select(audit.c.hash).where(audit.c.number == last.number))
    return stored is not None and _same(stored, last.hash)


def entries(connection: Connection, actions: Collection[str] = ()) -> tuple[Entry, ...]:
    """The entries with one of these actions, or all of them, the oldest first.

    What is read is not verified: see ``verify``.
    """
    chosen = select(audit).order_by(audit.c.number)
    if actions:
        chosen = chosen.where(audit.c.action.in_(sorted(actions)))
    return tuple(
        Entry(datetime.fromisoformat(row.at), row.actor, row.action, row.subject, json.loads(row.details))
        for row in connection.execute(chosen)
    )


def verify(connection: Connection, key: bytes | None = None, *written_heads: Head | None) -> list[str]:
    """Every break of the chain in words; empty when it is whole. Reads all entries, one at a time.

    ``written_heads`` were written down earlier: their entries must still be there, with the same hashes.
    """
    breaks: list[str] = []
    last = EMPTY
    missing = {written for written in written_heads if written}
    for row in connection.execute(select(audit).order_by(audit.c.number)):
        breaks += _breaks_at(row, last, key)
        last = Head(row.number, row.hash)
        missing.discard(last)
    breaks += [
        f"entry {written.number} is not the one whose hash was written down"
        for written in sorted(missing, key=lambda written: written.number)
    ]
    return breaks + list(_breaks_of_head(connection, last, key))


def _breaks_at(row: Row[Any], last: Head, key: bytes | None) -> Iterator[str]:
    if row.number != last.number + 1:
        yield f"after entry {last.number} comes entry {row.number}"
    if not _same(row.previous, last.hash):
        yield f"entry {row.number} does not follow the one before it"
    if not _same(row.hash, _hash(row._asdict(), key)):
        yield f"entry {row.number} is not as it was written"


def _breaks_of_head(connection: Connection, last: Head, key: bytes | None) -> Iterator[str]:
    rows = connection.execute(select(audit_head)).all()
    if len(rows) != (1 if last.number else 0):
        yield f"the log has {last.number} entries and {len(rows)} heads"
    for row in rows:
        stored = Head(row.number, row.hash)
        if stored != last:
            yield f"the log ends with entry {last.number}, but its head is that of entry {row.number}"
        if not _same(row.seal, _seal(stored, key)):
            yield "the head is not as it was written"


def _hash(row: Mapping[str, Any], key: bytes | None) -> str:
    """Over all fields, each in quotes where it is text, so that nothing can move from one into the next."""
    return _digest(_HASHED.encode([row[name] for name in _FIELDS]), key)


def _seal(last: Head, key: bytes | None) -> str:
    return _digest(f"head {last}", key)


def _digest(content: str, key: bytes | None) -> str:
    data = content.encode("utf-8", "surrogatepass")
    return hmac.digest(key, data, "sha256").hex() if key else hashlib.sha256(data).hexdigest()


def _same(stored: str, wanted: str) -> bool:
    """In constant time, so that a forger learns nothing from how long it takes."""
    return hmac.compare_digest(str(stored).encode("utf-8", "surrogatepass"), wanted.encode())


def _canonical(details: Mapping[str, Any]) -> str:
    try:
        return _CANONICAL.encode(details)
    except (TypeError, ValueError) as error:
        raise DataError(f"an audit entry holds only plain JSON: {error}. Convert its details.") from None


def _utc(at: datetime) -> str:
    if at.tzinfo is None:
        raise DataError(f"an audit entry needs a time with its zone, found {at}. Use datetime.now(UTC).")
    return at.astimezone(UTC).isoformat(timespec="seconds")
