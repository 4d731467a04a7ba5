"""Figures of the weekly run for Prometheus, in a file that its node exporter reads."""

import os
import socket
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from configs.alarms import KINDS
from configs.errors import DataError
from pipeline.alarms.alarms import open_alarms
from pipeline.alarms.gates import last_gates
from pipeline.context import Context
from pipeline.lease import holder
from pipeline.progress import log
from serve.store.command_runs import CommandRun, last_of
from serve.store.store import Store


def write_textfile(context: Context) -> None:
    """Write the file whole, where the settings name one; what cannot be read is missing in it.

    A folder that cannot be written is logged: the run itself has ended.
    """
    target = context.settings.alarms.textfile
    if not target:
        return
    registry = CollectorRegistry()
    _runs(registry, context)
    _alarms(registry, context)
    _gates(registry, context)
    _lease(registry, context)
    try:
        write_to_textfile(target, registry)
        Path(target).chmod(0o644)  # node exporter is another account; nothing in it is secret
        Path(target).chmod(0o644)  # Prometheus reads it under another account; it tells of no customer
    except OSError as error:
        log.warning("alarms    textfile %s cannot be written: %s", target, error)


def _gauge(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Gauge:
    return Gauge(f"attrition_{name}", text, ("bank", *labels), registry=registry)


def _runs(registry: CollectorRegistry, context: Context) -> None:
    """The last weekly run: its end, exit code and steps; and the end of the last one that ended well."""
    bank = context.settings.bank
    try:
        with Store(context.home.store) as store, store.read() as connection:
            last, success = last_of(connection, "weekly"), last_of(connection, "weekly", 0)
    except DataError as error:
        log.warning("alarms    the textfile is without the last runs: %s", error)
        return
    if success:
        text = "when the weekly run last ended well"
        _gauge(registry, "weekly_last_success_timestamp_seconds", text).labels(bank).set(_end(success))
    if last:
        _gauge(registry, "weekly_last_end_timestamp_seconds", "when it last ended").labels(bank).set(
            _end(last)
        )
        _gauge(registry, "weekly_exit_code", "of the last weekly run").labels(bank).set(last.exit_code or 0)
        steps = _gauge(registry, "weekly_step_seconds", "of each step of the last weekly run", "step")
        for step in last.steps:
            steps.labels(bank, step["step"]).inc(step["seconds"])


def _end(run: CommandRun) -> float:
    return (run.started_at + timedelta(seconds=run.seconds or 0)).timestamp()


def _alarms(registry: CollectorRegistry, context: Context) -> None:
    try:
        alarms = open_alarms(context)
    except DataError as error:
        log.warning("alarms    the textfile is without open alarms: %s", error)
        return
    gauge = _gauge(registry, "open_alarms", "alarms that nobody has acknowledged", "kind")
    for kind in KINDS:
        unacknowledged = [alarm for alarm in alarms if alarm.kind == kind and alarm.acknowledged_at is None]
        gauge.labels(context.settings.bank, kind).set(len(unacknowledged))


def _gates(registry: CollectorRegistry, context: Context) -> None:
    bank = context.settings.bank
    try:
        gates = last_gates(context.home)
    except DataError as error:
        log.warning("alarms    the textfile is without gates: %s", error)
        return
    if not gates:
        return
    figures = _gauge(registry, "gate_figure", "a figure of the last run's gates", "gate")
    refused = _gauge(registry, "gate_refused", "1 where the gate refused the last run", "gate")
    for gate in gates["gates"]:
        figures.labels(bank, gate["gate"]).set(gate["figure"])
        refused.labels(bank, gate["gate"]).set(gate["verdict"] == "refused")


def _lease(registry: CollectorRegistry, context: Context) -> None:
    """The other writer, if any; this command has ended when somebody reads the file."""
    text = "1 for the command that holds the lease"
    gauge = _gauge(registry, "lease_held", text, "command", "host", "process")
    holding = holder(context.home.root)
    if holding and (holding.host, holding.process) != (socket.gethostname(), os.getpid()):
        gauge.labels(context.settings.bank, holding.command, holding.host, str(holding.process)).set(1)
