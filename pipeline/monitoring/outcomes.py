"""What became of a published Monday: its scores beside the outcomes, once they have matured."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from configs.errors import DataError
from configs.settings import Settings
from models.baselines import rules
from models.metrics import ranking
from pipeline.artefacts import Home
from pipeline.snapshots.build import build_outcomes, build_snapshots
from pipeline.tables import Ingested
from pipeline.training.training_rows import load_matrix
from serve.store.store import Store


@dataclass(frozen=True)
class Realised:
    """One row per way to rank (the published scores, each rule), and what the lists held of it."""

    run_id: str
    table: pd.DataFrame
    promised_rate: float
    realised_rate: float
    promised_money: float
    realised_money: float
    listed: int
    listed_attrited: int

    @property
    def figures(self) -> dict[str, float]:
        """What the pages show: promised beside realised, and how well the published scores ranked."""
        ranked = self.table.loc["published"].astype(float).to_dict()
        return {
            "promised_rate": self.promised_rate,
            "realised_rate": self.realised_rate,
            "promised_money_minor": round(self.promised_money * 100),
            "realised_money_minor": round(self.realised_money * 100),
            "auroc": ranked["auroc"],
            "recall_at_10": ranked["recall_at_10"],
            "listed": self.listed,
            "listed_attrited": self.listed_attrited,
        }


def judge_published(
    settings: Settings, home: Home, tables: Ingested, as_of: date, progress: Callable[[int, int], None]
) -> Realised:
    """Judge the run published for ``as_of`` by everything the tables know today.

    Raises DataError when nothing was published for that Monday, or its outcome window is still open.
    """
    end = tables.last_day + timedelta(days=1)
    timeline = settings.label.timeline(as_of)
    if not timeline.matured(end):
        raise DataError(
            f"the outcome of {as_of} is not known before {timeline.outcome_end}; the data ends before {end}."
        )
    with Store(home.store) as store:
        runs = [run for run in store.history() if run.snapshot_date == as_of]
        if not runs:
            raise DataError(f"nothing was published for {as_of}. Run `make weekly AS_OF={as_of}` first.")
        published = store.published(runs[0].run_id)
    build_snapshots(settings, home, tables, [as_of], progress)
    build_outcomes(settings, home, tables, [as_of], end, progress)
    rows = load_matrix(home, (as_of,))
    scores = {score.customer_id: score for score in published.scores}
    known = rows.where(np.isin(rows.customer_id, list(scores)))
    risk = np.array([scores[customer].risk for customer in known.customer_id])
    ways = {"published": risk} | rules(known)
    listed = {score.customer_id for one in published.lists for score in one.listed}
    attrited = known.attrited == 1
    return Realised(
        runs[0].run_id,
        pd.DataFrame({name: ranking(known, values) for name, values in ways.items()}).T,
        float(risk.mean()),
        float(attrited.mean()),
        sum(score.money_at_risk_minor for score in published.scores) / 100,
        float(known.lost.sum()),
        len(listed),
        int(attrited[np.isin(known.customer_id, list(listed))].sum()),
    )
