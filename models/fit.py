"""Gradient-boosted trees for the probability of attrition; the same text on any number of threads."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from configs.errors import ConfigError, DataError, did_you_mean
from configs.settings import Training
from models.matrix import Matrix

Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class Model:
    """LightGBM's own text, its columns in order, and what stands for an unknown value in each.

    ``typical`` is None where LightGBM met unknown values in training and has a branch for them. In a column
    that was always known it would read an unknown value as 0; the column's median stands there instead.
    """

    text: str
    columns: tuple[str, ...]
    typical: tuple[float | None, ...]

    @cached_property
    def booster(self) -> lgb.Booster:
        return lgb.Booster(model_str=self.text)

    def raw(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The raw score per row, in log-odds, before calibration."""
        return np.asarray(self.booster.predict(self.filled(features), raw_score=True), dtype=np.float64)

    def filled(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """A copy with ``typical`` values in place of unknown ones that LightGBM has no branch for."""
        typical = np.array([np.nan if value is None else value for value in self.typical])
        return np.where(np.isnan(features), typical, features)


@dataclass(frozen=True)
class Fitted:
    """A model, the rounds it keeps, and the log loss on the tuning snapshots after every round tried."""

    model: Model
    rounds: int
    losses: tuple[float, ...]


def fit(train: Matrix, tune: Matrix, training: Training, progress: Progress | None = None) -> Fitted:
    """Boosted trees on ``train``, stopped when the log loss on ``tune`` has not improved for ``patience``.

    Every row weighs the same although a customer stands in many snapshots: what is predicted is the row, one
    customer on one Monday, and weighting would shift the rate the calibration needs. What the repetition
    costs is effective sample size, so ``min_data_in_leaf`` is in rows and should hold several customers.
    ``progress`` is called with (round, log loss on tune). Raises DataError when a set holds only one outcome,
    ConfigError when LightGBM does not know a parameter.
    """
    for name, rows in (("train", train), ("tune", tune)):
        _check_both_outcomes(name, rows)
    parameters = _parameters(training)
    losses: list[float] = []
    known = lgb.Dataset(train.features, train.attrited, feature_name=list(train.columns), params=parameters)
    booster = lgb.train(
        parameters,
        known,
        num_boost_round=training.rounds,
        valid_sets=[known.create_valid(tune.features, tune.attrited)],
        valid_names=["tune"],
        feval=_log_loss,
        callbacks=[
            _record(losses, progress),
            lgb.early_stopping(training.patience, verbose=False),
        ],
    )
    rounds = booster.best_iteration or len(losses)
    typical = tuple(None if np.isnan(one).any() else float(np.median(one)) for one in train.features.T)
    text = _without_threads(booster.model_to_string(num_iteration=rounds))
    return Fitted(Model(text, train.columns, typical), rounds, tuple(losses))


def _parameters(training: Training) -> dict[str, Any]:
    """The bank's parameters, under those that repeatability and calibration rest on."""
    parameters: dict[str, Any] = {
        **training.lightgbm,
        "objective": "binary",
        "metric": "None",
        "seed": training.seed,
        "num_threads": training.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    _check_names(training.lightgbm, parameters)
    return parameters


def _check_names(given: Mapping[str, Any], parameters: dict[str, Any]) -> None:
    """LightGBM ignores a parameter it does not know; an empty booster lists those it does."""
    two_rows = lgb.Dataset(np.array([[0.0], [1.0]]), np.array([0, 1]), params=parameters)
    text = lgb.Booster(parameters, two_rows).model_to_string()
    known = re.findall(r"^\[(\w+): ", text, flags=re.MULTILINE)
    for name in given:
        if name not in known:
            raise ConfigError(f"training.lightgbm: unknown key {name!r}. {did_you_mean(name, known)}")


def _check_both_outcomes(name: str, rows: Matrix) -> None:
    attrited = int(rows.attrited.sum())
    if attrited in (0, len(rows)):
        raise DataError(
            f"{name} holds {len(rows)} rows of which {attrited} attrited; both outcomes are needed. "
            "Widen the cohort, lower label.min_drop, or deliver a longer history."
        )


def _log_loss(risk: NDArray[np.float64], rows: lgb.Dataset) -> tuple[str, float, bool]:
    """Mean binary log loss. LightGBM's own differs in the last digits with the number of threads, and with
    it could the round at which training stops."""
    happened = np.where(rows.get_label() == 1, risk, 1 - risk)
    return "log_loss", float(-np.log(np.maximum(happened, 1e-15)).mean()), False


def _record(losses: list[float], progress: Progress | None) -> Callable[[Any], None]:
    def callback(state: Any) -> None:
        losses.append(float(state.evaluation_result_list[0][2]))
        if progress:
            progress(state.iteration + 1, losses[-1])

    return callback


def _without_threads(text: str) -> str:
    """The number of threads is how a model was made, not what it is; LightGBM writes it down all the same."""
    return re.sub(r"^\[num_threads: -?\d+\]\n", "", text, flags=re.MULTILINE)
