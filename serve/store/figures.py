"""What was measured of a run: how branches look after customers, how features drift, and what became of the scores.

Every function belongs to the caller's transaction: ``Store.write`` where something is kept.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select

from configs.errors import DataError
from configs.published import Coverage, Departure, Run
from serve.store import rows, tables
from serve.store.bulk_insert import load
from serve.store.read_session import find

Name = Literal["drift", "outcome"]


def keep_coverage(
    connection: Connection, run_id: str, coverage: Iterable[Coverage], departures: Iterable[Departure]
) -> None:
    """In place of what was kept before. Raises DataError for an unknown run."""
    publication = find(connection, run_id).publication
    for table, found in ((tables.coverage, coverage), (tables.departures, departures)):
        connection.execute(delete(table).where(table.c.publication == publication))
        load(connection, table, ((publication, *astuple(one)) for one in found))


def keep(connection: Connection, run_id: str, name: Name, content: Mapping[str, Any]) -> None:
    """In place of what was kept under this name before. Raises DataError for an unknown run, and for NaN."""
    figures, publication = tables.figures, find(connection, run_id).publication
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"figures {name!r} of run {run_id} cannot be stored: {error}.") from None
    same = (figures.c.publication == publication) & (figures.c.name == name)
    connection.execute(delete(figures).where(same))
    connection.execute(insert(figures), {"publication": publication, "name": name, "content": text})


def of_runs(connection: Connection, name: Name, limit: int) -> list[tuple[Run, dict[str, Any] | None]]:
    """The newest runs, newest first, and what was measured of each under this name; None where nothing was."""
    runs, figures = tables.runs, tables.figures
    newest = select(runs).order_by(runs.c.snapshot_date.desc(), runs.c.publication.desc()).limit(limit)
    measured = connection.execute(select(figures).where(figures.c.name == name))
    by_publication = {row.publication: json.loads(row.content) for row in measured}
    return [(rows.run_from(row), by_publication.get(row.publication)) for row in connection.execute(newest)]
