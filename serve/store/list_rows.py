"""What stands in a row of a list: everything a manager reads about a customer before the call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from configs.published import Profile, Score
from serve.store import contacts
from serve.store.contacts import Contact
from serve.store.read_session import ReadSession


@dataclass(frozen=True)
class LastContact:
    """The newest contact with a customer; ``channel`` and ``outcome`` are codes, empty where nobody noted any."""

    day: date
    channel: str
    outcome: str


@dataclass(frozen=True)
class Brief:
    """One row per listed customer. The profile is empty where the run has none, and so is the next step."""

    score: Score
    profile: Profile
    last_contact: LastContact | None
    next_step_en: str
    next_step_zh: str


def briefs(read_session: ReadSession, listed: Sequence[Score]) -> tuple[Brief, ...]:
    """The rows of a list in its order, as they stood on the Monday of the run, whenever they are made."""
    names = [score.customer_id for score in listed]
    profiles, decisions = read_session.profiles(names), read_session.decisions(names)
    recorded = contacts.newest_before(read_session.connection, names, read_session.run.snapshot_date)
    found = []
    for score in listed:
        name = score.customer_id
        profile = profiles.get(name, Profile(name, MappingProxyType({})))
        last = last_contact(profile, recorded.get(name))
        decision = decisions.get(name)
        steps = (decision.next_step_en, decision.next_step_zh) if decision else ()
        found.append(Brief(score, profile, last, *(step or "" for step in steps or ("", ""))))
    return tuple(found)


def last_contact(profile: Profile, recorded: Contact | None) -> LastContact | None:
    """The newer of what the bank's systems tell and what was recorded here, which wins on the same day."""
    told = [LastContact(one.contacted_on, one.channel, one.outcome or "") for one in profile.contacts[:1]]
    if recorded:
        told.append(LastContact(recorded.recorded_at.date(), "", recorded.outcome))
    return max(reversed(told), key=lambda one: one.day, default=None)
