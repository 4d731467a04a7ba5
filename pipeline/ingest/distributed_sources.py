"""How an ingest is spread over Spark: which sources its tasks read, and a folder that all of them see."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import duckdb

from configs.bank_folder import load_select
from configs.settings import Settings
from configs.tables import EVENT_TABLES
from pipeline.artefacts import Home
from pipeline.ingest.deliveries import ORDER, Plan
from pipeline.ingest.selects import row_by_row, sources_read
from pipeline.snapshots.spark import over_buckets, session

if TYPE_CHECKING:
    from pyspark import SparkContext

T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """Spark, the sources whose files its tasks read, and a folder that all of them see."""

    context: "SparkContext"
    sources: frozenset[str]
    folder: Path

    def over(self, work: Callable[[int], T], pieces: int) -> list[T]:
        return over_buckets(self.context, work, pieces, lambda _done, _of: None)


@contextmanager
def spread_out(
    con: duckdb.DuckDBPyConnection, settings: Settings, home: Home, plan: Plan
) -> Iterator[Spread | None]:
    """How an ingest is spread; None where it runs in this process alone: on no Spark, or beside earlier tables."""
    folder = (home.root / ".spread").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    engine = settings.engine
    wanted = engine.kind == "spark" and not engine.storage and plan.base is None
    sources = _read_apart(con, settings) if wanted else frozenset()
    if not sources:
        yield None
        return
    try:
        with session(engine.spark_master) as context:
            yield Spread(context, sources, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read_apart(con: duckdb.DuckDBPyConnection, settings: Settings) -> frozenset[str]:
    """The sources of files that are read row by row, alone, and for nothing but what happened."""
    apart = {name: spec.format != "postgres" for name, spec in settings.sources.items()}
    for table in ORDER:
        select = load_select(settings.bank, table)
        read = sources_read(con, settings, select) if select else []
        alone = table in EVENT_TABLES and len(read) == 1 and row_by_row(con, select or "", read[0])
        apart |= {name: apart[name] and alone for name in read}
    return frozenset(name for name, alone in apart.items() if alone)
