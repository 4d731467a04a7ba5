"""The frame and the figures of the pages that a run writes: HTML that fetches nothing and has no script."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from pipeline.evaluation.model_card import with_interval
from serve.texts.wording import Wording


def number(value: object, form: str = "") -> str:
    """A figure as text, by ``form`` as in ``format``; an unknown one is empty.

    Without a form a number has at most four decimals.
    """
    if value is None or value != value:  # NaN
        return ""
    if form:
        return format(value, form)
    return f"{value:,.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def percent(share: float | None, form: str = ".1f") -> str:
    """A share as a number of hundredths, without the sign; an unknown one is empty."""
    return number(None if share is None else share * 100, form)


def named(w: Wording, code: str) -> str:
    """A name of the code in words: of a column, a way to rank, a grouping; without a text as it is."""
    return w.term("report.name", code.replace(" ", "_")).replace("_", " ")


def way_in_words(w: Wording, way: str) -> str:
    """A way to rank: a rule, a figure, or a champion by its model_id."""
    champion = re.fullmatch(r"champion (\w+)( .*)?", way)
    if champion is None:
        return named(w, way)
    key = "report.champion.saw" if champion[2] else "report.champion"
    return w(key, model=champion[1])


def group_in_words(w: Wording, grouping: str, group: str) -> str:
    """A group of customers; names that the bank gave stay."""
    if group in ("unknown", "nobody"):
        return named(w, group)
    kind = {"tier": "tier", "lifecycle stage": "stage"}.get(grouping)
    return w.term(kind, group) if kind else group


def verdict(comparison: Mapping[str, Any] | None, w: Wording) -> str:
    """What a model's comparison says of its promotion, as a sentence; objections as they were written."""
    if comparison is None:
        return w("report.not_compared")
    if not comparison["objections"]:
        return w("report.ready")
    return w("report.not_ready", objections=w("change.and").join(comparison["objections"]))


TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
    extensions=["jinja2.ext.do"],
)
TEMPLATES.filters |= {"number": number, "percent": percent, "interval": with_interval}
TEMPLATES.globals |= {
    "named": named,
    "way_in_words": way_in_words,
    "group_in_words": group_in_words,
    "verdict": verdict,
}
