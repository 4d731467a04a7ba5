"""The lease of a bank: at most one command writes into its folder and store at a time.

The operating system's lock on the file ``lease`` decides between the processes of one machine; it ends with
its holder. Where a shared file system does not carry the lock to another machine, the heartbeat decides: the
holder touches the file every second.
"""

import fcntl
import getpass
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Thread
from typing import IO

from configs.errors import ConfigError, LeaseError
from configs.files import remove_left_over, tighten

log = logging.getLogger("attrition")

HEARTBEAT_SECONDS = 1.0
STALE_SECONDS = 60.0  # a holder on another machine counts as dead after so long without a heartbeat
PATIENCE_SECONDS = 2.0  # a command that is just ending may still let go


@dataclass(frozen=True)
class Holder:
    """The holder of a lease; ``since`` is the time of the start in UTC."""

    command: str
    user: str
    host: str
    process: int
    since: str

    def __str__(self) -> str:
        return f"`{self.command}` of {self.user}, process {self.process} on {self.host}, since {self.since}"


def user_name() -> str:
    """The name of the user: ATTRITION_USER, or the account. Raises ConfigError if neither has one."""
    try:
        return os.environ.get("ATTRITION_USER", "").strip() or getpass.getuser()
    except (KeyError, OSError):
        raise ConfigError("the account has no name. Set ATTRITION_USER to yours.") from None


@contextmanager
def held(root: Path, command: str) -> Iterator[None]:
    """Hold the lease of the bank in this folder; what a killed holder left half written is removed first.

    Raises LeaseError, within 5 seconds, where another command holds it.
    """
    root.mkdir(parents=True, exist_ok=True)
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    me = Holder(command, user_name(), socket.gethostname(), os.getpid(), since)
    with (root / "lease").open("a+", encoding="utf-8") as file:
        _lock(file, root.name)
        before = _holder(file)
        if before and before.host != me.host and _is_alive(Path(file.name)):
            raise LeaseError(_refusal(root.name, before))
        _write(file, json.dumps(asdict(me)))
        remove_left_over(root)
        _tighten(root)
        try:
            with _heartbeat(file):
                yield
        finally:
            with suppress(OSError):  # the lock ends in any case
                _write(file, "")


def _tighten(root: Path) -> None:
    """What an earlier release wrote for everybody; raw files are the bank's own."""
    written = (
        path for part in sorted(root.iterdir()) if part.name != "raw" for path in (part, *part.rglob("*"))
    )
    tightened = tighten(written)
    if tightened:
        log.info("lease     %d files of %s could be read by others and cannot any more", tightened, root)


def holder(root: Path) -> Holder | None:
    """The holder of the lease of the bank in this folder; None where nobody does."""
    path = root / "lease"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8") as file:
        noted = _holder(file)
        if noted is None or noted.host != socket.gethostname():
            return noted if _is_alive(path) else None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return noted
    return None


def _lock(file: IO[str], bank: str) -> None:
    """The operating system's lock, which goes with the open file."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise LeaseError(_refusal(bank, _holder(file))) from None
            time.sleep(0.1)


def _refusal(bank: str, holder: Holder | None) -> str:
    return (
        f"bank {bank!r} is being written by {holder or 'another command'}. Nothing was done. Run this again "
        "when it has ended."
    )


def _holder(file: IO[str]) -> Holder | None:
    """The holder as noted in the file; None for an empty note, or one that its holder had just begun."""
    file.seek(0)
    try:
        return Holder(**json.loads(file.read()))
    except (ValueError, TypeError):
        return None


def _write(file: IO[str], text: str) -> None:
    file.truncate(0)
    file.write(text)
    file.flush()


def _is_alive(path: Path) -> bool:
    """True where the last heartbeat is recent, by the clock of the file system alone."""
    with TemporaryFile(dir=path.parent) as probe:
        age = os.fstat(probe.fileno()).st_mtime - path.stat().st_mtime
    return abs(age) < STALE_SECONDS


@contextmanager
def _heartbeat(file: IO[str]) -> Iterator[None]:
    """Touch the file from a thread until the block ends."""
    ended = Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            os.utime(file.fileno())

    thread = Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
