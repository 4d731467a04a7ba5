"""The page of a model: what it promised on Mondays it had not seen, how sure that is, and what it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from configs.settings import Settings
from models.bundle import Bundle
from models.metrics import ENOUGH
from pipeline.evaluation.charts import against, lines, ranked, timeline
from pipeline.evaluation.evaluate import EXPLAINED
from pipeline.evaluation.model_card import Card, missing_in_card, with_interval
from pipeline.evaluation.page import Section, page, table
from pipeline.evaluation.sections import Figures, capacity, earnings, money_section, plain, promised

# What is shown of a group: heading and format.
GROUP = {
    "promised": ("promised", ".2%"),
    "came": ("came", ".2%"),
    "off": ("promised − came", "+.2%"),
    "auroc": ("AUROC", ".3f"),
    "average_precision": ("average precision", ".3f"),
    "ece": ("ECE", ".3f"),
}
_USED = {"train": "fitted", "tune": "calibrated", "judge": "judged"}


@dataclass(frozen=True)
class Extras:
    """What other commands found out about models of the same Monday; None where they were not run."""

    ablation: Figures | None = None
    learning_curve: Figures | None = None
    backtest: Figures | None = None


def report_page(settings: Settings, bundle: Bundle, judgement: Figures, card: Card, extras: Extras) -> str:
    """The whole page as HTML; the same bytes for the same figures."""
    found, detail = judgement["figures"], judgement["detail"]
    model = found["model"]
    sections = [
        _mondays(bundle),
        promised(found),
        _calibration(found, detail),
        money_section(settings, found),
        capacity(found),
        earnings(settings, found["profit"]),
        _groups(detail["groups"]),
        _made_of(detail),
        *_researched(extras),
        _card(card),
    ]
    lead = (
        f"Of {model['rows']:,} customers and Mondays that came after everything the model has seen, "
        f"{model['attrition_rate']:.2%} left. The first 10% of a Monday's list held {model['recall_at_10']:.0%} "
        f"of them and {model['aum_caught_at_10']:.0%} of their money."
    )
    return page(f"Model {bundle.model_id} of {settings.bank}", lead, sections)


def _mondays(bundle: Bundle) -> Section:
    """Which Mondays trained, tuned and judged, on one line of time."""
    used = bundle.metrics["snapshots"]
    rows = [{"Monday": pd.Timestamp(day), "used": said} for name, said in _USED.items() for day in used[name]]
    said = "; ".join(
        f"{verb} on {len(used[name])} Mondays, {used[name][0]} to {used[name][-1]}"
        for name, verb in _USED.items()
    )
    about = (
        f"Trained as of {bundle.metrics['trained_as_of']}: {said}. The gaps are the embargo: each set begins "
        f"when the outcomes of the one before were known. {bundle.metrics['rounds']} rounds of trees on "
        f"{bundle.metrics['customer_periods']:,} customer-periods and {len(bundle.model.columns)} features."
    )
    return Section("Which Mondays", [about], [timeline(pd.DataFrame(rows), "Monday", "used")])


def _calibration(found: Figures, detail: Figures) -> Section:
    """Risks promised beside rates that came, per horizon."""
    rows = [
        {"promised": one["promised"], "came": one["came"], "within": f"{days} days"}
        for days, bins in detail["calibration"].items()
        for one in bins
    ]
    ece = with_interval(found["model"]["ece"], found["intervals"].get("model.ece"))
    about = (
        "Ten groups of equal size by ascending risk; on the diagonal, promises are kept. At the longest horizon "
        f"the mean gap (ECE) is {ece}, the calibration slope {found['model']['calibration_slope']:.2f} (below 1 "
        "promises are too extreme, above 1 too timid). Chance alone makes gaps, never negative ones, so that the "
        "interval of the mean gap lies high. The axes are square roots."
    )
    chart = against(pd.DataFrame(rows), "promised", "came", "within", "Share of customers gone")
    brier = [
        {"horizon": f"{days} days", "Brier score": found["model"][f"brier_{days}d"]}
        for days in detail["calibration"]
    ]
    return Section("Are the probabilities kept", [about], [chart], [table(pd.DataFrame(brier))])


def _groups(groups: Figures) -> Section:
    """Every group by itself; figures of too few customers are not shown."""
    about = (
        f"Promised and came are rates of leaving. Where fewer than {ENOUGH} different customers left or stayed "
        "there are too few to say anything. Gender and age come from the customers table, for this page only; "
        "no model sees them."
    )
    return Section("By group", [about], tables=[_group_table(name, rows) for name, rows in groups.items()])


def _group_table(name: str, groups: Sequence[Figures]) -> Any:
    rows = [
        {name: one["group"] + (" (too few)" if one["auroc"] is None else "")}
        | {"customers": one["customers"], "left": one["left"]}
        | {head: one[key] for key, (head, _) in GROUP.items()}
        for one in groups
    ]
    formats = dict(GROUP.values())
    frame = pd.DataFrame(rows).astype(dict.fromkeys(formats, float))
    return table(frame, formats | {"customers": ",d", "left": ",d"})


def _made_of(detail: Figures) -> Section:
    """The features that lower the loss most, and how much each group of reasons moves scores."""
    about = (
        "Gain is a feature's share of what all trees together lower the loss by. A reason is a group of features "
        f"that move together; its weight is the mean size of what it adds to the log-odds, over {EXPLAINED:,} "
        "judged rows."
    )
    gains = pd.DataFrame(detail["features"])
    reasons = pd.DataFrame(detail["reasons"]).rename(columns={"log_odds": "log-odds"})
    return Section(
        "What the scores are made of",
        [about],
        [ranked(gains, "feature", "gain", "Features"), ranked(reasons, "reason", "log-odds", "Reasons")],
    )


def _researched(extras: Extras) -> list[Section]:
    """Ablation, learning curve and backtest, where they were run as of the same Monday."""
    sections = []
    if extras.ablation:
        about = "The model fitted again without one family; what is lost is lost in average precision."
        sections.append(Section("Families of features", [about], tables=[table(_rows(extras.ablation))]))
    if extras.learning_curve:
        about = "The model fitted on the last Mondays only, judged on the same ones: does more history help?"
        chart = lines(
            pd.DataFrame(extras.learning_curve["rows"]),
            "mondays",
            "average_precision",
            title="Learning curve",
        )
        sections.append(Section("Learning curve", [about], [chart], [table(_rows(extras.learning_curve))]))
    if extras.backtest:
        origins = ", ".join(one["origin"] for one in extras.backtest["origins"])
        about = f"Models of {origins} were held to their word: backtest.html beside this folder shows it."
        sections.append(Section("Backtest", [about]))
    return sections


def _rows(found: Figures) -> pd.DataFrame:
    """What a command kept, the row's name first."""
    frame = pd.DataFrame(found["rows"])
    first = [name for name in ("without", "mondays") if name in frame]
    return frame[first + [name for name in frame if name not in first]].rename(columns=plain)


def _card(card: Card) -> Section:
    missing = missing_in_card(card)
    rows = [
        {"part": "" if k else part, "": text} for part, texts in card.items() for k, text in enumerate(texts)
    ]
    said = ["It is complete." if not missing else "; ".join(missing) + "."]
    return Section("Model card", said, tables=[table(pd.DataFrame(rows))])
