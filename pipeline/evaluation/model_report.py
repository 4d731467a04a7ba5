"""The report of a model on Mondays it had not seen: figures, card and page.

It is written at once after training, or in full on request.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from configs.errors import DataError
from configs.settings import Settings
from models.baselines import fit_logistic, logistic_scores, rules
from models.bundle import Bundle
from models.matrix import Matrix
from models.metrics import ENOUGH
from pipeline.artefacts import Home, read_json, write_json, write_text
from pipeline.context import Context
from pipeline.evaluation.figures import EXPLAINED, Evaluated, Scores, detailed_figures, figures
from pipeline.evaluation.model_card import Card, card_markdown, missing_in_card, model_card
from pipeline.evaluation.research import build_history
from pipeline.evaluation.segments import segments
from pipeline.tables import Ingested
from pipeline.training.comparison import contract_breaks
from pipeline.training.train import columns_of, load_matrix, risks_of

Figures = Mapping[str, Any]
RESEARCH = ("ablation", "learning-curve", "backtest")  # commands that write a file of this name
# By curve its title and its axes, the one across first.
CURVES = {
    "precision_recall": ("Precision and recall", "recall", "precision"),
    "roc": ("ROC", "share of others called", "recall"),
    "lift": ("Lift", "share called", "lift"),
}
USES = {"train": "fitted", "tune": "calibrated", "judge": "judged"}


def evaluate_after_training(
    context: Context, tables: Ingested, bundle: Bundle, rows: Matrix, champion: Bundle | None
) -> None:
    """Writes figures and card of a model just trained, those that cost little; ``rows`` are the evaluated.

    The page follows once the model was compared: it begins with the verdict.
    """
    evaluation = _evaluation(context, tables, bundle, rows, _champion_scores(context, champion, rows))
    evaluation["figures"]["others"] = bundle.metrics["rules"] | evaluation["figures"]["others"]
    _write(context, bundle, evaluation)


def report_in_full(context: Context, tables: Ingested, bundle: Bundle, champion: Bundle | None) -> Path:
    """The page of a model with intervals of all ways to rank, and a logistic regression among them.

    The evaluated Mondays are read again as of the day of training. Raises DataError where today's features
    or label are not the bundle's.
    """
    unlike = contract_breaks(context.settings, bundle)
    if unlike:
        raise DataError(
            f"model {bundle.model_id} was trained on another {' and '.join(unlike)} than today's settings "
            "name. Report it with the code and settings it was trained with, or train again."
        )
    used = bundle.snapshots
    build_history(context, tables, (*used.train, *used.evaluation), bundle.trained_as_of)
    logistic = fit_logistic(load_matrix(context.home, used.train, bundle.learnt))
    rows = load_matrix(context.home, used.evaluation, bundle.learnt)
    others = rules(rows) | {"logistic": logistic_scores(logistic, rows.features)}
    others |= _champion_scores(context, champion, rows)
    _write(context, bundle, _evaluation(context, tables, bundle, rows, others))
    return write_page(context, bundle)


def evaluation_of(home: Home, model_id: str) -> dict[str, Any]:
    """The figures of a model as they were last written; empty where it was never evaluated."""
    path = home.reports / f"{model_id}.json"
    return dict(read_json(path)) if path.is_file() else {}


def card_of(context: Context, bundle: Bundle) -> Card:
    """The model card with the figures last written of the model."""
    return model_card(context.settings, bundle, evaluation_of(context.home, bundle.model_id))


def model_page(
    settings: Settings,
    bundle: Bundle,
    evaluation: Figures,
    card: Card,
    research: Figures,
    comparison: Figures | None = None,
) -> str:
    """The whole page as HTML; the same bytes for the same figures.

    The verdict is that of the ``comparison`` before a promotion, None where there was none.
    ``research`` holds what the commands ablation, learning-curve and backtest wrote about models of the same
    Monday, by the name of their file, as far as they were run.
    """
    # Charts take half a second to import.
    from pipeline.evaluation.page import calibration, lines, page, points, ranked, timeline

    detail = evaluation["detail"]
    mondays = {use: bundle.metrics["snapshots"][name] for name, use in USES.items()}
    used = [{"Monday": pd.Timestamp(day), "used": use} for use, days in mondays.items() for day in days]
    horizons = [
        {"promised": group["promised"], "came": group["came"], "within": f"{days} days"}
        for days, groups in detail["calibration"].items()
        for group in groups
    ]
    reasons = [{"reason": row["reason"], "log-odds": row["log_odds"]} for row in detail["reasons"]]
    effects = [
        {"feature": row["feature"], "log-odds": row["log_odds"], "value": row["value"]}
        for row in detail["effects"]
    ]
    curve = research.get("learning-curve", {}).get("rows", [])
    return page(
        "model.html",
        settings,
        bundle=bundle,
        evaluation=evaluation,
        mondays=mondays,
        charts={
            "mondays": timeline(used, "Monday", "used"),
            "calibration": calibration(horizons, "promised", "came", "within", "Share of customers gone"),
            "curves": [
                lines(detail["curves"][name], across, up, title=title)
                for name, (title, across, up) in CURVES.items()
            ],
            "effects": points(effects, "feature", "log-odds", "value"),
            "features": ranked(detail["features"], "feature", "gain", "Features"),
            "reasons": ranked(reasons, "reason", "log-odds", "Reasons"),
            "learning_curve": curve and lines(curve, "mondays", "average_precision", title="Learning curve"),
        },
        enough=ENOUGH,
        explained=EXPLAINED,
        ablation=research.get("ablation", {}).get("rows", []),
        learning_curve=curve,
        origins=[row["origin"] for row in research.get("backtest", {}).get("origins", [])],
        card=card,
        comparison=comparison,
        missing=missing_in_card(card),
    )


def _evaluation(
    context: Context, tables: Ingested, bundle: Bundle, rows: Matrix, others: Mapping[str, Scores]
) -> dict[str, Any]:
    settings = context.settings
    teams, groups = segments(settings, context.home, tables, rows)
    evaluated = Evaluated(rows, bundle.predict(rows), teams, groups, others)
    return {
        "bank": settings.bank,
        "model_id": bundle.model_id,
        "data": {
            "fingerprint": tables.fingerprint,
            "first_day": str(tables.first_day),
            "last_day": str(tables.last_day),
            "rows": {count.table: count.loaded for count in tables.counts},
        },
        "figures": figures(settings, evaluated),
        "detail": detailed_figures(settings, bundle, evaluated),
    }


def _champion_scores(context: Context, champion: Bundle | None, rows: Matrix) -> dict[str, Scores]:
    """The champion's risks under its name; nothing where there is none that knows today's features.

    The name says so where it learnt from some of these Mondays: it then looks better than it is.
    """
    if champion is None or champion.model.columns != tuple(columns_of(context.settings)):
        return {}
    last_used = max(day for days in champion.metrics["snapshots"].values() for day in days)
    saw = " (saw some of these Mondays)" if last_used >= str(rows.snapshot_date.min()) else ""
    return {f"champion {champion.model_id}{saw}": risks_of(champion, context.home, rows)}


def write_page(context: Context, bundle: Bundle) -> Path:
    """Writes the page of an evaluated model beside its figures, with the verdict of its last comparison."""
    settings, target = context.settings, context.home.reports / bundle.model_id
    # What other commands wrote about models of the same Monday.
    paths = {name: context.home.root / f"{name}.json" for name in RESEARCH}
    written = {name: read_json(path) for name, path in paths.items() if path.is_file()}
    as_of = str(bundle.trained_as_of)
    research = {name: content for name, content in written.items() if content["as_of"] == as_of}
    compared = comparison_file(context.home, bundle.model_id)
    comparison = read_json(compared) if compared.is_file() else None
    evaluation, page = evaluation_of(context.home, bundle.model_id), target.with_suffix(".html")
    card = model_card(settings, bundle, evaluation)
    write_text(page, model_page(settings, bundle, evaluation, card, research, comparison))
    return page


def comparison_file(home: Home, model_id: str) -> Path:
    """The file of the last comparison of a model."""
    return home.root / "decisions" / f"{model_id}.json"


def _write(context: Context, bundle: Bundle, evaluation: dict[str, Any]) -> None:
    """Figures and card, beside the bundle."""
    target = context.home.reports / bundle.model_id
    write_json(target.with_suffix(".json"), evaluation)
    write_text(
        target.with_suffix(".md"),
        card_markdown(bundle.model_id, model_card(context.settings, bundle, evaluation)),
    )
