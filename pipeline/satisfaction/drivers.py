"""What drives satisfaction, what goes with leaving, and what factor analysis finds, in the whole bank."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from configs.branch_figures.satisfaction import CERTAIN, FactorLoadings, Importance, Model
from configs.settings import Settings
from models import importance as relative
from models.questionnaires import adequacy, against, factors_suggested, groups_of, loadings, most_factors
from models.weighting import holm
from pipeline.satisfaction.answers import OVERALL, Answers, levels_of

Floats = NDArray[np.float64]
ROWS_PER_FACTOR = 10  # fewer customers per predictor make a regression fit noise (Harrell 2015)
LEFT_PER_FACTOR = 5  # likewise of customers who left (Vittinghoff, McCulloch 2007)
_INTERVAL = 2 * 1.959964


@dataclass(frozen=True)
class Driver:
    """One factor; ``share`` of what explains overall satisfaction, NaN where it is not known.

    ``left`` are the shares that left of the thirds least and most satisfied with it.
    """

    derived: Importance | None = None
    outflow: Importance | None = None
    left: tuple[float, float] = (np.nan, np.nan)

    @property
    def share(self) -> float:
        return self.derived.share if self.derived else np.nan


@dataclass(frozen=True)
class Drivers:
    """By factor; the items ``against`` the others; and what the figures rest on."""

    factors: Mapping[str, Driver] = field(default_factory=dict)
    against: frozenset[str] = frozenset()
    structure: FactorLoadings | None = None
    derived: Model | None = None
    outflow: Model | None = None

    def of(self, factor: str) -> Driver:
        return self.factors.get(factor, Driver())


def drivers_of(settings: Settings, answers: Answers, levels: pd.DataFrame) -> Drivers:
    """All figures of the whole bank that need many answers; each None where there are too few.

    A customer counts once: with the newest questionnaire for satisfaction, with the newest whose quarter is
    over for leaving.
    """
    names = [factor.name for factor in settings.survey.factors]
    newest = ~answers.rows.duplicated("customer_id", keep="last").to_numpy()
    weights = answers.rows["weight"].to_numpy(np.float64)
    derived, satisfaction = _explained(
        settings, levels.loc[newest, names], levels.loc[newest, OVERALL].to_numpy(), weights[newest]
    )
    before = levels_of(settings, answers.outflow)[names]
    left = answers.outflow["left"].to_numpy(np.float64)
    outflow, leaving = _explained(settings, before, left, np.ones(len(left)), events=True)
    thirds = {name: _left_by_third(settings, before[name].to_numpy(), left) for name in names}
    items = _items(settings, answers.rows[newest])
    return Drivers(
        {name: Driver(derived.get(name), outflow.get(name), thirds[name]) for name in names},
        _against(settings, items), _structure(settings, items), satisfaction, leaving,
    )  # fmt: skip


def _explained(
    settings: Settings, predictors: pd.DataFrame, outcome: Floats, weights: Floats, events: bool = False
) -> tuple[dict[str, Importance], Model | None]:
    """By factor what it explains of the outcome, with the model; nothing where customers are too few."""
    matrix = predictors.to_numpy(np.float64)
    whole = ~np.isnan(np.column_stack([matrix, outcome])).any(axis=1)
    count, least = matrix.shape[1], settings.figures.least_customers
    left = int(outcome[whole].sum()) if events else 0
    if whole.sum() < max(least, ROWS_PER_FACTOR * count) or (
        events and left < max(least, LEFT_PER_FACTOR * count)
    ):
        return {}, None
    seed = settings.training.seed + events
    fit = relative.importance(matrix[whole], outcome[whole], weights[whole], seed)
    error = np.maximum((fit.slope_high - fit.slope_low) / _INTERVAL, 1e-12)
    clear = (holm(2 * stats.norm.sf(np.abs(fit.slopes) / error)) < CERTAIN) & (fit.p < CERTAIN)
    columns = (fit.shares, fit.low, fit.high, fit.slopes, fit.slope_low, fit.slope_high)
    shares, low, high, step, step_low, step_high = (np.round(column, 6).tolist() for column in columns)
    explained = {
        name: Importance(shares[k], low[k], high[k], step[k], step_low[k], step_high[k], bool(clear[k]))
        for k, name in enumerate(predictors.columns)
    }
    model = Model(fit.rows, left, round(fit.r2, 6), round(fit.p, 6))
    return explained, model


def _left_by_third(settings: Settings, level: Floats, left: Floats) -> tuple[float, float]:
    known = ~np.isnan(level)
    if known.sum() < 3 * settings.figures.least_customers:
        return np.nan, np.nan
    low, high = np.quantile(level[known], (1 / 3, 2 / 3))
    return float(left[known & (level <= low)].mean()), float(left[known & (level >= high)].mean())


def _items(settings: Settings, rows: pd.DataFrame) -> pd.DataFrame:
    """The items about factors that differ between customers."""
    names = [item.name for item in settings.survey.items if item.asks == "factor"]
    items = rows[names].astype(np.float64)
    return items[[name for name in names if items[name].nunique() > 1]]


def _enough(settings: Settings, items: pd.DataFrame) -> bool:
    whole = int(items.notna().all(axis=1).sum())
    return items.shape[1] > 2 and whole >= max(
        settings.figures.least_customers, ROWS_PER_FACTOR * items.shape[1]
    )


def _against(settings: Settings, items: pd.DataFrame) -> frozenset[str]:
    if not _enough(settings, items):
        return frozenset()
    return frozenset(items.columns[against(items.to_numpy())])


def _structure(settings: Settings, items: pd.DataFrame) -> FactorLoadings | None:
    """Factors of the items; as many are rotated as the map has."""
    if not _enough(settings, items):
        return None
    answers = items.to_numpy()
    fit = adequacy(answers)
    factor_of = {item.name: item.factor for item in settings.survey.items if item.asks == "factor"}
    mapped = [factor_of[name] for name in items.columns]
    count = len(set(mapped))
    rotated = (
        loadings(answers, count) if count <= most_factors(items.shape[1]) else np.zeros((len(mapped), 0))
    )
    groups = groups_of(rotated).tolist() if rotated.size else [-1] * len(mapped)
    as_mapped = min(groups) >= 0 and len(set(groups)) == count == len(set(zip(groups, mapped, strict=True)))
    return FactorLoadings(
        fit.respondents, round(fit.kmo, 6), round(fit.kmo_of_pairs, 6), round(fit.chi2, 4), fit.degrees,
        round(fit.p, 6), factors_suggested(answers, settings.training.seed), count, as_mapped,
        tuple(tuple(row) for row in np.round(rotated, 4).tolist()),
    )  # fmt: skip
