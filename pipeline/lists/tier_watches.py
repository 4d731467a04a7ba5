"""The customers whose tier falls on a known day, with the sum that saves it."""

from calendar import monthrange
from collections.abc import Hashable, Mapping
from datetime import date
from typing import Any

from configs.branch_rows import TierWatch
from configs.settings import Settings
from configs.tier_rule import TierRule
from pipeline.artefacts import Home
from pipeline.snapshots.build import read_partition

COLUMNS = [
    "customer_id", "snapshot_date", "exclusion", "tier", "marketing_opt_out", "manager_id", "branch_id",
    "months_below", "falls_to", "month_average_minor", "needed_minor", "saved_by_minor",
]  # fmt: skip
NOBODY_CALLS = ("closed", "deceased_or_frozen", "staff", "no_history")  # exclusions


def tier_watches(settings: Settings, home: Home, snapshot_date: date) -> tuple[TierWatch, ...]:
    """One row per customer watched on the Monday, or from the end of its month on if nothing comes.

    By customer_id; nobody where tiers are by threshold. Who wants no marketing is left out; who is outside
    the cohort's bounds is not: nobody falls from the lowest tier of the cohort within them.
    """
    rule = settings.tier_rule
    if rule.kind == "threshold":
        return ()
    rows = read_partition(home, "cohort", [snapshot_date], COLUMNS)
    below = rows["months_below"]
    watched = (below >= rule.months_below) | ((below + 1 == rule.months_below) & (rows["needed_minor"] > 0))
    chosen = rows[watched & ~rows["marketing_opt_out"] & ~rows["exclusion"].isin(NOBODY_CALLS)]
    return tuple(_watch(row, rule, snapshot_date) for row in chosen.to_dict("records"))


def _watch(row: Mapping[Hashable, Any], rule: TierRule, snapshot_date: date) -> TierWatch:
    # Of the months in a row below the bound the running one would be number ``months_below`` + 1.
    ahead = row["months_below"] + 1
    month_end = end_of_month(snapshot_date, 0)
    return TierWatch(
        customer_id=row["customer_id"],
        branch_id=row["branch_id"] if isinstance(row["branch_id"], str) else None,
        manager_id=row["manager_id"] if isinstance(row["manager_id"], str) else None,
        tier=row["tier"],
        falls_to=row["falls_to"],
        watched_since=end_of_month(snapshot_date, rule.months_below - ahead),
        falls_on=end_of_month(snapshot_date, rule.months_to_fall - ahead),
        days=(month_end - snapshot_date).days + 1,
        average_minor=row["month_average_minor"],
        needed_minor=row["needed_minor"],
        saved_by_minor=row["saved_by_minor"],
    )


def end_of_month(day: date, months: int) -> date:
    """The last day of the month so many months after that of ``day``.

    >>> [end_of_month(date(2026, 11, 16), months).isoformat() for months in (-1, 0, 3)]
    ['2026-10-31', '2026-11-30', '2027-02-28']
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, monthrange(year, month + 1)[1])
