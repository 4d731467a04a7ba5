"""The status of a bank: the served run, the lease, open alarms, gates, sources and the last commands.

What cannot be read is said in its place; nothing else is missing for it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from configs.alarms import Alarm
from configs.errors import DataError
from pipeline.alarms.alarms import open_alarms
from pipeline.alarms.freshness import newest_days
from pipeline.alarms.gates import last_gates
from pipeline.context import Context
from pipeline.lease import holder
from pipeline.tables import read_ingested
from serve.store.command_runs import CommandRun, newest
from serve.store.store import Store

COMMANDS = 5  # of the last ones
_UNREADABLE = "cannot be read"


def status(context: Context) -> dict[str, Any]:
    """One object of plain values; a part that cannot be read is ``{"cannot be read": <sentence>}``."""
    parts: dict[str, Callable[[Context], Any]] = {
        "served": _served,
        "lease": _lease,
        "alarms": lambda context: [_alarm(alarm) for alarm in open_alarms(context)],
        "gates": _gates,
        "newest_days": _newest_days,
        "commands": _commands,
    }
    return {"bank": context.settings.bank} | {name: _read(part, context) for name, part in parts.items()}


def status_in_words(status: Mapping[str, Any]) -> str:
    """The status as text, one part under the other."""
    lines = [f"bank {status['bank']}"]
    for name, words in _WORDS.items():
        part = status[name]
        unreadable = isinstance(part, Mapping) and part.get(_UNREADABLE)
        texts = [f"{_UNREADABLE}: {unreadable}"] if unreadable else list(words(part))
        lines += [f"{'' if row else name.replace('_', ' '):<13}{text}" for row, text in enumerate(texts)]
    return "\n".join(lines)


def _read(part: Callable[[Context], Any], context: Context) -> Any:
    try:
        return part(context)
    except DataError as error:
        return {_UNREADABLE: str(error)}
    except (OSError, ValueError, TypeError, KeyError) as error:  # a damaged file; its words may hold anything
        return {_UNREADABLE: f"{type(error).__name__}. Run `make ingest` or restore the folder."}


def _served(context: Context) -> dict[str, str]:
    with Store(context.home.store) as store:
        run = store.latest_run()
    return {"run": run.run_id, "monday": str(run.snapshot_date), "model": run.model_id}


def _lease(context: Context) -> dict[str, Any] | None:
    holding = holder(context.home.root)
    return vars(holding) | {"words": str(holding)} if holding else None


def _alarm(alarm: Alarm) -> dict[str, Any]:
    return {
        **alarm.shown,
        "raised_at": _time(alarm.raised_at),
        "last_sent_at": _time(alarm.last_sent_at),
        "acknowledged_by": alarm.acknowledged_by or None,
        "acknowledged_at": _time(alarm.acknowledged_at),
        "acknowledged_why": alarm.acknowledged_why or None,
    }


def _gates(context: Context) -> dict[str, Any] | None:
    gates = last_gates(context.home)
    if gates is None:
        return None
    refused = [gate["why"] for gate in gates["gates"] if gate["verdict"] == "refused"]
    passed = sum(gate["verdict"] == "passed" for gate in gates["gates"])
    return {name: gates[name] for name in ("monday", "overridden", "late")} | {
        "of": len(gates["gates"]),
        "passed": passed,
        "refused": refused,
    }


def _newest_days(context: Context) -> dict[str, str]:
    return {table: str(day) for table, day in newest_days(read_ingested(context.home)).items()}


def _commands(context: Context) -> list[dict[str, Any]]:
    with Store(context.home.store) as store, store.read() as connection:
        return [_command(run) for run in newest(connection, COMMANDS)]


def _command(run: CommandRun) -> dict[str, Any]:
    return {
        "command": run.command,
        "monday": str(run.snapshot_date) if run.snapshot_date else None,
        "process": run.process,
        "started_at": _time(run.started_at),
        "seconds": run.seconds,
        "exit_code": run.exit_code,
        "steps": list(run.steps),
    }


def _time(at: Any) -> str | None:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else None


def _served_words(part: Mapping[str, str]) -> Iterator[str]:
    yield f"{part['run']} of Monday {part['monday']}, model {part['model']}"


def _lease_words(part: Mapping[str, Any] | None) -> Iterator[str]:
    yield part["words"] if part else "nobody holds it"


def _alarm_words(part: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"{len(part)} open" if part else "none open"
    for alarm in part:
        monday = f", Monday {alarm['monday']}" if alarm["monday"] else ""
        yield f"{alarm['alarm']}  {alarm['kind']}, step {alarm['step']}{monday}, raised {alarm['raised_at']}"
        yield f"          {alarm['reason']}"
        yield f"          {alarm['remedy']}"
        by = alarm["acknowledged_by"]
        taken_up = f"acknowledged by {by}: {alarm['acknowledged_why']}" if by else "acknowledged by nobody"
        yield f"          last sent {alarm['last_sent_at'] or 'never'}, {taken_up}"


def _gate_words(part: Mapping[str, Any] | None) -> Iterator[str]:
    if part is None:
        yield "no run has passed them yet"
        return
    yield f"Monday {part['monday']}: {part['passed']} of {part['of']} passed, {len(part['refused'])} refused"
    yield from part["refused"]
    if part["overridden"]:
        yield f"overridden: {', '.join(part['overridden'])}"
    yield from (f"{table} was declared late: {why}" for table, why in part["late"].items())


def _day_words(part: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{table:<14}{day}" for table, day in part.items())


def _command_words(part: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not part:
        yield "none recorded"
    for run in part:
        end = "has not ended" if run["exit_code"] is None else f"exit code {run['exit_code']}"
        seconds = "" if run["seconds"] is None else f", {run['seconds']:,.0f} s"
        monday = f" {run['monday']}" if run["monday"] else ""
        yield f"{run['command']}{monday}, begun {run['started_at']}{seconds}, {end}"
        steps = [f"{step['step']} {step['seconds']:,.1f}{_failed(step)}" for step in run["steps"]]
        if steps:
            yield f"  seconds: {', '.join(steps)}"


def _failed(step: Mapping[str, Any]) -> str:
    return "" if step["ended_well"] else " (failed)"


_WORDS: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "served": _served_words,
    "lease": _lease_words,
    "alarms": _alarm_words,
    "gates": _gate_words,
    "newest_days": _day_words,
    "commands": _command_words,
}
