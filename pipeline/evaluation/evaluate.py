"""How good a model is on Mondays that it has not seen, in figures: for its page, its card and the backtest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.settings import Settings
from models.bundle import Bundle, Predicted
from models.capacity import Teams, at_capacity, best_cut, break_even, expected_maximum, listed, profit_of
from models.explain import contributions
from models.matrix import Matrix, joined
from models.metrics import (
    Metrics,
    calibration_slope,
    evaluate,
    expected_calibration_error,
    gone_by,
    group_metrics,
    intervals,
    money,
    money_by,
    ranking,
    reliability,
    tenths,
)
from pipeline.evaluation.segments import Segments
from pipeline.training.training_rows import columns_of

DRAWS = 200  # banks drawn for an interval; the ends of a 95% interval then rest on five of them each
EXPLAINED = (
    1_000  # rows, evenly spread, whose contributions are looked at: more change no digit that is shown
)
BEST_FEATURES = 15
Scores = NDArray[np.float64]
Lists = dict[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class Judged:
    """Rows whose outcome is known, what a model says of them, whose they are, and other ways to rank them.

    No figure looks at the rows' features.
    """

    rows: Matrix
    predicted: Predicted
    segments: Segments
    others: Mapping[str, Scores] = field(default_factory=dict)

    def drawn(self, rows: Matrix, places: NDArray[np.intp]) -> "Judged":
        """The same on a bank drawn from this one; the groups are left behind."""
        return Judged(
            rows,
            Predicted(self.predicted.risks[places], self.predicted.money[places]),
            Segments(self.segments.teams.of(places), {}),
            {name: scores[places] for name, scores in self.others.items()},
        )


def figures(settings: Settings, judged: Judged) -> dict[str, Any]:
    """What the model and every other way to rank are worth, and how sure that is.

    ``model``, ``others`` and ``money`` as in models/metrics.py; ``capacity`` by the worth that the lists
    are filled by; ``profit`` on the average Monday, in base currency; ``intervals`` holds 95% of ``DRAWS``
    banks drawn from this one, by ``way.metric``; those of ``left.tenth_…`` are of the money that left.
    """
    rows, predicted = judged.rows, judged.predicted
    groups = judged.segments.groups
    found = money(rows, predicted.money, groups["tier"])
    found["branches"] = money_by(rows, predicted.money, "branch", groups["branch"])
    called = lists(judged)
    sure = intervals(
        rows, lambda drawn, places: _uncertain(judged.drawn(drawn, places)), DRAWS, settings.training.seed
    )
    return {
        "model": evaluate(rows, predicted.risks, settings.label.horizons),
        "others": {name: ranking(rows, scores) for name, scores in judged.others.items()},
        "money": found,
        "capacity": {way: at_capacity(rows, one) for way, one in called.items()},
        "profit": _profit(settings, judged, called["money_at_risk"]),
        "intervals": {name: list(ends) for name, ends in sure.items()},
    }


def lists(judged: Judged) -> Lists:
    """Who would be called: by money at risk, as the weekly lists do, by risk, and by each other way."""
    rows, teams = judged.rows, judged.segments.teams
    worth, risk = judged.predicted.money, judged.predicted.risks[:, -1]
    return {
        "money_at_risk": listed(rows, teams, worth, risk),
        "risk": listed(rows, teams, risk, worth),
        **{name: listed(rows, teams, scores) for name, scores in judged.others.items()},
    }


def together(parts: Sequence[Judged]) -> Judged:
    """What models of several days were held to, as one; their Mondays ascend. The ways to rank are those that
    all have. A team may have another number in another part: lists are filled Monday by Monday."""
    rows = [one.rows.only([]) for one in parts]
    shared = [name for name in parts[0].others if all(name in one.others for one in parts)]
    teams = [
        (one.segments.teams.team, one.segments.teams.capacity, one.segments.teams.callable) for one in parts
    ]
    groups = parts[0].segments.groups
    return Judged(
        joined(rows, np.empty((sum(map(len, rows)), 0)), []),
        Predicted(
            np.concatenate([one.predicted.risks for one in parts]),
            np.concatenate([one.predicted.money for one in parts]),
        ),
        Segments(
            Teams(*map(np.concatenate, zip(*teams, strict=True))),
            {name: np.concatenate([one.segments.groups[name] for one in parts]) for name in groups},
        ),
        {name: np.concatenate([one.others[name] for one in parts]) for name in shared},
    )


def in_detail(settings: Settings, bundle: Bundle, judged: Judged) -> dict[str, Any]:
    """Calibration by horizon, every group by itself, and what the scores are made of."""
    rows, risks = judged.rows, judged.predicted.risks
    return {
        "calibration": {
            str(days): reliability(gone_by(rows, days), risks[:, k])
            for k, days in enumerate(settings.label.horizons)
        },
        "groups": {
            name: group_metrics(rows, risks[:, -1], group) for name, group in judged.segments.groups.items()
        },
        "features": _gains(bundle),
        "reasons": _weights(settings, bundle, rows),
    }


def _uncertain(judged: Judged) -> Metrics:
    """The figures that get an interval, by ``way.metric``."""
    rows, predicted = judged.rows, judged.predicted
    risk = predicted.risks[:, -1]
    lost = float(rows.lost.sum())
    model = ranking(rows, risk) | {
        "ece": expected_calibration_error(rows.attrited, risk),
        "calibration_slope": calibration_slope(rows.attrited, risk),
        "money_ratio": float(predicted.money.sum()) / lost if lost else 0.0,
    }
    left = {
        f"tenth_{k}": float(rows.lost[one].sum()) for k, one in enumerate(tenths(predicted.money), start=1)
    }
    ways = {"model": model, "left": left} | {
        name: ranking(rows, scores) for name, scores in judged.others.items()
    }
    ways |= {f"capacity.{name}": at_capacity(rows, called) for name, called in lists(judged).items()}
    return {f"{way}.{name}": value for way, found in ways.items() for name, value in found.items()}


def _profit(settings: Settings, judged: Judged, called: NDArray[np.bool_]) -> dict[str, float]:
    """Calls and profit on the average Monday: of the lists, of the break-even, and at best."""
    terms, lost, expected = settings.profit, judged.rows.lost, judged.predicted.money
    mondays = len(np.unique(judged.rows.snapshot_date))
    pays = (expected >= break_even(terms)) & judged.segments.teams.callable
    best = best_cut(expected, lost, terms)
    found = {
        "lists_calls": int(called.sum()),
        "lists_promised": profit_of(called, expected, terms),
        "lists": profit_of(called, lost, terms),
        "break_even_calls": int(pays.sum()),
        "break_even_promised": profit_of(pays, expected, terms),
        "break_even": profit_of(pays, lost, terms),
        "best_calls": best.calls,
        "best": best.profit,
        "expected_maximum": expected_maximum(expected, lost, terms),
    }
    return {name: round(value / mondays, 2) for name, value in found.items()} | {
        "break_even_money": round(break_even(terms), 2)
    }


def _gains(bundle: Bundle) -> list[dict[str, Any]]:
    """The features that lower the loss most, as shares of what all trees together lower it by."""
    booster = bundle.model.trees.booster
    gain = booster.feature_importance("gain")
    order = np.argsort(-gain, kind="stable")[:BEST_FEATURES]
    names = booster.feature_name()
    return [{"feature": names[place], "gain": float(gain[place] / gain.sum())} for place in order]


def _weights(settings: Settings, bundle: Bundle, rows: Matrix) -> list[dict[str, Any]]:
    """Per group of reasons the mean size of what it adds to the log-odds, the largest first."""
    some = np.unique(np.linspace(0, len(rows) - 1, EXPLAINED).astype(int))
    values = contributions(bundle.model, rows.features[some]).values
    entries = columns_of(settings)
    group_of = np.array([entries[name].group for name in bundle.model.columns])
    found = {
        str(group): float(np.abs(values[:, group_of == group].sum(axis=1)).mean())
        for group in np.unique(group_of)
    }
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [{"reason": group, "log_odds": weight} for group, weight in ordered]
