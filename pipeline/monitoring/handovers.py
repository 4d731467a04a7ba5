"""Who should take over the customers of a manager who left: a proposal for the head of the branch."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.branch_rows import Handover
from configs.published import Manager, Score
from configs.segments import standard_of
from configs.settings import Settings
from features.engine.cut import seen
from features.engine.entities import day_number, make_rows, read_columns
from models.balanced_assignment import Floats, balanced_assignment
from pipeline.monitoring.coverage import left_behind
from pipeline.tables import Ingested


def handovers(
    settings: Settings, tables: Ingested, scores: Sequence[Score], managers: Iterable[Manager], as_of: date
) -> list[Handover]:
    """One row per scored customer in nobody's charge whom a manager who left lately left behind, by number.

    Those who may take over are in charge of customers of the branch today. Each has room for as many calls a
    week as the capacity leaves, by the service standards; who finds no room stays with nobody. Customers of
    one household go together, rather to who is in charge of one of them or was before; customers, calls and
    money at risk are spread evenly.
    """
    left = left_behind(tables, as_of)
    waiting: defaultdict[tuple[str, str], list[Score]] = defaultdict(list)
    for score in scores:
        if score.customer_id in left and score.branch_id and not score.manager_id:
            waiting[score.branch_id, left[score.customer_id]].append(score)
    if not waiting:
        return []
    capacities = {manager.manager_id: manager.weekly_capacity for manager in managers}
    earlier = earlier_managers(
        tables, as_of, {score.customer_id for group in waiting.values() for score in group}
    )
    loads: defaultdict[str, Floats] = defaultdict(lambda: np.zeros(3))
    households: dict[str, str] = {}
    receivers: defaultdict[str, set[str]] = defaultdict(set)
    for score in scores:
        if score.manager_id:
            loads[score.manager_id] += _load(settings, score)
            households[score.household_id or ""] = score.manager_id
            if score.manager_id in capacities:
                receivers[score.branch_id or ""].add(score.manager_id)
    households.pop("", None)
    proposed: list[Handover] = []
    for (branch_id, manager_id), group in sorted(waiting.items()):
        among = sorted(receivers[branch_id])
        units = _units(group)
        wishes = [_preferred(unit, among, households, earlier) for unit in units]
        added = np.array([sum((_load(settings, score) for score in unit), np.zeros(3)) for unit in units])
        present = np.array([loads[each] for each in among]).reshape(-1, 3)
        room = np.array([float(capacities[each]) for each in among]) - present[:, 0]
        places = balanced_assignment(added[:, 1], added, present, room, np.array(wishes))
        for unit, load, place in zip(units, added, places.tolist(), strict=True):
            taker = among[place] if place >= 0 else None
            if taker:
                loads[taker] += load
            proposed += [Handover(score.customer_id, branch_id, manager_id, taker) for score in unit]
    return sorted(proposed, key=lambda row: row.customer_id)


def earlier_managers(tables: Ingested, as_of: date, customers: Iterable[str]) -> dict[str, list[str]]:
    """By customer the managers who were in charge before ``as_of``, the last one first."""
    columns, asked = read_columns("assignments"), pa.array(sorted(customers), pa.string())
    ids = np.array(asked.to_pylist(), dtype=object)
    managers: dict[str, list[str]] = {}
    for bucket in range(tables.buckets):
        table = tables.read("assignments", bucket, columns)
        if table is None:
            continue
        table = table.filter(pc.is_in(table["customer_id"].cast(pa.string()), asked))
        rows = make_rows("assignments", table, ids)
        manager, from_on = rows.columns["manager_id"], rows.day
        past = np.flatnonzero(seen(rows, day_number(as_of)) & (manager >= 0))
        for k in past[np.argsort(-from_on[past], kind="stable")]:
            managers.setdefault(ids[rows.customer[k]], []).append(rows.labels["manager_id"][manager[k]])
    return managers


def _load(settings: Settings, score: Score) -> Floats:
    """Calls a week, customers, money at risk."""
    standards = settings.service_standards
    days = standards[standard_of(standards, score.segment, score.tier)].days
    return np.array([7 / days if score.contact_due_on else 0.0, 1.0, score.money_at_risk_minor])


def _units(group: Iterable[Score]) -> list[list[Score]]:
    """The customers of each household together, everybody else alone; by the first customer's number."""
    units: dict[str, list[Score]] = {}
    for score in sorted(group, key=lambda score: score.customer_id):
        key = f"household {score.household_id}" if score.household_id else f"customer {score.customer_id}"
        units.setdefault(key, []).append(score)
    return list(units.values())


def _preferred(
    unit: Sequence[Score],
    among: Sequence[str],
    households: Mapping[str, str],
    earlier: Mapping[str, Sequence[str]],
) -> int:
    """The place of who is in charge of one of the household, or was of a customer last; −1 for nobody."""
    in_household = [households.get(score.household_id or "", "") for score in unit]
    before = [manager for score in unit for manager in earlier.get(score.customer_id, ())]
    return next((among.index(manager) for manager in (*in_household, *before) if manager in among), -1)
