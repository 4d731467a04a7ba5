"""The lists of a replayed Monday had all earlier ones been worked: everybody listed was called and reached.

A call then gives ``lists.cool_down_weeks`` of quiet, and its place goes to somebody else. Nothing could be
learnt from such calls, so a call keeps what ``profit.success_rate`` says. Scores stay those of customers whom
nobody called.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.call_lists import Assignment, CallList, Week
from configs.settings import Settings
from pipeline.lists.call_lists import RECENT, costs_of, least_value
from pipeline.lists.decisions import choose
from pipeline.lists.households import with_households
from pipeline.lists.reached import reached
from pipeline.lists.responses import start_of
from pipeline.scoring.score import Publication
from pipeline.tables import Ingested

COLUMNS = ["customer_id", "worked_decision", "worked_assigned_on", "worked_until"]
SELECTED = ("listed", "held_out")
QUARTER_WEEKS = 14  # through which an assignment holds at most, unless its outcome takes longer


def worked_lists(
    settings: Settings, tables: Ingested, publication: Publication, earlier: Sequence[Path]
) -> tuple[CallList, ...]:
    """The lists; ``earlier`` are the customers of the Mondays before, the oldest first."""
    lists, monday = settings.lists, publication.run.snapshot_date
    called = reached(tables, lists, monday, monday - timedelta(weeks=lists.cool_down_weeks + 1))
    selected, assignments = frozenset[str](), dict[str, Assignment]()
    for path in earlier[-max(QUARTER_WEEKS, settings.label.weeks_to_close) :]:
        day = date.fromisoformat(path.parent.name)
        table = pq.read_table(path, columns=COLUMNS, partitioning=None)
        chosen = table.filter(pc.is_in(table["worked_decision"], pa.array(SELECTED))).to_pylist()
        selected = frozenset(row["customer_id"] for row in chosen) if monday - day <= RECENT else frozenset()
        for row in chosen:
            name, held_out = row["customer_id"], row["worked_decision"] == "held_out"
            if row["worked_assigned_on"] == day:
                assignments[name] = Assignment(day, row["worked_until"], held_out)
            if not held_out:
                called[name] = max(day, called.get(name, day))
    week = Week(
        monday,
        settings.label.weeks_to_close,
        start_of(settings),
        reached=called,
        last_occasion=publication.last_occasion,
        least_value_minor=least_value(settings),
        costs_minor=costs_of(settings),
        selected=selected,
        assignments={name: held for name, held in assignments.items() if held.until > monday},
    )
    week = with_households(week, publication.households, lists)
    return choose(publication.scores, publication.managers, lists, week)
