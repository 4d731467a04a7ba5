"""The status of the weekly run for operators: open alarms, gates, sources and the last commands."""

import json
from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection, select

from configs.published import Run
from serve.auth.access import Granted
from serve.pages.page import Page, show
from serve.store import tables
from serve.store.alarms import open_alarms
from serve.store.command_runs import CommandRun, last_of, newest
from serve.store.read_session import served
from serve.store.rows import run_from

pages = APIRouter(include_in_schema=False, route_class=Page)
COMMANDS = 12  # shown, the newest


@pages.get("/status")
def status_page(request: Request, access: Granted) -> Response:
    """The part that the store holds; also before the first run is published."""
    with access.service.store.read() as connection:
        row = served(connection)
        run = run_from(row) if row else None
        commands = newest(connection, COMMANDS)
        weekly = last_of(connection, "weekly")
        return show(
            request,
            "status.html",
            run=run,
            alarms=open_alarms(connection),
            gates=_gates(connection, row.run_version) if row else None,
            weekly=weekly,
            longest=max((step["seconds"] for step in weekly.steps), default=0) if weekly else 0,
            newest_days=_newest_days(commands, run),
            commands=commands,
        )


def _gates(connection: Connection, run_version: int) -> dict[str, Any] | None:
    """The counts of a run's gates, those that did not simply pass by kind and table with their verdict, and
    reasons of late sources by table."""
    figures = tables.figures
    query = select(figures.c.content).where(figures.c.run_version == run_version, figures.c.name == "gates")
    content = json.loads(connection.scalar(query) or "null")
    if content is None:
        return None
    others = [
        (*gate["gate"].partition("/")[0].partition(":")[::2], gate["verdict"])
        for gate in content["gates"]
        if gate["verdict"] != "passed"
    ]
    total = len(content["gates"])
    return {"of": total, "passed": total - len(others), "others": others, "late": content["late"]}


def _newest_days(commands: list[CommandRun], run: Run | None) -> list[tuple[str, date, int | None]]:
    """By table its newest known day, and how many days that lies before the served Monday."""
    days = next((command.newest_days for command in commands if command.newest_days), {}) or {}
    known = [(table, date.fromisoformat(day)) for table, day in sorted(days.items())]
    return [(table, day, (run.snapshot_date - day).days if run else None) for table, day in known]
