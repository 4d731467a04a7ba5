"""The decision about each customer of a portfolio: whether to call this week, and why.

Nearly everybody who is worth a call gets one; a few are in the control group, so that the effect of calls can
be measured. docs/lists.md has the rules and the reason why an effect estimated from them is unbiased.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from configs.call_lists import Assignment, CallList, Portfolio, Week, call_list_of, portfolios
from configs.list_settings import Channel, Lists
from configs.published import Decision, Manager, Score
from configs.response import RESTS_ON
from pipeline.lists.control_group import assignment_of, monday_from
from pipeline.lists.households import customers_to_call, first_of_each
from pipeline.lists.places import (
    PLACE,
    ChannelOption,
    Gain,
    gains_of,
    in_order,
    option_of,
    options_of,
    paying,
    selected,
    stayers_up,
)


def choose(
    scores: Sequence[Score], managers: Iterable[Manager], lists: Lists, week: Week
) -> tuple[CallList, ...]:
    """One list per manager and per branch with customers in nobody's charge, sorted by branch, then manager.

    A list is filled up to the weekly capacity by the money that contacts are expected to keep, less what they
    cost, per place, as long as they pay. Of a household one member is listed, on whichever list. A list
    without a manager, and that of one whom the bank did not deliver, has ``Lists.capacity_of`` its customers
    places.
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

    Whoever is to be called again comes first. Of the others those are listed for whom there is room, whom a
    contact does no harm and in whose case it pays; those of ``this_week`` before the rest, and in each part
    by the money that the contact is expected to keep.
    """
    (decisions,) = _decided([_candidates(portfolio, lists, week)], lists, week)
    return decisions


@dataclass(frozen=True)
class _Verdict:
    decision: str
    why: str
    rank: int | None = None
    until: date | None = None
    option: ChannelOption | None = None


@dataclass(frozen=True)
class _Candidates:
    """The customers whom a portfolio's list can hold: the promised follow-ups, and the queue for what is
    left of the room.

    ``verdicts`` are those on everybody else; ``stayers`` were selected the week before, or one of their
    household was. ``options``: of everybody, in the queue those that pay; the best first. ``room`` is in
    percent of a place.
    """

    portfolio: Portfolio
    verdicts: Mapping[str, _Verdict]
    follow_up: tuple[Score, ...]
    queue: tuple[Score, ...]
    room: int
    stayers: frozenset[str]
    options: Mapping[str, Sequence[ChannelOption]]

    def gains(self, scores: Sequence[Score]) -> list[Gain]:
        """The gain of contacts with these customers of the queue, the best use of a place first."""
        risk = {score.customer_id: score.risk for score in scores}
        return in_order(
            (gain for score in scores for gain in gains_of(score, self.options[score.customer_id])), risk
        )


def _candidates(portfolio: Portfolio, lists: Lists, week: Week) -> _Candidates:
    manager = portfolio.manager
    room = manager.weekly_capacity if manager else lists.capacity_of(len(portfolio.customers))
    options = {score.customer_id: options_of(score, lists, week) for score in portfolio.customers}
    follow_up = _follow_up(portfolio.customers, options, week)
    following_up = {score.customer_id for score in follow_up}
    verdicts, free = dict[str, _Verdict](), list[Score]()
    for score in portfolio.customers:
        name = score.customer_id
        if name in following_up:
            continue
        verdict = _kept_off(score, lists, week) or _no_contact(options[name], week)
        if verdict:
            verdicts[name] = verdict
        else:
            free.append(score)
            options[name] = paying(options[name], week)
    free.sort(key=lambda score: _rank_key(score, options[score.customer_id][:1]))
    stayers = (
        score.customer_id
        for score in free
        if score.customer_id in week.selected or score.household_id in week.households.selected
    )
    room = max(0, PLACE * room - _call(lists).percent_of_place * len(follow_up))
    return _Candidates(portfolio, verdicts, tuple(follow_up), tuple(free), room, frozenset(stayers), options)


def _decided(candidates: Sequence[_Candidates], lists: Lists, week: Week) -> list[tuple[Decision, ...]]:
    """The decisions of each portfolio, after the member of each household to call was found among all."""
    queues = [(queue := first_of_each(each.queue), _placed(queue, each, lists)) for each in candidates]
    order = {
        score.customer_id: _rank_key(score, each.options[score.customer_id][:1])
        for each, (queue, _) in zip(candidates, queues, strict=True)
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
                each,
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
    gains = candidates.gains(queue)
    return {*selected(stayers_up(gains, candidates.stayers, lists.stay_places), candidates.room)}


def _verdicts(
    candidates: _Candidates, members: Mapping[str, str], lists: Lists, week: Week
) -> dict[str, _Verdict]:
    """The verdict on everybody but those whose household has another member to call."""
    free = [
        score
        for score in candidates.queue
        if members.get(score.household_id or "", score.customer_id) == score.customer_id
    ]
    assignments = {score.customer_id: assignment_of(score, lists, week) for score in free}
    ranked = dict(_ranked(candidates.gains(free), candidates, assignments, lists))
    listed = [score for score in free if ranked[score.customer_id].decision == "listed"]
    listed.sort(key=lambda score: _place_key(score, ranked[score.customer_id].option))
    places = enumerate(listed, start=len(candidates.follow_up) + 1)
    follow_up = {
        score.customer_id: _Verdict("listed", "follow_up", rank, option=option_of(score, _call(lists), week))
        for rank, score in enumerate(candidates.follow_up, start=1)
    }
    by_rank = {score.customer_id: replace(ranked[score.customer_id], rank=rank) for rank, score in places}
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
    of_household = week.households.in_campaign.get(score.household_id or "")
    if until := week.in_campaign.get(score.customer_id, of_household):
        return _Verdict("in_campaign", "member", until=until)
    if score.customer_id in week.often:
        return _Verdict("too_often", "most_contacts")
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


def _follow_up(
    customers: Iterable[Score], options: Mapping[str, Sequence[ChannelOption]], week: Week
) -> list[Score]:
    """The customers to be called again, the day agreed longest ago first; nobody who opted out."""
    agreed = [
        score
        for score in customers
        if score.customer_id in week.follow_up
        and not (score.marketing_opt_out or score.customer_id in week.opted_out)
    ]
    agreed.sort(
        key=lambda score: (
            week.follow_up[score.customer_id],
            _rank_key(score, options[score.customer_id][:1]),
        )
    )
    return agreed


def _call(lists: Lists) -> Channel:
    """The channel of a follow-up: a call, or where the bank makes none on lists what is for everybody."""
    for_everybody = [channel for channel in lists.channels if channel.fits_everybody]
    return next((channel for channel in lists.channels if channel.name == "phone"), for_everybody[0])


def _no_contact(options: Sequence[ChannelOption], week: Week) -> _Verdict | None:
    """None where a contact pays; ``options`` are those that do no harm."""
    if not options:
        return _Verdict("do_not_disturb", "harms")
    return None if paying(options, week) else _Verdict("not_paying", "keeps_less")


def _ranked(
    gains: Sequence[Gain], candidates: _Candidates, assignments: Mapping[str, Assignment], lists: Lists
) -> Iterator[tuple[str, _Verdict]]:
    """The verdict on everybody who may be contacted; ``gains`` have the best use of a place first."""
    control = {name for name, assignment in assignments.items() if assignment.control_group}
    chosen = selected(stayers_up(gains, candidates.stayers, lists.stay_places), candidates.room, control)
    by_value = selected(gains, candidates.room, control)
    queue = [gain.customer_id for gain in gains if gain.level == 0]
    stays = [place for place, name in enumerate(queue) if name in chosen and name not in by_value]
    for place, name in enumerate(queue):
        option, until = chosen.get(name), assignments[name].until
        if option is None:
            ahead = name in by_value or place < max(stays, default=0)
            yield name, _Verdict("beyond_capacity", "edge" if ahead else "less_to_keep")
        elif name in control:
            yield name, _Verdict("held_out", "drawn", until=until, option=option)
        else:
            why = "most_to_keep" if name in by_value else "stays"
            yield name, _Verdict("listed", why, until=until, option=option)


def _decision(
    candidates: _Candidates, score: Score, verdict: _Verdict, assignment: Assignment, week: Week
) -> Decision:
    is_new = verdict.decision in ("listed", "held_out") and verdict.why != "follow_up"
    assigned = assignment.assigned_on < week.snapshot_date or is_new
    portfolio = candidates.portfolio
    best = next(iter(candidates.options[score.customer_id]), None)
    shown = verdict.option or best
    channel = verdict.option.channel if verdict.option else None
    is_harm = verdict.decision == "do_not_disturb"
    return Decision(
        score.customer_id,
        portfolio.branch_id,
        portfolio.manager.manager_id if portfolio.manager else None,
        verdict.decision,
        verdict.why,
        max(0, shown.keeps_minor) if shown else 0,
        verdict.rank,
        verdict.until,
        assignment.assigned_on if assigned else None,
        channel=channel,
        rests_on=_rests_on(score, week) if channel or is_harm else None,
    )


def _rests_on(score: Score, week: Week) -> str:
    """The evidence of the expected value, and the known outcomes behind it: "reason 214", or "setting".

    A level that rests on what others of its kind showed, in other cells, is named by the largest with own.
    """
    level = week.response.rests_on(score)
    cell = score.reasons[0].group if score.reasons else "", score.risk_band, score.lifecycle_stage
    sizes = range(RESTS_ON.index(level) - 1, -1, -1)
    counted = (f"{RESTS_ON[size + 1]} {count}" for size in sizes if (count := week.outcomes.get(cell[:size])))
    return next(counted, level)


def _rank_key(score: Score, best: Sequence[ChannelOption]) -> tuple[int, float, str]:
    """Most money kept first, then the higher risk; the id decides what is left, so that two runs agree."""
    return -sum(option.keeps_minor for option in best), -score.risk, score.customer_id


def _place_key(score: Score, option: ChannelOption | None) -> tuple[bool, tuple[int, float, str]]:
    """Sorts what is of this week first, in each part by the contact that was chosen."""
    return score.list_part == "if_time", _rank_key(score, [option] if option else [])


def _largest(counts: Counter[str]) -> str:
    return min(counts, key=lambda branch: (-counts[branch], branch))
