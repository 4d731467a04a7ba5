"""Divides a campaign's audience: contacted, kept back to compare, or left out.

docs/campaigns.md has the rules, and why neither a campaign nor the weekly lists bias each other's effect.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from configs.call_lists import Assignment
from configs.campaigns import Campaign
from configs.list_settings import Lists
from pipeline.lists.control_group import assigned_as, hash_below, is_control
from serve.store.audience import AudienceRow

KEPT = ("household_id", "branch_id", "manager_id", "tier", "lifecycle_stage", "risk_band",
        "money_at_risk_minor", "reason_group", "risk", "expected_value_minor")  # fmt: skip


@dataclass(frozen=True)
class AudienceFacts:
    """The facts that a sending must know besides its audience; customers by their newest numbers.

    ``often``: who was contacted as often as lists may. ``assignments``: those of the lists that hold, as
    ``held_by_name`` has them; ``waiting``: the names of those whose outcome is open.
    """

    monday: date
    until: date
    often: Collection[str]
    assignments: Mapping[str, Assignment]
    waiting: Collection[str] = ()

    def why_not(self, row: AudienceRow) -> str | None:
        """A key of LEFT_OUT that the store alone cannot tell: it keeps assignments under old numbers."""
        if assigned_as(row) in self.waiting or row.customer_id in self.waiting:
            return "in_experiment"
        return "too_often" if row.customer_id in self.often else None


def members_of(
    campaign: Campaign, rows: Iterable[AudienceRow], lists: Lists, facts: AudienceFacts
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The members as rows of the store, and how many are in each arm and were left out, by why.

    ``rows`` come in the order of what a contact keeps. Whoever is beyond the size is counted alone. Nobody's
    own arm has a say in whether there is room for him: there is while fewer than the size are to be contacted
    among those before.
    """
    members, arms, left_out = list[dict[str, Any]](), Counter[str](), Counter[str]()
    homes, room = set[str](), campaign.plan.size
    for row in rows:
        why = row.why or facts.why_not(row)
        if why is None and row.household_id in homes:
            why = "household"
        if why is None and not room:
            why = "beyond_size"
        if row.household_id and why is None:
            homes.add(row.household_id)
        arm = "left_out" if why else _arm(campaign, row, lists, facts)
        rank = arms["contact"] + 1 if arm == "contact" else None
        if why:
            left_out[why] += 1
        else:
            arms[arm] += 1
            room -= arm == "contact"
        if why != "beyond_size":
            fields = asdict(row)
            of_arm = {"arm": arm, "why": why, "rank": rank, "until": facts.until}
            members.append({"customer_id": row.customer_id} | {name: fields[name] for name in KEPT} | of_arm)
    fits = arms.total() + left_out.total()
    return members, {"fits": fits, **arms, "left_out": dict(sorted(left_out.items()))}


def _arm(campaign: Campaign, row: AudienceRow, lists: Lists, facts: AudienceFacts) -> str:
    """The lasting control group is left alone by all; of the others a share is kept back, at random."""
    key = assigned_as(row)
    if is_control((key, row.customer_id), facts.monday, lists, facts.assignments):
        return "lasting_control"
    share = campaign.plan.control_share
    return "control" if hash_below(share, lists.salt, campaign.campaign_id, key) else "contact"
