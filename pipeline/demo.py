"""The made-up bank from end to end, and how near its model comes to the truth that planted the leavers."""

import resource
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.errors import DataError
from models.bundle import Bundle, load
from models.matrix import Matrix
from models.metrics import ranking
from pipeline.artefacts import read_json, write_json
from pipeline.commands.summaries import lists_in_words
from pipeline.context import Context
from pipeline.demo_bank import write_demo_bank
from pipeline.evaluation.planted_reasons import recovered, truth_of_rows
from pipeline.progress import progress_bar, step
from pipeline.training.training_rows import load_matrix
from pipeline.weekly import current_tables, run_weekly

UNKNOWN = 0.001  # share of judged rows without a true probability above which something is wrong
CUSTOMERS, WEEKS, SEED, AS_OF = 5000, 130, 7, date(2026, 11, 16)


def run_demo(bank: Context) -> str:
    """Write the extracts unless they are there, run the week, write summary.json; the text to print."""
    began = time.perf_counter()
    raw = bank.home.root / "raw"
    _write_raw(raw)
    publication, lists = run_weekly(bank, raw, AS_OF)
    with step("truth") as counts:
        bundle = load(bank.home.models / publication.run.model_id, bank.bundle_key)
        judged = load_matrix(bank.home, bundle.snapshots.evaluation, bundle.peers)
        truth = true_risk(raw, judged)
        known = ~np.isnan(truth)
        oracle = ranking(judged.where(known), truth[known])
        planted = recovered(bank.settings, bundle, raw, judged)
        counts |= {"oracle_auroc": round(oracle["auroc"], 3), "causes_named": planted["first"]}
    counted = current_tables(bank).counts
    summary = _summary(bundle, oracle) | {
        "snapshot_date": str(AS_OF),
        "cohort": publication.run.cohort,
        "rows_in": sum(one.rows_in for one in counted),
        "rows_loaded": sum(one.loaded for one in counted),
        "rows_quarantined": sum(one.quarantined for one in counted),
        "rows_duplicate": sum(one.duplicates for one in counted),
        "reasons": planted,
        "lists": sum(one.manager is not None for one in lists),
        "seconds": round(time.perf_counter() - began, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    write_json(bank.home.root / "summary.json", summary)
    return f"{lists_in_words(bank, publication, lists)}\n{_in_words(summary)}"


def truth_of(bank: Context) -> Callable[[Matrix], NDArray[np.float64]] | None:
    """``true_risk`` of the extracts below the bank's own folder; None for a bank whose truth nobody knows."""
    raw = bank.home.root / "raw"
    return partial(true_risk, raw) if (raw / "truth").is_dir() else None


def true_risk(raw: Path, rows: Matrix) -> NDArray[np.float64]:
    """The probability that the made-up bank used for each customer and Monday; only ever for judging.

    NaN where it has none: a late row can put a customer into the cohort whom the bank itself knew outside.
    """
    probability = truth_of_rows(raw, rows, "probability").to_numpy(np.float64)
    unknown = int(np.isnan(probability).sum())
    if unknown > UNKNOWN * len(rows):
        raise DataError(
            f"the truth in {raw} does not know {unknown} of {len(rows)} judged rows. "
            f"Delete {raw} and run `make demo` again."
        )
    return probability


def _write_raw(raw: Path) -> None:
    """The same customers, weeks and seed give the same bytes, so extracts that are there are kept."""
    wanted = {"customers": CUSTOMERS, "weeks": WEEKS, "seed": SEED, "until": str(AS_OF)}
    note = raw / "demo.json"
    if note.is_file() and read_json(note) == wanted:
        return
    with step("demo-bank") as counts, progress_bar("weeks") as on_week:
        write_demo_bank(raw, CUSTOMERS, WEEKS, SEED, AS_OF, progress=on_week)
        write_json(note, wanted)
        counts |= wanted


def _summary(bundle: Bundle, oracle: dict[str, float]) -> dict[str, Any]:
    """The figures out of time: the model's, the better rule's, the truth's own."""
    model, rules = bundle.metrics["model"], bundle.metrics["rules"]
    shown = ("attrition_rate", "auroc", "average_precision", "ece", "recall_at_10", "aum_caught_at_10")
    return {name: round(model[name], 4) for name in shown} | {
        "rule_average_precision": round(max(one["average_precision"] for one in rules.values()), 4),
        "oracle_auroc": round(oracle["auroc"], 4),
        "oracle_average_precision": round(oracle["average_precision"], 4),
    }


def _in_words(summary: dict[str, Any]) -> str:
    way = (summary["auroc"] - 0.5) / (summary["oracle_auroc"] - 0.5)
    return (
        f"judged out of time: AUROC {summary['auroc']:.3f} (truth {summary['oracle_auroc']:.3f}, "
        f"{way:.0%} of the way), average precision {summary['average_precision']:.3f} "
        f"(best rule {summary['rule_average_precision']:.3f}, truth {summary['oracle_average_precision']:.3f}), "
        f"ECE {summary['ece']:.3f}, {summary['recall_at_10']:.0%} of leavers and "
        f"{summary['aum_caught_at_10']:.0%} of their money in the top 10%, of whom the first reason is the planted "
        f"one for {summary['reasons']['first']:.0%}"
    )
