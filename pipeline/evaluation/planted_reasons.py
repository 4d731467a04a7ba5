"""Whether the reasons name what the made-up bank planted: why each leaver caught in the top really leaves."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from configs.settings import Settings
from models.bundle import Bundle
from models.explain import contributions, top_reasons
from models.matrix import Matrix
from models.metrics import top
from pipeline.scoring.reasons import words_of, worrying

TOP = 0.1  # share of each Monday's cohort that counts as caught, as in recall_at_10
SHOWN = 3
# The group of reasons that a manager would name for each planted cause. Without a sign that could be told
# apart by anyone ("": no cause of its own, life_event) there is nothing to find, and it is not counted.
NAMED = {
    "": "",
    "maturity": "rollover",
    "better_rate": "interest",
    "manager_left": "manager",
    "complaint": "complaint",
    "salary_moved": "salary",
    "life_event": "",
}


def recovered(settings: Settings, bundle: Bundle, raw: Path, judged: Matrix) -> dict[str, Any]:
    """Of leavers within the top tenth of each judged Monday: how often a reason is the planted one.

    ``first`` and ``among_three`` are shares of those with a cause, ``always_the_commonest`` what naming the
    commonest cause to everybody would reach, ``by_cause`` the share of ``first`` of each cause; ``table``
    counts cause × first group.
    """
    cause = truth_of_rows(raw, judged, "reason").fillna("").to_numpy(dtype=str)
    caught = top(judged, bundle.calibrator.risks(bundle.model.raw(judged.features))[:, -1], TOP)
    chosen = caught & (judged.attrited == 1) & np.isin(cause, [one for one in NAMED if NAMED[one]])
    rows, cause = judged.where(chosen), cause[chosen]
    words = words_of(settings, bundle)
    parts = contributions(bundle.model, rows.features).values
    found = top_reasons(parts, words.grouping, SHOWN, worrying(words, rows.features))
    group = np.where(found.group >= 0, np.array(words.grouping.names)[found.group], "none")
    hits = group == np.array([NAMED[one] for one in cause])[:, None]
    first = pd.Series(hits[:, 0])
    return {
        "leavers": len(rows),
        "first": round(float(first.mean()), 4),
        "among_three": round(float(hits.any(axis=1).mean()), 4),
        "always_the_commonest": round(float(pd.Series(cause).value_counts(normalize=True).max()), 4),
        "by_cause": first.groupby(cause).mean().round(4).to_dict(),
        "table": {name: counts[counts > 0].to_dict() for name, counts in _crossed(cause, group[:, 0])},
    }


def _crossed(cause: NDArray[np.str_], group: NDArray[np.str_]) -> Any:
    return pd.crosstab(pd.Series(cause), pd.Series(group)).iterrows()


def truth_of_rows(raw: Path, rows: Matrix, column: str) -> pd.Series:
    """One column of the truth beside each row; missing where the bank itself knew the customer outside."""
    keys = ["customer_id", "snapshot_date"]
    truth = pq.read_table(raw / "truth" / "weekly.parquet", columns=[*keys, column]).to_pandas()
    truth["snapshot_date"] = truth["snapshot_date"].to_numpy().astype("datetime64[D]")
    truth = truth[truth["snapshot_date"].isin(np.unique(rows.snapshot_date))].set_index(keys)
    return truth[column].reindex(list(zip(rows.customer_id, rows.snapshot_date, strict=True)))
