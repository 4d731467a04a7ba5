"""One made-up answer per kind, shown in the OpenAPI document; a test holds them to the models."""

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


CUSTOMER_RISK = {
    "scored": _example(
        "A customer of the cohort",
        _SOURCE
        | _RISK
        | {
            "status": "scored",
            "branch_id": "B001",
            "manager_id": "M0007",
            "marketing_opt_out": False,
            "currency": "CNY",
        },
    ),
    "excluded": _example(
        "A customer who was not eligible",
        _SOURCE
        | {
            "status": "excluded",
            "customer_id": "C00002311",
            "code": "too_new",
            "explanation": "Not a customer for long enough to be scored.",
        },
    ),
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
            "customers": [_RISK | {"rank": 1}],
        },
    )
}
LATEST_RUN = {
    "run": _example(
        "A published run",
        _SOURCE
        | {
            "bank": "demo",
            "currency": "CNY",
            "cohort": 3120,
            "excluded": {"below_bounds": 5480, "too_new": 212},
        },
    )
}
HEALTH = {"ok": _example("All is well", {"status": "ok"})}
