"""What a command prints at its end."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from configs.call_lists import CallList
from pipeline.context import Context
from pipeline.monitoring.outcomes import Realised
from pipeline.scoring.score import Publication
from pipeline.training.comparison import DECIDE, Decision
from serve.store.audit import Entry, Head

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


def lists_in_words(bank: Context, publication: Publication, lists: Sequence[CallList]) -> str:
    """The counts of a run and the top of its longest list by money at risk."""
    run, language = publication.run, bank.settings.language
    top = max(lists, key=lambda one: sum(score.money_at_risk_minor for score in one.listed))
    who = f"{top.manager.name} ({top.manager.manager_id})" if top.manager else f"branch {top.branch_id}"
    excluded = ", ".join(f"{count:,} {code}" for code, count in run.excluded.items())
    lines = [
        f"run {run.run_id}: {run.cohort:,} customers scored, excluded: {excluded}",
        f"top of the list of {who}, snapshot {run.snapshot_date}, {run.base_currency}:",
        _row("", "customer", "tier", "AUM", "risk", "at risk", "reason"),
    ]
    for rank, score in enumerate(top.listed[:SHOWN], start=1):
        reason = score.reasons[0] if score.reasons else None
        lines.append(
            _row(
                str(rank), score.customer_id, score.tier, f"{score.aum_minor / 100:,.0f}",
                f"{score.risk:.1%}", f"{score.money_at_risk_minor / 100:,.0f}",
                "" if reason is None else reason.text_zh if language == "zh" else reason.text_en,
            )
        )  # fmt: skip
    lines.append(
        f"workbooks: {bank.home.lists / str(run.snapshot_date)}   store: {bank.home.root / 'store.db'}"
    )
    return "\n".join(lines)


def outcomes_in_words(realised: Realised) -> str:
    """The published ranking beside the rules, and what was promised beside what came."""
    shown = ["auroc", "average_precision", "lift_at_10", "recall_at_10", "aum_caught_at_10"]
    return "\n".join(
        [
            f"run {realised.run_id}",
            realised.table[shown].astype(float).round(3).to_string(),
            f"attrition: promised {realised.promised_rate:.2%}, came {realised.realised_rate:.2%} "
            f"({int(realised.table['attrited'].iloc[0])} of {int(realised.table['rows'].iloc[0])})",
            f"money: promised {realised.promised_money:,.0f}, left {realised.realised_money:,.0f}",
            f"listed: {realised.listed}, of whom {realised.listed_attrited} attrited",
        ]
    )


def backtest_in_words(result: Mapping[str, Any]) -> str:
    """Per origin a row for what was promised and one for each way to rank on what came, with 95% intervals; then
    the same of what came after all origins together, and the money by tenths."""
    lines = [f"{'origin':<12}{'':<17}" + "".join(f"{head:>23}" for head in COLUMNS.values())]
    for one in result["origins"]:
        lines.append(_figures(one["origin"], "promised", one["promised"], "model"))
        lines += _came("", one["came"])
    lines += _came("together", result["together"])
    lines += [f"{day:<12}refused: {reason}" for day, reason in result["refused"].items()]
    tenths = " ".join(f"{one['ratio'] or 0:.2f}" for one in result["together"]["money"]["deciles"])
    lines.append(f"money predicted / left by tenths of ascending predicted money, together: {tenths}")
    if "gap_to_truth" in result["together"]:
        gaps = [one["came"]["gap_to_truth"] for one in result["origins"]]
        lines.append(
            f"mean gap of promised to true probabilities: {', '.join(f'{gap:.4f}' for gap in gaps)}; "
            f"together {result['together']['gap_to_truth']:.4f}"
        )
    return "\n".join(lines)


def decision_in_words(decision: Decision) -> str:
    """Challenger and champion on the same Mondays, and what speaks against the challenger."""
    shown = decision.figures
    lines = [f"challenger {decision.challenger}, champion {decision.champion or 'none'}"]
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
    for name, (low, middle, high) in shown.get("differences", {}).items():
        lines.append(f"difference in {DECIDE[name]}: {middle:+.4f} [{low:+.4f}, {high:+.4f}]")
    lines += [f"against: {reason}" for reason in decision.against] or ["nothing speaks against it"]
    return "\n".join(lines)


def audit_in_words(found: tuple[Sequence[Entry], Head | None], last: int) -> str:
    """The last entries, one a line, and the head to write down."""
    entries, head = found
    lines = [
        f"{number:>6}  {one.at:%Y-%m-%d %H:%M:%S}Z  {_pad(one.actor, 20)} {one.action:<12} {one.subject}  "
        f"{json.dumps(one.details, ensure_ascii=False, sort_keys=True)}"
        for number, one in enumerate(entries, start=1)
    ]
    return "\n".join([*lines[-last:], f"{len(entries)} entries, whole; head {head or 'none'}"])


def _came(origin: str, came: Mapping[str, Any]) -> list[str]:
    """A row for the model and one for each other way to rank."""
    return [
        _figures(origin, "came", came, "model"),
        *(_figures("", f"  {way}", came, way) for way in came["others"]),
    ]


def _figures(origin: str, what: str, judged: Mapping[str, Any], way: str) -> str:
    """One row: each figure of one way to rank, and its interval where there is one."""
    found = judged["others"].get(way) or judged["model"] | {"money_ratio": judged["money"]["ratio"]}
    cells = []
    for name in COLUMNS:
        low, high = judged["intervals"].get(f"{way}.{name}", (None, None))
        shown = "" if found.get(name) is None else f"{found[name]:.3f}"
        cells.append(shown if low is None else f"{shown} [{low:.3f}, {high:.3f}]")
    return f"{origin:<12}{what:<17}" + "".join(f"{cell:>23}" for cell in cells)


def _row(rank: str, customer: str, tier: str, aum: str, risk: str, money: str, reason: str) -> str:
    return f"{rank:>2} {customer:<20}{_pad(tier, 10)}{aum:>12}{risk:>8}{money:>12}  {reason}"


def _pad(text: str, width: int) -> str:
    """Left-aligned; Chinese characters take two columns of a terminal."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return text + " " * max(0, width - len(text) - wide)
