"""The rows of a list: everything a manager reads about a customer before the call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from configs.published import Decision, ListPart, PastContact, Profile, Score
from serve.store import contacts
from serve.store.households import HouseholdMember, other_members
from serve.store.read_session import ReadSession

WEEKS = 13  # whose AUM is drawn
MOVES = 0.1  # of AUM over those weeks, from which on its picture tells something


@dataclass(frozen=True)
class ListRow:
    """One row per listed customer. The profile is empty where the run has none.

    ``follow_up_on`` is the day of a follow-up that was agreed in the last contact before the Monday;
    ``household`` are other members of the household whom this call is for too, as far as within reach.
    """

    score: Score
    decision: Decision
    profile: Profile
    last_contact: PastContact | None
    follow_up_on: date | None = None
    household: tuple[HouseholdMember, ...] = ()

    @property
    def rank(self) -> int:
        return self.decision.rank or 0

    @property
    def household_keep_minor(self) -> int:
        """Money to keep with those members."""
        return sum(member.keep_minor for member in self.household)

    @property
    def weeks(self) -> tuple[int, ...]:
        """AUM at the end of each of the last WEEKS weeks, oldest first."""
        return self.profile.aum_by_week[-WEEKS:]

    @property
    def moved(self) -> float | None:
        """The share of AUM that was gained or lost over those weeks; None where that is less than MOVES."""
        first, last = (self.weeks[0], self.weeks[-1]) if self.weeks else (0, 0)
        change = last / first - 1 if first > 0 else 0.0
        return change if abs(change) >= MOVES else None

    @property
    def part(self) -> ListPart:
        return self.decision.part_of_list(self.score)


def list_rows(session: ReadSession, listed: Sequence[Score]) -> tuple[ListRow, ...]:
    """The rows of a list in its order, as they stood on the Monday of the run, whenever they are made."""
    names = [score.customer_id for score in listed]
    profiles, decisions = session.profiles(names), session.decisions(names)
    recorded = contacts.newest_before(session.connection, names, session.run.snapshot_date)
    others, rows = other_members(session, listed), []
    for score in listed:
        name = score.customer_id
        profile = profiles.get(name, Profile(name, MappingProxyType({})))
        contact = recorded.get(name)
        last, follow_up_on = last_contact(profile, contact), contact.follow_up_on if contact else None
        household = tuple(
            member for member in others.get(name, ()) if member.decision.decision == "household"
        )
        rows.append(ListRow(score, decisions[name], profile, last, follow_up_on, household))
    return tuple(rows)


def last_contact(profile: Profile, recorded: contacts.Contact | None) -> PastContact | None:
    """The newer of the bank's own contacts and the one recorded here, which wins on the same day.

    A contact recorded here has no purpose, and a channel where it was told.
    """
    newest = profile.contacts[:1]
    if recorded:
        day, channel = recorded.happened_at.date(), recorded.channel or ""
        newest = (PastContact(day, recorded.manager_id, channel, "", recorded.outcome), *newest)
    return max(newest, key=lambda contact: contact.contacted_on, default=None)
