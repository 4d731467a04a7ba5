"""The former customers of a Monday and of those before it that teach, bucket by bucket.

former/snapshot_date=…    one row per Monday that teaches, the newest included, and former customer on it
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.settings import Settings
from features.build import first_monday
from features.engine.entities import make_entities, read_columns
from features.former import FORMER_VERSION, KINDS_READ, TABLES_READ, build_former, history_needed
from pipeline.artefacts import Home, fingerprint, write_parquet
from pipeline.snapshots.build import PartitionTask, draft_part, partition_digest, stands, write_partitions
from pipeline.tables import Ingested

KIND = "former"


def former_customers(
    settings: Settings,
    home: Home,
    tables: Ingested,
    snapshot_date: date,
    progress: Callable[[int, int], None],
) -> pd.DataFrame:
    """The rows of ``build_former`` as of the Monday, by Monday and customer; made unless they stand there."""
    shaping = settings.win_back.model_dump_json(), settings.lists.model_dump_json(include={"talked"})
    digest = partition_digest(settings, tables.as_of(snapshot_date))
    made_by = fingerprint(digest, *shaping, str(FORMER_VERSION))
    folder = home.partition(KIND, snapshot_date)
    if not stands(folder, made_by):
        task = FormerTask(tables, (snapshot_date,), home.drafts, settings, (KIND,))
        write_partitions(task, home, {snapshot_date: made_by}, progress)
    frame = pq.read_table(folder, partitioning=None).to_pandas(date_as_object=True)
    return frame.sort_values(["snapshot_date", "customer_id"], ignore_index=True)


@dataclass(frozen=True)
class FormerTask(PartitionTask):
    """Writes the former customers of one bucket."""

    def __call__(self, bucket: int) -> None:
        (monday,) = self.due
        since = history_needed(self.settings, monday).year
        read = {name: self._read(name, bucket, since) for name in TABLES_READ}
        parts = {name: rows for name, rows in read.items() if rows is not None}
        entities = make_entities(parts | self.tables.products())
        rows = build_former(entities, monday, first_monday(self.tables.first_day), self.settings)
        write_parquet(rows, draft_part(self.drafts, KIND, monday, bucket))

    def _read(self, name: str, bucket: int, since: int) -> pa.Table | None:
        """Old rows count only where they say what is held, or who looks after the customer."""
        dated = name in ("transactions", "contacts", "events", "surveys")
        rows = self.tables.read(name, bucket, read_columns(name), since if dated else 0)
        if name != "transactions" or rows is None:
            return rows
        return rows.filter(pc.is_in(rows["kind"].cast(pa.string()), pa.array(KINDS_READ)))
