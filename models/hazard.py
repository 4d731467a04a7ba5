"""One discrete-time hazard model: how likely a customer still here at the start of a period goes in it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from configs.errors import DataError
from configs.settings import Training
from models.boosting import Loss, Medians, Progress, Rows, Trees, grow, medians, monotone, parameters
from models.matrix import Matrix, chunks
from models.periods import Periods, customer_periods, thinned
from models.tree_paths import Paths, paths_of

PERIOD = "period"  # the column that says in which period; its value is the horizon in days


@dataclass(frozen=True)
class Model:
    """Trees over the features and, as one more column, the period; one raw score per period.

    ``log_kept`` is the log of the share of negatives that were kept in training; it is added to the trees'
    log-odds, so that a raw score is what it would be without the down-sampling.
    """

    trees: Trees
    horizons: tuple[int, ...]
    log_kept: float

    @property
    def columns(self) -> tuple[str, ...]:
        """The features in order, without the period."""
        return self.trees.columns

    @cached_property
    def paths(self) -> Paths:
        """What each feature, and behind them the period, adds to the mean score over the periods."""
        return paths_of(self.trees.text, len(self.columns), self.horizons)

    def raw(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows × periods: the log-odds of going in the period, before calibration."""
        scores = np.empty((len(features), len(self.horizons)))
        for chunk in chunks(features):
            for period, rows in enumerate(self.by_period(features[chunk])):
                scores[chunk, period] = self.trees.booster.predict(rows, raw_score=True)
        return scores + self.log_kept

    def by_period(self, features: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
        """What the trees see, period by period: each time the same array with another period written in."""
        rows = np.empty((len(features), len(self.columns) + 1))
        rows[:, :-1] = self.trees.filled(features)
        for days in self.horizons:
            rows[:, -1] = days
            yield rows


@dataclass(frozen=True)
class Fitted:
    """A model, the rounds it keeps, the log loss on the tuning snapshots after every round tried, on how many
    customer-periods it was fitted, and the median of the known values of each column in training."""

    model: Model
    rounds: int
    losses: tuple[float, ...]
    customer_periods: int
    medians: Medians


def fit(
    train: Matrix,
    tune: Matrix,
    horizons: Sequence[int],
    training: Training,
    progress: Progress | None = None,
    signs: Mapping[str, int] = MappingProxyType({}),
) -> Fitted:
    """Boosted trees on the customer-periods of ``train``, stopped by the log loss on those of ``tune``.

    Only negatives of ``train`` are thinned (``training.negatives_kept``); ``tune`` is whole, and its loss is
    that of the corrected odds. A customer stands in many snapshots and every one weighs the same: what is
    predicted is one customer on one Monday. ``signs`` gives the columns along which risk may only rise (1) or
    only fall (-1). What the repetition costs is effective sample size, so ``min_data_in_leaf`` should hold
    several customers.
    Raises DataError when a set holds only one outcome, ConfigError when LightGBM does not know a parameter.
    """
    for name, rows in (("train", train), ("tune", tune)):
        _check_both_outcomes(name, rows)
    made = parameters(training, training.lightgbm, "binary") | monotone(signs, [*train.columns, PERIOD])
    known = binned(train, horizons, training, made)
    log_kept = math.log(training.negatives_kept)
    judged_on = customer_periods(tune.gone_within, horizons)
    later = known.create_valid(_rows(tune, judged_on), judged_on.gone)
    grown = grow(known, later, made, training, _log_loss(log_kept), progress)
    usual, typical = medians(train.features)
    model = Model(Trees(grown.text, train.columns, typical), tuple(horizons), log_kept)
    return Fitted(model, grown.rounds, grown.losses, known.num_data(), usual)


def binned(train: Matrix, horizons: Sequence[int], training: Training, made: dict[str, Any]) -> lgb.Dataset:
    """The customer-periods that are fitted on, thinned and weighed, as LightGBM will bin them."""
    fitted_on = thinned(customer_periods(train.gone_within, horizons), training.negatives_kept, training.seed)
    return lgb.Dataset(
        _rows(train, fitted_on),
        fitted_on.gone,
        feature_name=[*train.columns, PERIOD],
        params=made,
    )


def _rows(rows: Matrix, periods: Periods) -> Rows:
    return Rows(rows.features, periods.row, periods.days)


def _check_both_outcomes(name: str, rows: Matrix) -> None:
    attrited = int(rows.attrited.sum())
    if attrited in (0, len(rows)):
        raise DataError(
            f"{name} holds {len(rows)} rows of which {attrited} attrited; both outcomes are needed. "
            "Widen the cohort, choose a wider definition in [label], or deliver a longer history."
        )


def _log_loss(log_kept: float) -> Loss:
    """Mean binary log loss of the probabilities after the odds are corrected for thinned negatives."""
    kept = math.exp(log_kept)

    def loss(thin: NDArray[np.float64], rows: lgb.Dataset) -> tuple[str, float, bool]:
        happened = kept * thin  # in place from here on: this runs once a round
        happened /= happened + 1 - thin
        np.subtract(1, happened, out=happened, where=rows.get_label() != 1)
        np.maximum(happened, 1e-15, out=happened)
        return "log_loss", -float(np.log(happened, out=happened).mean()), False

    return loss
