"""The care of a branch for its customers: those contacted in time, and those whose manager has left."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from configs.branch_rows import Coverage, Departure
from configs.published import Score
from features.engine.cut import seen
from features.engine.entities import Ints, Rows, day_number, make_rows, read_columns
from features.families.relationship import in_force
from pipeline.tables import Ingested

LEFT_WITHIN = timedelta(weeks=13)  # the trouble that a departure makes shows within a quarter


def coverage(scores: Iterable[Score], as_of: date) -> list[Coverage]:
    """One row per branch and manager in charge, or nobody."""
    return [
        Coverage(
            *branch_and_manager,
            customers=len(group),
            high_risk=sum(score.risk_band == "high" for score in group),
            money_at_risk_minor=sum(score.money_at_risk_minor for score in group),
            asked=sum(score.contact_due_on is not None for score in group),
            contacted=sum((score.contact_due_on or date.min) >= as_of for score in group),
        )
        for branch_and_manager, group in _grouped((score, score.manager_id or "") for score in scores)
    ]


def departures(tables: Ingested, scores: Iterable[Score], as_of: date) -> list[Departure]:
    """One row per branch and manager who left lately, sorted: the scored customers left behind."""
    left = left_behind(tables, as_of)
    behind = ((score, left[score.customer_id]) for score in scores if score.customer_id in left)
    return [
        Departure(
            *branch_and_manager,
            customers=len(group),
            unassigned=sum(not score.manager_id for score in group),
            money_at_risk_minor=sum(score.money_at_risk_minor for score in group),
        )
        for branch_and_manager, group in _grouped(behind)
    ]


def _grouped(scores: Iterable[tuple[Score, str]]) -> list[tuple[tuple[str, str], list[Score]]]:
    groups: defaultdict[tuple[str, str], list[Score]] = defaultdict(list)
    for score, manager_id in scores:
        groups[score.branch_id or "", manager_id].append(score)
    return sorted(groups.items())


def left_behind(tables: Ingested, as_of: date) -> dict[str, str]:
    """By customer_id the manager who left: in charge within LEFT_WITHIN of ``as_of``, now of nobody."""
    columns = read_columns("assignments")
    parts = [tables.read("assignments", bucket, columns) for bucket in range(tables.buckets)]
    delivered = [rows for rows in parts if rows is not None]
    if not delivered:
        return {}
    whole = pa.concat_tables(delivered).unify_dictionaries()
    ids = np.array(sorted(set(whole["customer_id"].to_pylist())), dtype=object)
    rows = make_rows("assignments", whole, ids)
    names = rows.labels["manager_id"]
    return {
        ids[rows.customer[k]]: names[rows.columns["manager_id"][k]] for k in _ended(rows, day_number(as_of))
    }


def _ended(rows: Rows, day: int) -> Ints:
    """Rows of assignments that ended lately and whose manager has nobody now, the last to end last."""
    manager, to_on = rows.columns["manager_id"], rows.columns["to_on"]
    in_charge = np.unique(manager[in_force(rows, day)])
    lately = seen(rows, day) & (to_on >= day - LEFT_WITHIN.days) & (to_on < day)
    ended = np.flatnonzero(lately & (manager >= 0) & ~np.isin(manager, in_charge))
    return ended[np.argsort(to_on[ended], kind="stable")]
