"""A command that writes is watched: what it did is recorded, what went wrong raises an alarm.

Nothing here hides the end of the command itself: where a record, an alarm or a way fails, that is logged.
"""

import os
import socket
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

from configs.alarms import Alarm, Kind
from configs.errors import DataError, MachineError, exit_code_of
from pipeline.alarms.alarms import close_alarms, open_or_none, raise_alarm, remedy_of, split_message
from pipeline.alarms.freshness import newest_days
from pipeline.alarms.sending import send_due
from pipeline.alarms.textfile import write_textfile
from pipeline.context import Context
from pipeline.progress import Step, log, recorded_steps
from pipeline.tables import read_ingested
from serve.store import command_runs
from serve.store.command_runs import CommandRun
from serve.store.store import Store

WEEKLY = (
    "weekly"  # the command whose end matters to everybody; of others, whoever runs them reads the message
)
SENDING: Mapping[str, Kind] = {"mail": "mail", "announce": "announcement"}  # command: its alarm
_KINDS: dict[int, Kind] = {1: "software", 2: "data", 3: "gate", 5: "machine"}  # by exit code
_FAILURES = frozenset({*_KINDS.values(), *SENDING.values()})  # what a step that ends well has left behind
_PACKAGES = Path(__file__).parents[2]
_LONGEST = 600  # characters of a reason


@contextmanager
def watched(context: Context, command: str, snapshot_date: date | None = None) -> Iterator[None]:
    """Watch a command that holds the lease of the bank, from its beginning to its end."""
    run = CommandRun(command, snapshot_date, _process(context), context.clock())
    began = _Began(context, run)
    error: BaseException | None = None
    with recorded_steps() as steps:
        try:
            yield
        except BaseException as caught:
            error = caught
            raise
        finally:
            try:
                began.end(steps, error)
            except Exception as fault:  # the command's own end is what counts
                log.warning("alarms    %s: %s", type(fault).__name__, fault)


class _Began:
    """A command that has begun, with its row in the store if there is one."""

    def __init__(self, context: Context, run: CommandRun) -> None:
        self.context, self.run = context, run
        killed: list[CommandRun] = []
        with suppress(DataError), Store(context.home.store) as store:
            with store.read():  # a store that is missing is not made here
                pass
            with store.write() as connection:
                killed = command_runs.close_unended(connection)
                self.run = replace(run, number=command_runs.write(connection, run))
        # By id the last time each was raised: what this command raises again has another one at its end.
        self.open_before = {alarm.alarm_id: alarm.seen_at for alarm in open_or_none(context)}
        for before in killed:
            if before.command == WEEKLY:
                raise_alarm(context, _of_killed(before))

    def end(self, steps: Sequence[Step], error: BaseException | None) -> None:
        run, context = self.run, self.context
        code: int = getattr(error, "exit_code", None) or exit_code_of(error)  # typer's errors bear one
        monday = run.snapshot_date
        if run.command in (WEEKLY, *SENDING):
            name = f"{run.command} of {monday}, begun {run.started_at:%Y-%m-%d %H:%M} UTC"
            if run.command == WEEKLY and isinstance(error, Exception) and code in _KINDS:
                raise_alarm(context, _of_error(run, code, steps, error))
            close_alarms(context, lambda alarm: self._is_gone(alarm, steps, code), name)
        self._record(steps, code)
        send_due(context)
        if run.command == WEEKLY:
            write_textfile(context)

    def _is_gone(self, alarm: Alarm, steps: Sequence[Step], code: int) -> bool:
        """True where this run has not met again what an earlier one had met: whole, or in a step that ended
        well.

        What is newer than the run's Monday is not its business.
        """
        is_later = (alarm.snapshot_date or date.min) > (self.run.snapshot_date or date.max)
        if is_later or self.open_before.get(alarm.alarm_id) != alarm.seen_at:
            return False
        if self.run.command in SENDING:
            return code == 0 and alarm.kind == SENDING[self.run.command]
        ended_well = {step.name for step in steps if step.ended_well}
        return code == 0 or (alarm.kind in _FAILURES and alarm.step in ended_well)

    def _record(self, steps: Sequence[Step], code: int) -> None:
        context, run = self.context, self.run
        days = {}
        if run.command in (WEEKLY, "ingest", "demo"):
            with suppress(DataError):
                days = {table: str(day) for table, day in newest_days(read_ingested(context.home)).items()}
        ended = replace(
            run,
            seconds=round((context.clock() - run.started_at).total_seconds(), 1),
            exit_code=code,
            steps=[_plain(step) for step in steps],
            newest_days=days,
        )
        with Store(context.home.store) as store:
            try:
                with store.read():
                    pass
            except DataError:
                if run.command != WEEKLY:  # others make no store, and need none
                    return
            with store.write() as connection:
                command_runs.write(connection, ended)


def _of_error(run: CommandRun, code: int, steps: Sequence[Step], error: Exception) -> Alarm:
    failed = [step.name for step in steps if not step.ended_well]
    kind, step = _KINDS[code], failed[0] if failed else run.command
    if kind == "software":
        reason = f"{run.command} ended with {type(error).__name__} at {_place_of(error)}."
        remedy = remedy_of(kind, run.snapshot_date)
    elif kind == "gate":
        reason = str(error).split(" (2) ")[0].split(" If the figures are right")[0]  # the first gate's
        remedy = remedy_of(kind, run.snapshot_date)
    else:
        error = MachineError("between two steps", error) if isinstance(error, OSError) else error
        reason, remedy = split_message(str(error))
    return Alarm(kind, step, _short(reason), remedy, run.snapshot_date)


def _of_killed(run: CommandRun) -> Alarm:
    return Alarm(
        "lease",
        run.command,
        f"{run.command} ({run.process}), begun at {run.started_at:%Y-%m-%d %H:%M} UTC, was killed or its "
        "machine stopped.",
        remedy_of("lease", run.snapshot_date),
        run.snapshot_date,
    )


def _place_of(error: Exception) -> str:
    """The last line of this software that the error came through; its own words may name a customer."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGES)]
    frame = (places or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _process(context: Context) -> str:
    return f"{context.user}, process {os.getpid()} on {socket.gethostname()}"


def _plain(step: Step) -> dict[str, object]:
    counts = {
        name: value if isinstance(value, int | float) else str(value) for name, value in step.counts.items()
    }
    return {
        "step": step.name,
        "seconds": round(step.seconds, 1),
        "counts": counts,
        "ended_well": step.ended_well,
    }
