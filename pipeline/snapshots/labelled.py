"""The Mondays whose outcome is known: by their dates, and by the labels that a bank delivers."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import lru_cache

import numpy as np

from configs.settings import Label, Settings
from features.delivered import known_labels, known_too_early, monday_of
from features.engine.entities import EPOCH, FOREVER, Rows, day_number, make_rows, read_columns
from pipeline.artefacts import Home
from pipeline.snapshots.build import read_eligible, read_partition
from pipeline.tables import Ingested


def with_outcome(
    settings: Settings, tables: Ingested, mondays: Iterable[date], data_through: date
) -> list[date]:
    """Those whose outcome window has closed by ``data_through``, in the order given.

    Where the bank delivers the labels, only those of which it had delivered one before that day.
    """
    label = settings.label
    closed = [day for day in mondays if label.timeline(day).matured(data_through)]
    if label.definition != "delivered":
        return closed
    known = labelled_mondays(tables, label, data_through)
    return [day for day in closed if day in known]


@lru_cache(maxsize=8)
def labelled_mondays(tables: Ingested, label: Label, data_through: date) -> frozenset[date]:
    """The Mondays of which the bank had delivered a label before ``data_through``."""
    days = set[int]()
    for rows in _rows(tables):
        days |= set(np.unique(monday_of(known_labels(rows, label, day_number(data_through)).day)).tolist())
    return frozenset(EPOCH + timedelta(days=day) for day in days)


def at_horizon(settings: Settings, days: int) -> Settings:
    """The settings with this as the longest horizon."""
    return settings.model_copy(update={"label": settings.label.model_copy(update={"horizon_days": days})})


def label_counts(home: Home, mondays: Iterable[date]) -> dict[str, int]:
    """Cohort customers without a label, and labels of others, over all these Mondays."""
    counts = {"unlabelled": 0, "outside": 0}
    for day in mondays:
        eligible = set(read_eligible(home, [day])["customer_id"])
        labels = set(read_partition(home, "labels", [day], ["customer_id", "snapshot_date"])["customer_id"])
        counts["unlabelled"] += len(eligible - labels)
        counts["outside"] += len(labels - eligible)
    return counts


def refused_labels(settings: Settings, tables: Ingested) -> list[str]:
    """Sentences on rows of ``labels`` that count for nothing; none where the bank does not go by them."""
    label, early, again, number = settings.label, 0, 0, 0
    if label.definition != "delivered":
        return []
    for rows in _rows(tables):
        last = rows.take(rows.until == FOREVER)
        number += len(last)
        early += int(known_too_early(last, label.horizon_days).sum())
        weeks = np.column_stack([last.customer, monday_of(last.day)])
        again += len(weeks) - len(np.unique(weeks, axis=0))
    sentences = []
    if early:
        sentences.append(
            f"labels: {early:,} of {number:,} rows, gone = 0, were known before their {label.horizon_days} "
            "days were over, when nobody could know it; they count for nothing. Deliver the day on which the "
            "label was worked out as known_on."
        )
    if again:
        sentences.append(
            f"labels: {again:,} of {number:,} rows are of a week in which their customer has an earlier day; "
            "only the first day of a week counts."
        )
    return sentences


def _rows(tables: Ingested) -> Iterator[Rows]:
    """The rows of ``labels``, bucket by bucket."""
    for bucket in range(tables.buckets):
        rows = tables.read("labels", bucket, read_columns("labels"))
        if rows is not None:
            yield make_rows(
                "labels", rows, np.array(sorted(rows["customer_id"].unique().to_pylist()), object)
            )
