"""A seeded search for LightGBM's parameters over folds in time (TPE; Bergstra et al. 2011)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.settings import Training
from models.hazard import fit
from models.matrix import Matrix
from models.metrics import ranking

Fold = tuple[Matrix, Matrix]
Trial = dict[str, Any]

# Lowest and highest value of each parameter, and whether it moves by factors; whole where the bounds are.
SPACE: dict[str, tuple[float, float, bool]] = {
    "learning_rate": (0.015, 0.1, True),
    "num_leaves": (4, 31, True),
    "max_depth": (3, 6, False),
    "min_data_in_leaf": (10, 1000, True),
    "lambda_l2": (1.0, 100.0, True),
    "feature_fraction": (0.1, 1.0, False),
    "bagging_fraction": (0.5, 1.0, False),
}


@dataclass(frozen=True)
class Budget:
    """At most so many trials; none begins after so many seconds (0: no limit)."""

    trials: int
    seconds: int = 0


def search(
    folds: Sequence[Fold],
    training: Training,
    horizons: Sequence[int],
    budget: Budget,
    progress: Callable[[int, int], None],
    monotone: Sequence[int] = (),
) -> list[Trial]:
    """Every trial in its order: the ``params`` tried and, per fold, the least ``log_loss`` and the
    ``average_precision``; fewer folds where it was given up because it did worse than most before it.

    The first is what the settings say, so that the best is never worse.

    The search minimises the log loss of customer-periods, averaged over the folds (train, tune). The same
    seed and number of trials give the same trials; with a limit of seconds, as many of them as there was
    time for. ``progress`` is called with (trials done, trials).
    """
    import optuna  # an extra, and half a second

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=training.seed, n_startup_trials=min(10, budget.trials // 2)),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    study.enqueue_trial({name: training.lightgbm[name] for name in SPACE if name in training.lightgbm})
    trials: list[Trial] = []
    began = time.monotonic()
    while len(trials) < budget.trials:
        if trials and budget.seconds and time.monotonic() - began > budget.seconds:
            break
        suggestion = study.ask()
        params = {name: _suggested(suggestion, name) for name in SPACE}
        changed = training.model_copy(update={"lightgbm": {**training.lightgbm, **params}})
        losses, precisions = list[float](), list[float]()
        for number, (train, tune) in enumerate(folds):
            fitted = fit(train, tune, horizons, changed, monotone)
            losses.append(min(fitted.losses))
            precisions.append(ranking(tune, _risk(fitted.model.raw(tune.features)))["average_precision"])
            suggestion.report(float(np.mean(losses)), number)
            if number + 1 < len(folds) and suggestion.should_prune():
                study.tell(suggestion, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(suggestion, float(np.mean(losses)))
        trials.append({"params": params, "log_loss": losses, "average_precision": precisions})
        progress(len(trials), budget.trials)
    return trials


def best(trials: Sequence[Trial]) -> Trial:
    """The least mean log loss among those that ran over all folds; the first of equals."""
    whole = [trial for trial in trials if len(trial["log_loss"]) == len(trials[0]["log_loss"])]
    return min(whole, key=lambda trial: float(np.mean(trial["log_loss"])))


def _suggested(suggestion: Any, name: str) -> float | int:
    low, high, factors = SPACE[name]
    if isinstance(low, int) and isinstance(high, int):
        return int(suggestion.suggest_int(name, low, high, log=factors))
    return round(float(suggestion.suggest_float(name, low, high, log=factors)), 4)


def _risk(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability of being gone by the longest horizon, before calibration."""
    return np.asarray(-np.expm1(-np.logaddexp(0.0, raw).sum(axis=1)), dtype=np.float64)
