"""How published objects lie in the store: tuples in the order of a table's columns, counts as JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import date
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row

from configs.call_lists import CallList
from configs.errors import DataError
from configs.published import Change, Decision, Exclusion, Manager, Reason, Run, Score

Values = tuple[Any, ...]
_DECISION = tuple(field.name for field in fields(Decision))
_SCORE = 14  # columns of a score but its publication; those of a reason follow where both are read


def run_row(publication: int, run: Run) -> dict[str, Any]:
    counts = {"excluded": dump(dict(run.excluded)), "manifest": dump(dict(run.manifest))}
    return run.__dict__ | counts | {"publication": publication}


def score_rows(publication: int, scores: Iterable[Score]) -> Iterator[Values]:
    for one in scores:
        yield (
            publication,
            one.customer_id,
            one.branch_id,
            one.manager_id,
            one.tier,
            one.lifecycle_stage,
            one.marketing_opt_out,
            one.aum_minor,
            one.money_at_risk_minor,
            one.risk_band,
            one.risk_30d,
            one.risk_60d,
            one.risk_90d,
            one.risk_change,
            dump([change.__dict__ for change in one.changes]),
        )


def reason_rows(publication: int, scores: Iterable[Score]) -> Iterator[Values]:
    """One row per reason, the weightiest in place 1."""
    for score in scores:
        for place, one in enumerate(score.reasons, start=1):
            words = (one.text_en, one.text_zh)
            about = (one.group, one.feature, one.value, one.contribution)
            yield (publication, score.customer_id, place, *about, *words)


def exclusion_rows(publication: int, exclusions: Iterable[Exclusion]) -> Iterator[Values]:
    return ((publication, one.customer_id, one.code) for one in exclusions)


def manager_rows(publication: int, lists: Iterable[CallList]) -> Iterator[Values]:
    managers = (one.manager for one in lists if one.manager)
    return (
        (publication, one.manager_id, one.name, one.branch_id, one.weekly_capacity, one.email)
        for one in managers
    )


def decision_rows(publication: int, lists: Iterable[CallList]) -> Iterator[Values]:
    """One row per cohort customer."""
    for one in lists:
        for decision in one.decisions:
            values = (getattr(decision, name) for name in _DECISION)
            yield publication, *(one.isoformat() if isinstance(one, date) else one for one in values)


def run_from(row: Row[Any]) -> Run:
    values = row._asdict()
    del values["publication"]
    for name in ("excluded", "manifest"):
        values[name] = MappingProxyType(json.loads(values[name]))
    return Run(**values)


def scores_from(rows: Iterable[Sequence[Any]]) -> Iterator[Score]:
    """One Score per customer, from its columns followed by those of one reason (empty where it has none)."""
    for _, group in groupby(rows, key=itemgetter(0)):
        yield score_from(list(group))


def score_from(own: Sequence[Sequence[Any]]) -> Score:
    """From the rows of one customer."""
    first = own[0]
    reasons = tuple([Reason(*row[_SCORE:]) for row in own if row[_SCORE] is not None])
    changes = tuple([Change(**one) for one in json.loads(first[_SCORE - 1])])
    return Score(*(*first[:9], reasons, *first[9 : _SCORE - 1], changes))


def decision_from(row: Row[Any]) -> Decision:
    values = row._asdict()
    del values["publication"]
    return Decision(**values)


def exclusion_from(row: Row[Any]) -> Exclusion:
    return Exclusion(row.customer_id, row.code)


def manager_from(row: Row[Any]) -> Manager:
    return Manager(row.manager_id, row.name, row.branch_id, row.weekly_capacity, row.email)


def dump(value: object) -> str:
    """JSON with Chinese kept as it is. Raises DataError for NaN and for what JSON cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a change, a count, the manifest or a model card cannot be stored: {error}. Hand over plain Python values."
        ) from None
