"""The share of AUM that leaves with a customer who attrites, and from it the money at risk."""

from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from configs.errors import DataError
from configs.settings import Training
from models.boosting import Loss, Trees, medians, parameters, train_trees
from models.matrix import Matrix, chunks

ENOUGH = 200  # attrited rows, in train and in tune; with fewer a model of them is a model of chance


@dataclass(frozen=True)
class Severity:
    """share = scale × what the trees say (× ``mean`` for everybody where there are no trees), at most 1."""

    trees: Trees | None
    mean: float
    scale: float

    def share(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Per row the share of average AUM that is expected to leave if the customer attrites, in [0, 1]."""
        return np.minimum(self.scale * self._unscaled(features), 1.0)

    def scaled(self, tune: Matrix, risk: NDArray[np.float64], aum_now: NDArray[np.float64]) -> "Severity":
        """A copy with the scale at which predicted money equals what left on the tuning snapshots, in total.

        Total money grows with the scale, so bisection finds it; where even all AUM at ``risk`` would not
        reach what left, the largest scale that still changes something stays.
        """
        unscaled = self._unscaled(tune.features)
        realised = float(tune.lost.sum())
        low, high = 0.0, 1.0 / float(unscaled.min())
        for _ in range(60):
            middle = (low + high) / 2
            money = money_at_risk(risk, np.minimum(middle * unscaled, 1.0), tune.aum, aum_now)
            low, high = (middle, high) if float(money.sum()) < realised else (low, middle)
        return replace(self, scale=high)

    def _unscaled(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.trees is None:
            return np.full(len(features), self.mean)
        share = np.empty(len(features))
        for chunk in chunks(features):
            share[chunk] = self.trees.booster.predict(self.trees.filled(features[chunk]))
        return share


def fit_severity(train: Matrix, tune: Matrix, training: Training) -> Severity:
    """Small boosted trees on the ``outflow_share`` of attrited rows, weighted by AUM; scale 1.

    Cross-entropy on a share is least at its mean, and the weights make sums of money come out right. What
    those who stay take out is left out on purpose: ordinary spending is not at risk and cannot be saved, and
    with attrition of a few per cent a list by money would merely be a list by AUM. With fewer than
    ``ENOUGH`` attrited rows the AUM-weighted mean stands for everybody. Raises DataError where no money left.
    """
    left, later = train.where(train.attrited == 1), tune.where(tune.attrited == 1)
    if not left.lost.sum() > 0:
        raise DataError(
            f"no money left with the {len(left)} attrited rows in train, so how much leaves cannot be learnt."
            " Choose a definition in [label] by which money leaves."
        )
    mean = float(left.lost.sum() / left.aum.sum())
    if min(len(left), len(later)) < ENOUGH:
        return Severity(None, mean, 1.0)
    params = parameters(training, training.severity, "cross_entropy")
    weight, names = left.aum / left.aum.mean(), list(left.columns)
    train_set = lgb.Dataset(
        left.features, left.outflow_share, weight=weight, feature_name=names, params=params
    )
    tune_set = train_set.create_valid(later.features, later.outflow_share)
    text, _, _ = train_trees(train_set, tune_set, params, training, _cross_entropy(later.aum))
    return Severity(Trees(text, train.columns, medians(left.features)[1]), mean, 1.0)


def money_at_risk(
    risk: NDArray[np.float64],
    share: NDArray[np.float64],
    aum_base: NDArray[np.float64],
    aum_now: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Money expected to leave with the customer, in the unit of AUM: risk × share × average AUM.

    Never more than risk × ``aum_now``: a customer cannot lose more than is here now, however much it was on
    average.
    """
    return risk * np.minimum(share * aum_base, np.maximum(aum_now, 0.0))


def _cross_entropy(aum: NDArray[np.float64]) -> Loss:

    def loss(share: NDArray[np.float64], rows: lgb.Dataset) -> tuple[str, float, bool]:
        realised, predicted = np.asarray(rows.get_label()), np.clip(share, 1e-15, 1 - 1e-15)
        log_likelihood = realised * np.log(predicted) + (1 - realised) * np.log1p(-predicted)
        return "cross_entropy", float(-np.average(log_likelihood, weights=aum)), False

    return loss
