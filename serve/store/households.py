"""The other members of a customer's household in a run, as far as the reader may see them."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from configs.published import Decision, Score
from serve.store import rows, tables
from serve.store.read_session import ReadSession, same_customer

MEMBERS = 1_000  # read at once; a code of the bank for none may be a household of everybody


@dataclass(frozen=True)
class HouseholdMember:
    """A scored member of a household, and what was decided."""

    tier: str
    lifecycle_stage: str
    aum_minor: int
    decision: Decision

    @property
    def customer_id(self) -> str:
        return self.decision.customer_id

    @property
    def keep_minor(self) -> int:
        """Money that a call is expected to keep."""
        return self.decision.expected_value_minor


def other_members(session: ReadSession, of: Iterable[Score]) -> dict[str, tuple[HouseholdMember, ...]]:
    """By customer the members of the household beside that one, by customer_id; nobody out of reach.

    A customer without such members is left out.
    """
    homes = {score.customer_id: score.household_id for score in of if score.household_id}
    if not homes:
        return {}
    scores, decisions = tables.scores, tables.decisions
    names = rows.names_of(decisions)
    query = (
        select(scores.c.household_id, scores.c.tier, scores.c.lifecycle_stage, scores.c.aum_minor,
               *(decisions.c[name] for name in names))
        .join(decisions, same_customer(decisions, scores))
        .where(scores.c.run_version == session.run_version, session.scope.of(scores))
        .where(scores.c.household_id.in_(set(homes.values())))
        .order_by(scores.c.customer_id)
        .limit(MEMBERS)
    )  # fmt: skip
    members: dict[str, list[HouseholdMember]] = {}
    for household, tier, stage, aum, *values in session.connection.execute(query):
        decision = Decision(**dict(zip(names, values, strict=True)))
        members.setdefault(household, []).append(HouseholdMember(tier, stage, aum, decision))
    others = {
        name: tuple(member for member in members.get(household, ()) if member.customer_id != name)
        for name, household in homes.items()
    }
    return {name: household for name, household in others.items() if household}
