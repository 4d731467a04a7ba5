"""One discrete-time hazard model: how likely a customer still here at the start of a period goes in it.

Raw scores, and from them calibrated probabilities.

The outcome window is cut at the horizons, for example into days 1–30, 31–60 and 61–90. A customer on a Monday
is one row in each period up to the one he goes in; the target is whether he goes in that period. A model of
these rows gives the hazard, the probability of going in a period for whoever is still here at its beginning
(Singer and Willett 1993).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from configs.errors import DataError
from configs.settings import SILENCE, Training
from models.boosting import Loss, Medians, Progress, Rows, Trees, medians, parameters, train_trees
from models.machines import ALONE, Machines
from models.matrix import Matrix, at_rows, chunks
from models.start import Known, Start, fit_start
from models.tree_paths import Paths, paths_of

PERIOD = "period"  # the column that says in which period; its value is the horizon in days
# Regularisation so weak that it only matters when the outcomes are perfectly separated.
_WEAK = 1_000.0
_FLAT = 1e-6  # a score that is the same for everybody; a score that means something has a slope near 1
ENOUGH = 100  # customer-periods that go, in every period; with fewer all periods share one line


@dataclass(frozen=True)
class Periods:
    """One row per customer, Monday and period, ascending by row of the matrix, then by period.

    ``row`` is the position in the matrix, ``days`` the horizon at which the period ends, ``gone`` 0 or 1.
    """

    row: NDArray[np.intp]
    days: NDArray[np.float64]
    gone: NDArray[np.int8]

    def of(self, rows: Matrix) -> Rows:
        """The features of each customer-period, with the period as the last column."""
        return Rows(rows.features, self.row, self.days)


@dataclass(frozen=True)
class Model:
    """Trees over the features and, as one more column, the period; one raw score per period.

    ``log_kept`` is the log of the share of negatives that were kept in training; it is added to the trees'
    log-odds, so that a raw score is what it would be without the down-sampling. The trees begin with
    ``start``, if there is one.
    """

    trees: Trees
    horizons: tuple[int, ...]
    log_kept: float
    start: Start | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The features in order, without the period."""
        return self.trees.columns

    @cached_property
    def paths(self) -> Paths:
        """The trees' paths, by which each feature and the period add to the mean score over the periods."""
        return paths_of(self.trees.text, len(self.columns), self.horizons)

    def raw(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows × periods: the log-odds of going in the period, before calibration."""
        scores = np.empty((len(features), len(self.horizons)))
        for chunk in chunks(features):
            for period, rows in enumerate(self.by_period(features[chunk])):
                scores[chunk, period] = self.trees.booster.predict(rows, raw_score=True)
            if self.start:
                silence = features[chunk, self.columns.index(SILENCE)]
                scores[chunk] += self.start.of_silence(silence)[:, None] + self.start.offsets
        return scores + self.log_kept

    def by_period(self, features: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
        """Rows × columns and the period, once per period: each time the same array with another period."""
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
    losses: list[float]
    customer_periods: int
    medians: Medians


@dataclass(frozen=True)
class Bins:
    """The customer-periods of both sets as LightGBM's bins, the line that their trees begin with, and the
    medians and fill values of the columns."""

    train: lgb.Dataset
    tune: lgb.Dataset
    start: Start | None
    medians: tuple[Medians, Medians]


def fit(
    train: Matrix,
    tune: Matrix,
    horizons: Sequence[int],
    training: Training,
    monotone: Sequence[int] = (),
    progress: Progress | None = None,
    machines: Machines = ALONE,
    bins: Bins | None = None,
) -> Fitted:
    """Boosted trees on the customer-periods of ``train``, stopped by the log loss on those of ``tune``.

    Only negatives of ``train`` are downsampled (``training.negatives_kept``); ``tune`` is whole, and its loss
    is that of the corrected odds. A customer stands in many snapshots and every one weighs the same: what is
    predicted is one customer on one Monday. What the repetition costs is effective sample size, so
    ``min_data_in_leaf`` should hold several customers. ``monotone`` says for each column whether risk may
    only rise (1) or fall (−1) with it; the period stays free. ``machines`` fit one model, each on the rows of
    its own customers. ``bins`` are those of ``binned``, if they stand already. Raises what it raises, and
    ConfigError when LightGBM does not know a parameter.
    """
    params = parameters(training, training.lightgbm, "binary") | dict(machines.params)
    if monotone:
        params["monotone_constraints"] = [*monotone, 0]
    bins = bins or binned(train, tune, horizons, training, machines)
    log_kept = math.log(training.negatives_kept)
    loss = _log_loss(log_kept) if machines is ALONE else machines.loss(_log_loss(log_kept))
    with machines.of_lightgbm():
        text, rounds, losses = train_trees(bins.train, bins.tune, params, training, loss, progress)
    column_medians, fill_values = bins.medians
    model = Model(Trees(text, train.columns, fill_values), tuple(horizons), log_kept, bins.start)
    return Fitted(model, rounds, losses, sum(machines.gather(bins.train.num_data())), column_medians)


def binned(
    train: Matrix, tune: Matrix, horizons: Sequence[int], training: Training, machines: Machines = ALONE
) -> Bins:
    """Bins that fits on the same rows share, whatever their rates, leaves, rounds and constraints.

    Raises DataError when a set holds only one outcome.
    """
    for name, rows in (("train", train), ("tune", tune)):
        attrited = int(rows.attrited.sum())
        if attrited in (0, len(rows)):
            raise DataError(
                f"{name} holds {len(rows)} rows of which {attrited} attrited; both outcomes are needed. "
                "Widen the cohort, choose a wider definition in [label], or deliver a longer history."
            )
    params = parameters(training, training.lightgbm, "binary") | dict(machines.params)
    kept = customer_periods(train.time_to_attrition, horizons)
    kept = downsample_negatives(kept, training.negatives_kept, training.seed)
    periods = customer_periods(tune.time_to_attrition, horizons)
    log_kept = math.log(training.negatives_kept)
    start = begun = later = None
    if SILENCE in train.columns:
        known, closed = _known(train, kept, horizons), _known(tune, periods, horizons)
        start = fit_start(known, closed, len(horizons), log_kept, training.seed)
        start = Start.of(machines.gather(start and asdict(start))[0])
        if start:
            begun, later = start.log_odds(known), start.log_odds(closed)
    names = [*train.columns, PERIOD]
    train_set = lgb.Dataset(kept.of(train), kept.gone, init_score=begun, feature_name=names, params=params)
    tune_set = train_set.create_valid(periods.of(tune), periods.gone, init_score=later)
    return Bins(train_set, tune_set, start, medians(train.features))


def _known(rows: Matrix, periods: Periods, horizons: Sequence[int]) -> Known:
    """What the line that the trees begin with may know of each customer-period."""
    period = np.searchsorted(horizons, periods.days)
    return Known(rows.column(SILENCE)[periods.row], period, periods.gone)


def customer_periods(time_to_attrition: NDArray[np.int16], horizons: Sequence[int]) -> Periods:
    """Every period a customer was at risk in; ``time_to_attrition`` is one of ``horizons``, 0 for who stayed.

    Gone within 60 of 30, 60, 90 days makes the rows 30: 0 and 60: 1; who stayed makes three rows of 0.
    """
    ends = np.array(horizons)
    gone = time_to_attrition[:, None]
    row, period = np.nonzero((gone == 0) | (ends <= gone))
    days = ends[period]
    return Periods(row, days.astype(np.float64), (time_to_attrition[row] == days).astype(np.int8))


def downsample_negatives(periods: Periods, kept: float, seed: int) -> Periods:
    """All rows that go and a random share ``kept`` of those that do not.

    The odds of going grow by 1 / kept in every corner of the data alike, so the true log-odds are those of
    a model of the remaining rows plus log(kept), exactly (King and Zeng 2001).
    """
    if kept == 1:
        return periods
    chosen = (periods.gone == 1) | (np.random.default_rng(seed).random(len(periods.row)) < kept)
    return at_rows(periods, chosen)


def _log_loss(log_kept: float) -> Loss:
    """Mean binary log loss of the probabilities after the odds are corrected for downsampled negatives."""
    kept = math.exp(log_kept)

    def loss(risk: NDArray[np.float64], rows: lgb.Dataset) -> tuple[str, float, bool]:
        likelihood = kept * risk  # in place from here on: this runs once a round
        likelihood /= likelihood + 1 - risk
        np.subtract(1, likelihood, out=likelihood, where=rows.get_label() != 1)
        np.maximum(likelihood, 1e-15, out=likelihood)
        return "log_loss", -float(np.log(likelihood, out=likelihood).mean()), False

    return loss


@dataclass(frozen=True)
class Calibrator:
    """hazard in period k = 1 / (1 + exp(−(slope k · raw k + offset k))), every slope > 0."""

    slopes: tuple[float, ...]
    offsets: tuple[float, ...]

    def hazards(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows × periods: the probability of going in the period for who is here at its beginning."""
        return np.asarray(1.0 / (1.0 + np.exp(-(raw * self.slopes + self.offsets))), dtype=np.float64)

    def risks(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows × horizons: the probability of being gone by then, 1 − Π (1 − hazard); it grows along a row.

        Summed as logarithms, so that a hazard of a billionth still counts.
        """
        return -np.expm1(np.cumsum(np.log1p(-self.hazards(raw)), axis=1))


def fit_calibrator(
    raw: NDArray[np.float64], time_to_attrition: NDArray[np.int16], horizons: Sequence[int]
) -> Calibrator:
    """Per period a logistic regression of going on the raw score, over those still here (Platt 1999).

    ``raw`` is rows × periods of the tuning snapshots. The raw score already is a log-odds, so two numbers
    suffice; a step function (isotonic) would make ties and with them an arbitrary order at the edge of a
    list. Where a period has fewer than ``ENOUGH`` that go, or a slope that is not positive, all periods share
    one line. Raises DataError when even then a higher score does not mean more attrition.
    """
    periods = customer_periods(time_to_attrition, horizons)
    period = np.searchsorted(horizons, periods.days)
    score = raw[periods.row, period]
    rows_of = [period == k for k in range(len(horizons))]
    if min(int(periods.gone[rows].sum()) for rows in rows_of) >= ENOUGH:
        slopes, offsets = zip(*(fit_line(score[rows], periods.gone[rows]) for rows in rows_of), strict=True)
        if min(slopes) > 0:
            return Calibrator(slopes, offsets)
    slope, offset = fit_line(score, periods.gone)
    if not slope > _FLAT:
        raise DataError(
            f"on the {len(raw)} tuning rows, {int((time_to_attrition > 0).sum())} of which left, a higher "
            f"score does not mean more attrition (slope {slope:.3g}): the model has learnt nothing that "
            "lasts. Where few left, widen the cohort or deliver a longer history; else check the features, "
            "[training.lightgbm] and training.negatives_kept."
        )
    return Calibrator((slope,) * len(horizons), (offset,) * len(horizons))


def fit_line(raw: NDArray[np.float64], outcome: NDArray[np.int8]) -> tuple[float, float]:
    """Slope and offset of the logistic regression of a 0/1 outcome; on one thread so that two runs agree."""
    with threadpool_limits(limits=1):
        line = LogisticRegression(C=_WEAK, solver="newton-cholesky", tol=1e-10)
        line.fit(raw.reshape(-1, 1), outcome)
    return float(line.coef_[0, 0]), float(line.intercept_[0])
