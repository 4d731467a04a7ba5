"""The frame and the figures of the pages that a run writes: HTML that fetches nothing and has no script."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from pipeline.evaluation.model_card import with_interval


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


def plain(name: str) -> str:
    """A name of the code in words."""
    return name.replace("_", " ")


def verdict(comparison: Mapping[str, Any] | None) -> str:
    """What a model's comparison says of its promotion, as a sentence."""
    if comparison is None:
        return "Not compared yet: whether it may be promoted is not known."
    if not comparison["objections"]:
        return "Ready: nothing stands against its promotion."
    return f"Not ready: {'; '.join(comparison['objections'])}."


TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
    extensions=["jinja2.ext.do"],
)
TEMPLATES.filters |= {"number": number, "percent": percent, "interval": with_interval, "plain": plain}
TEMPLATES.globals["verdict"] = verdict
