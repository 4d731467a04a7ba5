"""A campaign of the pages' bank that was sent with its newest run, and its first figures."""

from datetime import date, datetime, timedelta

from sqlalchemy import Connection, insert

from configs.campaigns import AudienceRule
from configs.published import Run
from serve.store import campaign_members, tables
from serve.store.rows import dump

MONDAY = date(2026, 11, 16)
EVIL = "<script>alert(1)</script>"
CAMPAIGN, KEPT_BACK = "C1", "6217000000000000106"
TO_CONTACT = ('"><script>alert(2)<!--', "6217000000000000103", "6217000000000000201")


def _arm(customers: int, left: float) -> dict[str, float]:
    return {"assignments": customers, "left": left}


CAMPAIGN_EFFECT = {
    "as_of": str(MONDAY), "counts": "money", "currency": "CNY", "contacts": 3, "control": 1,
    "lasting_control": 2, "known": 2, "waiting": 2, "next_outcome": "2027-02-21", "state": "collecting",
    "cost": 150.0,
    "customers": {"listed": _arm(1, 0.0), "control_group": _arm(1, 1.0), "difference": [1.0, -0.3, 1.0],
                  "kept": [1.0, -0.3, 1.0]},
    "money": {"listed": _arm(1, 0.0), "control_group": _arm(1, 0.8), "difference": [0.8, -0.4, 1.0],
              "kept": [810_000.0, -400_000.0, 1_000_000.0]},
    "contamination": {"controls": 1, "controls_reached": 1, "listed": 3, "listed_not_reached": 2},
    "net": [8_000.0, -4_150.0, 9_850.0],
}  # fmt: skip


def keep_campaign(connection: Connection, run: Run) -> None:
    """One that was sent with the newest run; one of M1's customers is kept back."""
    rule = AudienceRule(stages=("mature", "declining"), least_aum=500_000.0)
    fields = {"title": f"Roll over {EVIL}", "size": 5, "channel": "phone", "control_share": 0.5}
    period = {"starts_on": MONDAY, "ends_on": MONDAY + timedelta(weeks=6), "sent_on": MONDAY}
    counts = '{"contact": 3, "control": 1, "lasting_control": 2, "left_out": {"opted_out": 4, "listed": 1}}'
    who = {"author": EVIL, "approved_by": "the head_office", "run_id": run.run_id, "sent": counts}
    at = {"created_at": datetime(2026, 11, 13, 8), "approved_at": datetime(2026, 11, 13, 9)}
    key = {"campaign_id": CAMPAIGN, "idempotency_key": "k", "rule": dump(rule.asked)}
    connection.execute(insert(tables.campaigns).values(key | fields | period | who | at))
    of_member = {"campaign_id": CAMPAIGN, "until": MONDAY + timedelta(weeks=14), "tier": "wealth",
                 "lifecycle_stage": "mature", "reason_group": "outflow", "risk_band": "high", "risk": 0.4,
                 "money_at_risk_minor": 900_000_00, "expected_value_minor": 270_000_00}  # fmt: skip
    for rank, name in enumerate(TO_CONTACT, start=1):
        member = {"customer_id": name, "arm": "contact", "rank": rank}
        connection.execute(insert(tables.campaign_members).values(of_member | member))
    kept_back = {"customer_id": KEPT_BACK, "arm": "control"}
    connection.execute(insert(tables.campaign_members).values(of_member | kept_back))
    campaign_members.write_result(connection, CAMPAIGN, MONDAY, CAMPAIGN_EFFECT)
