"""A search for parameters over folds of the Mondays that train and tune; the evaluated ones stay unseen."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from models.splits import folds
from models.tune import Budget, best, search
from pipeline.artefacts import write_json
from pipeline.context import Context
from pipeline.progress import progress_bar, step
from pipeline.snapshots.build import build_outcomes, build_snapshots
from pipeline.tables import Ingested
from pipeline.training.train import plan
from pipeline.training.training_rows import load_matrix, load_peers, monotone_signs

FOLDS = 3  # tuning blocks, the latest first; each costs a fit per trial


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
        rows = load_matrix(home, days, load_peers(settings, home, splits[0].train))
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
