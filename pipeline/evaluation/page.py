"""Pages that a run writes: one self-contained HTML file each, the same bytes for the same content."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from configs.settings import Settings
from pipeline.evaluation.charts import bars
from pipeline.evaluation.figures import DRAWS
from pipeline.evaluation.model_card import with_interval

Figures = Mapping[str, Any]
SHOWN = 20  # branches on a page; a chart has room for no more


def page(template: str, settings: Settings, **context: Any) -> str:
    """The whole page as HTML text; nothing in it is fetched from anywhere, and it has no script."""
    return _TEMPLATES.get_template(template).render(settings=settings, titles=[], **context)


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


def money_parts(figures: Figures) -> list[tuple[list[Figures], Markup]]:
    """By tenth, tier and branch: a row of money predicted and realised per group, and their chart.

    What was realised of a tenth may lie between two sums by chance.
    """
    money = figures["money"]
    tenths = []
    for k, sums in enumerate(money["deciles"], start=1):
        low, high = figures["intervals"].get(f"left.tenth_{k}", (None, None))
        tenths.append({"tenth": str(k), **sums, "95% from": low, "95% to": high})
    parts = {"tenth": tenths, "tier": money["tiers"], "branch": _largest(money["branches"])}
    return [(rows, _side_by_side(rows, name)) for name, rows in parts.items()]


def _side_by_side(rows: Sequence[Figures], name: str) -> Markup:
    """Predicted and realised money, a pair of bars per group, in millions."""
    pairs = [
        {name: row[name], "millions": row[kind] / 1e6, "money": kind}
        for row in rows
        for kind in ("predicted", "realised")
    ]
    return bars(pairs, name, "millions", "money", f"Money by {name}")


def _largest(branches: Sequence[Figures]) -> list[Figures]:
    """The ``SHOWN`` branches of the most predicted money in their order, and all others as one."""
    largest = sorted(branches, key=lambda row: -row["predicted"])[:SHOWN]
    kept, others = ([row for row in branches if (row in largest) == shown] for shown in (True, False))
    if not others:
        return kept
    predicted, realised = (sum(row[kind] for row in others) for kind in ("predicted", "realised"))
    ratio = predicted / realised if realised else None
    name = f"{len(others)} others"
    return [*kept, {"branch": name, "predicted": predicted, "realised": realised, "ratio": ratio}]


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
    extensions=["jinja2.ext.do"],
)
_TEMPLATES.filters |= {"number": number, "percent": percent, "interval": with_interval, "plain": plain}
_TEMPLATES.globals |= {"draws": DRAWS, "money_parts": money_parts}
