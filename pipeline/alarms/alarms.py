"""Alarms are raised, and closed by the run that finds them gone.

They are kept in the score store. Where that cannot be written they are kept in ``alarms.json`` beside the
artefacts, and the next command takes them over.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from configs.alarms import Alarm, Kind
from configs.errors import DataError
from pipeline.artefacts import fingerprint, write_json
from pipeline.context import Context
from pipeline.progress import log
from serve.store import alarms as stored
from serve.store.store import Store
from serve.texts.wording import Wording

_ALARMS = TypeAdapter(list[Alarm])
Change = Callable[[Sequence[Alarm]], list[Alarm]]


STANDING = ("promise", "drift")  # kinds that one Monday hands to the next: once acknowledged is enough


def raise_alarm(context: Context, alarm: Alarm) -> None:
    """Keep an alarm, which is sent when the command ends. Not to be called within a transaction of the store.

    An open one of the same kind, step, Monday and reason (numbers apart) stays as it is, also where it was
    acknowledged; of ``STANDING`` kinds that of an earlier Monday too. With another reason, a new alarm takes
    the place of the open one.
    """
    at = context.clock()
    log.warning("alarm     %s: %s", alarm.kind, alarm.reason)
    change(context, lambda alarms: _raised(context, alarms, alarm, at))


def open_alarms(context: Context) -> list[Alarm]:
    """The open alarms, acknowledged or not, the oldest first; changes nothing.

    Raises DataError where the store cannot be read and no file keeps alarms.
    """
    waiting = waiting_alarms(context)
    try:
        with Store(context.home.store) as store, store.read() as connection:
            return _merged(stored.open_alarms(connection), waiting)
    except DataError:
        if not waiting:
            raise
        return waiting


def open_or_none(context: Context) -> list[Alarm]:
    """The open alarms; none also where nothing can be read."""
    try:
        return open_alarms(context)
    except DataError:
        return []


def change(context: Context, change_of: Change) -> None:
    """Keep what ``change_of`` makes of the open alarms: those that it returns, changed or new."""
    waiting, path = waiting_alarms(context), _file(context)
    try:
        with Store(context.home.store) as store, store.write() as connection:
            known = stored.open_alarms(connection)
            alarms = _merged(known, waiting)
            stored.keep(connection, _by_id([*alarms[len(known) :], *change_of(alarms)]))
        if waiting:
            path.unlink()
    except DataError as error:
        log.warning("alarms    kept in %s until the store can be written: %s", path, error)
        alarms = _by_id([*waiting, *change_of(waiting)])
        still_open = [alarm for alarm in alarms if alarm.closed_at is None]
        write_json(path, _ALARMS.dump_python(still_open, mode="json"))


def close_alarms(context: Context, is_gone: Callable[[Alarm], bool], why: str) -> None:
    """Close the open alarms that are gone; ``why`` names the run that found it."""
    if not open_or_none(context):
        return
    at, closed = context.clock(), list[Alarm]()

    def close(alarms: Sequence[Alarm]) -> list[Alarm]:
        closed[:] = [replace(alarm, closed_at=at, closed_why=why) for alarm in alarms if is_gone(alarm)]
        return closed

    change(context, close)
    for alarm in closed:
        log.info("alarms    closed %s (%s, step %s): %s", alarm.alarm_id, alarm.kind, alarm.step, why)


def remedy_of(kind: Kind, snapshot_date: date | None = None) -> str:
    """The remedy for an alarm of a kind whose reason names none of its own."""
    return Wording("en")(f"alarm_remedy.{kind}", monday=snapshot_date)


def split_message(message: str) -> tuple[str, str]:
    """What was found, and the last sentence of the message, which says what to do.

    >>> split_message("there is no file x.csv. Deliver it.")
    ('there is no file x.csv.', 'Deliver it.')
    """
    sentences = re.split(r"(?<=[.!?]) (?=[A-Z`])", " ".join(message.split()))
    return (
        (" ".join(sentences[:-1]), sentences[-1]) if len(sentences) > 1 else (sentences[0], remedy_of("data"))
    )


def _raised(context: Context, alarms: Sequence[Alarm], alarm: Alarm, at: datetime) -> list[Alarm]:
    """The alarm as it is to be kept, and the one whose place it takes, closed."""
    of_the_same = [each for each in alarms if _place(each) == _place(alarm)]
    for each in of_the_same:
        if _without_numbers(each.reason) == _without_numbers(alarm.reason):
            days = [day for day in (each.snapshot_date, alarm.snapshot_date) if day]
            newest = max(days, default=None)
            return [replace(each, reason=alarm.reason, remedy=alarm.remedy, seen_at=at, snapshot_date=newest)]
    alarm_id = fingerprint(context.settings.bank, *map(str, _place(alarm)), alarm.reason, at.isoformat())[:8]
    new = replace(alarm, alarm_id=alarm_id, raised_at=at, seen_at=at)
    return [
        new,
        *(replace(each, closed_at=at, closed_why=f"followed by {alarm_id}") for each in of_the_same),
    ]


def _place(alarm: Alarm) -> tuple[object, ...]:
    """The key that two alarms share where only their reasons differ."""
    return alarm.kind, alarm.step, None if alarm.kind in STANDING else alarm.snapshot_date


def _without_numbers(text: str) -> str:
    return re.sub(r"\d+", "", text)


def _merged(known: Sequence[Alarm], waiting: Sequence[Alarm]) -> list[Alarm]:
    """The alarms of the store, then those of the file that it does not hold."""
    places = {_place(alarm) for alarm in known}
    return [*known, *(alarm for alarm in waiting if _place(alarm) not in places)]


def _by_id(alarms: Sequence[Alarm]) -> list[Alarm]:
    """Each alarm once, as it comes last."""
    return list({alarm.alarm_id: alarm for alarm in alarms}.values())


def _file(context: Context) -> Path:
    return context.home.root / "alarms.json"


def waiting_alarms(context: Context) -> list[Alarm]:
    """The alarms that the store could not take; none where the file is damaged, which is said."""
    path = _file(context)
    try:
        return _ALARMS.validate_json(path.read_bytes())
    except FileNotFoundError:
        return []
    except (ValidationError, OSError) as error:
        log.warning(
            "alarms    %s cannot be read (%s); check its content and remove it", path, type(error).__name__
        )
        return []
