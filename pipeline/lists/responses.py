"""From logged assignments to the response to a contact, and the early outcomes that it learns from."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.dates import WEEK, Timeline
from configs.published import HORIZONS
from configs.response import Cell, Response, movable_early
from configs.settings import Settings
from models import response
from models.response import LearntResponse, Logged, Observed
from pipeline.context import Context
from pipeline.ingest.renumbered import newest_numbers
from pipeline.monitoring.matured import Matured
from pipeline.snapshots.build import build_outcomes, read_partition
from pipeline.snapshots.labelled import at_horizon
from pipeline.tables import Ingested

EARLY = HORIZONS[0]


def learnt_response(
    settings: Settings, rows: Sequence[Any], monday: date, matured: Sequence[Matured] = ()
) -> Response:
    """The response by what was known by ``monday``; rows and ``matured`` as ``learn`` reads them."""
    return learn(settings, rows, monday, matured).response


def learn(
    settings: Settings, rows: Sequence[Any], monday: date, matured: Sequence[Matured] = ()
) -> LearntResponse:
    """Learns the response to a contact from the assignments whose outcome, or early outcome, was known by
    ``monday``.

    ``matured`` has the outcomes of those whom nobody contacted. Rows have the names of
    ``serve.store.assignments.EXPERIMENT``. ``movable`` and ``risk_30d`` are of the score then
    (``configs.response.movable_share``); whoever makes up a score must make both, or neither.
    """
    profit, timing = settings.profit, settings.response.timing
    label = settings.label
    shortest = at_horizon(settings, min(EARLY, label.horizon_days)).label
    unknown = float("nan")

    def known(value: bool | None, matured: bool) -> float:
        return unknown if value is None or not matured else float(value)

    before = [row for row in rows if shortest.timeline(row.assigned_on).matured(monday)]
    in_month = [unknown if row.risk_30d is None else row.risk_30d for row in before]
    movable = [row.risk * (1 - row.risk if row.movable is None else row.movable) for row in before]
    logged = Logged(
        listed=np.array([not row.control_group for row in before], dtype=bool),
        left=_floats(known(row.attrited, label.timeline(row.assigned_on).matured(monday)) for row in before),
        left_early=_floats(known(row.left_early, True) for row in before),
        risk=_floats(row.risk for row in before),
        risk_early=_floats(in_month),
        movable=_floats(movable),
        movable_early=_floats(movable_early(*both, timing) for both in zip(in_month, movable, strict=True)),
        reason=_texts(row.reason_group for row in before),
        risk_band=_texts(settings.bands.of(row.risk) for row in before),
        stage=_texts(row.lifecycle_stage or "" for row in before),
        channel=_texts(row.channel or "phone" for row in before),
        age_weeks=_floats((monday - row.assigned_on).days / 7 for row in before),
    )
    setting = profit.success_rate, profit.success_evidence
    unlisted = _unlisted(settings, matured, monday)
    return response.learn(logged, setting, settings.response, settings.lists.responses, unlisted)


def _unlisted(settings: Settings, matured: Sequence[Matured], monday: date) -> Observed:
    """Expected and observed leavers whom nobody contacted, of the Mondays known by ``monday``.

    Windows of Mondays that follow each other overlap; each customer counts once in a window. A Monday loses
    weight with age as an assignment does.
    """
    longest, half_life = settings.label.horizon_days, settings.response.half_life_weeks
    sums = defaultdict[tuple[Cell, bool], NDArray[np.float64]](lambda: np.zeros(2))
    for each in matured:
        window = Timeline(each.snapshot_date, settings.label.lead_days, each.days)
        if window.matured(monday) and each.days in (EARLY, longest):
            weight = 0.5 ** ((monday - each.snapshot_date) / WEEK / half_life) * WEEK.days / each.days
            for cell in each.cells:
                counts = cell.expected, cell.observed
                sums[cell.cell, each.days != longest] += weight * np.array(counts)
    return Observed(
        [cell for cell, _ in sums],
        np.array([early for _, early in sums], dtype=bool),
        *np.array(list(sums.values())).reshape(-1, 2).T,
    )


def _floats(values: Iterable[float]) -> NDArray[np.float64]:
    return np.array(list(values), dtype=np.float64)


def _texts(values: Iterable[str]) -> NDArray[np.str_]:
    return np.array(list(values), dtype=str)


def start_of(settings: Settings) -> Response:
    """The response before any outcome."""
    return learnt_response(settings, [], date.max)


def figures(learnt: LearntResponse) -> dict[str, Any]:
    """Plain numbers and text, for the effect page."""
    return learnt.response.figures() | {
        "matured": learnt.matured,
        "early": learnt.early,
        "early_ratio": learnt.early_ratio,
    }


def early_outcomes(
    bank: Context,
    tables: Ingested,
    rows: Sequence[Any],
    known: tuple[date, bool],
    progress: Callable[[int, int], None],
) -> dict[date, dict[str, bool]]:
    """By Monday whether each customer left within 30 days, where that can be known and the rest cannot.

    ``known``: the day up to which the data reaches, and True where it differs from what it was before, so
    that what the store holds must be looked at again. Empty where the label has no such horizon.
    """
    label, (end, changed) = bank.settings.label, known
    if EARLY not in label.horizons or label.horizon_days == EARLY:
        return {}
    settings = at_horizon(bank.settings, EARLY)
    done = set() if changed else {row.assigned_on for row in rows if row.left_early is not None}
    waiting = {row.assigned_on for row in rows if row.attrited is None} - done
    due = [day for day in sorted(waiting) if settings.label.timeline(day).matured(end)]
    kind, numbers = f"labels_{EARLY}d", newest_numbers(tables)
    build_outcomes(settings, bank.home, tables, due, end, progress, kind)
    columns = ["customer_id", "snapshot_date", "attrited"]
    labels = {day: read_partition(bank.home, kind, [day], columns) for day in due}
    return {
        day: numbers.with_old(dict(zip(frame["customer_id"], frame["attrited"] == 1, strict=True)))
        for day, frame in labels.items()
    }
