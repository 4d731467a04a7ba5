"""Rolling origins: at each of several past Mondays a model as it would have been trained then, what it promised
on its own judged Mondays, and what came on the Mondays after it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import numpy as np

from configs.dates import WEEK
from configs.errors import DataError
from configs.settings import Label, Settings
from models.baselines import fit_logistic, rules
from models.bundle import Bundle
from models.matrix import Matrix
from models.metrics import expected_calibration_error
from models.splits import Split
from pipeline.artefacts import Home, write_json, write_text
from pipeline.context import Context
from pipeline.evaluation.backtest_page import backtest_page
from pipeline.evaluation.evaluate import Judged, Scores, figures, together
from pipeline.evaluation.segments import segments
from pipeline.progress import progress_bar, step
from pipeline.snapshots.build import build_outcomes, build_snapshots
from pipeline.tables import Ingested
from pipeline.training.train import fit_mondays, plan, risks_of
from pipeline.training.training_rows import load_matrix

Truth = Callable[[Matrix], Scores]
Ways = Callable[[Matrix], dict[str, Scores]]


@dataclass(frozen=True)
class Origin:
    """A past Monday, how its Mondays split, and the Mondays after it on which the model is held to its word."""

    day: date
    split: Split
    later: tuple[date, ...]


def run_backtest(
    bank: Context, tables: Ingested, as_of: date, count: int, every: int, truth: Truth | None = None
) -> dict[str, Any]:
    """One entry per origin, the earliest first, and why others have none; written to ``backtest.json`` and
    as a page to ``backtest.html``.

    From the second origin on the model of the one before, the ``previous champion``, is one of the ways to
    rank. ``truth`` gives the true probability where it is known (the made-up bank), NaN elsewhere. ``together``
    holds what came after all origins as one. An origin on which nothing could be trained is ``refused`` with the
    reason; DataError when every one is.
    """
    found, held, refused = list[dict[str, Any]](), list[Judged](), dict[str, str]()
    before: Bundle | None = None
    for day in origins(bank.settings.label, as_of, count, every):
        try:
            later = tuple(day + week * WEEK for week in range(every))
            origin = Origin(day, plan(bank.settings, tables, day), later)
            with step("origin") as counts:
                more = partial(_more_ways, bank.home, before, truth)
                before, one, came = _at(bank, tables, origin, as_of, more)
                found.append(one)
                held.append(came)
                counts |= {"day": day, "model": before.model_id}
        except DataError as error:
            refused[str(day)] = str(error)
    if not found:
        last = max(refused)
        raise DataError(f"no model could be trained on any of {', '.join(refused)}. {last}: {refused[last]}")
    result = {
        "bank": bank.settings.bank,
        "as_of": str(as_of),
        "every_weeks": every,
        "refused": refused,
        "origins": found,
        "together": _figures(bank.settings, together(held)),
    }
    write_json(bank.home.root / "backtest.json", result)
    write_text(bank.home.root / "backtest.html", backtest_page(bank.settings, result))
    return result


def origins(label: Label, as_of: date, count: int, every: int) -> tuple[date, ...]:
    """``count`` Mondays, ``every`` weeks apart, the earliest first.

    The last is the latest Monday of which all ``every`` Mondays from itself on have matured by ``as_of``:
    with lead 7, horizon 90 and 13 weeks on 2026-11-16 that is 2026-05-18, for 2026-08-10 is the last matured.
    """
    closes = label.timeline(as_of).outcome_end - as_of
    last = as_of - (-(-closes.days // 7) + every - 1) * WEEK
    return tuple(last - number * every * WEEK for number in reversed(range(count)))


def _at(
    bank: Context, tables: Ingested, origin: Origin, as_of: date, more: Ways
) -> tuple[Bundle, dict[str, Any], Judged]:
    """Train with what was known on the origin's day; then look at what came, with all that is known today."""
    chosen = origin.split
    _build(bank, tables, (*chosen.train, *chosen.tune, *chosen.evaluation), origin.day)
    with progress_bar("training") as on_round:
        rounds = bank.settings.training.rounds
        bundle, then = fit_mondays(
            bank.settings, bank.home, chosen, origin.day, lambda done, _: on_round(done, rounds)
        )
    promised = figures(bank.settings, _held(bank, tables, bundle, then.on(chosen.evaluation), {}))
    line = fit_logistic(then.on(chosen.train))
    del then
    _build(bank, tables, origin.later, as_of)
    later = load_matrix(bank.home, origin.later, bundle.peers)
    others = rules(later) | {"logistic": line.scores(later.features)} | more(later)
    came = _held(bank, tables, bundle, later, others)
    return (
        bundle,
        {
            "origin": str(origin.day),
            "model_id": bundle.model_id,
            "snapshots": bundle.metrics["snapshots"] | {"later": [str(day) for day in origin.later]},
            "promised": promised,
            "came": _figures(bank.settings, came),
        },
        came,
    )


def _held(
    bank: Context, tables: Ingested, bundle: Bundle, rows: Matrix, others: Mapping[str, Scores]
) -> Judged:
    """What the bundle says of the rows, which leave their features behind."""
    whose = segments(bank.settings, bank.home, tables, rows)
    return Judged(rows.only([]), bundle.predict(rows), whose, others)


def _figures(settings: Settings, came: Judged) -> dict[str, Any]:
    """All figures; where the true probabilities are known also how far the promised ones are from them, which
    no chance of who left and who stayed blurs (``gap_to_truth``, the mean over tenths of ascending risk)."""
    found = figures(settings, came)
    if "truth" not in came.others:
        return found
    truth = came.others["truth"]
    known = ~np.isnan(truth)
    gap = expected_calibration_error(truth[known], came.predicted.risks[known, -1])
    return found | {"gap_to_truth": gap}


def _build(bank: Context, tables: Ingested, days: tuple[date, ...], data_through: date) -> None:
    """Write features and outcomes of these Mondays by what was known before ``data_through``."""
    with progress_bar("snapshots") as on_bucket:
        build_snapshots(bank.settings, bank.home, tables, days, on_bucket)
        build_outcomes(bank.settings, bank.home, tables, days, data_through, on_bucket)


def _more_ways(home: Home, before: Bundle | None, truth: Truth | None, later: Matrix) -> dict[str, Scores]:
    """The model of the origin before, as a bank that does not train again would use it, and the truth."""
    ways = {} if before is None else {"previous champion": risks_of(before, home, later)}
    return ways if truth is None else ways | {"truth": truth(later)}
