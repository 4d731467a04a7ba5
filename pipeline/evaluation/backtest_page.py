"""The page of a backtest: what models of past Mondays promised, and what came."""

from typing import Any

import pandas as pd

from configs.settings import Settings
from pipeline.evaluation.charts import lines
from pipeline.evaluation.model_card import with_interval
from pipeline.evaluation.page import Section, page, table
from pipeline.evaluation.sections import Figures, capacity, money_section, promised

# What is compared between promise and outcome: heading, and where it stands in the figures.
_KEPT = {
    "AUROC": "auroc",
    "average precision": "average_precision",
    "leavers in first 10%": "recall_at_10",
    "ECE": "ece",
    "calibration slope": "calibration_slope",
    "money predicted / gone": "money_ratio",
}


def backtest_page(settings: Settings, result: Figures) -> str:
    """The whole page as HTML; ``result`` as pipeline/evaluation/backtest.py makes it."""
    origins = result["origins"]
    sections = [_kept(origins), *_of_all(settings, result["together"])]
    for one in origins:
        sections += _of_origin(settings, one)
    if result["refused"]:
        refused = [{"origin": day, "why": why} for day, why in result["refused"].items()]
        sections.append(Section("Mondays on which nothing could be trained", [], [], [_table(refused)]))
    lead = (
        f"Models as they would have been trained on past Mondays ({len(origins)}, {result['every_weeks']} weeks "
        f"apart) by what was known then; and what came on the Mondays after each, by what is known on "
        f"{result['as_of']}."
    )
    return page(f"Backtest of {settings.bank}", lead, sections)


def _kept(origins: list[Figures]) -> Section:
    """One row per origin for the promise and one for what came; and both as lines over the origins."""
    rows: list[dict[str, Any]] = []
    drawn: list[dict[str, Any]] = []
    for one in origins:
        for what in ("promised", "came"):
            found = one[what]["model"] | {"money_ratio": one[what]["money"]["ratio"] or 0.0}
            sure = one[what]["intervals"]
            shown = {
                head: with_interval(found[name], sure.get(f"model.{name}")) for head, name in _KEPT.items()
            }
            rows.append({"origin": one["origin"] if what == "promised" else "", "": what, **shown})
            drawn.append({"origin": one["origin"], "": what, "AUROC": found["auroc"]})
            drawn[-1]["average precision"] = found["average_precision"]
    frame = pd.DataFrame(drawn).rename(columns={"": "what"})
    charts = [lines(frame, "origin", head, "what", head) for head in ("AUROC", "average precision")]
    about = (
        "Promised is what the model showed on its own judged Mondays, came what the Mondays after it brought."
    )
    return Section("Was the promise kept", [about], charts, [_table(rows)])


def _of_all(settings: Settings, came: Figures) -> list[Section]:
    """What came after all origins as one: more leavers, so that chance blurs less."""
    ways, money = promised(came, "After all origins together"), money_section(settings, came)
    beside = (
        [
            "Beside the true probabilities, which only a made-up bank knows, the promised ones are off by "
            f"{came['gap_to_truth']:.4f} in the mean over ten groups: what is left once chance is taken out."
        ]
        if "gap_to_truth" in came
        else []
    )
    return [
        Section(ways.title, [*ways.texts, *beside], ways.charts, ways.tables),
        Section(f"Together: {money.title.lower()}", money.texts, money.charts, money.tables),
    ]


def _of_origin(settings: Settings, one: Figures) -> list[Section]:
    """What came after one origin: every way to rank, lists at capacity, money."""
    later = one["snapshots"]["later"]
    ways = promised(one["came"], f"Origin {one['origin']}: the Mondays {later[0]} to {later[-1]}")
    money, lists = money_section(settings, one["came"]), capacity(one["came"])
    return [
        ways,
        Section(f"{one['origin']}: {lists.title.lower()}", lists.texts, [], lists.tables),
        Section(f"{one['origin']}: {money.title.lower()}", money.texts, money.charts, money.tables),
    ]


def _table(rows: list[dict[str, Any]]) -> Any:
    return table(pd.DataFrame(rows))
