"""How published objects lie in the store: one dict per row, reasons and counts as JSON."""

import json
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row

from configs.errors import DataError
from configs.published import Change, Exclusion, Manager, Reason, Run, Score
from serve.lists import CallList


def run_row(run: Run) -> dict[str, Any]:
    return run.__dict__ | {"excluded": _dump(dict(run.excluded)), "manifest": _dump(dict(run.manifest))}


def score_row(run_id: str, score: Score) -> dict[str, Any]:
    lists = {name: _dump([one.__dict__ for one in getattr(score, name)]) for name in ("reasons", "changes")}
    return score.__dict__ | {"run_id": run_id, **lists}


def exclusion_row(run_id: str, exclusion: Exclusion) -> dict[str, Any]:
    return exclusion.__dict__ | {"run_id": run_id}


def manager_row(run_id: str, manager: Manager) -> dict[str, Any]:
    return manager.__dict__ | {"run_id": run_id}


def entry_rows(run_id: str, one: CallList) -> Iterator[dict[str, Any]]:
    """One row per listed customer, ranked from 1."""
    manager_id = one.manager.manager_id if one.manager else None
    for rank, score in enumerate(one.listed, start=1):
        yield {
            "run_id": run_id,
            "customer_id": score.customer_id,
            "branch_id": one.branch_id,
            "manager_id": manager_id,
            "rank": rank,
        }


def run_from(row: Row[Any]) -> Run:
    fields = row._asdict()
    for name in ("excluded", "manifest"):
        fields[name] = MappingProxyType(json.loads(fields[name]))
    return Run(**fields)


def score_from(row: Row[Any]) -> Score:
    fields = row._asdict()
    del fields["run_id"]
    fields["reasons"] = tuple(Reason(**one) for one in json.loads(fields["reasons"]))
    fields["changes"] = tuple(Change(**one) for one in json.loads(fields["changes"] or "[]"))
    return Score(**fields)


def exclusion_from(row: Row[Any]) -> Exclusion:
    return Exclusion(row.customer_id, row.code)


def manager_from(row: Row[Any]) -> Manager:
    return Manager(row.manager_id, row.name, row.branch_id, row.weekly_capacity)


def _dump(value: object) -> str:
    """JSON with Chinese kept as it is. Raises DataError for NaN and for what JSON cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a reason, a change, a count or the manifest of the run cannot be stored: {error}. "
            "Hand over plain Python values, and None where a feature is not known."
        ) from None
