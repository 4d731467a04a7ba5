"""Boosted trees as LightGBM's own text: grown until a later set no longer gains, the same on any number of threads."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from configs.errors import ConfigError, did_you_mean
from configs.settings import Training
from models.matrix import by_column, let_go

Progress = Callable[[int, float], None]
Medians = tuple[float | None, ...]
Loss = Callable[[NDArray[np.float64], lgb.Dataset], tuple[str, float, bool]]


HELD = 4096  # rows read from disk before their memory is freed


@dataclass(frozen=True)
class Trees:
    """LightGBM's text, its columns in order, and what stands for an unknown value in each.

    ``typical`` is None where LightGBM met unknown values in training and has a branch for them. In a column
    that was always known it would read an unknown value as 0; the column's median stands there instead.
    """

    text: str
    columns: tuple[str, ...]
    typical: Medians

    @cached_property
    def booster(self) -> lgb.Booster:
        return lgb.Booster(model_str=self.text)

    def filled(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """A copy with ``typical`` values in place of unknown ones that LightGBM has no branch for."""
        typical = np.array([np.nan if value is None else value for value in self.typical])
        return np.where(np.isnan(features), typical, features)


@dataclass(frozen=True)
class Grown:
    """The text of the rounds that are kept, their number, and the loss on the later set after every round."""

    text: str
    rounds: int
    losses: tuple[float, ...]


class Rows(lgb.Sequence):
    """Some rows of a matrix with one more column, given to LightGBM in batches and never copied as a whole."""

    batch_size = 1024  # what one batch takes stays in the processor's cache

    def __init__(
        self, features: NDArray[np.float64], row: NDArray[np.intp], more: NDArray[np.float64]
    ) -> None:
        self._features, self._row, self._more = features, row, more
        self._held = 0

    def __len__(self) -> int:
        return len(self._row)

    def __getitem__(self, places: Any) -> NDArray[np.float64]:
        found = np.concatenate([self._features[self._row[places]], self._more[places, None]], axis=-1)
        self._held += found.size // found.shape[-1]  # LightGBM asks for single rows too
        if self._held >= HELD:
            let_go(self._features)
            self._held = 0
        return found


def medians(features: NDArray[np.float64]) -> tuple[Medians, Medians]:
    """Per column the median of the known values, None where there is none; and what is typical: the same, but
    None as soon as one value is unknown."""
    found, typical = list[float | None](), list[float | None]()
    for one in by_column(features):
        known = one[~np.isnan(one)]
        found.append(float(np.median(known)) if len(known) else None)
        typical.append(found[-1] if len(known) == len(one) else None)
    return tuple(found), tuple(typical)


def parameters(training: Training, given: Mapping[str, Any], objective: str) -> dict[str, Any]:
    """The bank's parameters, under those that repeatability and calibration rest on.

    Raises ConfigError for a name that LightGBM does not know.
    """
    made: dict[str, Any] = {
        **given,
        "objective": objective,
        "metric": "None",
        "seed": training.seed,
        "num_threads": training.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    _check_names(given, made)
    return made


def monotone(signs: Mapping[str, int], columns: Sequence[str]) -> dict[str, str]:
    """LightGBM's constraint, one sign per column (0: none); no parameter at all without signs."""
    if not signs:
        return {}
    return {"monotone_constraints": ",".join(str(signs.get(name, 0)) for name in columns)}


def grow(
    known: lgb.Dataset,
    later: lgb.Dataset,
    made: dict[str, Any],
    training: Training,
    loss: Loss,
    progress: Progress | None = None,
) -> Grown:
    """Trees on ``known``, stopped when ``loss`` on ``later`` has not improved for ``training.patience`` rounds.

    LightGBM's own losses differ in the last digits with the number of threads, and with them could the round
    at which training stops; ``loss`` is therefore ours. ``progress`` is called with (round, loss).
    """
    losses: list[float] = []
    booster = lgb.train(
        made,
        known,
        num_boost_round=training.rounds,
        valid_sets=[later],
        valid_names=["tune"],
        feval=loss,
        callbacks=[_record(losses, progress), lgb.early_stopping(training.patience, verbose=False)],
    )
    rounds = booster.best_iteration or len(losses)
    return Grown(_without_threads(booster.model_to_string(num_iteration=rounds)), rounds, tuple(losses))


def _check_names(given: Mapping[str, Any], made: dict[str, Any]) -> None:
    """LightGBM ignores a parameter it does not know; an empty booster lists those it does."""
    two_rows = lgb.Dataset(np.array([[0.0], [1.0]]), np.array([0, 1]), params=made)
    text = lgb.Booster(made, two_rows).model_to_string()
    known: Sequence[str] = re.findall(r"^\[(\w+): ", text, flags=re.MULTILINE)
    for name in given:
        if name not in known:
            raise ConfigError(f"training: LightGBM has no parameter {name!r}. {did_you_mean(name, known)}")


def _record(losses: list[float], progress: Progress | None) -> Callable[[Any], None]:
    def callback(state: Any) -> None:
        losses.append(float(state.evaluation_result_list[0][2]))
        if progress:
            progress(state.iteration + 1, losses[-1])

    return callback


def _without_threads(text: str) -> str:
    """The number of threads is how a model was made, not what it is; LightGBM writes it down all the same."""
    return re.sub(r"^\[num_threads: -?\d+\]\n", "", text, flags=re.MULTILINE)
