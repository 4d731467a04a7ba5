"""The lasting control group: customers whom neither lists nor campaigns reach, at random, until a day.

One draw serves both. Whoever is in it in a period (``lists.control_group_period``) is left alone by all of
them, so the group measures what they do together; docs/lists.md, "The control group".
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from configs.call_lists import Assignment, Week
from configs.list_settings import Lists
from configs.published import Score
from serve.store.audience import AudienceRow

MONTHS = {"quarter": 3, "half_year": 6, "year": 12}
LETTERS = {"quarter": "Q", "half_year": "H", "year": "Y"}


def assignment_of(score: Score, lists: Lists, week: Week) -> Assignment:
    """The assignment that holds on the Monday, else the one that is drawn for the customer.

    A household has one for all members: if one were called and another in the control group, the call would
    work on both. Lists write a drawn assignment down once the customer is a candidate; until then it holds by
    its hash alone, which is the same on each Monday of a period.
    """
    household = score.household_id
    held = week.households.assignments.get(household) if household else None
    return held or week.assignments.get(score.customer_id) or _new_assignment(score, lists, week)


def in_control_group(assigned_as: str, monday: date, lists: Lists) -> bool:
    """As good as random over customers, and constant for a customer throughout a period."""
    name, _ = period_of(monday, lists)
    return hash_below(lists.control_group_share, lists.salt, assigned_as, name)


def hash_below(share: float, *parts: str) -> bool:
    """True where a hash of ``parts``, the salt first, falls into ``share`` of all hashes."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def assigned_as(customer: Score | AudienceRow) -> str:
    """The unit that is drawn: the customer's household, or the customer."""
    return assignment_name(customer.customer_id, customer.household_id)


def assignment_name(customer_id: str, household_id: str | None) -> str:
    """The household of a customer, or the customer."""
    return f"household\0{household_id}" if household_id else customer_id


def held_by_name(
    holding: Mapping[str, Assignment], homes: Mapping[str, str], newest: Callable[[str], str]
) -> dict[str, Assignment]:
    """The assignments that hold, by customer under the newest number, and by ``assignment_name`` of homes.

    The oldest of its members' is all of theirs. ``homes`` has the household of each customer in one.
    """
    held: dict[str, Assignment] = {}
    for name, assignment in sorted(holding.items(), key=lambda pair: (pair[1].assigned_on, pair[0])):
        customer_id = newest(name)
        held[customer_id] = assignment
        if home := homes.get(customer_id):
            held.setdefault(assignment_name(customer_id, home), assignment)
    return held


def is_control(names: tuple[str, str], monday: date, lists: Lists, held: Mapping[str, Assignment]) -> bool:
    """True where lists and campaigns leave a customer alone; ``names`` are what is drawn and the customer_id.

    An assignment that holds beyond its period counts before the draw of the present one.
    """
    assignment = held.get(names[0]) or held.get(names[1])
    return assignment.control_group if assignment else in_control_group(names[0], monday, lists)


def period_of(monday: date, lists: Lists) -> tuple[str, date]:
    """The name of the period that ``monday`` lies in, and the first Monday after it.

    >>> from types import SimpleNamespace
    >>> period_of(date(2026, 11, 16), SimpleNamespace(control_group_period="half_year"))
    ('2026H2', datetime.date(2027, 1, 4))
    """
    months = MONTHS[lists.control_group_period]
    number = (monday.month - 1) // months + 1
    past_december, month = divmod(number * months, 12)
    end = date(monday.year + past_december, month + 1, 1)
    return f"{monday.year}{LETTERS[lists.control_group_period]}{number}", monday_from(end)


def monday_from(day: date) -> date:
    """The first Monday on or after ``day``."""
    return day + timedelta(days=-day.weekday() % 7)


def _new_assignment(score: Score, lists: Lists, week: Week) -> Assignment:
    """A new assignment: until its outcome is known, and through the period."""
    monday = week.snapshot_date
    _, end = period_of(monday, lists)
    until = max(monday + timedelta(weeks=week.experiment_weeks), end)
    return Assignment(monday, until, in_control_group(assigned_as(score), monday, lists))
