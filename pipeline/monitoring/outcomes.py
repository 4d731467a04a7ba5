"""The outcomes of a published Monday beside its scores, once they have matured."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd

from configs.errors import DataError
from configs.settings import Settings
from models.baselines import rules
from models.bundle import load
from models.learnt import Learnt
from models.metrics import ENOUGH, customers_by_outcome, ranking, without_money
from pipeline.context import Context
from pipeline.ingest.renumbered import newest_numbers
from pipeline.snapshots.build import build_outcomes, build_snapshots
from pipeline.snapshots.labelled import with_outcome
from pipeline.tables import Ingested
from pipeline.training.train import load_matrix
from serve.store.store import Store


def evaluate_published(
    bank: Context, tables: Ingested, as_of: date, progress: Callable[[int, int], None]
) -> tuple[str, pd.DataFrame, dict[str, float | None]]:
    """The run published for ``as_of`` beside all that the tables know today: its run_id, metrics, figures.

    Metrics: one row per way to rank, the published scores and each rule. Figures are those of the pages:
    predicted beside observed, how well the scores ranked (no metrics, and None, where fewer than ``ENOUGH``
    left or stayed), who was listed. Raises DataError when nothing was
    published for that Monday, or its outcome window is still open.
    """
    settings, home = bank.settings, bank.home
    end = tables.last_day + timedelta(days=1)
    _check_outcome(settings, tables, as_of, end)
    with Store(home.store) as store:
        runs = [run for run in store.history() if run.snapshot_date == as_of]
        if not runs:
            raise DataError(f"nothing was published for {as_of}. Run `make weekly AS_OF={as_of}` first.")
        numbers = newest_numbers(tables)
        scores = {numbers.of(score.customer_id): score for score in store.scores(runs[0].run_id)}
        with store.at_run(runs[0].run_id) as read_session:
            decisions = read_session.decisions().values()
    build_snapshots(settings, home, tables, [as_of], progress)
    build_outcomes(settings, home, tables, [as_of], end, progress)
    rows = load_matrix(home, (as_of,), _rhythm(bank, runs[0].model_id))
    rows = rows.where(np.isin(rows.customer_id, list(scores)))
    if not len(rows):
        raise DataError(
            f"nobody of run {runs[0].run_id} is eligible on {as_of} by what the tables know today. Look into "
            f"the corrections since then, or publish that Monday again: `make weekly AS_OF={as_of}`."
        )
    risk = np.array([scores[customer].risk for customer in rows.customer_id])
    ways = {"published": risk} | rules(rows)
    enough = min(customers_by_outcome(rows)) >= ENOUGH
    table = {name: ranking(rows, scores) for name, scores in ways.items()} if enough else {}
    order = table.get("published", {})
    listed = [numbers.of(decision.customer_id) for decision in decisions if decision.rank is not None]
    money = {
        "predicted_money_minor": sum(scores[name].money_at_risk_minor for name in rows.customer_id),
        "observed_money_minor": round(float(rows.lost.sum()) * 100),
    }
    if not runs[0].has_money:
        money, table = {}, without_money(table)
    figures = {
        "predicted_rate": float(risk.mean()),
        "observed_rate": float(rows.attrited.mean()),
        **money,
        "auroc": order.get("auroc"),
        "recall_at_10": order.get("recall_at_10"),
        "customers": len(rows),
        "attrited": int(rows.attrited.sum()),
        "listed": len(listed),
        "listed_attrited": int(rows.attrited[np.isin(rows.customer_id, listed)].sum()),
    }
    return runs[0].run_id, pd.DataFrame(table).T, figures


def _check_outcome(settings: Settings, tables: Ingested, as_of: date, end: date) -> None:
    """Raises DataError, with the reason, where the outcome of the Monday is not known before ``end``."""
    if with_outcome(settings, tables, [as_of], end):
        return
    timeline = settings.label.timeline(as_of)
    if timeline.matured(end):
        raise DataError(f"the outcome of {as_of} is not known: the bank has delivered no label of that week.")
    raise DataError(
        f"the outcome of {as_of} is not known before {timeline.outcome_end}; the data ends before {end}."
    )


def _rhythm(bank: Context, model_id: str) -> Learnt:
    """The rhythm of bookings as the model learnt it; nothing where its bundle is gone or of another version:
    one rule less is compared then."""
    try:
        return Learnt(alive=load(bank.home.models / model_id, bank.bundle_key).learnt.alive)
    except DataError:
        return Learnt()
