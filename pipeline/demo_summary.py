"""Closing words of a made-up bank's run: its model beside the truth, and the way to the pages."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from configs.call_lists import CallList
from models.bundle import load
from models.metrics import ranking
from pipeline.context import Context
from pipeline.evaluation.demo_truth import true_reasons_named, true_risk
from pipeline.example_banks import SNAPSHOT_DATE
from pipeline.progress import step
from pipeline.scoring.score import Publication
from pipeline.training.train import load_matrix
from serve.demo_token import demo_token
from serve.texts.wording import Wording

METRICS = ("attrition_rate", "auroc", "average_precision", "ece", "recall_at_10", "aum_caught_at_10")
PAGES = "http://127.0.0.1:8000/"


def against_the_truth(
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


def truth_in_words(summary: Mapping[str, Any], words: Wording) -> str:
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


def way_to_the_pages(context: Context, top: CallList, words: Wording, with_token: bool) -> str:
    """The address, and a token of whoever owns the list: of its manager, else of an admin."""
    role, manager = ("manager", top.manager.manager_id) if top.manager else ("admin", "")
    who = words("demo.who_manager", manager=manager) if manager else words("demo.who_role", role=role)
    serve = f"make serve BANK={context.settings.bank}"
    if with_token:
        invitation = words("demo.pages", serve=serve, address=PAGES, who=who)
        return f"{invitation}\n{demo_token(context.data, role, manager)}"
    token = f"make token ROLE={role}{f' MANAGER={manager}' if manager else ''}"
    return words("demo.pages_without_token", serve=serve, address=PAGES, who=who, token=token)
