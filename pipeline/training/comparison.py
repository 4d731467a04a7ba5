"""A challenger beside the champion on the same later Mondays, and the objections to making it champion."""

from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.dates import WEEK
from configs.errors import DataError
from configs.settings import Promotion, Settings
from models.baselines import rules
from models.bundle import Bundle, Predicted, settings_of
from models.capacity import Teams, at_capacity, listed
from models.matrix import Matrix, at_rows
from models.metrics import Metrics, calibration, calibration_slope, intervals
from pipeline.context import Context
from pipeline.evaluation.figures import DRAWS
from pipeline.evaluation.research import build_history
from pipeline.evaluation.segments import segments
from pipeline.tables import Ingested
from pipeline.training.train import columns_of, load_matrix

# The two figures that decide, and their words.
DECIDE = {"aum_caught": "AUM caught", "recall": "recall"}


def compare(bank: Context, tables: Ingested, challenger: Bundle, champion: Bundle | None) -> dict[str, Any]:
    """The figures of both, plain JSON, on the Mondays that evaluated the challenger, and the ``objections``
    to it in words; without a champion, the challenger beside the rules alone.

    Without an objection it may be made champion. Mondays whose features or labels are not there are written
    first, with outcomes as the challenger's training knew them.
    """
    unfit = contract_breaks(bank.settings, champion) if champion else []
    rival = None if unfit else champion
    evaluated, limits = challenger.snapshots.evaluation, bank.settings.promotion
    days = fair_mondays(bank.settings, challenger, rival) if rival else evaluated
    wrong = contract_breaks(bank.settings, challenger)
    objections = (
        [f"it was trained on another {' and '.join(wrong)} than the settings now name"] if wrong else []
    )
    if not days:
        objections.append("the champion has seen outcomes of every Monday that evaluated the challenger")
    figures: dict[str, Any] = {}
    if not objections:
        figures = _figures(bank, tables, challenger, rival, days)
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
        "mondays_the_champion_has_seen": [str(day) for day in evaluated if day not in days],
        "champion_trained_on_other": unfit,
    }


def fair_mondays(settings: Settings, challenger: Bundle, champion: Bundle) -> tuple[date, ...]:
    """The challenger's evaluated Mondays after every outcome that the champion was fitted or tuned on."""
    closed = settings.label.timeline(champion.snapshots.tune[-1]).outcome_end
    return tuple(day for day in challenger.snapshots.evaluation if day >= closed)


def callers(bank: Context, tables: Ingested, rows: Matrix) -> Teams:
    """The teams whose weekly lists are compared. Where they could call more than ``largest_share`` of a
    cohort, every model would find nearly everybody; then the whole bank is one team that calls that share."""
    teams, _ = segments(bank.settings, bank.home, tables, rows)
    largest = bank.settings.promotion.largest_share
    if listed(rows, teams, np.zeros(len(rows))).mean() <= largest:
        return teams
    _, monday, size = np.unique(rows.snapshot_date, return_inverse=True, return_counts=True)
    capacity = np.ceil(largest * size).astype(np.int64)
    return Teams(np.zeros(len(rows), dtype=np.int64), capacity[monday], teams.callable)


def contract_breaks(settings: Settings, bundle: Bundle) -> list[str]:
    """The parts of the contract that a bundle does not share with the settings: its features, its label."""
    features = [] if tuple(columns_of(settings)) == bundle.model.columns else ["features"]
    return features + ([] if settings_of(settings)["label"] == bundle.settings["label"] else ["label"])


def _figures(
    bank: Context, tables: Ingested, challenger: Bundle, rival: Bundle | None, days: tuple[date, ...]
) -> dict[str, Any]:
    """The figures of both and of the rules at one length of list, and 95% intervals of the differences."""
    home, seed = bank.home, bank.settings.training.seed
    build_history(bank, tables, days, challenger.trained_as_of)
    rows = load_matrix(home, days, challenger.peers)
    if not 0 < rows.attrited.mean() < 1:
        raise DataError(
            f"nobody, or everybody, left on {', '.join(map(str, days))}: nothing can be compared."
        )
    teams, new = callers(bank, tables, rows), challenger.predict(rows)

    def slope(drawn: Matrix, places: NDArray[np.intp]) -> Metrics:
        return {"slope": calibration_slope(drawn.attrited, new.risks[places, -1])}

    figures: dict[str, Any] = {
        "rows": len(rows),
        "attrited": int(rows.attrited.sum()),
        "challenger_figures": _of_lists(rows, teams, new) | calibration(rows, new.risks[:, -1]),
        "slope_interval": list(intervals(rows, slope, DRAWS, seed)["slope"]),
        "rules": {name: at_capacity(rows, listed(rows, teams, score)) for name, score in rules(rows).items()},
    }
    if rival is None:
        return figures
    old = rival.predict(load_matrix(home, days, rival.peers))
    return figures | {
        "champion_as_of": str(rival.trained_as_of),
        "champion_figures": _of_lists(rows, teams, old) | calibration(rows, old.risks[:, -1]),
        "differences": differences(rows, teams, (new, old), seed),
    }


def _of_lists(rows: Matrix, teams: Teams, predicted: Predicted) -> Metrics:
    return at_capacity(rows, listed(rows, teams, predicted.money, predicted.risks[:, -1]))


def differences(
    rows: Matrix, teams: Teams, both: tuple[Predicted, Predicted], seed: int
) -> dict[str, list[float]]:
    """Challenger less champion: low end, the difference itself, high end. Both see the same resampled
    customers, so what a bank's draw does to both alike is not counted as noise."""

    def gap(drawn: Matrix, places: NDArray[np.intp]) -> Metrics:
        new, old = (
            _of_lists(drawn, at_rows(teams, places), at_rows(predicted, places)) for predicted in both
        )
        return {name: new[name] - old[name] for name in DECIDE}

    whole = gap(rows, np.arange(len(rows)))
    ends = intervals(rows, gap, DRAWS, seed)
    return {name: [ends[name][0], whole[name], ends[name][1]] for name in DECIDE}


def own_objections(limits: Promotion, figures: dict[str, Any]) -> list[str]:
    """The objections from the challenger's own figures: its calibration, and the rules."""
    challenger, objections = figures["challenger_figures"], []
    if challenger["ece"] > limits.max_ece:
        objections.append(f"its ECE is {challenger['ece']:.4f}, above {limits.max_ece}")
    low, high = figures["slope_interval"]
    if low > limits.max_slope or high < limits.min_slope:
        objections.append(
            f"its calibration slope is {challenger['calibration_slope']:.2f} [{low:.2f}, {high:.2f}],"
            f" outside {limits.min_slope} to {limits.max_slope}"
        )
    for name, words in DECIDE.items():
        rule = max(figures["rules"], key=lambda rule: figures["rules"][rule][name])
        best = figures["rules"][rule][name]
        if challenger[name] <= best:
            objections.append(
                f"its {words} is {challenger[name]:.3f}, not above the {best:.3f} of the rule {rule}"
            )
    return objections


def rival_objections(limits: Promotion, figures: dict[str, Any], age_weeks: int) -> list[str]:
    """Empty if one figure is better by more than noise and the other not worse by more than noise; or, where
    the champion is too old, if neither can be worse by more than ``not_worse``. With two figures to win by,
    about one challenger in twenty that is worth just as much passes."""
    words = {
        name: f"{DECIDE[name]} {middle:+.3f} [{low:+.3f}, {high:+.3f}]"
        for name, (low, middle, high) in figures["differences"].items()
    }
    worse = [words[name] for name, (_, _, high) in figures["differences"].items() if high < 0]
    if worse:
        return [f"it is worse than the champion by more than noise: {'; '.join(worse)}"]
    lows = [low for low, _, _ in figures["differences"].values()]
    if max(lows) > 0 or (age_weeks >= limits.too_old_weeks and min(lows) >= -limits.not_worse):
        return []
    return [
        f"it is not better than the champion by more than noise: {'; '.join(words[name] for name in DECIDE)}"
    ]
