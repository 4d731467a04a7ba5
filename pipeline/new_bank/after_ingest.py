"""Mondays to learn from in the tables of a first ingest, and the leavers by each definition."""

from collections.abc import Callable
from datetime import timedelta

from configs.dates import mondays
from configs.errors import DataError
from features.build import first_monday
from pipeline.context import Context
from pipeline.evaluation.definitions import compare_definitions

CHEAP = 2_000_000  # rows up to which leavers are counted by the way; above, `make definitions` does it


def ingested_in_words(context: Context, progress: Callable[[int, int], None]) -> list[str]:
    """The Mondays, and the leavers by definition where there are few rows; writes definitions.html."""
    settings, tables = context.settings, context.tables
    after, end = settings.training.first_after_weeks, tables.last_day + timedelta(days=1)
    snapshots = mondays(first_monday(tables.first_day), end)[after:]
    matured = [day for day in snapshots if settings.label.timeline(day).matured(end)]
    lines = [
        f"{len(snapshots)} Mondays have {after} weeks of bookings before them, {len(matured)} of "
        "them a known "
        f"outcome ({settings.label.horizon_days} days)"
    ]
    if sum(count.loaded for count in tables.counts) > CHEAP:
        return [*lines, "Leavers by definition: make definitions"]
    try:
        result = compare_definitions(context, tables, end, [settings.label.min_drop], progress)
    except DataError as error:
        return [*lines, f"Leavers by definition: {error}"]
    lines.append(f"Leavers on the first Mondays of {len(result['snapshots'])} months, by definition:")
    lines += [
        f"  {name}: {counts['attrited']:,} of {counts['eligible']:,} customers"
        + (f" ({counts['rate']:.1%})" if counts["rate"] is not None else "")
        for name, counts in result["candidates"].items()
    ]
    return lines
