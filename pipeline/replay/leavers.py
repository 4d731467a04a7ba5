"""The leavers of a replay: who left, when their money began to move, and how much it was.

A leaver is a customer who was eligible on a Monday of the replay and left by the bank's definition of
attrition within the outcome window of that Monday, by everything that is known today. Each counts once.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from configs.dates import WEEK
from configs.settings import Settings
from features.build import first_monday
from features.engine.entities import Entities, make_entities, read_columns
from features.outflow_start import outflow_starts
from pipeline.progress import progress_bar, step
from pipeline.replay.mondays import Replay
from pipeline.snapshots.build import build_outcomes, read_eligible, read_partition
from pipeline.snapshots.labelled import with_outcome
from pipeline.tables import Ingested

OUTCOMES = "outcomes"  # the partitions of labels by everything known today; "labels" are those of the models


def matured_mondays(replay: Replay) -> list[date]:
    """The Mondays of the replay whose outcome window has closed by today."""
    end = replay.tables.last_day + timedelta(days=1)
    return with_outcome(replay.context.settings, replay.tables, replay.mondays, end)


def read_leavers(replay: Replay) -> pd.DataFrame:
    """One row per leaver, by customer_id.

    ``first_monday``: the first Monday whose outcome window saw the customer leave; ``outflow_start``, or who
    took no money along the first Monday on which the customer counted as having left; ``lost_minor``: the
    most money that an outcome window until then saw leave; ``branch_id`` and ``tier`` as of the first Monday.
    """
    context, tables, mondays = replay.context, replay.tables, matured_mondays(replay)
    end = tables.last_day + timedelta(days=1)
    with step("outcomes") as counts, progress_bar("outcomes") as on_labels:
        counts["written"] = build_outcomes(
            context.settings, context.home, tables, mondays, end, on_labels, OUTCOMES
        )
    left = pd.concat([_left_after(replay, day) for day in mondays], ignore_index=True)
    first = left.drop_duplicates("customer_id").set_index("customer_id").sort_index()
    closed = left["customer_id"].map(first["snapshot_date"]) + _window(context.settings)
    inside = left[left["snapshot_date"] < closed].groupby("customer_id")
    frame = first.rename(columns={"snapshot_date": "first_monday"})
    frame["lost_minor"] = inside["lost_minor"].max().reindex(frame.index).astype("int64")
    gone = inside["snapshot_date"].max().reindex(frame.index) + WEEK
    starts = _outflow_starts(replay, dict(zip(frame.index, frame["first_monday"], strict=True)), end)
    frame["outflow_start"] = [starts.get(name, gone[name]) for name in frame.index]
    return frame.reset_index()


def _window(settings: Settings) -> timedelta:
    """From a Monday until its outcome window closes."""
    return timedelta(days=settings.label.lead_days + settings.label.horizon_days)


def left_on(replay: Replay, monday: date) -> pd.DataFrame:
    """One row per eligible customer of a matured Monday, by customer_id: ``attrited``, money lost in minor
    units, branch and tier."""
    eligible = read_eligible(replay.context.home, [monday])[
        ["customer_id", "snapshot_date", "branch_id", "tier"]
    ]
    labels = read_partition(replay.context.home, OUTCOMES, [monday])
    delivered = replay.context.settings.label.definition == "delivered"  # without a label nothing is known
    how: Literal["inner", "left"] = "inner" if delivered else "left"
    rows = eligible.merge(labels.drop(columns="snapshot_date"), on="customer_id", how=how)
    rows["attrited"] = rows["attrited"].fillna(0).astype("int8") == 1
    lost = np.rint(rows["aum_base"].fillna(0) * 100 * rows["outflow_share"].fillna(0))
    rows["lost_minor"] = np.where(rows["attrited"], lost, 0).astype("int64")
    return rows


def _left_after(replay: Replay, monday: date) -> pd.DataFrame:
    rows = left_on(replay, monday)
    return rows.loc[rows["attrited"], ["customer_id", "snapshot_date", "branch_id", "tier", "lost_minor"]]


def _outflow_starts(replay: Replay, first_mondays: Mapping[str, date], end: date) -> dict[str, date]:
    """By customer, for those who took money along; one bucket is in memory at a time.

    Of nobody where the bank counts customers.
    """
    tables, settings = replay.tables, replay.context.settings
    starts: dict[str, date] = {}
    if settings.counts == "customers":
        return starts
    with progress_bar("outflow") as on_bucket:
        for bucket in range(tables.buckets):
            entities = _entities_of(tables, bucket, first_mondays)
            if entities is not None:
                history_from = first_monday(tables.first_day)
                starts |= outflow_starts(entities, first_mondays, history_from, end, settings)
            on_bucket(bucket + 1, tables.buckets)
    return starts


def _entities_of(tables: Ingested, bucket: int, leavers: Mapping[str, date]) -> Entities | None:
    """The leavers of one bucket with their balances; None where it has none."""
    wanted = pa.array(list(leavers), pa.string())
    parts = tables.products()
    for name in ("customers", "holdings"):
        rows = tables.read(name, bucket, read_columns(name))
        if rows is not None:
            parts[name] = rows.filter(pc.is_in(rows["customer_id"].cast(pa.string()), wanted))
    return make_entities(parts) if len(parts.get("customers", ())) else None
