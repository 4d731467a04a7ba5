"""The report of a model on Mondays it had not seen: figures, card and page.

It is written at once after training, or in full on request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from configs.errors import DataError
from configs.settings import Settings
from models.baselines import fit_logistic, logistic_scores, rules
from models.bundle import Bundle
from models.metrics import ENOUGH
from pipeline.artefacts import Home, read_json, write_json, write_text
from pipeline.context import Context
from pipeline.evaluation.figures import EXPLAINED, Evaluated, detailed_figures, figures, in_groups
from pipeline.evaluation.model_card import Card, card_markdown, missing_parts, model_card
from pipeline.evaluation.page_templates import named
from pipeline.evaluation.research import build_history
from pipeline.tables import Ingested
from pipeline.training import registry
from pipeline.training.comparison import contract_breaks
from pipeline.training.train import Trained, columns_of, load_matrix, predicted_by
from serve.texts.wording import Wording

Figures = Mapping[str, Any]
RESEARCH = ("ablation", "learning-curve", "backtest")  # commands that write a file of this name
# By curve its axes, the one across first.
CURVES = {
    "precision_recall": ("recall", "precision"),
    "roc": ("share of others called", "recall"),
    "lift": ("share called", "lift"),
}
USES = ("train", "tune", "judge")


def evaluate_after_training(
    context: Context, tables: Ingested, trained: Trained, champion: Bundle | None
) -> Evaluated:
    """Writes figures and card of a model just trained, those that cost little; returns what they rest on.

    The page follows once the model was compared: it begins with the verdict.
    """
    bundle, rows, predicted = trained
    evaluated = _with_champion(context, champion, in_groups(context, tables, rows, predicted, {}))
    evaluation = _evaluation(context, tables, bundle, evaluated)
    evaluation["figures"]["others"] = bundle.metrics["rules"] | evaluation["figures"]["others"]
    _write(context, bundle, evaluation)
    return evaluated


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
    evaluated = in_groups(context, tables, rows, bundle.predict(rows), others)
    evaluated = _with_champion(context, champion, evaluated)
    _write(context, bundle, _evaluation(context, tables, bundle, evaluated))
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
    """The whole page as HTML, in the language of the bank; the same bytes for the same figures.

    The verdict is that of the ``comparison`` before a promotion, None where there was none.
    ``research`` holds what the commands ablation, learning-curve and backtest wrote about models of the same
    Monday, by the name of their file, as far as they were run.
    """
    from pipeline.evaluation.page import page  # half a second

    w = Wording(settings.language, lambda: settings.list_terms.tiers)
    mondays = {use: bundle.metrics["snapshots"][use] for use in USES}
    curve = research.get("learning-curve", {}).get("rows", [])
    return page(
        "model.html",
        settings,
        settings.language,
        bundle=bundle,
        evaluation=evaluation,
        mondays=mondays,
        charts=_charts(w, evaluation["detail"], mondays, curve),
        enough=ENOUGH,
        explained=EXPLAINED,
        ablation=[
            {**row, "without": named(w, "none") if row["without"] == "none" else row["without"]}
            for row in research.get("ablation", {}).get("rows", [])
        ],
        learning_curve=curve,
        origins=[row["origin"] for row in research.get("backtest", {}).get("origins", [])],
        card=card,
        comparison=comparison,
        missing=missing_parts(card),
    )


def _charts(
    w: Wording, detail: Figures, mondays: Mapping[str, Sequence[str]], curve: Sequence[Figures]
) -> dict[str, Any]:
    """The charts by name; their columns are named in words, for the axes bear these names."""
    from pipeline.evaluation.page import calibration, lines, points, ranked, timeline

    def renamed(rows: Sequence[Figures]) -> list[dict[str, Any]]:
        return [{named(w, key): value for key, value in row.items()} for row in rows]

    used = [{"day": pd.Timestamp(day), "use": named(w, use)} for use, days in mondays.items() for day in days]
    predicted, observed, log_odds = named(w, "promised"), named(w, "came"), named(w, "log_odds")
    horizons = [
        {predicted: group["promised"], observed: group["came"], "within": w("report.days", days=days)}
        for days, groups in detail["calibration"].items()
        for group in groups
    ]
    reasons = [{"reason": w.group(row["reason"]), log_odds: row["log_odds"]} for row in detail["reasons"]]
    curves = [
        lines(renamed(detail["curves"][name]), named(w, across), named(w, up), title=named(w, name))
        for name, (across, up) in CURVES.items()
    ]
    effects = [{**row, log_odds: row["log_odds"]} for row in detail["effects"]]
    learning = (named(w, "mondays"), named(w, "average_precision"))
    return {
        "mondays": timeline(used, "day", "use"),
        "calibration": calibration(horizons, predicted, observed, "within", w("report.calibration.chart")),
        "curves": curves,
        "effects": points(effects, "feature", log_odds, "value"),
        "features": ranked(
            renamed(detail["features"]), named(w, "feature"), named(w, "gain"), w("report.features")
        ),
        "reasons": ranked(reasons, "reason", log_odds, w("report.reasons")),
        "learning_curve": curve and lines(renamed(curve), *learning, title=w("report.learning")),
    }


def _evaluation(context: Context, tables: Ingested, bundle: Bundle, evaluated: Evaluated) -> dict[str, Any]:
    settings = context.settings
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


def _with_champion(context: Context, champion: Bundle | None, evaluated: Evaluated) -> Evaluated:
    """With the champion's predictions, its risks as one more way to rank; without where none knows today's
    features.

    The name says so where it learnt from some of these Mondays: it then looks better than it is.
    """
    if champion is None or champion.model.columns != tuple(columns_of(context.settings)):
        return evaluated
    last_used = max(day for days in champion.metrics["snapshots"].values() for day in days)
    saw = " (saw some of these Mondays)" if last_used >= str(evaluated.rows.snapshot_date.min()) else ""
    predicted = predicted_by(champion, context.home, evaluated.rows)
    others = {**evaluated.others, f"champion {champion.model_id}{saw}": predicted.risks[:, -1]}
    return replace(evaluated, others=others, models={champion.model_id: predicted})


def write_page(context: Context, bundle: Bundle) -> Path:
    """Writes the page of an evaluated model beside its figures, with the verdict of its last comparison."""
    settings = context.settings
    # What other commands wrote about models of the same Monday.
    paths = {name: context.home.root / f"{name}.json" for name in RESEARCH}
    written = {name: read_json(path) for name, path in paths.items() if path.is_file()}
    as_of = str(bundle.trained_as_of)
    research = {name: content for name, content in written.items() if content["as_of"] == as_of}
    compared = comparison_file(context.home, bundle.model_id)
    comparison = read_json(compared) if compared.is_file() else None
    evaluation, page = evaluation_of(context.home, bundle.model_id), page_of(context.home, bundle.model_id)
    card = model_card(settings, bundle, evaluation)
    text = model_page(settings, bundle, evaluation, card, research, comparison)
    registry.keep_report(context.data, settings.bank, bundle.model_id, text)
    write_text(page, text)
    return page


def page_of(home: Home, model_id: str) -> Path:
    """The file of a model's page."""
    return home.reports / f"{model_id}.html"


def waits_for_page(home: Home, model_id: str) -> bool:
    """True for a model that was compared since its page was written."""
    return comparison_file(home, model_id).is_file() and not page_of(home, model_id).is_file()


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
