"""The definitions of attrition beside each other: a page for whoever chooses, and a short table to print."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from configs.settings import Settings
from features.definition_comparison import BACK_DAYS, BACK_SHARE
from features.label import DEFINITIONS
from pipeline.evaluation.page import Figures, bars, lines, page

FEW = 10  # a misjudgement among fewer customers is in the table, but no chart draws it
TITLES = {
    "rate, %": "How many are gone",
    "coverage, %": "How much of the leaving money goes with them",
    "still here, %": "How much of their money was still here on the Monday",
    "misjudgement, %": "How many had their money back afterwards",
}
# Columns of the table of all candidates and their forms.
FORMS = {
    "eligible": ",.0f",
    "gone": ".1f",
    "rate, %": ".1f",
    "AUM left, million": ",.2f",
    "still here, %": ".1f",
    "coverage, %": ".1f",
    "followed": ",.0f",
    "misjudgement, %": ".1f",
}


def definitions_page(settings: Settings, result: Figures) -> str:
    """The whole page as HTML; ``result`` as ``compare_definitions`` returns it."""
    candidates, has_money = result["candidates"], result["counts"] == "money"
    # At the bank's own horizon and drop; silence at every horizon.
    first = len(DEFINITIONS) - (settings.label.definition != "delivered")
    definitions = dict(list(candidates.items())[:first]) if has_money else candidates
    groups = {by: sorted({key for row in definitions.values() for key in row.get(f"by_{by}", ())})
              for by in ("quarter", "tier", "branch")}  # fmt: skip
    groups["tier"].sort(key=result["tiers"].index)
    return page(
        "definitions.html",
        settings,
        result=result,
        definitions=definitions,
        groups=groups,
        has_money=has_money,
        candidates=candidate_rows(result),
        forms=FORMS,
        codes=list(dict.fromkeys(code for row in candidates.values() for code in row["excluded"])),
        longest_days=result["lead_days"] + max(row["horizon_days"] for row in candidates.values()),
        back_days=BACK_DAYS,
        back_share=BACK_SHARE,
        charts={
            "definitions": _definition_charts(definitions),
            "drops": _drop_charts(candidates) if has_money else [],
            "quarters": _rate_chart(lines, definitions, "quarter", groups["quarter"]),
            "tiers": _rate_chart(bars, definitions, "tier", groups["tier"]) if has_money else "",
        },
    )


def definitions_in_words(result: Figures) -> str:
    """One row per candidate, as printed."""
    frame = pd.DataFrame(candidate_rows(result))
    forms = {name: form for name, form in FORMS.items() if name in frame}
    frame = frame.astype(dict.fromkeys(forms, float))
    formatters: dict[str, Any] = {name: f"{{:{form}}}".format for name, form in forms.items()}
    return frame.to_string(index=False, formatters=formatters, na_rep="")


def candidate_rows(result: Figures) -> list[dict[str, Any]]:
    """One row per candidate: counts, and money where it counts, of an average Monday, shares in %."""
    mondays = len(result["snapshots"])

    def money(row: Figures) -> dict[str, float | None]:
        return {
            "AUM left, million": row["left"] / mondays / 1e6,
            "still here, %": _hundredths(row["still_here_share"]),
            "coverage, %": _hundredths(row["coverage"]),
        }

    return [
        {
            "definition": name,
            "eligible": row["eligible"] / mondays,
            "gone": row["attrited"] / mondays,
            "rate, %": _hundredths(row["rate"]),
            **(money(row) if "left" in row else {}),
            "followed": row["followed"],
            "misjudgement, %": _hundredths(row["misjudgement"]),
        }
        for name, row in result["candidates"].items()
    ]


def _definition_charts(definitions: Figures) -> list[Markup]:
    rows = [{"definition": row["definition"]} | _shares(row) for row in definitions.values()]
    return [bars(rows, "definition", measure, title=title) for measure, title in _titles(rows).items()]


def _drop_charts(candidates: Figures) -> list[Markup]:
    rows = [
        {"drop, %": row["min_drop"] * 100, "window": f"{row['horizon_days']} days"} | _shares(row)
        for row in candidates.values()
        if row["definition"] == "aum_drop"
    ]
    rows.sort(key=lambda row: (row["window"], row["drop, %"]))
    return [lines(rows, "drop, %", measure, "window", title) for measure, title in TITLES.items()]


def _titles(rows: Sequence[Figures]) -> dict[str, str]:
    """Those of the measures that the rows have; without money nobody has it back but comes back."""
    titles = {measure: title for measure, title in TITLES.items() if measure in rows[0]}
    if "coverage, %" not in titles:
        titles["misjudgement, %"] = "How many were back afterwards"
    return titles


def _shares(row: Figures) -> dict[str, float | None]:
    names = {"coverage, %": "coverage", "still here, %": "still_here_share"}
    return {
        "rate, %": _hundredths(row["rate"]),
        **{title: _hundredths(row[name]) for title, name in names.items() if name in row},
        "misjudgement, %": _hundredths(row["misjudgement"] if row["followed"] >= FEW else None),
    }


def _rate_chart(draw: Callable[..., Markup], definitions: Figures, by: str, groups: Sequence[str]) -> Markup:
    rows = [
        {by: group, "rate, %": _hundredths(row[f"by_{by}"][group]["rate"]), "definition": row["definition"]}
        for row in definitions.values()
        for group in groups
        if group in row[f"by_{by}"]
    ]
    return draw(rows, by, "rate, %", "definition")


def _hundredths(share: float | None) -> float | None:
    return None if share is None else share * 100
