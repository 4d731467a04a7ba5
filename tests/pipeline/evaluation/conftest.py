import html
import re
from collections.abc import Callable

import pytest

# The parts of a model card.
PARTS = (
    "purpose", "data", "label", "assumptions", "limits", "results", "monitoring limits", "owner", "approver",
)  # fmt: skip
METRICS = {
    "auroc": 0.8,
    "average_precision": 0.4,
    "recall_at_10": 0.6,
    "aum_caught_at_10": 0.5,
    "lift_at_10": 6.0,
}
MODEL = METRICS | {
    "rows": 1000,
    "attrition_rate": 0.04,
    "ece": 0.004,
    "calibration_slope": 1.1,
    "brier_30d": 0.01,
}
LISTS = {"listed": 401.4, "recall": 0.615, "precision": 0.118, "lift": 2.9, "aum_caught": 0.66}
MONEY = {"predicted": 2e6, "realised": 1e6, "ratio": 2.0}
PROFIT = {
    "lists_calls": 401, "lists_predicted": 143_000.0, "lists": 124_514.2, "break_even_calls": 370,
    "break_even_predicted": 1.0, "break_even": 2.0, "break_even_money": 50_000, "best_calls": 237,
    "best": 164_689.0, "expected_maximum": 166_577.8,
}  # fmt: skip
FIGURES = {
    "model": MODEL,
    "others": {"largest_drop": METRICS},
    "intervals": {},
    "capacity": {"money_at_risk": LISTS, "largest_drop": LISTS},
    "profit": PROFIT,
    "money": MONEY
    | {"deciles": [MONEY], "tiers": [{"tier": "t"} | MONEY], "branches": [{"branch": "b"} | MONEY]},
}


@pytest.fixture
def figures() -> dict:
    """Figures of a model as a page shows them, by hand."""
    return dict(FIGURES)


@pytest.fixture
def html_tables() -> Callable[[str], list[list[dict[str, str]]]]:
    """The tables of a page in order, each a list of rows by heading."""

    def tables(page: str) -> list[list[dict[str, str]]]:
        return [rows(table) for table in re.findall(r"<table>.*?</table>", page, re.DOTALL)]

    def rows(table: str) -> list[dict[str, str]]:
        lines = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        heads, *cells = [
            [html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line)] for line in lines
        ]
        return [dict(zip(heads, line, strict=True)) for line in cells]

    return tables
