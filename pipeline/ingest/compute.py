"""DuckDB as compute only: what it makes lies elsewhere, its memory is bounded."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb


@contextmanager
def computing(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that keeps the order of rows; what memory cannot hold waits in ``spill``, which goes at the end."""
    shutil.rmtree(spill, ignore_errors=True)
    spill.mkdir(parents=True)
    try:
        with duckdb.connect() as con:
            con.execute(
                "SET TimeZone = 'UTC'; SET memory_limit = '2500MB'; SET preserve_insertion_order = true; "
                "SET enable_progress_bar = false"
            )
            con.execute("SET temp_directory = ?", [str(spill)])
            yield con
    finally:
        shutil.rmtree(spill, ignore_errors=True)
