"""Rolling origins: at each of several past Mondays a model as it would have been trained then, what it promised
on its own judged Mondays, and what came on the Mondays after it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.dates import WEEK
from configs.errors import DataError
from configs.settings import Label, Settings
from models.bundle import Bundle
from models.evaluate import Metrics, evaluate, ranking
from models.logistic import Logistic, fit_logistic
from models.matrix import Matrix
from models.resample import intervals
from models.splits import Split
from pipeline.artefacts import write_json
from pipeline.snapshots import build_outcomes, build_snapshots
from pipeline.tables import Ingested
from pipeline.terminal import bar, step
from pipeline.train import fit_mondays, judge, load_matrix, plan, predict, rules
from pipeline.weekly import Bank

DRAWS = 200  # banks drawn for an interval; the ends of a 95% interval then rest on five of them each
Truth = Callable[[Matrix], NDArray[np.float64]]


@dataclass(frozen=True)
class Origin:
    """A past Monday, how its Mondays split, and the Mondays after it on which the model is held to its word."""

    day: date
    split: Split
    later: tuple[date, ...]


def run_backtest(
    bank: Bank, tables: Ingested, as_of: date, count: int, every: int, truth: Truth | None = None
) -> dict[str, Any]:
    """One entry per origin, the earliest first, and why others have none; written to ``backtest.json`` too.

    ``truth`` gives the true probability where it is known (the made-up bank), NaN elsewhere. An origin on
    which nothing could be trained is ``refused`` with the reason; DataError when every one is.
    """
    found, refused = [], {}
    for day in origins(bank.settings.label, as_of, count, every):
        try:
            later = tuple(day + week * WEEK for week in range(every))
            origin = Origin(day, plan(bank.settings, tables, day), later)
            with step("origin") as counts:
                found.append(_at(bank, tables, origin, as_of, truth))
                counts |= {"day": day, "model": found[-1]["model_id"]}
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
    }
    write_json(bank.home.root / "backtest.json", result)
    return result


def origins(label: Label, as_of: date, count: int, every: int) -> tuple[date, ...]:
    """``count`` Mondays, ``every`` weeks apart, the earliest first.

    The last is the latest Monday of which all ``every`` Mondays from itself on have matured by ``as_of``:
    with lead 7, horizon 90 and 13 weeks on 2026-11-16 that is 2026-05-18, for 2026-08-10 is the last matured.
    """
    closes = label.timeline(as_of).outcome_end - as_of
    last = as_of - (-(-closes.days // 7) + every - 1) * WEEK
    return tuple(last - number * every * WEEK for number in reversed(range(count)))


def _at(bank: Bank, tables: Ingested, origin: Origin, as_of: date, truth: Truth | None) -> dict[str, Any]:
    """Train with what was known on the origin's day; then look at what came, with all that is known today."""
    chosen = origin.split
    _build(bank, tables, (*chosen.train, *chosen.tune, *chosen.judge), origin.day)
    with bar("training") as on_round:
        rounds = bank.settings.training.rounds
        bundle, then = fit_mondays(
            bank.settings, bank.home, chosen, origin.day, lambda done, _: on_round(done, rounds)
        )
    line = fit_logistic(then.on(chosen.train))
    del then
    _build(bank, tables, origin.later, as_of)
    later = load_matrix(bank.home, origin.later, bundle.peers)
    return {
        "origin": str(origin.day),
        "model_id": bundle.model_id,
        "snapshots": bundle.metrics["snapshots"] | {"later": [str(day) for day in origin.later]},
        "promised": {name: bundle.metrics[name] for name in ("model", "money", "rules")},
        "came": _came(bank.settings, bundle, line, later, truth),
    }


def _build(bank: Bank, tables: Ingested, days: tuple[date, ...], data_through: date) -> None:
    """Write features and outcomes of these Mondays by what was known before ``data_through``."""
    with bar("snapshots") as on_bucket:
        build_snapshots(bank.settings, bank.home, tables, days, on_bucket)
        build_outcomes(bank.settings, bank.home, tables, days, data_through, on_bucket)


def _came(
    settings: Settings, bundle: Bundle, line: Logistic, later: Matrix, truth: Truth | None
) -> dict[str, Any]:
    """The metrics of the model and of every other way to rank, and the intervals of all of them."""
    predicted, horizons = predict(bundle, later), settings.label.horizons
    others = rules(later) | {"logistic": line.scores(later.features)}
    if truth is not None:
        others["truth"] = truth(later)

    def all_ways(drawn: Matrix, rows: NDArray[np.intp]) -> Metrics:
        model = evaluate(drawn, predicted.risks[rows], horizons)
        model["money_ratio"] = float(predicted.money[rows].sum() / drawn.lost.sum())
        ways = {"model": model} | {name: ranking(drawn, scores[rows]) for name, scores in others.items()}
        return {f"{way}.{name}": value for way, found in ways.items() for name, value in found.items()}

    found = judge(settings, later, predicted)
    found["others"] = {name: ranking(later, scores) for name, scores in others.items()}
    del found["rules"]
    sure = intervals(later, all_ways, DRAWS, settings.training.seed)
    return found | {"intervals": {name: list(ends) for name, ends in sure.items()}}
