"""The head of each log, noted in the other one, so that a log that was emptied or removed is noticed.

The access log lies beside the score store, which holds the audit log. Each holds entries that name the last
entry of the other. An entry that only names a head is no reason for another one.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select
from starlette.concurrency import run_in_threadpool

from configs.errors import DataError
from serve.auth.access_log import AccessLog, read
from serve.store import audit
from serve.store import database as connect
from serve.store.audit import Entry, Head
from serve.store.store import Store
from serve.store.tables import audit as table

log = logging.getLogger("serve")

LOOK_SECONDS = 30  # between two looks at whether the audit log was added to
LOOKS = 20  # from one note of the access log's head to the next where it was not
ACCESS_HEAD, AUDIT_HEAD = "note access head", "note audit head"
BEGUN_ANEW, RESTORED = "begin access log anew", "restore store"  # by a person; earlier notes are void


def access_head(store: Connection) -> Head | None:
    """The newest head of the access log that the audit log notes, unless the log was begun anew since."""
    noted, anew = _newest(store, ACCESS_HEAD), _newest(store, BEGUN_ANEW)
    return _head(noted) if noted and (anew is None or anew.number < noted.number) else None


def audit_head(access: Connection, store: Connection) -> Head | None:
    """The newest head of the audit log that the access log notes, unless the store was restored since."""
    noted, restored = _newest(access, AUDIT_HEAD), _newest(store, RESTORED)
    return _head(noted) if noted and (restored is None or restored.at < noted.at) else None


def known_access_head(store: Store) -> Head | None:
    """``access_head``; None for a store that cannot be read, such as one before its first run."""
    try:
        with store.read() as connection:
            return access_head(connection)
    except DataError:
        return None


def noted_audit_head(url: str, store: Connection) -> Head | None:
    """``audit_head`` by the access log beside a store; None where nothing was ever logged."""
    engine = connect.access_log(url)
    try:
        with read(engine) as access:
            return audit_head(access, store) if access else None
    finally:
        engine.dispose()


async def note_heads(store: Store, access_log: AccessLog, key: bytes, both: bool = True) -> None:
    """Notes the head of the audit log where it was added to since, and with it that of the access log.

    The latter alone where ``both`` says so. What cannot be read or written now is logged.
    """
    try:
        last = await run_in_threadpool(_audit_head_to_note, store, access_log)
        if last:
            await access_log.write([_note(AUDIT_HEAD, last)])
        if last or both:
            await run_in_threadpool(_note_access_head, store, access_log, key)
    except DataError as error:
        log.warning("the heads of the logs are not noted now: %s", error)


def _audit_head_to_note(store: Store, access_log: AccessLog) -> Head | None:
    with store.read() as connection, access_log.read() as access:
        # The access log is asked first: what it notes is then in the store as this transaction sees it.
        noted = audit_head(access, connection) if access else None
        if noted and not audit.holds(connection, noted):
            log.error(
                "the audit log does not hold entry %s, which the access log notes: it was emptied or "
                "replaced. Run make audit, and restore the store from a backup.",
                noted.number,
            )
            return None
        added = _newest(connection, ACCESS_HEAD, other=True)
        return audit.head(connection) if added and (noted is None or added.number > noted.number) else None


def _note_access_head(store: Store, access_log: AccessLog, key: bytes) -> None:
    with access_log.read() as access:
        added = _newest(access, AUDIT_HEAD, other=True) if access else None
        last = audit.head(access) if access else None
    if last is None or added is None:
        return
    with store.read() as connection:
        noted = access_head(connection)
    if noted is None or added.number > noted.number:
        with store.append() as connection:
            audit.append(connection, _note(ACCESS_HEAD, last), key)


def _note(action: str, last: Head) -> Entry:
    return Entry(datetime.now(UTC), "service", action, "", {"head": str(last)})


def _head(noted: Row[Any]) -> Head:
    return Head.parse(json.loads(noted.details)["head"])


def _newest(connection: Connection, action: str, other: bool = False) -> Row[Any] | None:
    """The newest entry with an action, or with any other one."""
    condition = table.c.action != action if other else table.c.action == action
    return connection.execute(select(table).where(condition).order_by(table.c.number.desc()).limit(1)).first()
