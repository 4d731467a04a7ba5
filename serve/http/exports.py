"""Scores in bulk: one flat row per customer, made as it is read."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from configs.published import Score
from serve.answers.source import View
from serve.store.differences import Difference
from serve.texts.score_change import change_in_words

REASONS = 3
# The columns in order, and of which kind each is; money is in minor units until it is written.
COLUMNS: dict[str, str] = {
    "snapshot_date": "text",
    "run_id": "text",
    "model_id": "text",
    "kind": "text",
    "customer_id": "text",
    "branch_id": "text",
    "manager_id": "text",
    "tier": "text",
    "lifecycle_stage": "text",
    "marketing_opt_out": "flag",
    "currency": "text",
    "aum": "money",
    "money_at_risk": "money",
    "risk_30d": "number",
    "risk_60d": "number",
    "risk_90d": "number",
    "risk_band": "text",
    "risk_change": "number",
    "change": "text",
} | {f"reason_{place}{part}": "text" for place in range(1, REASONS + 1) for part in ("_group", "")}

Row = list[Any]
Shown = Callable[[str], str]


def scored(view: View, scores: Iterable[Score], shown: Shown) -> Iterator[Row]:
    """One row per score; ``shown`` turns a customer's number into what the reader may see."""
    start = _start(view)
    for score in scores:
        yield [*start, "scored", shown(score.customer_id), *_figures(view, score)]


def changed(view: View, differences: Iterable[Difference], shown: Shown) -> Iterator[Row]:
    """One row per customer whose score came, changed or went; of who went only the number is told."""
    start, nothing = _start(view), [None] * (len(COLUMNS) - 5)
    for one in differences:
        kind = "added" if one.before is None else "removed" if one.after is None else "changed"
        figures = _figures(view, one.after) if one.after else nothing
        yield [*start, kind, shown(one.customer_id), *figures]


def _start(view: View) -> Row:
    return [str(view.run.snapshot_date), view.run.run_id, view.run.model_id]


def _figures(view: View, score: Score) -> Row:
    """Everything after the customer's number."""
    reasons: list[str | None] = []
    for one in score.reasons[:REASONS]:
        reasons += [one.group, one.text_zh if view.language == "zh" else one.text_en]
    return [
        score.branch_id,
        score.manager_id,
        score.tier,
        score.lifecycle_stage,
        score.marketing_opt_out,
        view.run.base_currency,
        score.aum_minor,
        score.money_at_risk_minor,
        score.risk_30d,
        score.risk_60d,
        score.risk_90d,
        score.risk_band,
        score.risk_change,
        change_in_words(view.run, score, view.language) or None,
        *reasons,
        *[None] * (2 * REASONS - len(reasons)),
    ]
