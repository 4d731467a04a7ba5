"""One made-up answer per kind, shown in the OpenAPI document; a test holds them to the models."""

import json
from typing import Any

_SOURCE = {
    "snapshot_date": "2026-11-16",
    "run_id": "2026-11-16-3fa94c1b",
    "model_id": "demo-2026-10-05-7c1e",
    "warning": None,
}
_RISK = {
    "customer_id": "C00001042",
    "tier": "affluent",
    "lifecycle_stage": "declining",
    "aum": 1843200.5,
    "risk_30d": None,
    "risk_60d": None,
    "risk_90d": 0.412,
    "risk_band": "high",
    "money_at_risk": 655390.75,
    "reasons": [
        {
            "group": "rollover",
            "title": "money matured, maturing or idle",
            "text": "money maturing within 30 days: 600,000; next on 2026-12-03",
        },
        {
            "group": "outflow",
            "title": "money moves to other banks",
            "text": "money sent to other banks and brokers in the last 4 weeks: 480,000; last on 2026-11-12",
        },
    ],
    "risk_change": 0.118,
    "change": "up 12 points since last week: money moves to other banks (money sent to other banks and brokers in "
    "the last 4 weeks: 480,000; last on 2026-11-12)",
}


def _example(summary: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "value": value}


_SCORED = (
    _SOURCE
    | _RISK
    | {
        "status": "scored",
        "branch_id": "B001",
        "manager_id": "M0007",
        "marketing_opt_out": False,
        "currency": "CNY",
    }
)
_EXCLUDED = _SOURCE | {
    "status": "excluded",
    "customer_id": "C00002311",
    "code": "too_new",
    "explanation": "Not a customer for long enough to be scored.",
}
_CONTACT = {
    "contact_id": 418,
    "manager_id": "M0007",
    "run_id": "2026-11-16-3fa94c1b",
    "outcome": "undecided",
    "note": "Compares our term deposit with another bank's; call again on Friday.",
    "recorded_at": "2026-11-17T09:30:15Z",
}
_STEP = "Call before the deposit matures and offer a roll-over"
_BESIDE = {
    "maturities": [
        {"product": "定存宝 6 个月", "product_class": "term", "matures_on": "2026-12-03", "balance": 600000.0}
    ],
    "history": [
        {
            "snapshot_date": "2026-11-09",
            "run_id": "2026-11-09-9b1e07d2",
            "model_id": "demo-2026-10-05-7c1e",
            "risk_30d": None,
            "risk_60d": None,
            "risk_90d": 0.294,
            "risk_band": "medium",
            "aum": 2323200.5,
            "money_at_risk": 501223.4,
        }
    ],
    "contacts": [_CONTACT],
    "opted_out_since": None,
}
CUSTOMER_RISK = {
    "scored": _example("A customer of the cohort", _SCORED),
    "with all that belongs to it": _example(
        "With include=maturities&include=history&include=contacts", _SCORED | _BESIDE
    ),
    "excluded": _example("A customer who was not eligible", _EXCLUDED),
}
CUSTOMERS_RISK = {
    "three": _example(
        "Three customers, the last of whom is unknown or not the caller's",
        _SOURCE | {"customers": [_SCORED, _EXCLUDED, {"status": "unknown"}]},
    )
}
CONTACT = {
    "recorded": _example("A contact", _SOURCE | {"customer_id": "C00001042", "contact": _CONTACT}),
}
OPT_OUT = {
    "opted out": _example(
        "A customer who wants no calls",
        _SOURCE | {"customer_id": "C00001042", "opted_out_since": "2026-11-17"},
    )
}
NO_OPT_OUT = {
    "withdrawn": _example(
        "A customer who may be called again", _SOURCE | {"customer_id": "C00001042", "opted_out_since": None}
    )
}
MANAGER_LIST = {
    "list": _example(
        "A manager with one customer to call",
        _SOURCE
        | {
            "manager_id": "M0007",
            "name": "张伟",
            "branch_id": "B001",
            "weekly_capacity": 20,
            "currency": "CNY",
            "listed": 1,
            "customers": [_RISK | {"rank": 1, "money_to_keep": 131078.15, "next_step": _STEP}],
            "next_cursor": None,
        },
    )
}
_STAKE = {"customers": 164, "high_risk": 9, "listed": 20, "aum": 271300410.25, "money_at_risk": 6120400.5}
BRANCH_SUMMARY = {
    "branch": _example(
        "A branch with one manager, the first of a page of one",
        _SOURCE
        | _STAKE
        | {
            "branch_id": "B001",
            "currency": "CNY",
            "managers": [_STAKE | {"manager_id": "M0007", "name": "张伟"}],
            "next_cursor": "q5m1cB0m8o4",
        },
    )
}
_RUN = _SOURCE | {
    "bank": "demo",
    "currency": "CNY",
    "cohort": 3120,
    "excluded": {"below_bounds": 5480, "too_new": 212},
}
RUN = {"run": _example("A published run", _RUN)}
ALL_RUNS = {
    "two": _example(
        "Two runs",
        _SOURCE | {"runs": [_RUN, _RUN | {"snapshot_date": "2026-11-09", "run_id": "2026-11-09-9b1e07d2"}]},
    )
}
MODEL_CARD = {
    "card": _example(
        "Two parts of a card",
        _SOURCE
        | {
            "parts": {
                "purpose": ["Says each Monday which customers a manager should call first."],
                "owner": ["Retail analytics"],
            }
        },
    )
}
_ROW = {
    "snapshot_date": "2026-11-16",
    "run_id": "2026-11-16-3fa94c1b",
    "model_id": "demo-2026-10-05-7c1e",
    "kind": "scored",
    "customer_id": "C00001042",
    "branch_id": "B001",
    "manager_id": "M0007",
    "tier": "affluent",
    "lifecycle_stage": "declining",
    "marketing_opt_out": False,
    "currency": "CNY",
    "aum": 1843200.5,
    "money_at_risk": 655390.75,
    "risk_30d": None,
    "risk_60d": None,
    "risk_90d": 0.412,
    "risk_band": "high",
    "risk_change": 0.118,
    "change": "up 12 points since last week: money moves to other banks",
    "reason_1_group": "rollover",
    "reason_1": "money maturing within 30 days: 600,000; next on 2026-12-03",
    "reason_2_group": "outflow",
    "reason_2": "money sent to other banks and brokers in the last 4 weeks: 480,000; last on 2026-11-12",
    "reason_3_group": None,
    "reason_3": None,
}
_GONE = dict.fromkeys(_ROW) | {name: _ROW[name] for name in ("snapshot_date", "run_id", "model_id")}


def _rows(summary: str, *rows: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "value": "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)}


EXPORT = {"rows": _rows("One line per customer", _ROW)}
CHANGES = {
    "rows": _rows(
        "A customer whose score changed, and one who has none any more",
        _ROW | {"kind": "changed"},
        _GONE | {"kind": "removed", "customer_id": "C00001999"},
    )
}
HEALTH = {"ok": _example("All is well", {"status": "ok"})}
