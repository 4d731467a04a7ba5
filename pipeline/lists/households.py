"""Households on the lists: one call, one cool-down and one random assignment for all members."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date

from configs.call_lists import Assignment, HouseholdFacts, Week
from configs.list_settings import Lists
from configs.published import Score

NOBODY = ""  # the member to call where another was promised a call


def with_households(week: Week, households: Mapping[str, str], lists: Lists) -> Week:
    """The facts of a week with those of households, ``households`` being that of each customer in one.

    Where members bring assignments that contradict each other (they moved together since), the oldest holds.
    """
    reached: dict[str, date] = {}
    if lists.household_cool_down:
        for name, day in week.reached.items():
            if household := households.get(name):
                reached[household] = max(day, reached.get(household, day))
    assignments: dict[str, Assignment] = {}
    for name, assignment in sorted(week.assignments.items(), key=lambda pair: (pair[1].assigned_on, pair[0])):
        if household := households.get(name):
            assignments.setdefault(household, assignment)
    selected = frozenset(households[name] for name in week.selected if name in households)
    in_campaign: dict[str, date] = {}
    for name, until in week.in_campaign.items():
        if household := households.get(name):
            in_campaign[household] = max(until, in_campaign.get(household, until))
    return replace(week, households=HouseholdFacts(reached, selected, assignments, in_campaign))


def first_of_each(queue: Iterable[Score]) -> list[Score]:
    """The queue with the first member of each household alone."""
    first: dict[str, str] = {}
    return [
        score
        for score in queue
        if not score.household_id
        or first.setdefault(score.household_id, score.customer_id) == score.customer_id
    ]


def customers_to_call(
    queues: Iterable[tuple[list[Score], set[str]]],
    following_up: Iterable[Score],
    order: Mapping[str, tuple[int, float, str]],
) -> dict[str, str]:
    """By household the member to call, of those in the queues: the one with most to keep among those with a
    place, else among all; NOBODY else where a follow-up was promised to a member, ``following_up``.

    ``queues`` are those of all lists, each with the names that have a place if nobody is in the control
    group. No assignment has a say here, so that a household's own cannot move the call to another member.
    """
    best: dict[str, tuple[bool, tuple[int, float, str]]] = {}
    for queue, placed in queues:
        for score in queue:
            if score.household_id:
                key = score.customer_id not in placed, order[score.customer_id]
                best[score.household_id] = min(key, best.get(score.household_id, key))
    members = {household: name for household, (_, (_, _, name)) in best.items()}
    return members | {score.household_id: NOBODY for score in following_up if score.household_id}
