"""A seeded search for LightGBM's parameters over folds in time (TPE; Bergstra et al. 2011): folds of the
Mondays that train and tune; the evaluated ones stay unseen."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.settings import Training
from models.hazard import binned, fit
from models.matrix import Matrix
from models.metrics import ranking
from models.splits import folds
from pipeline.artefacts import write_json
from pipeline.context import Context
from pipeline.progress import progress_bar, step
from pipeline.snapshots.build import build_outcomes, build_snapshots
from pipeline.tables import Ingested
from pipeline.training.train import load_learnt, load_matrix, monotone_signs, plan

FOLDS = 3  # tuning blocks, the latest first; each costs a fit per trial
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
    folds: Sequence[tuple[Matrix, Matrix]],
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
    # One set of bins serves leaves of any size, as long as no column is left out for the size of one trial's.
    whole = {**training.lightgbm, "feature_pre_filter": False}
    with_all = training.model_copy(update={"lightgbm": whole})
    bins = [binned(train, tune, horizons, with_all) for train, tune in folds]
    trials: list[Trial] = []
    began = time.monotonic()
    while len(trials) < budget.trials:
        if trials and budget.seconds and time.monotonic() - began > budget.seconds:
            break
        suggestion = study.ask()
        params = {name: _suggested(suggestion, name) for name in SPACE}
        changed = training.model_copy(update={"lightgbm": {**whole, **params}})
        losses, precisions = list[float](), list[float]()
        for number, (train, tune) in enumerate(folds):
            fitted = fit(train, tune, horizons, changed, monotone, bins=bins[number])
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


def run_tuning(bank: Context, tables: Ingested, as_of: date, budget: Budget) -> dict[str, Any]:
    """The folds, every trial and the best one; written to ``tune.json``, which a rerun repeats byte for byte.

    With a limit of seconds the number of trials depends on the machine. The means of peers are those of the
    Mondays of the earliest fold, so no fold knows of later ones.
    """
    settings, home = bank.settings, bank.home
    chosen = plan(settings, tables, as_of)
    splits = folds(chosen, settings.label, settings.training, FOLDS)
    days = (*chosen.train, *chosen.tune)
    with (
        step("snapshots") as counts,
        progress_bar("features") as on_features,
        progress_bar("labels") as on_labels,
    ):
        counts["features"] = build_snapshots(settings, home, tables, days, on_features)
        counts["labels"] = build_outcomes(settings, home, tables, days, as_of, on_labels)
    with step("tune") as counts, progress_bar("trials") as on_trial:
        rows = load_matrix(home, days, load_learnt(settings, home, splits[0]))
        sets = [(rows.on(fold.train), rows.on(fold.tune)) for fold in splits]
        signs = monotone_signs(settings, rows.columns)
        trials = search(sets, settings.training, settings.label.horizons, budget, on_trial, signs)
        counts |= {"folds": len(splits), "trials": len(trials)}
    result = {
        "bank": settings.bank,
        "as_of": str(as_of),
        "seed": settings.training.seed,
        "folds": [{"train": _ends(fold.train), "tune": _ends(fold.tune)} for fold in splits],
        "trials": trials,
        "best": best(trials),
    }
    write_json(home.root / "tune.json", result)
    return result


def in_words(result: dict[str, Any]) -> str:
    """The best trials beside the settings' own, and a block of TOML for the bank's bank.toml."""
    names = list(result["best"]["params"])
    table = pd.DataFrame([_row(number, trial) for number, trial in enumerate(result["trials"])])
    whole = table[table["folds"] == len(result["folds"])].sort_values("log_loss", kind="stable")
    shown = pd.concat([table.head(1), whole[whole["trial"] > 0].head(5)])[
        ["trial", "log_loss", "average_precision", *names]
    ]
    block = "\n".join(
        ["[training.lightgbm]", *(f"{name} = {result['best']['params'][name]}" for name in names)]
    )
    return (
        f"{len(table)} trials on {len(result['folds'])} folds, {len(table) - len(whole)} of them given up; "
        f"trial 0 is what the settings say\n{shown.to_string(index=False)}\n\n{block}"
    )


def _ends(days: tuple[date, ...]) -> list[str]:
    return [str(days[0]), str(days[-1])]


def _row(number: int, trial: dict[str, Any]) -> dict[str, Any]:
    means = {name: round(float(np.mean(trial[name])), 5) for name in ("log_loss", "average_precision")}
    return {"trial": number, "folds": len(trial["log_loss"]), **means, **trial["params"]}
