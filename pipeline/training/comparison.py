"""A challenger beside the champion on the same later Mondays, and what speaks against making it champion."""

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
from models.capacity import Teams, at_capacity, listed
from models.matrix import Matrix
from models.metrics import Metrics, calibration_slope, expected_calibration_error, intervals
from pipeline.context import Context
from pipeline.evaluation.figures import DRAWS
from pipeline.evaluation.segments import segments
from pipeline.snapshots.build import build_outcomes, build_snapshots
from pipeline.tables import Ingested
from pipeline.training.training_rows import columns_of, load_matrix

# The two figures that decide, and their words.
DECIDE = {"aum_caught": "AUM caught", "recall": "recall"}


@dataclass(frozen=True)
class Decision:
    """What was compared, the figures, and what speaks against the challenger in words; nothing against: it may
    be made champion. ``figures`` are those of JSON, the same on every run."""

    challenger: str
    champion: str | None
    against: tuple[str, ...]
    figures: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {
            "challenger": self.challenger,
            "champion": self.champion,
            "against": list(self.against),
            **self.figures,
        }


def decide(bank: Context, tables: Ingested, challenger: Bundle, champion: Bundle | None) -> Decision:
    """Judge both on the challenger's judged Mondays; without a champion, the challenger beside the rules alone.

    Mondays whose features or labels are not there are written first, with outcomes as the challenger's
    training knew them.
    """
    unfit = differs(bank.settings, champion) if champion else []
    rival = None if unfit else champion
    days = fair_mondays(bank.settings, challenger, rival) if rival else challenger.snapshots.evaluation
    noted = {
        "as_of": str(challenger.trained_as_of),
        "mondays": [str(day) for day in days],
        "mondays_the_champion_has_seen": [
            str(day) for day in challenger.snapshots.evaluation if day not in set(days)
        ],
        "champion_trained_on_other": unfit,
    }
    against = _wrong_contract(bank.settings, challenger)
    if not days:
        against.append("the champion has seen outcomes of every Monday that the challenger was judged on")
    if against:
        return _decision(challenger, champion, against, noted)
    figures = _figures(bank, tables, challenger, rival, days)
    against = _against(bank.settings.promotion, figures)
    if champion is not None and champion.trained_as_of > challenger.trained_as_of:
        against.append(f"the champion was trained later, on {champion.trained_as_of}")
    elif rival is not None:
        age = (challenger.trained_as_of - rival.trained_as_of) // WEEK
        against += _not_better(bank.settings.promotion, figures, age)
    return _decision(challenger, champion, against, noted | figures)


def fair_mondays(settings: Settings, challenger: Bundle, champion: Bundle) -> tuple[date, ...]:
    """The challenger's judged Mondays that came after every outcome the champion was fitted or tuned on."""
    closed = settings.label.timeline(champion.snapshots.tune[-1]).outcome_end
    return tuple(day for day in challenger.snapshots.evaluation if day >= closed)


def callers(bank: Context, tables: Ingested, rows: Matrix) -> Teams:
    """The teams whose weekly lists are compared. Where they could call more than ``largest_share`` of a cohort,
    every model would find nearly everybody; then the whole bank is one team that calls that share."""
    teams = segments(bank.settings, bank.home, tables, rows).teams
    largest = bank.settings.promotion.largest_share
    if listed(rows, teams, np.zeros(len(rows))).mean() <= largest:
        return teams
    _, monday, size = np.unique(rows.snapshot_date, return_inverse=True, return_counts=True)
    capacity = np.ceil(largest * size).astype(np.int64)
    return Teams(np.zeros(len(rows), dtype=np.int64), capacity[monday], teams.callable)


def contract(settings: Settings) -> dict[str, Any]:
    """What a bundle must share with the settings to score this bank: its columns and what it predicts."""
    return {"features": tuple(columns_of(settings)), "label": settings_of(settings)["label"]}


def differs(settings: Settings, bundle: Bundle) -> list[str]:
    """Which parts of the contract a bundle does not share."""
    own = {"features": bundle.model.columns, "label": bundle.settings["label"]}
    return [name for name, wanted in contract(settings).items() if own[name] != wanted]


def _wrong_contract(settings: Settings, challenger: Bundle) -> list[str]:
    wrong = differs(settings, challenger)
    return [f"it was trained on another {' and '.join(wrong)} than the settings now name"] if wrong else []


def _decision(
    challenger: Bundle, champion: Bundle | None, against: list[str], figures: dict[str, Any]
) -> Decision:
    return Decision(challenger.model_id, champion.model_id if champion else None, tuple(against), figures)


def _figures(
    bank: Context, tables: Ingested, challenger: Bundle, rival: Bundle | None, days: tuple[date, ...]
) -> dict[str, Any]:
    """The figures of both and of the rules at one length of list, and the 95% intervals of the differences."""
    build_snapshots(bank.settings, bank.home, tables, days, _quietly)
    build_outcomes(bank.settings, bank.home, tables, days, challenger.trained_as_of, _quietly)
    rows = load_matrix(bank.home, days, challenger.peers)
    if not 0 < rows.attrited.mean() < 1:
        raise DataError(
            f"nobody, or everybody, left on {', '.join(map(str, days))}: nothing can be compared."
        )
    teams, new = callers(bank, tables, rows), challenger.predict(rows)
    found: dict[str, Any] = {
        "rows": len(rows),
        "attrited": int(rows.attrited.sum()),
        "challenger_figures": _judged(rows, teams, new),
        "slope_interval": _slope_interval(rows, new, bank.settings.training.seed),
        "rules": {name: at_capacity(rows, listed(rows, teams, score)) for name, score in rules(rows).items()},
    }
    if rival is None:
        return found
    old = rival.predict(load_matrix(bank.home, days, rival.peers))
    return found | {
        "champion_as_of": str(rival.trained_as_of),
        "champion_figures": _judged(rows, teams, old),
        "differences": _differences(rows, teams, (new, old), bank.settings.training.seed),
    }


def _judged(rows: Matrix, teams: Teams, predicted: Predicted) -> Metrics:
    """What the model's weekly lists find, and its calibration at the longest horizon."""
    risk = predicted.risks[:, -1]
    return at_capacity(rows, _listed(rows, teams, predicted)) | {
        "ece": expected_calibration_error(rows.attrited, risk),
        "calibration_slope": calibration_slope(rows.attrited, risk),
    }


def _slope_interval(rows: Matrix, predicted: Predicted, seed: int) -> list[float]:
    """Where the calibration slope may lie: with a few dozen leavers it says little by itself."""

    def slope(drawn: Matrix, places: NDArray[np.intp]) -> Metrics:
        return {"slope": calibration_slope(drawn.attrited, predicted.risks[places, -1])}

    return list(intervals(rows, slope, DRAWS, seed)["slope"])


def _listed(rows: Matrix, teams: Teams, predicted: Predicted) -> NDArray[np.bool_]:
    """By money at risk, as the weekly lists are filled."""
    return listed(rows, teams, predicted.money, predicted.risks[:, -1])


def _differences(
    rows: Matrix, teams: Teams, both: tuple[Predicted, Predicted], seed: int
) -> dict[str, list[float]]:
    """Challenger less champion: low end, the difference itself, high end. Both see the same drawn customers,
    so what a bank's draw does to both alike is not counted as noise."""

    def gap(drawn: Matrix, places: NDArray[np.intp]) -> Metrics:
        new, old = (
            at_capacity(
                drawn, _listed(drawn, teams.of(places), Predicted(one.risks[places], one.money[places]))
            )
            for one in both
        )
        return {name: new[name] - old[name] for name in DECIDE}

    here = gap(rows, np.arange(len(rows)))
    sure = intervals(rows, gap, DRAWS, seed)
    return {name: [sure[name][0], here[name], sure[name][1]] for name in DECIDE}


def _against(limits: Promotion, figures: dict[str, Any]) -> list[str]:
    """What the challenger's own figures say against it: its calibration, and the rules."""
    own, found = figures["challenger_figures"], []
    if own["ece"] > limits.max_ece:
        found.append(f"its ECE is {own['ece']:.4f}, above {limits.max_ece}")
    low, high = figures["slope_interval"]
    if low > limits.max_slope or high < limits.min_slope:
        found.append(
            f"its calibration slope is {own['calibration_slope']:.2f} [{low:.2f}, {high:.2f}], outside "
            f"{limits.min_slope} to {limits.max_slope}"
        )
    for name, words in DECIDE.items():
        rule, best = max(
            ((rule, one[name]) for rule, one in figures["rules"].items()), key=lambda pair: pair[1]
        )
        if own[name] <= best:
            found.append(f"its {words} is {own[name]:.3f}, not above the {best:.3f} of the rule {rule}")
    return found


def _not_better(limits: Promotion, figures: dict[str, Any], age_weeks: int) -> list[str]:
    """Empty if one figure is better by more than noise and the other not worse by more than noise; or, where the
    champion is too old, if neither can be worse by more than ``not_worse``. With two figures to win by, about one
    challenger in twenty that is worth just as much passes."""
    ends = figures["differences"]
    told = {name: _in_words(figures, name) for name in DECIDE}
    worse = [told[name] for name, (_, _, high) in ends.items() if high < 0]
    if worse:
        return [f"it is worse than the champion by more than noise: {'; '.join(worse)}"]
    lows = [low for low, _, _ in ends.values()]
    if max(lows) > 0 or (age_weeks >= limits.too_old_weeks and min(lows) >= -limits.not_worse):
        return []
    return [f"it is not better than the champion by more than noise: {'; '.join(told.values())}"]


def _in_words(figures: dict[str, Any], name: str) -> str:
    low, middle, high = figures["differences"][name]
    return f"{DECIDE[name]} {middle:+.3f} [{low:+.3f}, {high:+.3f}]"


def _quietly(done: int, total: int) -> None:
    """Nearly always the Mondays are there already."""
