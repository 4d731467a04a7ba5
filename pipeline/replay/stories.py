"""Ten customers of a replay, without their numbers: what the lists said of them, and what happened."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from math import floor, log10
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.dates import WEEK
from pipeline.replay.ways import LISTS, Counts

FOUND, MISSED, STAYED = 5, 3, 2  # stories of each kind
COLUMNS = ["customer_id", "branch_id", "tier", "worked_decision", "worked_rank", "risk",
           "money_at_risk_minor", "aum_minor", "reasons"]  # fmt: skip
OF_BALANCES = ("tier", "lost", "first_aum", "last_aum", "money_at_risk", "aum")
AMOUNT = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")  # in the sentence of a reason, from 1,000 on
Line = dict[str, Any]


def stories(
    kept: Sequence[tuple[date, Path]],
    leavers: pd.DataFrame,
    gone: Collection[str],
    counts: Counts,
    weeks: int,
    has_money: bool,
) -> list[dict[str, Any]]:
    """Leavers who stood on a list in time and leavers who did not, those with most money first; and customers
    who were called and did not leave (are not ``gone``), those with most money at risk first.

    Of a leaver the ``weeks`` before the outflow start are shown. Money, in reasons too, is in base currency,
    rounded to two digits; nothing names a customer or a manager. Where there is no money (not ``has_money``)
    the highest risks come first, and no story has an amount.
    """
    ordered = leavers.assign(weeks=counts.ways[LISTS].weeks[0]).sort_values(
        ["lost_minor", "customer_id"], ascending=[False, True]
    )
    in_time, late = ordered[ordered["weeks"] > 0].head(FOUND), ordered[ordered["weeks"] == 0].head(MISSED)
    stayed = _called_and_stayed(kept, gone)
    names = [*in_time["customer_id"], *late["customer_id"], *stayed]
    lines = _lines(kept, names)
    kinds = [(row, "found") for row in in_time.to_dict("records")]
    kinds += [(row, "missed") for row in late.to_dict("records")]
    ended = [_of_leaver(lines[row["customer_id"]], row, kind, weeks) for row, kind in kinds]
    ended += [_of_stayed(lines[name]) for name in stayed]
    numbered = [{"customer": number} | story for number, story in enumerate(ended, start=1)]
    return numbered if has_money else [_without_amounts(story) for story in numbered]


def _without_amounts(story: Mapping[str, Any]) -> dict[str, Any]:
    """A story, its calls included, without tiers and balances."""
    bare = {name: value for name, value in story.items() if name not in OF_BALANCES}
    return bare | ({"calls": [_without_amounts(call) for call in bare["calls"]]} if "calls" in bare else {})


def rounded(minor: int) -> int:
    """Minor units as base currency with two digits that are not 0.

    >>> rounded(123_456_00)
    120000
    """
    amount = minor / 100
    return int(round(amount, 1 - floor(log10(abs(amount))))) if abs(amount) >= 1 else 0


def masked(reason: str) -> str:
    """The sentence with its amounts rounded to two digits.

    >>> masked("money going out in the last 13 weeks: 150,132; last on 1993-11-30")
    'money going out in the last 13 weeks: 150,000; last on 1993-11-30'
    """
    return AMOUNT.sub(lambda amount: f"{rounded(round(float(amount[0].replace(',', '')) * 100)):,}", reason)


def _called_and_stayed(kept: Sequence[tuple[date, Path]], gone: Collection[str]) -> list[str]:
    most: dict[str, tuple[int, float]] = {}
    ranked = ["money_at_risk_minor", "risk"]
    for _, path in kept:
        table = pq.read_table(path, columns=["customer_id", "worked_rank", *ranked], partitioning=None)
        called = table.filter(pc.is_valid(table["worked_rank"]))
        names, *figures = (called[column].to_pylist() for column in ("customer_id", *ranked))
        for name, *at_risk in zip(names, *figures, strict=True):
            if name not in gone:
                most[name] = max(tuple(at_risk), most.get(name, (0, 0.0)))
    return sorted(most, key=lambda name: (-most[name][0], -most[name][1], name))[:STAYED]


def _lines(kept: Sequence[tuple[date, Path]], names: Sequence[str]) -> Mapping[str, list[Line]]:
    """By customer the rows of these Mondays, the earliest first, each with its ``monday``."""
    lines: defaultdict[str, list[Line]] = defaultdict(list)
    for day, path in kept:
        table = pq.read_table(path, columns=COLUMNS, partitioning=None)
        for row in table.filter(pc.is_in(table["customer_id"], pa.array(names, pa.string()))).to_pylist():
            lines[row["customer_id"]].append(row | {"monday": day})
    return lines


def _of_leaver(lines: Sequence[Line], row: Mapping[Any, Any], kind: str, weeks: int) -> dict[str, Any]:
    start = row["outflow_start"]
    ahead = [line for line in lines if start - weeks * WEEK <= line["monday"] < start]
    return {
        "kind": kind,
        "tier": row["tier"],
        "branch": row["branch_id"] if isinstance(row["branch_id"], str) else None,  # pandas reads NaN
        "outflow_start": str(start),
        "weeks": int(row["weeks"]),
        "lost": rounded(row["lost_minor"]),
        "mondays": len(ahead),
        "highest_risk": _risk(max((line["risk"] for line in ahead), default=None)),
        "last_decision": ahead[-1]["worked_decision"] if ahead else None,
        "calls": _calls(ahead),
    }


def _of_stayed(lines: Sequence[Line]) -> dict[str, Any]:
    first, last = lines[0], lines[-1]
    return {
        "kind": "stayed",
        "tier": last["tier"],
        "branch": last["branch_id"],
        "first_aum": rounded(first["aum_minor"]),
        "last_aum": rounded(last["aum_minor"]),
        "last_monday": str(last["monday"]),
        "mondays": len(lines),
        "highest_risk": _risk(max(line["risk"] for line in lines)),
        "calls": _calls(lines),
    }


def _calls(lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [
        {
            "monday": str(line["monday"]),
            "rank": line["worked_rank"],
            "risk": _risk(line["risk"]),
            "money_at_risk": rounded(line["money_at_risk_minor"]),
            "aum": rounded(line["aum_minor"]),
            "reasons": [masked(reason) for reason in line["reasons"]],
        }
        for line in lines
        if line["worked_rank"] is not None
    ]


def _risk(risk: float | None) -> float | None:
    return None if risk is None else round(risk, 3)
