"""The decision about each customer of a portfolio: whether to call this week, and why.

Nearly everybody who is worth a call gets one; a few are in the control group, so that the effect of calls can
be measured. docs/lists.md has the rules and the reason why an effect estimated from them is unbiased.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from configs.call_lists import Assignment, CallList, Portfolio, Week, call_list_of, portfolios
from configs.list_settings import Lists
from configs.published import Decision, Manager, Score
from pipeline.lists.control_group import assignment_of, monday_from
from pipeline.lists.households import customers_to_call, first_of_each


def choose(
    scores: Sequence[Score], managers: Iterable[Manager], lists: Lists, week: Week
) -> tuple[CallList, ...]:
    """One list per manager and per branch with customers in nobody's charge, sorted by branch, then manager.

    A list is filled up to the weekly capacity by the money that a call is expected to keep, as long as a call
    pays. Of a household one member is listed, on whichever list. A list without a manager, and
    that of one whom the bank did not deliver, holds ``Lists.capacity_of`` its customers.
    """
    of_managers = portfolios(scores, complete_managers(scores, managers, lists))
    decided = _decided([_candidates(portfolio, lists, week) for portfolio in of_managers], lists, week)
    return tuple(map(call_list_of, of_managers, decided))


def complete_managers(scores: Iterable[Score], managers: Iterable[Manager], lists: Lists) -> list[Manager]:
    """The managers delivered, and one without a name for each other that customers are assigned to.

    A stand-in belongs to the branch that keeps most of its customers.
    """
    delivered = {manager.manager_id: manager for manager in managers}
    branches: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for score in scores:
        if score.manager_id and score.manager_id not in delivered:
            branches[score.manager_id][score.branch_id or ""] += 1
    stand_ins = (
        Manager(key, "", _largest(counts), lists.capacity_of(counts.total()))
        for key, counts in branches.items()
    )
    return [*delivered.values(), *stand_ins]


def decide(portfolio: Portfolio, lists: Lists, week: Week) -> tuple[Decision, ...]:
    """One row per customer of the portfolio, by customer_id.

    Whoever is to be called again comes first. Of the others as many are listed as there is room for, by the
    money that a call is expected to keep, of those whose call pays; those of ``this_week`` before the rest.
    """
    (decisions,) = _decided([_candidates(portfolio, lists, week)], lists, week)
    return decisions


@dataclass(frozen=True)
class _Verdict:
    decision: str
    why: str
    rank: int | None = None
    until: date | None = None


@dataclass(frozen=True)
class _Candidates:
    """Whom a portfolio's list can hold: the promised follow-ups, and the queue for what is left of the room.

    ``verdicts`` are those on everybody else; ``stayers`` were selected the week before, or one of their
    household was.
    """

    portfolio: Portfolio
    verdicts: Mapping[str, _Verdict]
    follow_up: tuple[Score, ...]
    queue: tuple[Score, ...]
    room: int
    stayers: frozenset[str]


def _candidates(portfolio: Portfolio, lists: Lists, week: Week) -> _Candidates:
    manager = portfolio.manager
    room = manager.weekly_capacity if manager else lists.capacity_of(len(portfolio.customers))
    follow_up = _follow_up(portfolio.customers, week)
    following_up = {score.customer_id for score in follow_up}
    verdicts, free = dict[str, _Verdict](), list[Score]()
    for score in portfolio.customers:
        if score.customer_id in following_up:
            continue
        verdict = _kept_off(score, lists, week) or _not_paying(score, week)
        if verdict:
            verdicts[score.customer_id] = verdict
        else:
            free.append(score)
    free.sort(key=lambda score: _rank_key(score, week))
    stayers = (
        score.customer_id
        for score in free
        if score.customer_id in week.selected or score.household_id in week.households.selected
    )
    room = max(0, room - len(follow_up))
    return _Candidates(portfolio, verdicts, tuple(follow_up), tuple(free), room, frozenset(stayers))


def _decided(candidates: Sequence[_Candidates], lists: Lists, week: Week) -> list[tuple[Decision, ...]]:
    """The decisions of each portfolio, after the member of each household to call was found among all."""
    queues = [(queue := first_of_each(each.queue), _placed(queue, each, lists)) for each in candidates]
    order = {
        score.customer_id: _rank_key(score, week)
        for queue, _ in queues
        for score in queue
        if score.household_id
    }
    members = customers_to_call(queues, (score for each in candidates for score in each.follow_up), order)
    verdicts = [_verdicts(each, members, lists, week) for each in candidates]
    household_of = {
        score.customer_id: score.household_id
        for each in candidates
        for score in (*each.follow_up, *each.queue)
        if score.household_id
    }
    chosen = {
        household: verdict.decision
        for each in verdicts
        for name, verdict in each.items()
        if (household := household_of.get(name)) and verdict.decision in ("listed", "held_out")
    }
    return [
        tuple(
            _decision(
                each.portfolio,
                score,
                verdict_of.get(score.customer_id) or _passed_over(chosen.get(score.household_id or "")),
                assignment_of(score, lists, week),
                week,
            )
            for score in sorted(each.portfolio.customers, key=lambda score: score.customer_id)
        )
        for each, verdict_of in zip(candidates, verdicts, strict=True)
    ]


def _placed(queue: Sequence[Score], candidates: _Candidates, lists: Lists) -> set[str]:
    """Those of the queue with a place if nobody were in the control group."""
    names = [score.customer_id for score in queue]
    return set(_stayers_up(names, lists, candidates.stayers)[: candidates.room])


def _verdicts(
    candidates: _Candidates, members: Mapping[str, str], lists: Lists, week: Week
) -> dict[str, _Verdict]:
    """The verdict on everybody but those whose household has another member to call."""
    free = [
        score
        for score in candidates.queue
        if members.get(score.household_id or "", score.customer_id) == score.customer_id
    ]
    queue = [score.customer_id for score in free]
    assignments = {score.customer_id: assignment_of(score, lists, week) for score in free}
    stayers_up = _stayers_up(queue, lists, candidates.stayers)
    ranked = dict(_ranked(queue, candidates.room, assignments, stayers_up))
    later = {score.customer_id for score in free if score.list_part == "if_time"}
    listed = [name for name in queue if ranked[name].decision == "listed"]
    places = enumerate(sorted(listed, key=lambda name: name in later), start=len(candidates.follow_up) + 1)
    follow_up = {
        score.customer_id: _Verdict("listed", "follow_up", rank)
        for rank, score in enumerate(candidates.follow_up, start=1)
    }
    by_rank = {name: replace(ranked[name], rank=rank) for rank, name in places}
    return {**candidates.verdicts, **follow_up, **ranked, **by_rank}


def _passed_over(chosen: str | None) -> _Verdict:
    """The verdict on somebody whose household has another member to call, by what became of that one."""
    if chosen is None:
        return _Verdict("beyond_capacity", "less_to_keep")
    return _Verdict("household", "one_call" if chosen == "listed" else "held_out")


def _kept_off(score: Score, lists: Lists, week: Week) -> _Verdict | None:
    """The reason not to call somebody this week, whatever the expected value; None where there is none."""
    if score.marketing_opt_out:
        return _Verdict("opted_out", "by_bank")
    if score.customer_id in week.opted_out:
        return _Verdict("opted_out", "by_contact")
    of_customer, household = (
        week.reached.get(score.customer_id),
        week.households.reached.get(score.household_id or ""),
    )
    reached = max((day for day in (of_customer, household) if day), default=None)
    if reached is None or week.last_occasion.get(score.customer_id, reached) > reached:
        return None
    again = monday_from(reached + timedelta(weeks=lists.cool_down_weeks))
    why = "contacted" if reached == of_customer else "household_contacted"
    return _Verdict("cooled_down", why, until=again) if week.snapshot_date < again else None


def _follow_up(customers: Iterable[Score], week: Week) -> list[Score]:
    """The customers to be called again, the day agreed longest ago first; nobody who opted out."""
    agreed = [
        score
        for score in customers
        if score.customer_id in week.follow_up
        and not (score.marketing_opt_out or score.customer_id in week.opted_out)
    ]
    agreed.sort(key=lambda score: (week.follow_up[score.customer_id], _rank_key(score, week)))
    return agreed


def _not_paying(score: Score, week: Week) -> _Verdict | None:
    """None of a call that pays."""
    pays = _expected_value(score, week) >= week.least_value_minor
    return None if pays else _Verdict("not_paying", "keeps_less")


def _ranked(
    queue: Sequence[str], room: int, assignments: Mapping[str, Assignment], stayers_up: Sequence[str]
) -> Iterator[tuple[str, _Verdict]]:
    """The verdict on everybody who may be called; ``queue`` has the best use of time first."""
    selected, by_value = _selected(stayers_up, room, assignments), _selected(queue, room, assignments)
    listed = [place for place, name in enumerate(queue) if name in selected]
    for place, name in enumerate(queue):
        if name not in selected:
            ahead = name in by_value or place < max(listed, default=0)
            yield name, _Verdict("beyond_capacity", "edge" if ahead else "less_to_keep")
        elif assignments[name].control_group:
            yield name, _Verdict("held_out", "drawn", until=assignments[name].until)
        else:
            why = "most_to_keep" if name in by_value else "stays"
            yield name, _Verdict("listed", why, until=assignments[name].until)


def _selected(queue: Sequence[str], room: int, assignments: Mapping[str, Assignment]) -> set[str]:
    """The customers with a place but for the control group: fewer than ``room`` others stand before.

    Those others are counted without the control group, which takes no place. So a customer's own assignment
    has no say in the selection, which is what makes the listed and the control group alike.
    """
    selected: set[str] = set()
    for name in queue:
        if not room:
            break
        selected.add(name)
        room -= not assignments[name].control_group
    return selected


def _stayers_up(queue: Sequence[str], lists: Lists, stayers: Container[str]) -> list[str]:
    """The queue with whoever was selected last week ``stay_places`` places higher, and first in a tie."""
    stays = [name in stayers for name in queue]
    order = sorted(range(len(queue)), key=lambda k: (k - lists.stay_places * stays[k], not stays[k], k))
    return [queue[k] for k in order]


def _decision(
    portfolio: Portfolio, score: Score, verdict: _Verdict, assignment: Assignment, week: Week
) -> Decision:
    is_new = verdict.decision in ("listed", "held_out") and verdict.why != "follow_up"
    assigned = assignment.assigned_on < week.snapshot_date or is_new
    return Decision(
        score.customer_id,
        portfolio.branch_id,
        portfolio.manager.manager_id if portfolio.manager else None,
        verdict.decision,
        verdict.why,
        _expected_value(score, week),
        verdict.rank,
        verdict.until,
        assignment.assigned_on if assigned else None,
    )


def _expected_value(score: Score, week: Week) -> int:
    return round(score.money_at_risk_minor * week.response.share_kept(score))


def _rank_key(score: Score, week: Week) -> tuple[int, float, str]:
    """Most money kept first, then the higher risk; the id decides what is left, so that two runs agree."""
    return -_expected_value(score, week), -score.risk, score.customer_id


def _largest(counts: Counter[str]) -> str:
    return min(counts, key=lambda branch: (-counts[branch], branch))
