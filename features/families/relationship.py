"""Families of the relationship: who looks after the customer and did before, answers in surveys."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from configs.survey import COMMON_SCALE, Survey
from configs.tables import ITEMS
from features.catalogue.grammar import Name, weeks
from features.engine.activity import Bucket
from features.engine.cut import seen, value_as_of
from features.engine.entities import Entities, Ints, Rows, Workload, day_number, make_rows
from features.engine.tiles import Calendar, Columns, SnapshotArray


def relationship(bucket: Bucket) -> Columns:
    """The manager as of each snapshot and how many customers he has; how long the post has been vacant; how
    many managers there were."""
    entities, calendar = bucket.entities, bucket.calendar
    manager, since = assigned(entities, calendar, "manager_id")
    yield Name("manager", "vacant"), (manager < 0).astype(np.float64)
    changed = np.where(since > 0, calendar.snapshots[:, None] - since, np.nan)
    yield Name("manager_change", "days_since"), changed
    yield Name("manager", "vacant_days"), _vacant_days(entities, calendar, manager, since)
    yield Name("manager", "customers"), _customers(entities, calendar, manager)
    for window in (13, 52):
        yield Name("manager", "distinct", weeks(window)), _distinct(entities, calendar, window)


def workload(assignments: pa.Table, snapshots: Sequence[date]) -> Workload:
    """Customers per manager the day before each Monday, as known then; ``assignments`` are
    those of all buckets."""
    ids = np.array(sorted(set(assignments["customer_id"].to_pylist())), dtype=object)
    rows = make_rows("assignments", assignments, ids)
    names, load = rows.labels["manager_id"], {}
    days = np.array([day_number(day) for day in snapshots], np.int64)
    managers = value_as_of(rows, days, len(ids), rows.columns["manager_id"], -1, in_force)
    for day, manager in zip(days.tolist(), managers, strict=True):
        for code, customers in zip(*np.unique(manager[manager >= 0], return_counts=True), strict=True):
            load[day, names[code]] = int(customers)
    return load


def _customers(entities: Entities, calendar: Calendar, manager: Ints) -> SnapshotArray:
    """Customers of the manager in the whole bank; NaN without a manager."""
    names = entities.tables["assignments"].labels["manager_id"]
    count = np.full(manager.shape, np.nan)
    for s, day in enumerate(calendar.snapshots):
        load = [entities.workload.get((int(day), name), np.nan) for name in names]
        count[s] = np.array([*load, np.nan])[manager[s]]
    return count


def assigned(entities: Entities, calendar: Calendar, column: str) -> tuple[Ints, Ints]:
    """A column of the assignment in force before each snapshot (-1: vacant or unknown), and its first day."""
    rows, n = entities.tables["assignments"], len(entities)
    code = value_as_of(rows, calendar.snapshots, n, rows.columns[column], -1, in_force)
    return code, value_as_of(rows, calendar.snapshots, n, rows.day, -1, in_force)


def household(rows: Rows, days: Ints, customers: int) -> Ints:
    """(snapshot × customer): the household in force before each day, as known then; -1 without one."""
    return value_as_of(rows, days, customers, rows.columns["household_id"], -1, in_force)


def in_force(rows: Rows, day: int) -> NDArray[np.bool_]:
    """One flag per assignment: it runs on the day before ``day``; the last to begin wins, being last."""
    to_on = rows.columns["to_on"]
    return seen(rows, day) & ((to_on < 0) | (to_on >= day))


def _vacant_days(entities: Entities, calendar: Calendar, manager: Ints, since: Ints) -> SnapshotArray:
    """Days without a manager up to the snapshot, 0 with one; NaN where the bank has assigned nobody ever."""
    rows = entities.tables["assignments"]
    ended = np.full(manager.shape, -1, np.int64)
    for s, day in enumerate(calendar.snapshots):
        visible = np.flatnonzero(seen(rows, int(day)))
        np.maximum.at(ended[s], rows.customer[visible], rows.columns["to_on"][visible])
    # A period without a manager that runs has a first day; else the last period that ended.
    begin = np.where(since >= 0, since, ended)
    days = np.where(begin >= 0, calendar.snapshots[:, None] - begin, np.nan)
    return np.where(manager >= 0, 0.0, days)


def _distinct(entities: Entities, calendar: Calendar, window: int) -> SnapshotArray:
    rows = entities.tables["assignments"]
    manager, to_on = rows.columns["manager_id"], rows.columns["to_on"]
    count = np.zeros((len(calendar.snapshots), len(entities)))
    managers = max(len(rows.labels["manager_id"]), 1)
    for s, day in enumerate(calendar.snapshots):
        inside = seen(rows, int(day)) & (manager >= 0) & ((to_on < 0) | (to_on > day - 7 * window))
        pairs = np.unique(rows.customer[inside] * managers + manager[inside])
        count[s] = np.bincount(pairs // managers, minlength=len(entities))
    return count


def surveys(bucket: Bucket) -> Columns:
    """Mean score of the last year; of each factor the score of its last day, and days since then."""
    entities, calendar = bucket.entities, bucket.calendar
    rows, customers, survey = entities.tables["surveys"], len(entities), bucket.settings.survey
    scores = answer_scores(rows, survey)
    scored = ~np.isnan(scores)
    rows, scores = rows.take(scored), scores[scored]
    shape = (len(calendar.snapshots), customers)
    mean = np.full(shape, np.nan)
    score, age = np.full((2, len(ITEMS), *shape), np.nan)
    codes = [rows.code("item", *(item.name for item in survey.items_of(factor))) for factor in ITEMS]
    of_factor = [np.isin(rows.columns["item"], code) for code in codes]
    for s, day in enumerate(calendar.snapshots):
        visible = seen(rows, int(day))
        recent = visible & (rows.day >= day - 364)
        mean[s] = _mean(rows.customer[recent], scores[recent], customers)
        for k, answers in enumerate(of_factor):
            chosen = np.flatnonzero(visible & answers)
            who, when = rows.customer[chosen], rows.day[chosen]
            last = np.full(customers, -1, np.int64)
            last[who] = when  # rows come by day
            newest = when == last[who]
            score[k, s] = _mean(who[newest], scores[chosen[newest]], customers)
            age[k, s] = np.where(last >= 0, day - last, np.nan)
    yield Name("survey_score", "mean", weeks(52)), mean
    for k, item in enumerate(ITEMS):
        yield Name(f"survey_{item}", "score"), score[k]
        yield Name(f"survey_{item}", "days_old"), age[k]


def answer_scores(rows: Rows, survey: Survey) -> np.ndarray:
    """Per answer its score on COMMON_SCALE, the best at the top; NaN where it says what is important."""
    lowest, highest = survey.lowest, survey.highest
    score = rows.columns["score"].astype(np.float64)
    turned = rows.code("item", *(item.name for item in survey.items if item.reversed))
    score = np.where(np.isin(rows.columns["item"], turned), lowest + highest - score, score)
    importance = rows.code("item", *(item.name for item in survey.items if item.asks == "importance"))
    score[np.isin(rows.columns["item"], importance)] = np.nan
    if not survey.own_scale:
        return score
    worst, best = COMMON_SCALE
    return worst + (score - lowest) * ((best - worst) / (highest - lowest))


def _mean(customer: np.ndarray, score: np.ndarray, customers: int) -> np.ndarray:
    total, count = np.bincount(customer, score, customers), np.bincount(customer, minlength=customers)
    return np.divide(total, count, out=np.full(customers, np.nan), where=count > 0)
