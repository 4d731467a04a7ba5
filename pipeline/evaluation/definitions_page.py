"""What ``make definitions`` shows: a page for whoever chooses the definition, and a short table to print."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from features.definition_comparison import BACK_DAYS, BACK_SHARE
from features.label import DEFINITIONS
from pipeline.artefacts import Home, write_text
from pipeline.evaluation.charts import bars, lines
from pipeline.evaluation.page import Section, page, table

Found = Mapping[str, Any]
PERCENT, WHOLE = ".1f", ",.0f"
FEW = 10  # a misjudgement among fewer customers is in the table, but no chart draws it
TITLES = {
    "rate, %": "How many are gone",
    "coverage, %": "How much of the leaving money goes with them",
    "still here, %": "How much of their money was still here on the Monday",
    "misjudgement, %": "How many had their money back afterwards",
}
IN_WORDS = {
    "aum_drop": "at least so much of the average AUM before the Monday has left by the window's end and is not back",
    "tier_downgrade": "AUM stays below the lower bound of the customer's tier for the window's last four weeks",
    "closure": "the record says closed, or no product but a loan has a balance any more",
    "dormancy": "the customer makes no booking in the window and AUM is below the bank's floor",
}


def write_page(home: Home, result: Found) -> Path:
    """``definitions.html`` in the bank's folder."""
    target = home.root / "definitions.html"
    write_text(target, page(f"{result['title']}: what counts as gone", _lead(result), _sections(result)))
    return target


def definitions_in_words(result: Found) -> str:
    """One row per candidate, as printed."""
    frame = _main(result["candidates"], len(result["snapshots"]))
    return frame.to_string(index=False, formatters=_as_text(frame), na_rep="")


def _lead(result: Found) -> str:
    """The figures of the bank's own definition in plain words, and what the others would have found."""
    own, mondays = result["candidates"][result["chosen"]], len(result["snapshots"])
    days, money = result["lead_days"] + own["horizon_days"], result["base_currency"]
    if not own["attrited"]:
        return f"By the bank's own definition, {result['chosen']}, nobody left on {mondays} Mondays."
    back = ""
    if own["followed"]:
        back = (
            f" Of those found on Mondays that can be followed that far ({own['followed']:,} in all), "
            f"{own['misjudgement']:.0%} had their money back within the next {BACK_DAYS} days."
        )
    longest = result["lead_days"] + max(one["horizon_days"] for one in result["candidates"].values())
    others = [
        f"{one['definition']} {one['attrited'] / mondays:,.1f}"
        for name, one in _four(result).items()
        if name != result["chosen"]
    ]
    return (
        f"We looked back at {mondays} Mondays, one a month, from {result['snapshots'][0]} to "
        f"{result['snapshots'][-1]}. By the bank's own definition, {own['definition']}{_drop(own)}, on an average "
        f"Monday {own['eligible'] / mondays:,.0f} customers were eligible and {own['attrited'] / mondays:,.1f} of "
        f"them ({own['rate']:.1%}) were gone {days} days later, with {own['left'] / mondays / 1e6:,.2f} million "
        f"{money}. Of all money that left in the {longest} days after the Monday, {_percent(own['coverage'])} left "
        f"with them.{back} The other definitions would have found on an average Monday: {', '.join(others)}."
    )


def _drop(own: Found) -> str:
    return f" (at least {own['min_drop']:.0%} of the money gone and not back)" if own["min_drop"] else ""


def _sections(result: Found) -> list[Section]:
    four, mondays = _four(result), len(result["snapshots"])
    quarters, branches = _keys(four, "quarter"), _keys(four, "branch")
    tiers = [tier for tier in result["tiers"] if tier in _keys(four, "tier")]
    found = _main(result["candidates"], mondays)
    rates = _RATES.format(first=next(iter(four)))
    return [
        Section(
            "The four definitions",
            [f"{name}: gone is when {words}." for name, words in IN_WORDS.items()],
            _four_charts(four),
        ),
        Section("How big a drop, how long a window", [_DROP], _drop_charts(result["candidates"])),
        Section(
            "Over time",
            [_OVERLAPPING],
            [_over(four, "quarter", quarters, lines)],
            [_group(four, "quarter", quarters, mondays)],
        ),
        Section(
            "By tier", [rates], [_over(four, "tier", tiers, bars)], [_group(four, "tier", tiers, mondays)]
        ),
        Section("All candidates", _MEASURES, (), [table(found, _formats(found))]),
        Section("Who is found by both", [_OVERLAP], (), [_overlap(result["overlap"], list(four))]),
        Section("By branch", [rates], (), [_group(four, "branch", branches, mondays)]),
        Section("Who was not eligible", [_EXCLUDED], (), [_excluded(result["candidates"])]),
    ]


_MEASURES = [
    "Eligible: customers in the cohort on an average Monday, who had not yet left by the candidate's own measure.",
    "Gone: how many of them the definition calls gone at the end of the window; the rate is their share, in %.",
    "AUM left, million: the part of their average AUM that was away at the end of the window.",
    "Still here, %: how much of that money was with the bank on the Monday, so that somebody could have acted.",
    "Coverage, %: of all money that left the same customers after the Monday by the end of the longest window, "
    "the share that left with those whom the definition finds.",
    f"Followed: how many of those found, over all Mondays, can be followed for {BACK_DAYS} days after the window.",
    f"Misjudgement, %: the share of them with at least {BACK_SHARE:.0%} of the money back on one of those days.",
]
_DROP = (
    "aum_drop at several drops and windows. A smaller drop finds more, but look at how many have their money back "
    "afterwards; a larger one finds customers later, when more of the money is away. Whoever is below the drop on "
    "the Monday already is not eligible: the larger the drop, the more customers on their way out are still in."
)
_OVERLAPPING = (
    "Attrition rate by the quarter of the Monday, in %. Windows of neighbouring Mondays overlap, so one customer "
    "can count on several Mondays: figures of several Mondays are averages, never to be added up."
)
_OVERLAP = (
    "Of the customers whom the definition in the row finds, how many per cent the one in the column calls gone at the "
    "end of its window too, be it since before the Monday."
)
_RATES = (
    "Attrition rate, in %, by the tier of the average AUM, or the branch, on the Monday; eligible: customers on an "
    "average Monday by {first}."
)
_EXCLUDED = (
    "Customer-Mondays by the first reason that held. Who has already left is judged by each "
    "candidate's own measure; everything else is the same for all."
)


def _four(result: Found) -> Found:
    """The four definitions at the bank's own horizon and drop, which come first."""
    return dict(list(result["candidates"].items())[: len(DEFINITIONS)])


def _main(candidates: Found, mondays: int) -> pd.DataFrame:
    rows = [
        {
            "definition": name,
            "eligible": one["eligible"] / mondays,
            "gone": one["attrited"] / mondays,
            "rate, %": _hundred(one["rate"]),
            "AUM left, million": one["left"] / mondays / 1e6,
            "still here, %": _hundred(one["still_here_share"]),
            "coverage, %": _hundred(one["coverage"]),
            "followed": one["followed"],
            "misjudgement, %": _hundred(one["misjudgement"]),
        }
        for name, one in candidates.items()
    ]
    return pd.DataFrame(rows).astype({name: float for name in rows[0] if name != "definition"})


def _formats(frame: pd.DataFrame) -> dict[str, str]:
    special = {"eligible": WHOLE, "followed": WHOLE, "AUM left, million": ",.2f"}
    return {name: special.get(name, PERCENT) for name in frame.columns if name != "definition"}


def _as_text(frame: pd.DataFrame) -> dict[str, Any]:
    return {name: f"{{:{how}}}".format for name, how in _formats(frame).items()}


def _four_charts(four: Found) -> list[Any]:
    rows = [{"definition": one["definition"]} | _shares(one) for one in four.values()]
    frame = pd.DataFrame(rows)
    return [bars(frame, "definition", measure, title=title) for measure, title in TITLES.items()]


def _drop_charts(candidates: Found) -> list[Any]:
    rows = [
        {"drop, %": one["min_drop"] * 100, "window": f"{one['horizon_days']} days"} | _shares(one)
        for one in candidates.values()
        if one["definition"] == "aum_drop"
    ]
    frame = pd.DataFrame(rows).sort_values(["window", "drop, %"], ignore_index=True)
    return [lines(frame, "drop, %", measure, "window", title) for measure, title in TITLES.items()]


def _shares(one: Found) -> dict[str, float | None]:
    names = {
        "rate": "rate",
        "coverage": "coverage",
        "still here": "still_here_share",
        "misjudgement": "misjudgement",
    }
    drawn = dict(one) if one["followed"] >= FEW else {**one, "misjudgement": None}
    return {f"{shown}, %": _hundred(drawn[name]) for shown, name in names.items()}


def _over(four: Found, by: str, keys: Sequence[str], draw: Any) -> Any:
    """Attrition rate by quarter or tier, one colour per definition."""
    rows = [
        {by: key, "rate, %": _hundred(one[f"by_{by}"][key]["rate"]), "definition": one["definition"]}
        for one in four.values()
        for key in keys
        if key in one[f"by_{by}"]
    ]
    return draw(pd.DataFrame(rows), by, "rate, %", "definition")


def _group(four: Found, by: str, keys: Sequence[str], mondays: int) -> Any:
    """One row per tier, branch or quarter; customers eligible on an average Monday and the rate by each definition."""
    first = next(iter(four.values()))[f"by_{by}"]
    sizes = {"eligible": [first[key]["eligible"] / mondays if key in first else 0 for key in keys]}
    rates = {
        one["definition"]: [_hundred(one[f"by_{by}"].get(key, {}).get("rate")) for key in keys]
        for one in four.values()
    }
    # A quarter has Mondays of its own, so an average over all of them would say nothing.
    shown = rates if by == "quarter" else sizes | rates
    frame = pd.DataFrame({by: [key or "(none)" for key in keys]} | shown)
    return table(
        frame.astype(dict.fromkeys(rates, float)), dict.fromkeys(rates, PERCENT) | {"eligible": WHOLE}
    )


def _keys(four: Found, by: str) -> list[str]:
    return sorted({key for one in four.values() for key in one[f"by_{by}"]})


def _overlap(overlap: Found, columns: Sequence[str]) -> Any:
    rows = [
        {"found by": name} | {other: _hundred(shares[other]) for other in columns}
        for name, shares in overlap.items()
    ]
    return table(pd.DataFrame(rows).astype(dict.fromkeys(columns, float)), dict.fromkeys(columns, ".0f"))


def _excluded(candidates: Found) -> Any:
    codes = list(dict.fromkeys(code for one in candidates.values() for code in one["excluded"]))
    rows = [
        {"definition": name} | {code: one["excluded"].get(code, 0) for code in codes}
        for name, one in candidates.items()
    ]
    return table(pd.DataFrame(rows), dict.fromkeys(codes, ",d"))


def _hundred(share: float | None) -> float | None:
    return None if share is None else share * 100


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.0%}"
