"""The Spark session of an ingest: which sources its tasks read, and a folder that all of them see."""

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

Result = TypeVar("Result")


@dataclass(frozen=True)
class Cluster:
    """Spark, the sources whose files its tasks read, and a folder that all of them see."""

    context: "SparkContext"
    sources: frozenset[str]
    folder: Path

    def over(self, work: Callable[[int], Result], pieces: int) -> list[Result]:
        return over_buckets(self.context, work, pieces, lambda _done, _of: None)


@contextmanager
def distributed_ingest(
    con: duckdb.DuckDBPyConnection, settings: Settings, home: Home, plan: Plan
) -> Iterator[Cluster | None]:
    """Spark for an ingest.

    None where it runs in this process alone: on no Spark, or beside earlier tables.
    """
    folder = (home.root / ".distributed").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    engine = settings.engine
    wanted = engine.kind == "spark" and not engine.storage and plan.base is None
    sources = _row_by_row_sources(con, settings) if wanted else frozenset()
    if not sources:
        yield None
        return
    try:
        with session(engine.spark_master) as context:
            yield Cluster(context, sources, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _row_by_row_sources(con: duckdb.DuckDBPyConnection, settings: Settings) -> frozenset[str]:
    """The sources of files that are read row by row, alone, and for nothing but what happened."""
    alone = {name: spec.format != "postgres" for name, spec in settings.sources.items()}
    for table in ORDER:
        select = load_select(settings.bank, table)
        read = sources_read(con, settings, select) if select else []
        fits = table in EVENT_TABLES and len(read) == 1 and row_by_row(con, select or "", read[0])
        alone |= {name: alone[name] and fits for name in read}
    return frozenset(name for name, fits in alone.items() if fits)
