"""A challenger beside the champion on the same later Mondays, and the objections to making it champion."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.dates import WEEK
from configs.errors import DataError
from configs.settings import Promotion, Settings
from models.baselines import rules
from models.bundle import Bundle, Predicted, settings_of
from models.capacity import Ranked, Teams, at_capacity, listed
from models.matrix import Matrix
from models.metrics import ENOUGH, Metrics, calibration, without_money
from models.resample import Mondays, Slope, Times, intervals
from pipeline.context import Context
from pipeline.evaluation.figures import DRAWS, Evaluated, in_groups
from pipeline.evaluation.research import build_history
from pipeline.tables import Ingested
from pipeline.training.train import columns_of, load_matrix, predicted_by

# The two figures that models and rules are compared by, and their words.
DECIDE = {"aum_caught": "AUM caught", "recall": "recall"}
FILLED = {"aum_caught": "by money", "recall": "by risk"}
Filled = dict[str, Ranked]  # per figure the lists that are filled for it


@dataclass(frozen=True)
class Order:
    """Two scores per row, larger first: ``risk`` fills a list with leavers, ``money`` with what they take."""

    risk: NDArray[np.float64]
    money: NDArray[np.float64]


def compare(
    bank: Context,
    tables: Ingested,
    challenger: Bundle,
    champion: Bundle | None,
    evaluated: Evaluated | None = None,
) -> dict[str, Any]:
    """The figures of both, plain JSON, on the Mondays that evaluated the challenger, and the ``objections``
    to it in words; without a champion, the challenger beside the rules alone.

    Without an objection it may be made champion. What training found out about the Mondays is ``evaluated``;
    without it they are read again, and those whose features or labels are not there are written first, with
    outcomes as the challenger's training knew them.
    """
    unfit = contract_breaks(bank.settings, champion) if champion else []
    rival = None if unfit else champion
    mondays, limits = challenger.snapshots.evaluation, bank.settings.promotion
    days = fair_mondays(bank.settings, challenger, rival) if rival else mondays
    wrong = contract_breaks(bank.settings, challenger)
    objections = (
        [f"it was trained on another {' and '.join(wrong)} than the settings now name"] if wrong else []
    )
    if not days:
        objections.append("the champion has seen outcomes of every Monday that evaluated the challenger")
    figures: dict[str, Any] = {}
    if not objections:
        compared = evaluated.on(days) if evaluated else _evaluated(bank, tables, challenger, days)
        figures = _figures(bank, compared, rival)
        objections = own_objections(limits, figures)
        if champion and champion.trained_as_of > challenger.trained_as_of:
            objections.append(f"the champion was trained later, on {champion.trained_as_of}")
        elif rival:
            age = (challenger.trained_as_of - rival.trained_as_of) // WEEK
            objections += rival_objections(limits, figures, age)
    return figures | {
        "challenger": challenger.model_id,
        "champion": champion.model_id if champion else None,
        "objections": objections,
        "as_of": str(challenger.trained_as_of),
        "mondays": [str(day) for day in days],
        "mondays_the_champion_has_seen": [str(day) for day in mondays if day not in days],
        "champion_trained_on_other": unfit,
    }


def fair_mondays(settings: Settings, challenger: Bundle, champion: Bundle) -> tuple[date, ...]:
    """The challenger's evaluated Mondays after every outcome that the champion was fitted or tuned on."""
    closed = settings.label.timeline(champion.snapshots.tune[-1]).outcome_end
    return tuple(day for day in challenger.snapshots.evaluation if day >= closed)


def callers(settings: Settings, rows: Matrix, teams: Teams) -> Teams:
    """The teams whose weekly lists are compared. Where they could call more than ``largest_share`` of a
    cohort, every model would find nearly everybody; then the whole bank is one team that calls that share."""
    largest = settings.promotion.largest_share
    if listed(rows, teams, np.zeros(len(rows))).mean() <= largest:
        return teams
    _, monday, size = np.unique(rows.snapshot_date, return_inverse=True, return_counts=True)
    capacity = np.ceil(largest * size).astype(np.int64)
    return Teams(np.zeros(len(rows), dtype=np.int64), capacity[monday], teams.callable)


def contract_breaks(settings: Settings, bundle: Bundle) -> list[str]:
    """The parts of the contract that a bundle does not share with the settings: its features, its label."""
    features = [] if tuple(columns_of(settings)) == bundle.model.columns else ["features"]
    return features + ([] if settings_of(settings)["label"] == bundle.settings["label"] else ["label"])


def _evaluated(bank: Context, tables: Ingested, challenger: Bundle, days: tuple[date, ...]) -> Evaluated:
    build_history(bank, tables, days, challenger.trained_as_of)
    rows = load_matrix(bank.home, days, challenger.learnt)
    return in_groups(bank, tables, rows, challenger.predict(rows), {})


def _figures(bank: Context, evaluated: Evaluated, rival: Bundle | None) -> dict[str, Any]:
    """The figures of both and of the rules at one length of list, and 95% intervals of the differences."""
    rows, new, seed = evaluated.rows, evaluated.predicted, bank.settings.training.seed
    if not 0 < rows.attrited.mean() < 1:
        days = np.unique(rows.snapshot_date)
        raise DataError(
            f"nobody, or everybody, left on {', '.join(map(str, days))}: nothing can be compared."
        )
    teams = callers(bank.settings, rows, evaluated.teams)
    order, slope, mondays = order_of(new), Slope(rows.attrited, new.risks[:, -1]), Mondays(rows)
    challenger_lists = filled(rows, mondays, teams, order)
    others = {name: Order(score, score * rows.aum) for name, score in rules(rows).items()}
    lists = {name: filled(rows, mondays, teams, each) for name, each in others.items()}
    figures: dict[str, Any] = {
        "rows": len(rows),
        "attrited": int(rows.attrited.sum()),
        "customers_attrited": len(np.unique(rows.customer_id[rows.attrited == 1])),
        "challenger_figures": _of_lists(rows, challenger_lists) | calibration(rows, new.risks[:, -1]),
        "slope_interval": list(
            intervals(rows, lambda times: {"slope": slope.of(times)}, DRAWS, seed)["slope"]
        ),
        "rules": {name: _of_lists(rows, each) for name, each in lists.items()},
    }
    if rival is not None:
        old = evaluated.models.get(rival.model_id) or predicted_by(rival, bank.home, rows)
        lists["champion"] = filled(rows, mondays, teams, order_of(old))
        figures |= {
            "champion_as_of": str(rival.trained_as_of),
            "champion_figures": _of_lists(rows, lists["champion"]) | calibration(rows, old.risks[:, -1]),
        }
    gaps = differences(rows, mondays, challenger_lists, lists, seed)
    if rival is not None:
        figures["differences"] = gaps.pop("champion")
    figures["differences_from_rules"] = gaps
    return figures if bank.settings.counts == "money" else without_money(figures)


def order_of(predicted: Predicted) -> Order:
    return Order(predicted.risks[:, -1], predicted.money)


def filled(rows: Matrix, mondays: Mondays, teams: Teams, order: Order) -> Filled:
    """Per figure the lists that are filled for it: like is compared with like."""
    return {
        "aum_caught": Ranked(rows, mondays, teams, order.money, order.risk),
        "recall": Ranked(rows, mondays, teams, order.risk, order.money),
    }


def _of_lists(rows: Matrix, lists: Filled) -> Metrics:
    """``aum_caught`` of lists filled by money, every other figure of equally long ones filled by risk."""
    by_figure = {name: at_capacity(rows, ranked.called) for name, ranked in lists.items()}
    return by_figure["recall"] | {"aum_caught": by_figure["aum_caught"]["aum_caught"]}


def differences(
    rows: Matrix, mondays: Mondays, challenger: Filled, others: Mapping[str, Filled], seed: int
) -> dict[str, dict[str, list[float]]]:
    """Per other way and figure, the challenger's less the other's: low end, difference, high end.

    All see the same resampled customers, each with all Mondays, so what a bank's draw does to both alike is
    not counted as noise.
    """

    def gaps(new: Metrics, old: Mapping[str, Metrics]) -> Metrics:
        return {f"{name} {figure}": new[figure] - old[name][figure] for name in old for figure in DECIDE}

    def of_draw(times: Times) -> Metrics:
        whole = mondays.totals(times)
        new, *old = (
            {figure: each[figure].figures(times, whole)[figure] for figure in DECIDE}
            for each in (challenger, *others.values())
        )
        return gaps(new, dict(zip(others, old, strict=True)))

    whole = gaps(_of_lists(rows, challenger), {name: _of_lists(rows, each) for name, each in others.items()})
    ends = intervals(rows, of_draw, DRAWS, seed)
    return {
        name: {
            figure: [ends[key][0], whole[key], ends[key][1]]
            for figure in DECIDE
            for key in [f"{name} {figure}"]
        }
        for name in others
    }


def own_objections(limits: Promotion, figures: dict[str, Any]) -> list[str]:
    """The objections from the challenger's own figures: its calibration, and the rules."""
    challenger, objections = figures["challenger_figures"], list[str]()
    if figures["customers_attrited"] < ENOUGH:
        return [
            f"only {figures['customers_attrited']} customers left on the Mondays compared: below {ENOUGH} no "
            "figure says anything. Widen [cohort], raise training.judged_snapshots, or wait"
        ]
    if challenger["ece"] > limits.max_ece:
        objections.append(f"its ECE is {challenger['ece']:.4f}, above {limits.max_ece}")
    low, high = figures["slope_interval"]
    if low > limits.max_slope or high < limits.min_slope:
        objections.append(
            f"its calibration slope is {challenger['calibration_slope']:.2f} [{low:.2f}, {high:.2f}],"
            f" outside {limits.min_slope} to {limits.max_slope}"
        )
    return objections + [
        objection for rule in figures["rules"] if (objection := _rule_objection(limits, figures, rule))
    ]


def is_enough(level: str, ends: list[float]) -> bool:
    """True where a difference (low end, itself, high end) has the ``level`` of promotion.against_rules."""
    low, middle, high = ends
    return {"not worse": high >= 0, "better": middle > 0, "clearly better": low > 0}[level]


def _rule_objection(limits: Promotion, figures: dict[str, Any], rule: str) -> str:
    """The objection that the rule is as good by the figure that decides; empty for none.

    It names the settings under which there would be none.
    """
    gaps, figure, level = figures["differences_from_rules"][rule], limits.decides, limits.against_rules
    if is_enough(level, gaps[figure]):
        return ""
    cures = [
        f'against_rules = "{lower}"' for lower in ("not worse", "better") if is_enough(lower, gaps[figure])
    ]
    cures += [f'decides = "{other}"' for other in gaps if is_enough(level, gaps[other])]
    remedy = f"; [promotion] {' or '.join(cures)} would accept that" if cures else ""
    return (
        f"it is not {level} than the rule {rule}: {_in_words(figures, figures['rules'][rule], figure, gaps)}"
        f"{remedy}"
    )


def _in_words(
    figures: dict[str, Any], other: dict[str, float], name: str, gaps: dict[str, list[float]]
) -> str:
    """One figure of the challenger and of the ``other``, how the lists are filled, and the difference."""
    low, middle, high = gaps[name]
    return (
        f"{DECIDE[name]} {figures['challenger_figures'][name]:.3f} beside {other[name]:.3f} on lists filled "
        f"{FILLED[name]}, {middle:+.3f} [{low:+.3f}, {high:+.3f}]"
    )


def rival_objections(limits: Promotion, figures: dict[str, Any], age_weeks: int) -> list[str]:
    """Empty if one figure is better by more than noise and the other not worse by more than noise; or, where
    the champion is too old, if neither can be worse by more than ``not_worse``. With two figures to win by,
    about one challenger in twenty that is worth just as much passes."""
    old, gaps = figures["champion_figures"], figures["differences"]
    words = {name: _in_words(figures, old, name, gaps) for name in gaps}
    worse = [words[name] for name, (_, _, high) in figures["differences"].items() if high < 0]
    if worse:
        return [f"it is worse than the champion by more than noise: {'; '.join(worse)}"]
    lows = [low for low, _, _ in figures["differences"].values()]
    if max(lows) > 0 or (age_weeks >= limits.too_old_weeks and min(lows) >= -limits.not_worse):
        return []
    return [f"it is not better than the champion by more than noise: {'; '.join(words.values())}"]
