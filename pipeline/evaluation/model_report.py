"""Judge a bundle and write its page: at once after training, or in full on request."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from configs.errors import DataError
from models.baselines import fit_logistic, rules
from models.bundle import Bundle
from models.matrix import Matrix
from pipeline.artefacts import Home, read_json, write_json, write_text
from pipeline.context import Context
from pipeline.evaluation.evaluate import Judged, Scores, figures, in_detail
from pipeline.evaluation.model_card import Card, card_markdown, model_card
from pipeline.evaluation.report_page import Extras, report_page
from pipeline.evaluation.segments import segments
from pipeline.progress import progress_bar
from pipeline.snapshots.build import build_outcomes, build_snapshots
from pipeline.tables import Ingested
from pipeline.training.comparison import differs
from pipeline.training.train import risks_of
from pipeline.training.training_rows import columns_of, load_matrix


def report_after_training(
    bank: Context, tables: Ingested, bundle: Bundle, judged: Matrix, champion: Bundle | None
) -> Path:
    """The page of a model just trained, with the figures that cost little; ``judged`` are its judged rows."""
    judgement = _judge(bank, tables, bundle, judged, _champions(bank, champion, judged))
    judgement["figures"]["others"] = bundle.metrics["rules"] | judgement["figures"]["others"]
    return _write(bank, bundle, judgement)


def report_in_full(bank: Context, tables: Ingested, bundle: Bundle, champion: Bundle | None) -> Path:
    """The same with everything: intervals of all ways to rank, and a logistic regression among them.

    The judged Mondays are read again as of the day of training. Raises DataError where today's features
    or label are not the bundle's.
    """
    settings, home = bank.settings, bank.home
    unlike = differs(settings, bundle)
    if unlike:
        raise DataError(
            f"model {bundle.model_id} was trained on another {' and '.join(unlike)} than today's settings name. "
            "Report it with the code and settings it was trained with, or train again."
        )
    used, as_of = bundle.snapshots, bundle.trained_as_of
    days = (*used.train, *used.evaluation)
    with progress_bar("snapshots") as on_bucket:
        build_snapshots(settings, home, tables, days, on_bucket)
        build_outcomes(settings, home, tables, days, as_of, on_bucket)
    line = fit_logistic(load_matrix(home, used.train, bundle.peers))
    judged = load_matrix(home, used.evaluation, bundle.peers)
    others = rules(judged) | {"logistic": line.scores(judged.features)}
    others |= _champions(bank, champion, judged)
    return _write(bank, bundle, _judge(bank, tables, bundle, judged, others))


def judgement_of(home: Home, model_id: str) -> dict[str, Any]:
    """The figures of a model as they were last written; empty where it was never judged."""
    path = home.reports / f"{model_id}.json"
    return dict(read_json(path)) if path.is_file() else {}


def card_of(bank: Context, bundle: Bundle) -> Card:
    """The model card with what was last found out about the model."""
    return model_card(bank.settings, bundle, judgement_of(bank.home, bundle.model_id))


def _judge(
    bank: Context, tables: Ingested, bundle: Bundle, rows: Matrix, others: Mapping[str, Scores]
) -> dict[str, Any]:
    settings = bank.settings
    judged = Judged(rows, bundle.predict(rows), segments(settings, bank.home, tables, rows), others)
    return {
        "bank": settings.bank,
        "model_id": bundle.model_id,
        "data": {
            "fingerprint": tables.fingerprint,
            "first_day": str(tables.first_day),
            "last_day": str(tables.last_day),
            "rows": {one.table: one.loaded for one in tables.counts},
        },
        "figures": figures(settings, judged),
        "detail": in_detail(settings, bundle, judged),
    }


def _champions(bank: Context, champion: Bundle | None, rows: Matrix) -> dict[str, Scores]:
    """The champion's risks under its name; nothing where there is none that knows today's features.

    The name says so where it learnt from some of these Mondays: it then looks better than it is.
    """
    if champion is None or champion.model.columns != tuple(columns_of(bank.settings)):
        return {}
    known = max(day for days in champion.metrics["snapshots"].values() for day in days)
    saw = " (saw some of these Mondays)" if known >= str(rows.snapshot_date.min()) else ""
    return {f"champion {champion.model_id}{saw}": risks_of(champion, bank.home, rows)}


def _write(bank: Context, bundle: Bundle, judgement: dict[str, Any]) -> Path:
    """Figures, card and page, beside the bundle; the page last, for it is what people look for."""
    settings, home = bank.settings, bank.home
    card = model_card(settings, bundle, judgement)
    write_json(home.reports / f"{bundle.model_id}.json", judgement)
    write_text(home.reports / f"{bundle.model_id}.md", card_markdown(bundle.model_id, card))
    page = home.reports / f"{bundle.model_id}.html"
    write_text(page, report_page(settings, bundle, judgement, card, _extras(home, bundle)))
    return page


def _extras(home: Home, bundle: Bundle) -> Extras:
    """What other commands found out, as far as it is about models of the same Monday."""
    day = str(bundle.trained_as_of)

    def of_that_day(name: str) -> Any:
        path = home.root / f"{name}.json"
        found = read_json(path) if path.is_file() else None
        return found if found and found["as_of"] == day else None

    return Extras(of_that_day("ablation"), of_that_day("learning-curve"), of_that_day("backtest"))
