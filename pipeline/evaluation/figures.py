"""Figures of a model on Mondays that it has not seen: for its page, its card and the backtest."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.settings import Settings
from models.bundle import Bundle, Predicted
from models.capacity import Ranked, Teams, at_capacity, best_cut, break_even, expected_maximum, profit_of
from models.curves import curves
from models.explain import contributions
from models.matrix import Matrix, at_rows, joined
from models.metrics import (
    Metrics,
    evaluate,
    gone_by,
    group_metrics,
    money,
    money_by,
    ranking,
    reliability,
    without_money,
)
from models.resample import Mondays, Ranking, Slope, Tenths, Times, intervals
from pipeline.context import Context
from pipeline.evaluation.subgroups import Groups, subgroups
from pipeline.tables import Ingested
from pipeline.training.train import columns_of

DRAWS = 200  # banks drawn for an interval; the ends of a 95% interval then rest on five of them each
EXPLAINED = 1_000  # rows, evenly spread, whose contributions count: more change no digit that is shown
BEST_FEATURES = 15
DOTS, DOTTED = 200, 10  # rows drawn one by one, and features
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Evaluated:
    """Rows of known outcome, a model's predictions, their teams and groups, and other ways to rank them.

    ``models`` holds what other models predict, by their id. No figure looks at the rows' features.
    """

    rows: Matrix
    predicted: Predicted
    teams: Teams
    groups: Groups
    others: Mapping[str, Scores]
    models: Mapping[str, Predicted] = field(default_factory=dict)

    def on(self, snapshots: Iterable[date]) -> "Evaluated":
        """The rows of these Mondays."""
        rows = np.isin(self.rows.snapshot_date, np.array(sorted(snapshots), dtype="datetime64[D]"))
        return Evaluated(
            self.rows.where(rows),
            at_rows(self.predicted, rows),
            at_rows(self.teams, rows),
            {name: group[rows] for name, group in self.groups.items()},
            {way: scores[rows] for way, scores in self.others.items()},
            {model_id: at_rows(predicted, rows) for model_id, predicted in self.models.items()},
        )


def in_groups(
    context: Context, tables: Ingested, rows: Matrix, predicted: Predicted, others: Mapping[str, Scores]
) -> Evaluated:
    """The rows with what is predicted of them, and the teams and groups that they belong to."""
    teams, groups = subgroups(context.settings, context.home, tables, rows)
    return Evaluated(rows, predicted, teams, groups, others)


def figures(settings: Settings, evaluated: Evaluated) -> dict[str, Any]:
    """The figures of the model and of every other way to rank, with intervals; of money where it counts.

    ``model``, ``others`` and ``money`` as in models/metrics.py; ``capacity`` by the value that the lists
    are filled by; ``profit`` on the average Monday, in base currency; ``intervals`` holds 95% of ``DRAWS``
    banks drawn from this one, by ``way.metric``; those of ``left.tenth_…`` are of the money that left.
    """
    rows, predicted = evaluated.rows, evaluated.predicted
    ranked = lists(evaluated)
    called = {way: each.called for way, each in ranked.items()}
    ends = intervals(rows, _uncertain(evaluated, ranked), DRAWS, settings.training.seed)
    branch = evaluated.groups.get("branch")
    branches = [] if branch is None else money_by(rows, predicted.money, "branch", branch)
    result = {
        "model": evaluate(rows, predicted.risks, settings.label.horizons),
        "others": {way: ranking(rows, scores) for way, scores in evaluated.others.items()},
        "money": money(rows, predicted.money, evaluated.groups["tier"]) | {"branches": branches},
        "capacity": {way: at_capacity(rows, chosen) for way, chosen in called.items()},
        "profit": _profit(settings, evaluated, called["money_at_risk"]),
        "intervals": {name: list(pair) for name, pair in ends.items()},
    }
    return result if settings.counts == "money" else without_money(result)


def lists(evaluated: Evaluated) -> dict[str, Ranked]:
    """By way to rank the lists: by money at risk, as the weekly lists do, by risk, and by each other way."""
    at_risk, risk = evaluated.predicted.money, evaluated.predicted.risks[:, -1]
    ways: dict[str, tuple[Scores, ...]] = {"money_at_risk": (at_risk, risk), "risk": (risk, at_risk)}
    ways |= {way: (scores,) for way, scores in evaluated.others.items()}
    mondays = Mondays(evaluated.rows)
    return {way: Ranked(evaluated.rows, mondays, evaluated.teams, *scores) for way, scores in ways.items()}


def pooled(parts: Sequence[Evaluated]) -> Evaluated:
    """The rows of several models as one; their Mondays ascend. The ways to rank are those that all have.

    A team may have another number in another part: lists are filled Monday by Monday.
    """
    rows = [part.rows.only([]) for part in parts]
    shared = [way for way in parts[0].others if all(way in part.others for part in parts)]
    return Evaluated(
        joined(rows, np.empty((sum(map(len, rows)), 0)), []),
        Predicted(
            np.concatenate([part.predicted.risks for part in parts]),
            np.concatenate([part.predicted.money for part in parts]),
        ),
        Teams(
            np.concatenate([part.teams.team for part in parts]),
            np.concatenate([part.teams.capacity for part in parts]),
            np.concatenate([part.teams.callable for part in parts]),
        ),
        {
            name: np.concatenate([part.groups[name] for part in parts])
            for name in parts[0].groups
            if all(name in part.groups for part in parts)
        },
        {way: np.concatenate([part.others[way] for part in parts]) for way in shared},
    )


def detailed_figures(settings: Settings, bundle: Bundle, evaluated: Evaluated) -> dict[str, Any]:
    """Calibration by horizon, curves, every group by itself, and what the scores are made of."""
    rows, risks = evaluated.rows, evaluated.predicted.risks
    sample = np.unique(np.linspace(0, len(rows) - 1, EXPLAINED).astype(int))
    values = contributions(bundle.model, rows.features[sample]).values
    return {
        "calibration": {
            str(days): reliability(gone_by(rows, days), risks[:, k])
            for k, days in enumerate(settings.label.horizons)
        },
        "curves": curves(rows, risks[:, -1]),
        "groups": {
            name: group_metrics(rows, risks[:, -1], group)
            for name, group in evaluated.groups.items()
            if name != "tier" or settings.counts == "money"
        },
        "features": _gains(bundle),
        "reasons": _weights(settings, bundle, values),
        "effects": _effects(bundle, rows.features[sample], values),
    }


def _uncertain(evaluated: Evaluated, ranked: Mapping[str, Ranked]) -> Callable[[Times], Metrics]:
    """The figures that get an interval, by ``way.metric``, of a draw."""
    rows, money, risk = evaluated.rows, evaluated.predicted.money, evaluated.predicted.risks[:, -1]
    mondays, slope = Mondays(rows), Slope(rows.attrited, risk)
    rankings = {way: Ranking(rows, mondays, scores) for way, scores in evaluated.others.items()}
    by_risk = Tenths(risk, risk, rows.attrited)
    by_money = Tenths(money, rows.lost)
    model = Ranking(rows, mondays, risk)

    def of_draw(times: Times) -> Metrics:
        whole = mondays.totals(times)
        predicted, observed = by_risk.sums(times)
        lost = float(whole.lost.sum())
        ways = {
            "model": model.figures(times, whole)
            | {"ece": float(np.abs(predicted - observed).sum() / whole.rows.sum())}
            | {"calibration_slope": slope.of(times)}
            | {"money_ratio": float(times @ money) / lost if lost else 0.0},
            "left": {f"tenth_{k}": float(left) for k, left in enumerate(by_money.sums(times)[0], start=1)},
            **{way: ranking.figures(times, whole) for way, ranking in rankings.items()},
            **{f"capacity.{way}": each.figures(times, whole) for way, each in ranked.items()},
        }
        return {f"{way}.{name}": value for way, metrics in ways.items() for name, value in metrics.items()}

    return of_draw


def _profit(settings: Settings, evaluated: Evaluated, called: NDArray[np.bool_]) -> dict[str, float]:
    """Calls and profit on the average Monday: of the lists, of the break-even, and at best."""
    terms, lost, expected = settings.profit, evaluated.rows.lost, evaluated.predicted.money
    mondays = len(np.unique(evaluated.rows.snapshot_date))
    threshold = break_even(terms)
    pays = (expected >= threshold) & evaluated.teams.callable
    best_calls, best_profit = best_cut(expected, lost, terms)
    totals = {
        "lists_calls": int(called.sum()),
        "lists_predicted": profit_of(called, expected, terms),
        "lists": profit_of(called, lost, terms),
        "break_even_calls": int(pays.sum()),
        "break_even_predicted": profit_of(pays, expected, terms),
        "break_even": profit_of(pays, lost, terms),
        "best_calls": best_calls,
        "best": best_profit,
        "expected_maximum": expected_maximum(expected, lost, terms),
    }
    averages = {name: round(total / mondays, 2) for name, total in totals.items()}
    return averages | {"break_even_money": round(threshold, 2)}


def _gains(bundle: Bundle) -> list[dict[str, Any]]:
    """The features that lower the loss most, as shares of what all trees together lower it by."""
    booster = bundle.model.trees.booster
    gain = booster.feature_importance("gain")
    order = np.argsort(-gain, kind="stable")[:BEST_FEATURES]
    names = booster.feature_name()
    return [{"feature": names[k], "gain": float(gain[k] / gain.sum())} for k in order]


def _weights(settings: Settings, bundle: Bundle, values: Scores) -> list[dict[str, Any]]:
    """Per group of reasons the mean size of what it adds to the log-odds, the largest first."""
    entries = columns_of(settings)
    group_of = np.array([entries[name].group for name in bundle.model.columns])
    weights = [
        {"reason": str(group), "log_odds": float(np.abs(values[:, group_of == group].sum(axis=1)).mean())}
        for group in np.unique(group_of)
    ]
    return sorted(weights, key=lambda row: (-row["log_odds"], row["reason"]))


def _effects(bundle: Bundle, features: Scores, values: Scores) -> list[dict[str, Any]]:
    """A dot per feature and row, of the ``DOTTED`` features that add most: what its value adds to the
    log-odds, and the share of the known values that are lower; None where the value is unknown."""
    best = np.argsort(-np.abs(values).mean(axis=0), kind="stable")[:DOTTED]
    dots = []
    for column in best:
        known = np.sort(features[:, column][~np.isnan(features[:, column])])
        for row in np.unique(np.linspace(0, len(features) - 1, DOTS).astype(int)):
            value = features[row, column]
            lower = None if np.isnan(value) else float(np.searchsorted(known, value) / len(known))
            name, added = bundle.model.columns[column], float(values[row, column])
            dots.append({"feature": name, "log_odds": round(added, 4), "value": lower and round(lower, 3)})
    return dots
