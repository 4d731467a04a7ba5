"""Figures of a run: coverage of branches, drift of features, and the outcome of the scores.

Every function belongs to the caller's transaction: ``Store.write`` where something is kept.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select

from configs.errors import DataError
from configs.published import Run
from serve.store import rows, tables
from serve.store.read_session import find

Name = Literal["drift", "outcome"]


def keep(connection: Connection, run_id: str, name: Name, content: Mapping[str, Any]) -> None:
    """In place of what was kept under this name before. Raises DataError for an unknown run, and for NaN."""
    figures, run_version = tables.figures, find(connection, run_id).run_version
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"figures {name!r} of run {run_id} cannot be stored: {error}.") from None
    replaced = (figures.c.run_version == run_version) & (figures.c.name == name)
    connection.execute(delete(figures).where(replaced))
    connection.execute(insert(figures), {"run_version": run_version, "name": name, "content": text})


def of_runs(connection: Connection, name: Name, limit: int) -> list[tuple[Run, dict[str, Any] | None]]:
    """The newest runs, newest first, and what was measured of each under this name;

    None where nothing was.
    """
    runs, figures = tables.runs, tables.figures
    newest = select(runs).order_by(runs.c.snapshot_date.desc(), runs.c.run_version.desc()).limit(limit)
    measured = connection.execute(select(figures).where(figures.c.name == name))
    by_version = {row.run_version: json.loads(row.content) for row in measured}
    return [(rows.run_from(row), by_version.get(row.run_version)) for row in connection.execute(newest)]
