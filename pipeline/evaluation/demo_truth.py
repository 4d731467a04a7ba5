"""The true risks and reasons of the demo bank, which only its simulator knows, to evaluate a model by."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.errors import DataError
from configs.settings import Settings
from models.bundle import Bundle
from models.explain import contributions, top_reasons
from models.matrix import KEY, Matrix
from models.metrics import top
from pipeline.context import Context
from pipeline.scoring.reasons import facts_about, words_of

UNKNOWN = 0.001  # share of rows without a true probability above which something is wrong
TOP = 0.1  # share of each Monday's cohort that counts as caught, as in recall_at_10
SHOWN = 3
# The group of reasons that a manager would name for each cause of the simulator. Without a sign that could be
# told apart by anyone ("": no cause of its own, life_event) there is nothing to find, and it is not counted.
GROUP_OF_CAUSE = {
    "": "",
    "maturity": "rollover",
    "better_rate": "interest",
    "manager_left": "manager",
    "complaint": "complaint",
    "salary_moved": "salary",
    "life_event": "",
}


def truth_of(context: Context) -> Callable[[Matrix], NDArray[np.float64]] | None:
    """``true_risk`` of the extracts below the bank's own folder; None for a bank whose truth nobody knows."""
    raw = context.home.root / "raw"
    return partial(true_risk, raw) if (raw / "truth").is_dir() else None


def true_risk(raw: Path, rows: Matrix) -> NDArray[np.float64]:
    """Per row the probability that the simulator used for this customer and Monday.

    NaN where it has none: a late row can put a customer into the cohort whom the bank itself knew outside.
    """
    probability = _truth(raw, rows, "probability").to_numpy(np.float64)
    unknown = int(np.isnan(probability).sum())
    if unknown > UNKNOWN * len(rows):
        raise DataError(
            f"the truth in {raw} does not know {unknown} of {len(rows)} evaluated rows. "
            f"Delete {raw} and run `make demo` again."
        )
    return probability


def true_reasons_named(settings: Settings, bundle: Bundle, raw: Path, rows: Matrix) -> dict[str, Any]:
    """Of leavers within the top tenth of each Monday of ``rows``: how often a reason is the true cause.

    ``first`` and ``among_three`` are shares of those with a cause, ``always_the_commonest`` what naming the
    commonest cause to everybody would reach, ``by_cause`` the share of ``first`` of each cause; ``table``
    counts cause × first group.
    """
    cause = _truth(raw, rows, "reason").fillna("").to_numpy(dtype=str)
    caught = top(rows, bundle.calibrator.risks(bundle.model.raw(rows.features))[:, -1], TOP)
    counted = [name for name, group in GROUP_OF_CAUSE.items() if group]
    chosen = caught & (rows.attrited == 1) & np.isin(cause, counted)
    leavers, cause = rows.where(chosen), cause[chosen]
    words = words_of(settings, bundle)
    parts = contributions(bundle.model, leavers.features).values
    about = facts_about(words, leavers.features)
    reasons = top_reasons(parts, words.grouping, SHOWN, about.fact >= 0, about.is_event)
    groups = np.where(reasons.group >= 0, np.array(words.grouping.names)[reasons.group], "none")
    hits = groups == np.array([GROUP_OF_CAUSE[name] for name in cause])[:, None]
    first = pd.Series(hits[:, 0])
    table = pd.crosstab(pd.Series(cause), pd.Series(groups[:, 0]))
    return {
        "leavers": len(leavers),
        "first": round(float(first.mean()), 4),
        "among_three": round(float(hits.any(axis=1).mean()), 4),
        "always_the_commonest": round(float(pd.Series(cause).value_counts(normalize=True).max()), 4),
        "by_cause": first.groupby(cause).mean().round(4).to_dict(),
        "table": {name: counts[counts > 0].to_dict() for name, counts in table.iterrows()},
    }


def _truth(raw: Path, rows: Matrix, column: str) -> "pd.Series[Any]":
    """One column of the truth beside each row; missing where the bank itself knew the customer outside."""
    truth = pq.read_table(raw / "truth" / "weekly.parquet", columns=[*KEY, column]).to_pandas()
    truth["snapshot_date"] = truth["snapshot_date"].to_numpy().astype("datetime64[D]")
    truth = truth[truth["snapshot_date"].isin(np.unique(rows.snapshot_date))].set_index(list(KEY))
    return truth[column].reindex(list(zip(rows.customer_id, rows.snapshot_date, strict=True)))
