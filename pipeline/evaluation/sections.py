"""Sections about figures of judged Mondays, on the page of a model as on that of a backtest."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from configs.settings import Settings
from pipeline.evaluation.charts import bars
from pipeline.evaluation.evaluate import DRAWS
from pipeline.evaluation.model_card import with_interval
from pipeline.evaluation.page import Section, table

Figures = Mapping[str, Any]
SHOWN = 20  # branches on a page; a chart has room for no more
METRICS = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "recall_at_10": "leavers in first 10%",
    "aum_caught_at_10": "their money in first 10%",
    "lift_at_10": "lift in first 10%",
}
AT_CAPACITY = {
    "recall": "leavers on a list",
    "precision": "of a list leave",
    "lift": "lift",
    "aum_caught": "leaving money on a list",
}


def promised(found: Figures, title: str = "What was promised, and how sure it is") -> Section:
    """The model beside every other way to rank the same rows, each figure with its interval where drawn."""
    ways = {"model": found["model"], **found["others"]}
    rows = [
        {"ranked by": plain(way), **_with_intervals(figures, found["intervals"], f"{way}.", METRICS)}
        for way, figures in ways.items()
    ]
    about = (
        f"Brackets hold 95% of {DRAWS} banks made by drawing the customers again, each with all of its Mondays. "
        "Where two of them overlap widely, the difference may be chance."
    )
    return Section(title, [about], tables=[table(pd.DataFrame(rows))])


def money_section(settings: Settings, found: Figures) -> Section:
    """Money predicted beside money gone: in total, by tenths of predicted money, by tier and by branch."""
    money, currency = found["money"], settings.base_currency
    tenths = [_tenth(k, one, found["intervals"]) for k, one in enumerate(money["deciles"], start=1)]
    parts = {"tenth": tenths, "tier": money["tiers"], "branch": _largest(money["branches"], "branch")}
    ratio = with_interval(money["ratio"] or 0.0, found["intervals"].get("model.money_ratio"))
    about = (
        f"Predicted {money['predicted']:,.0f} {currency} over all judged Mondays, gone with customers who left "
        f"{money['realised']:,.0f}: predicted over gone is {ratio}. Tenths are of customers, by ascending "
        "predicted money; 95% of the drawn banks lost between the last two figures there. Money is in millions in "
        "the charts."
    )
    formats = {"predicted": ",.0f", "realised": ",.0f", "ratio": ".2f", "95% from": ",.0f", "95% to": ",.0f"}
    return Section(
        "Money predicted and money gone",
        [about],
        [_side_by_side(rows, name) for name, rows in parts.items()],
        [table(pd.DataFrame(rows), formats) for rows in parts.values()],
    )


def _tenth(number: int, money: Figures, sure: Figures) -> dict[str, Any]:
    """Money of one tenth, and between which sums what was realised may lie by chance."""
    low, high = sure.get(f"left.tenth_{number}", (None, None))
    return {"tenth": str(number), **money, "95% from": low, "95% to": high}


def capacity(found: Figures) -> Section:
    """What lists as long as the managers' weekly capacity would have found."""
    rows = [
        {
            "lists filled by": plain(way),
            "calls a Monday": figures["listed"],
            **_with_intervals(figures, found["intervals"], f"capacity.{way}.", AT_CAPACITY),
        }
        for way, figures in found["capacity"].items()
    ]
    about = (
        "Each manager's list, and each branch's own, filled to weekly capacity on every judged Monday; the mean "
        "over Mondays. Customers who must not be called are on no list but count among the leavers. The weekly "
        "lists are filled by money at risk, so that row is what managers get, but for customers left alone after a "
        "contact, staying on a list or held out by lot."
    )
    return Section(
        "At the managers' capacity", [about], tables=[table(pd.DataFrame(rows), {"calls a Monday": ",.0f"})]
    )


def earnings(settings: Settings, found: Figures) -> Section:
    """What the calls would have earned, on the average judged Monday."""
    terms, currency = settings.profit, settings.base_currency
    rows = [
        ("the lists at capacity", found["lists_calls"], found["lists_promised"], found["lists"]),
        (
            f"everybody from {found['break_even_money']:,.0f} {currency} at risk",
            found["break_even_calls"],
            found["break_even_promised"],
            found["break_even"],
        ),
        ("the best cut, seen afterwards", found["best_calls"], None, found["best"]),
        ("the best cut, success rate in doubt (EMP)", None, None, found["expected_maximum"]),
    ]
    names = ["called", "calls a Monday", f"promised, {currency}", f"came, {currency}"]
    about = (
        f"A call costs {terms.call_cost:,.0f} {currency} and keeps {terms.success_rate:.0%} of those who would "
        f"leave; their money earns {terms.margin:.1%} a year. These are assumptions in [profit] of the settings, "
        "nothing measured: profit = Σ (success rate · margin · money gone − cost of the call), per Monday, each as "
        "if nobody had been called before (Verbraken, Verbeke and Baesens 2013, with each customer's own money)."
    )
    formats = dict.fromkeys(names[1:], ",.0f")
    return Section(
        "What the calls would earn", [about], tables=[table(pd.DataFrame(rows, columns=names), formats)]
    )


def _with_intervals(figures: Figures, sure: Figures, prefix: str, shown: Mapping[str, str]) -> dict[str, str]:
    return {head: with_interval(figures[name], sure.get(prefix + name)) for name, head in shown.items()}


def _side_by_side(rows: Sequence[Figures], name: str) -> Markup:
    """Predicted and realised money, a pair of bars per group, in millions."""
    pairs = [
        {name: one[name], "millions": one[what] / 1e6, "money": what}
        for one in rows
        for what in ("predicted", "realised")
    ]
    return bars(pd.DataFrame(pairs), name, "millions", "money", f"Money by {name}")


def _largest(rows: Sequence[Figures], name: str) -> list[Figures]:
    """The ``SHOWN`` groups of the most predicted money in the order they came in, and all others as one."""
    least = sorted((one["predicted"] for one in rows), reverse=True)[:SHOWN][-1:] or [0.0]
    kept = [one for one in rows if one["predicted"] >= least[0]][:SHOWN]
    others = [one for one in rows if one not in kept]
    if not others:
        return kept
    predicted, realised = (sum(one[what] for one in others) for what in ("predicted", "realised"))
    ratio = predicted / realised if realised else None
    summed = {name: f"{len(others)} others", "predicted": predicted, "realised": realised, "ratio": ratio}
    return [*kept, summed]


def plain(name: str) -> str:
    return name.replace("_", " ")
