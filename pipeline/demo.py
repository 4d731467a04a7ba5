"""Made-up banks from end to end, and how near the demo bank's model comes to the simulator's truth."""

import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from configs.call_lists import CallList
from models.bundle import load
from models.metrics import ranking
from pipeline.artefacts import read_json, write_json
from pipeline.commands.summaries import lists_in_words, longest_list
from pipeline.context import Context
from pipeline.demo_bank import write_demo_bank
from pipeline.evaluation.demo_truth import true_reasons_named, true_risk
from pipeline.example_banks import SNAPSHOT_DATE, write_example_bank
from pipeline.progress import Stages, counted_stages, progress_bar, step
from pipeline.scoring.score import Publication
from pipeline.training.train import load_matrix
from pipeline.weekly import run_weekly
from serve.demo_token import demo_token
from serve.texts.wording import Wording

CUSTOMERS, WEEKS, SEED = 5000, 130, 7
METRICS = ("attrition_rate", "auroc", "average_precision", "ece", "recall_at_10", "aum_caught_at_10")


# The stages of a made-up bank: the key of its words, and the steps that belong to it.
STAGES = (
    ("demo.files", ("demo-bank", "example-bank")),
    ("demo.tables", ("ingest",)),
    ("demo.features", ("calibration", "gates", "matured", "snapshots")),
    ("demo.labels", ("labels",)),
    ("demo.model", ("train",)),
    ("demo.champion", ("report", "compare")),
    ("demo.scores", ("score", "effect", "choose")),
    ("demo.publication", ("run-gates", "win-back", "figures", "publish", "lists", "register")),
    ("demo.truth", ("truth",)),
)
PAGES = "http://127.0.0.1:8000/"


def run_made_up(context: Context, words: Wording, with_token: bool = False) -> str:
    """A made-up bank from raw files to lists, stage by stage; the text to print.

    It ends with the address of the pages and a token for them, or the command that prints one: a token is a
    secret, so ``with_token`` is for a terminal alone.
    """
    began, is_demo = time.perf_counter(), context.settings.bank == "demo"
    stages = [(words(key), steps) for key, steps in (STAGES if is_demo else STAGES[:-1])]
    with counted_stages(Stages(stages, words("demo.place"), words("demo.kept"))):
        raw = _write_raw(context) if is_demo else write_example_bank(context)
        publication, lists = run_weekly(context, raw, SNAPSHOT_DATE)
        parts = [lists_in_words(context, publication, lists, words)]
        if is_demo:  # of the other banks nobody knows the truth
            summary = _against_the_truth(context, publication, lists)
            summary["seconds"] = round(time.perf_counter() - began, 1)
            summary["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            write_json(context.home.root / "summary.json", summary)
            parts.append(_in_words(summary, words))
    parts.append(_way_to_the_pages(context, longest_list(publication, lists), words, with_token))
    return "\n".join(parts)


def _against_the_truth(
    context: Context, publication: Publication, lists: Sequence[CallList]
) -> dict[str, Any]:
    """The figures of the run beside those of the simulator's true probabilities and reasons."""
    raw = context.home.root / "raw"
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
    return {name: round(model[name], 4) for name in METRICS} | {
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
    }


def _write_raw(context: Context) -> Path:
    """The folder of the extracts. Equal customers, weeks and seed give equal bytes: those there are kept."""
    raw = context.home.root / "raw"
    wanted = {"customers": CUSTOMERS, "weeks": WEEKS, "seed": SEED, "until": str(SNAPSHOT_DATE)}
    note = raw / "demo.json"
    if note.is_file() and read_json(note) == wanted:
        return raw
    with step("demo-bank") as counts, progress_bar("weeks") as on_week:
        write_demo_bank(raw, CUSTOMERS, WEEKS, SEED, SNAPSHOT_DATE, progress=on_week)
        write_json(note, wanted)
        counts |= wanted
    return raw


def _in_words(summary: Mapping[str, Any], words: Wording) -> str:
    return words(
        "demo.judged",
        auroc=summary["auroc"],
        oracle=summary["oracle_auroc"],
        way=(summary["auroc"] - 0.5) / (summary["oracle_auroc"] - 0.5),
        precision=summary["average_precision"],
        rule=summary["rule_average_precision"],
        oracle_precision=summary["oracle_average_precision"],
        ece=summary["ece"],
        leavers=summary["recall_at_10"],
        money=summary["aum_caught_at_10"],
        named=summary["reasons"]["first"],
    )


def _way_to_the_pages(context: Context, top: CallList, words: Wording, with_token: bool) -> str:
    """The address, and a token of whoever owns the list: of its manager, else of an admin."""
    role, manager = ("manager", top.manager.manager_id) if top.manager else ("admin", "")
    who = words("demo.who_manager", manager=manager) if manager else words("demo.who_role", role=role)
    serve = f"make serve BANK={context.settings.bank}"
    if with_token:
        invitation = words("demo.pages", serve=serve, address=PAGES, who=who)
        return f"{invitation}\n{demo_token(context.data, role, manager)}"
    token = f"make token ROLE={role}{f' MANAGER={manager}' if manager else ''}"
    return words("demo.pages_without_token", serve=serve, address=PAGES, who=who, token=token)
