"""The page of a model: its predictions on Mondays it had not seen, how sure they are, and what they rest
on."""

from collections.abc import Sequence

import pandas as pd
from markupsafe import Markup

from configs.settings import Settings
from models.bundle import Bundle
from models.metrics import ENOUGH
from pipeline.evaluation.charts import calibration, lines, ranked, timeline
from pipeline.evaluation.figures import EXPLAINED
from pipeline.evaluation.model_card import Card, missing_in_card
from pipeline.evaluation.page import Figures, page, plain

USES = {"train": "fitted", "tune": "calibrated", "judge": "judged"}


def model_page(settings: Settings, bundle: Bundle, evaluation: Figures, card: Card, research: Figures) -> str:
    """The whole page as HTML; the same bytes for the same figures.

    ``research`` holds what the commands ablation, learning-curve and backtest wrote about models of the same
    Monday, by the name of their file, as far as they were run.
    """
    detail = evaluation["detail"]
    mondays = {use: bundle.metrics["snapshots"][name] for name, use in USES.items()}
    curve = research["learning-curve"]["rows"] if "learning-curve" in research else []
    reasons = [{"reason": row["reason"], "log-odds": row["log_odds"]} for row in detail["reasons"]]
    charts = {
        "mondays": _mondays(mondays),
        "calibration": _calibration(detail["calibration"]),
        "features": ranked(detail["features"], "feature", "gain", "Features"),
        "reasons": ranked(reasons, "reason", "log-odds", "Reasons"),
        "learning_curve": lines(curve, "mondays", "average_precision", title="Learning curve")
        if curve
        else "",
    }
    return page(
        "model.html",
        settings,
        bundle=bundle,
        evaluation=evaluation,
        mondays=mondays,
        charts=charts,
        enough=ENOUGH,
        explained=EXPLAINED,
        ablation=_in_words(research.get("ablation", {}).get("rows", []), "without"),
        learning_curve=_in_words(curve, "mondays"),
        origins=[row["origin"] for row in research.get("backtest", {}).get("origins", [])],
        card=card,
        missing=missing_in_card(card),
    )


def _mondays(used: Figures) -> Markup:
    """The Mondays that trained, tuned and evaluated, on one line of time."""
    rows = [{"Monday": pd.Timestamp(day), "used": use} for use, days in used.items() for day in days]
    return timeline(rows, "Monday", "used")


def _calibration(horizons: Figures) -> Markup:
    """Risks predicted beside rates observed, per horizon."""
    rows = [
        {"promised": group["promised"], "came": group["came"], "within": f"{days} days"}
        for days, groups in horizons.items()
        for group in groups
    ]
    return calibration(rows, "promised", "came", "within", "Share of customers gone")


def _in_words(rows: Sequence[Figures], key: str) -> list[Figures]:
    """The rows with the column ``key`` first, and every column's name in plain words."""
    return [{plain(name): row[name] for name in sorted(row, key=lambda name: name != key)} for row in rows]
