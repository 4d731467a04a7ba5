"""Made-up banks from end to end, and how near the demo bank's model comes to the simulator's truth."""

import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from models.bundle import load
from models.metrics import ranking
from pipeline.artefacts import read_json, write_json
from pipeline.commands.summaries import lists_in_words
from pipeline.context import Context
from pipeline.demo_bank import write_demo_bank
from pipeline.evaluation.demo_truth import true_reasons_named, true_risk
from pipeline.example_banks import SNAPSHOT_DATE, write_example_bank
from pipeline.progress import progress_bar, step
from pipeline.training.train import load_matrix
from pipeline.weekly import run_weekly

CUSTOMERS, WEEKS, SEED = 5000, 130, 7
METRICS = ("attrition_rate", "auroc", "average_precision", "ece", "recall_at_10", "aum_caught_at_10")


def run_demo(context: Context) -> str:
    """Write the extracts unless they are there, run the week, write summary.json; the text to print."""
    began = time.perf_counter()
    raw = context.home.root / "raw"
    _write_raw(raw)
    publication, lists = run_weekly(context, raw, SNAPSHOT_DATE)
    with step("truth") as counts:
        bundle = load(context.home.models / publication.run.model_id, context.bundle_key)
        rows = load_matrix(context.home, bundle.snapshots.evaluation, bundle.learnt)
        truth = true_risk(raw, rows)
        has_truth = ~np.isnan(truth)
        oracle = ranking(rows.where(has_truth), truth[has_truth])
        reasons = true_reasons_named(context.settings, bundle, raw, rows)
        counts |= {"oracle_auroc": round(oracle["auroc"], 3), "causes_named": reasons["first"]}
    loaded = context.tables.counts
    model, rules = bundle.metrics["model"], bundle.metrics["rules"].values()
    summary = {name: round(model[name], 4) for name in METRICS} | {
        "rule_average_precision": round(max(rule["average_precision"] for rule in rules), 4),
        "oracle_auroc": round(oracle["auroc"], 4),
        "oracle_average_precision": round(oracle["average_precision"], 4),
        "snapshot_date": str(SNAPSHOT_DATE),
        "cohort": publication.run.cohort,
        "rows_in": sum(table.rows_in for table in loaded),
        "rows_loaded": sum(table.loaded for table in loaded),
        "rows_quarantined": sum(table.quarantined for table in loaded),
        "rows_duplicate": sum(table.duplicates for table in loaded),
        "reasons": reasons,
        "lists": sum(call_list.manager is not None for call_list in lists),
        "seconds": round(time.perf_counter() - began, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    write_json(context.home.root / "summary.json", summary)
    return f"{lists_in_words(context, publication, lists)}\n{_in_words(summary)}"


def run_example(context: Context) -> str:
    """Write the raw files of an example bank unless they are there, run the week; the text to print."""
    publication, lists = run_weekly(context, write_example_bank(context), SNAPSHOT_DATE)
    return lists_in_words(context, publication, lists)


def _write_raw(raw: Path) -> None:
    """Equal customers, weeks and seed give equal bytes, so extracts that are there are kept."""
    wanted = {"customers": CUSTOMERS, "weeks": WEEKS, "seed": SEED, "until": str(SNAPSHOT_DATE)}
    note = raw / "demo.json"
    if note.is_file() and read_json(note) == wanted:
        return
    with step("demo-bank") as counts, progress_bar("weeks") as on_week:
        write_demo_bank(raw, CUSTOMERS, WEEKS, SEED, SNAPSHOT_DATE, progress=on_week)
        write_json(note, wanted)
        counts |= wanted


def _in_words(summary: dict[str, Any]) -> str:
    way = (summary["auroc"] - 0.5) / (summary["oracle_auroc"] - 0.5)
    return (
        f"judged out of time: AUROC {summary['auroc']:.3f} (truth {summary['oracle_auroc']:.3f}, "
        f"{way:.0%} of the way), average precision {summary['average_precision']:.3f} "
        f"(best rule {summary['rule_average_precision']:.3f}, "
        f"truth {summary['oracle_average_precision']:.3f}), "
        f"ECE {summary['ece']:.3f}, {summary['recall_at_10']:.0%} of leavers and "
        f"{summary['aum_caught_at_10']:.0%} of their money in the top 10%, of whom the first reason is the "
        f"planted one for {summary['reasons']['first']:.0%}"
    )
