"""The text that a command prints at its end."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from configs.call_lists import CallList
from models.metrics import ENOUGH, without_money
from pipeline.context import Context
from pipeline.monitoring.calibration import VERDICTS
from pipeline.monitoring.matured import EVERYBODY, Matured
from pipeline.scoring.score import Publication
from pipeline.training.comparison import DECIDE
from serve.store.audit import Entry, Head
from serve.texts.wording import Wording

SHOWN = 8
# What a backtest prints of its metrics, and under which heading.
COLUMNS = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "recall_at_10": "recall in top 10%",
    "aum_caught_at_10": "AUM caught in top 10%",
    "ece": "ECE",
    "calibration_slope": "calibration slope",
    "money_ratio": "money predicted / left",
}


def lists_in_words(
    context: Context, publication: Publication, lists: Sequence[CallList], words: Wording
) -> str:
    """The counts of a run and the top of its longest list."""
    run, top = publication.run, longest_list(publication, lists)
    owner = words("demo.list_of_all")
    if top.manager:
        owner = words("demo.list_of_manager", name=top.manager.name, manager=top.manager.manager_id)
    elif top.branch_id:
        owner = words("demo.list_of_branch", branch=top.branch_id)
    excluded = ", ".join(f"{count:,} {code}" for code, count in run.excluded.items())
    order = run.base_currency if run.has_money else words("demo.by_risk")
    of_money = words("demo.tier"), words("demo.aum"), words("demo.money_at_risk")
    headings = words("demo.customer"), of_money if run.has_money else (), words("demo.risk")
    lines = [
        words("demo.run", run=run.run_id, cohort=f"{run.cohort:,}", excluded=excluded),
        words("demo.top", owner=owner, day=run.snapshot_date, order=order),
        _row("", *headings, words("demo.reason")),
    ]
    for rank, score in enumerate(top.listed[:SHOWN], start=1):
        money = (score.tier, f"{score.aum_minor / 100:,.0f}", f"{score.money_at_risk_minor / 100:,.0f}")
        reason = words.of(score.reasons[0]) if score.reasons else ""
        shown = money if run.has_money else ()
        lines.append(_row(str(rank), score.customer_id, shown, f"{score.risk:.1%}", reason))
    folder = context.home.lists / str(run.snapshot_date)
    lines.append(words("demo.places", lists=folder, store=context.home.root / "store.db"))
    return "\n".join(lines)


def longest_list(publication: Publication, lists: Sequence[CallList]) -> CallList:
    """The list with most money at risk, or most expected leavers."""
    has_money = publication.run.has_money
    return max(
        lists,
        key=lambda call_list: sum(
            score.money_at_risk_minor if has_money else score.risk for score in call_list.listed
        ),
    )


def outcomes_in_words(run_id: str, metrics: pd.DataFrame, figures: Mapping[str, Any]) -> str:
    """The published ranking beside the rules, if enough left; predicted beside observed rates and money."""
    shown = ["auroc", "average_precision", "lift_at_10", "recall_at_10", "aum_caught_at_10"]
    money = []
    if "predicted_money_minor" in figures:
        predicted, left = figures["predicted_money_minor"] / 100, figures["observed_money_minor"] / 100
        money = [f"money: predicted {predicted:,.0f}, left {left:,.0f}"]
    return "\n".join(
        [
            f"run {run_id}",
            metrics.filter(shown).astype(float).round(3).to_string()
            if len(metrics)
            else f"fewer than {ENOUGH} customers left or stayed: too few to rank",
            f"attrition: predicted {figures['predicted_rate']:.2%}, observed {figures['observed_rate']:.2%} "
            f"({figures['attrited']} of {figures['customers']})",
            *money,
            f"listed: {figures['listed']}, of whom {figures['listed_attrited']} attrited",
        ]
    )


def calibration_in_words(figures: Mapping[str, Any], monday: Sequence[Matured]) -> str:
    """One line per matured horizon of a Monday, one on the verdict, and one per group with an alarm."""
    lines = []
    for matured in monday:
        if EVERYBODY not in matured.groups:  # nobody whom it scored has an outcome
            continue
        counts = matured.groups[EVERYBODY]
        lines.append(
            f"within {matured.days} days: {counts['customers']:,.0f} customers, predicted "
            f"{counts['predicted']:,.1f}, observed {counts['observed']:,.0f}; without a call: predicted "
            f"{counts['unlisted_predicted']:,.1f}, at most {counts['unlisted_at_most']:,.1f}"
        )
    lines.append(f"all Mondays matured before {figures['as_of']}: {VERDICTS[figures['verdict']]}")
    for group in figures["groups"]:
        if group["since"]:
            name = f"{group['kind']} {group['name']}".strip()
            strongest = max(horizon["evidence"] for horizon in group["horizons"])
            lines.append(
                f"alarm since {group['since']}, {name}: {VERDICTS[group['verdict']]}, "
                f"evidence {strongest:,.3g} of {group['needed']:,.0f}"
            )
    return "\n".join(lines)


def backtest_in_words(result: Mapping[str, Any]) -> str:
    """Per origin a row for what was predicted and one for each way to rank on what was observed, with 95%
    intervals; then what was observed after all origins together, and the money by tenths."""
    together = result["together"]
    lines = [f"{'origin':<12}{'':<17}" + "".join(f"{COLUMNS[name]:>23}" for name in _columns(together))]
    for origin in result["origins"]:
        lines.append(_figures_row(origin["origin"], "predicted", origin["predicted"], "model"))
        lines += _observed_rows("", origin["observed"])
    lines += _observed_rows("together", together)
    lines += [f"{day:<12}refused: {reason}" for day, reason in result["refused"].items()]
    if "money" in together:
        tenths = " ".join(f"{tenth['ratio'] or 0:.2f}" for tenth in together["money"]["deciles"])
        lines.append(f"money predicted / left by tenths of ascending predicted money, together: {tenths}")
    if "gap_to_truth" in together:
        gaps = ", ".join(f"{origin['observed']['gap_to_truth']:.4f}" for origin in result["origins"])
        gap = f"together {together['gap_to_truth']:.4f}"
        lines.append(f"mean gap between predicted and true probabilities: {gaps}; {gap}")
    return "\n".join(lines)


def comparison_in_words(shown: Mapping[str, Any]) -> str:
    """Challenger and champion on the same Mondays, and the objections to the challenger."""
    lines = [f"challenger {shown['challenger']}, champion {shown['champion'] or 'none'}"]
    if "rows" in shown:
        days = shown["mondays"]
        lines.append(
            f"{days[0]} to {days[-1]}, {shown['rows']:,} rows, {shown['attrited']:,} attrited, "
            f"{shown['challenger_figures']['listed']:,.0f} on lists a week"
        )
        ways = {
            way: shown[f"{way}_figures"] for way in ("challenger", "champion") if f"{way}_figures" in shown
        }
        lines.append(pd.DataFrame(ways | shown["rules"]).T.round(4).to_string(na_rep=""))
    gaps_from = {"the champion": shown.get("differences", {})}
    gaps_from |= {f"the rule {rule}": gaps for rule, gaps in shown.get("differences_from_rules", {}).items()}
    for other, gaps in gaps_from.items():
        for name, (low, middle, high) in gaps.items():
            lines.append(f"{DECIDE[name]} less that of {other}: {middle:+.4f} [{low:+.4f}, {high:+.4f}]")
    lines += [f"objection: {reason}" for reason in shown["objections"]] or ["no objection"]
    return "\n".join(lines)


def audit_in_words(log: tuple[Sequence[Entry], Head | None], last: int) -> str:
    """The last entries, one a line, and the head to write down."""
    entries, head = log
    lines = [
        f"{number:>6}  {entry.at:%Y-%m-%d %H:%M:%S}Z  {_pad(entry.actor, 20)} {entry.action:<12} "
        f"{entry.subject}  {json.dumps(entry.details, ensure_ascii=False, sort_keys=True)}"
        for number, entry in enumerate(entries, start=1)
    ]
    return "\n".join([*lines[-last:], f"{len(entries)} entries, whole; head {head or 'none'}"])


def policies_in_words(compared: Mapping[str, Any]) -> str:
    """The policy that fills the lists, and what its challenger would have kept more where they differ."""
    challenger, (value, low, high) = compared["challenger"], compared["difference"]
    lines = [
        f"lists are filled by {compared['champion']}; challenger: {challenger}",
        f"{compared['known']:,} assignments with a known outcome before {compared['as_of']}; with half of "
        f"the places the two contact others in {compared['differing']:,} cases, where {challenger} keeps "
        f"{value:+,} {compared['unit']} [{low:+,}, {high:+,}] more, less cost",
    ]
    lines += [f"objection: {reason}" for reason in compared["objections"]] or [
        f"no objection; a second person may approve it: make policy USE={challenger} BY=<name>"
    ]
    return "\n".join(lines)


def effect_in_words(figures: Mapping[str, Any]) -> str:
    """The figures of ``pipeline.lists.experiment.figures`` in sentences."""
    lines = [
        f"{figures['known']:,} assignments with a known outcome before {figures['as_of']}, "
        f"{figures['waiting']:,} waiting for theirs; {figures['control']:,} of all are the control group",
        f"state: {figures['state']}{_direction(figures)}",
    ]
    customers, money, currency = figures["customers"], figures["money"], figures["currency"]
    if customers:
        lines += [
            _arms(customers),
            f"customers kept: {_range(customers['kept'], '{:,.1f}')}, {_points(customers)}",
            f"bounds hold however often you look; {_called(customers, money)}",
        ]
    if money:
        lines.append(f"money kept: {_range(money['kept'], '{:,.0f}')} {currency}, {_points(money)}")
    if mixed := figures["contamination"]:
        lines.append(
            f"reached: {mixed['controls_reached']:,} of {mixed['controls']:,} controls all the same; never: "
            f"{mixed['listed_not_reached']:,} of {mixed['listed']:,} listed"
        )
    lines.append(_power_in_words(figures["power"]))
    for kind in ("reason", "manager"):
        groups = figures[f"by_{kind}"].items()
        lines += [f"{kind} {name}: {_arms(group)}; {_points(group)}" for name, group in groups]
    response = figures["response"]
    learnt = "".join(f", {name} {share:.0%}" for name, share in sorted(response["by_reason"].items()))
    whole = "money at risk" if figures["counts"] == "money" else "customers about to leave"
    lines.append(f"of the {whole} a call is expected to keep {response['overall']:.0%}{learnt}")
    return "\n".join(lines)


def _power_in_words(power: Mapping[str, Any]) -> str:
    """The smallest effect visible with today's assignments, and the weeks until the expected one could be."""
    expected = f"{100 * power['expected']:.2f} points"
    if power["weeks_to_go"] == 0:
        return f"enough data: an effect of {expected} is seen in 8 of 10 such experiments"
    seen = "no effect" if power["visible"] is None else f"effects from {100 * power['visible']:.2f} points on"
    weeks = power["weeks_to_go"]
    when = "at the present rate there never will be" if weeks is None else f"about {weeks:,} more weeks"
    return f"not enough data yet, {when}: now {seen} can be seen, and {expected} are expected"


def _arms(group: Mapping[str, Any]) -> str:
    arms = (("listed", group["listed"]), ("control group", group["control_group"]))
    return ", ".join(f"{name}: {arm['left']:.2%} of {arm['assignments']:,} left" for name, arm in arms)


def _points(group: Mapping[str, Any], of: str = "difference") -> str:
    middle, low, high = (100 * share for share in group[of])
    return f"{middle:+.2f} points [{low:+.2f}, {high:+.2f}]"


def _direction(figures: Mapping[str, Any]) -> str:
    """What an effect that is shown does; nothing before."""
    if figures["state"] != "shown":
        return ""
    return ", calling helps" if figures["customers"]["difference"][0] > 0 else ", calling harms"


def _called(customers: Mapping[str, Any], money: Mapping[str, Any] | None) -> str:
    """The effect on those who were reached because they were listed."""
    if not customers["called"]:
        return "who was reached is not known, so there is no effect on the called"
    if customers["called"][1] <= -1 and customers["called"][2] >= 1:
        return "effect on the called: not known yet"
    of_money = f", of their money {_points(money, 'called')}" if money and money["called"] else ""
    return f"effect on the called: {_points(customers, 'called')}{of_money}"


def _range(values: Sequence[float], form: str) -> str:
    middle, low, high = (form.format(value) for value in values)
    return f"{middle} [{low}, {high}]"


def _observed_rows(origin: str, observed: Mapping[str, Any]) -> list[str]:
    """A row for the model and one for each other way to rank."""
    others = [_figures_row("", f"  {way}", observed, way) for way in observed["others"]]
    return [_figures_row(origin, "actual", observed, "model"), *others]


def _figures_row(origin: str, name: str, figures: Mapping[str, Any], way: str) -> str:
    """Each figure of one way to rank, and its interval where there is one."""
    ratio = {"money_ratio": figures["money"]["ratio"]} if "money" in figures else {}
    metrics = figures["others"].get(way) or figures["model"] | ratio
    cells = []
    for metric in _columns(figures):
        low, high = figures["intervals"].get(f"{way}.{metric}", (None, None))
        text = "" if metrics.get(metric) is None else f"{metrics[metric]:.3f}"
        cells.append(text if low is None else f"{text} [{low:.3f}, {high:.3f}]")
    return f"{origin:<12}{name:<17}" + "".join(f"{cell:>23}" for cell in cells)


def _columns(figures: Mapping[str, Any]) -> Mapping[str, str]:
    return COLUMNS if "money" in figures else without_money(COLUMNS)


def _row(rank: str, customer: str, money: Sequence[str], risk: str, reason: str) -> str:
    """``money``: the tier, the AUM and what is at risk; nothing where a bank counts customers."""
    if not money:
        return f"{rank:>2} {_pad(customer, 20)}{_pad(risk, 8, '>')}  {reason}"
    tier, aum, at_risk = money
    figures = _pad(aum, 12, ">") + _pad(risk, 8, ">") + _pad(at_risk, 12, ">")
    return f"{rank:>2} {_pad(customer, 20)}{_pad(tier, 10)}{figures}  {reason}"


def _pad(text: str, width: int, side: str = "<") -> str:
    """On the left side, or on the right with ">"; Chinese characters take two columns of a terminal."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return f"{text:{side}{max(0, width - wide)}}"
