"""The rows of a list: everything a manager reads about a customer before the call."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from configs.published import Decision, PastContact, Profile, Score
from serve.store import contacts
from serve.store.read_session import ReadSession

WEEKS = 13  # whose AUM is drawn


@dataclass(frozen=True)
class ListRow:
    """One row per listed customer. The profile is empty where the run has none."""

    score: Score
    decision: Decision
    profile: Profile
    last_contact: PastContact | None

    @property
    def rank(self) -> int:
        return self.decision.rank or 0

    @property
    def weeks(self) -> tuple[int, ...]:
        """AUM at the end of each of the last WEEKS weeks, oldest first."""
        return self.profile.aum_by_week[-WEEKS:]


def list_rows(session: ReadSession, listed: Sequence[Score]) -> tuple[ListRow, ...]:
    """The rows of a list in its order, as they stood on the Monday of the run, whenever they are made."""
    names = [score.customer_id for score in listed]
    profiles, decisions = session.profiles(names), session.decisions(names)
    recorded = contacts.newest_before(session.connection, names, session.run.snapshot_date)
    rows = []
    for score in listed:
        name = score.customer_id
        profile = profiles.get(name, Profile(name, MappingProxyType({})))
        rows.append(ListRow(score, decisions[name], profile, last_contact(profile, recorded.get(name))))
    return tuple(rows)


def last_contact(profile: Profile, recorded: contacts.Contact | None) -> PastContact | None:
    """The newer of the bank's own contacts and the one recorded here, which wins on the same day.

    A contact recorded here has neither channel nor purpose.
    """
    newest = profile.contacts[:1]
    if recorded:
        day = recorded.recorded_at.date()
        newest = (PastContact(day, recorded.manager_id, "", "", recorded.outcome), *newest)
    return max(newest, key=lambda contact: contact.contacted_on, default=None)
