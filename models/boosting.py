"""Boosted trees as LightGBM's text, trained until a later set no longer gains; equal on any thread count."""

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
from models.matrix import by_column, release

Progress = Callable[[int, float], None]
Medians = tuple[float | None, ...]
Loss = Callable[[NDArray[np.float64], lgb.Dataset], tuple[str, float, bool]]

ROWS_HELD = 4096  # rows read from disk before their memory is freed


@dataclass(frozen=True)
class Trees:
    """LightGBM's text, its columns in order, and the value that fills each column's unknown ones.

    A fill value is None where LightGBM met unknown values in training and has a branch for them. In a column
    that was always known it would read an unknown value as 0; the column's median stands there instead.
    """

    text: str
    columns: tuple[str, ...]
    fill_values: Medians

    @cached_property
    def booster(self) -> lgb.Booster:
        return lgb.Booster(model_str=self.text)

    def filled(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """A copy with fill values in place of unknown ones that LightGBM has no branch for."""
        return np.where(np.isnan(features), np.array(self.fill_values, dtype=np.float64), features)


class Rows(lgb.Sequence):
    """Some rows of a matrix with one more column, given to LightGBM in batches, never copied as a whole."""

    batch_size = 1024  # what one batch takes stays in the processor's cache

    def __init__(
        self, features: NDArray[np.float64], row: NDArray[np.intp], column: NDArray[np.float64]
    ) -> None:
        self._features, self._row, self._column = features, row, column
        self._held = 0

    def __len__(self) -> int:
        return len(self._row)

    def __getitem__(self, places: Any) -> NDArray[np.float64]:
        batch = np.concatenate([self._features[self._row[places]], self._column[places, None]], axis=-1)
        self._held += batch.size // batch.shape[-1]  # LightGBM asks for single rows too
        if self._held >= ROWS_HELD:
            release(self._features)
            self._held = 0
        return batch


def medians(features: NDArray[np.float64]) -> tuple[Medians, Medians]:
    """Per column the median of the known values (None: no value) and the fill value (None: not needed)."""
    column_medians, fill_values = list[float | None](), list[float | None]()
    for column in by_column(features):
        known = column[~np.isnan(column)]
        column_medians.append(float(np.median(known)) if len(known) else None)
        fill_values.append(column_medians[-1] if len(known) == len(column) else None)
    return tuple(column_medians), tuple(fill_values)


def parameters(training: Training, chosen: Mapping[str, Any], objective: str) -> dict[str, Any]:
    """The bank's parameters, under those that repeatability and calibration rest on.

    Raises ConfigError for a name that LightGBM does not know: it would ignore it. An empty booster lists the
    known.
    """
    params: dict[str, Any] = {
        **chosen,
        "objective": objective,
        "metric": "None",
        "seed": training.seed,
        "num_threads": training.threads,
        "deterministic": True,
        "force_col_wise": True,
        "force_row_wise": False,
        "verbosity": -1,
    }
    try:
        two_rows = lgb.Dataset(np.array([[0.0], [1.0]]), np.array([0, 1]), params=params)
        text = lgb.Booster(params, two_rows).model_to_string()
    except lgb.basic.LightGBMError as error:
        where = "lightgbm" if objective == "binary" else "severity"
        reason = str(error).split(" at /")[0]
        raise ConfigError(
            f"[training.{where}]: LightGBM refuses {dict(chosen)}: {reason}. Correct it."
        ) from None
    names: Sequence[str] = re.findall(r"^\[(\w+): ", text, flags=re.MULTILINE)
    for name in chosen:
        if name not in names:
            raise ConfigError(f"training: LightGBM has no parameter {name!r}. {did_you_mean(name, names)}")
    return params


def train_trees(
    train_set: lgb.Dataset,
    tune_set: lgb.Dataset,
    params: dict[str, Any],
    training: Training,
    loss: Loss,
    progress: Progress | None = None,
) -> tuple[str, int, list[float]]:
    """The text of the trees that are kept, their rounds, and the loss on ``tune_set`` after every round.

    They are fitted on ``train_set`` and stopped when ``loss`` on ``tune_set`` has not improved for
    ``training.patience`` rounds.

    LightGBM's own losses differ in the last digits with the number of threads, and with them could the round
    at which training stops; ``loss`` is therefore ours. ``progress`` is called with (round, loss).
    """
    losses: list[float] = []

    def record(state: Any) -> None:
        losses.append(float(state.evaluation_result_list[0][2]))
        if progress:
            progress(state.iteration + 1, losses[-1])

    booster = lgb.train(
        params,
        train_set,
        num_boost_round=training.rounds,
        valid_sets=[tune_set],
        valid_names=["tune"],
        feval=loss,
        callbacks=[record, lgb.early_stopping(training.patience, verbose=False)],
    )
    rounds = booster.best_iteration or len(losses)
    text = booster.model_to_string(num_iteration=rounds)
    # How a model was made is not what it is; LightGBM writes it down all the same.
    text = re.sub(r"^\[(num_threads|force_(col|row)_wise): .*\]\n", "", text, flags=re.MULTILINE)
    return text, rounds, losses
