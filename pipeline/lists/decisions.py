"""Whether to call each customer of a portfolio this week, and why.

Nearly everybody who is worth a call gets one; a few are held out by lot, so that it can be seen what calls do.
docs/lists.md tells the rules and why an effect estimated from them is unbiased.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count

from configs.call_lists import Draw, Portfolio, Week
from configs.published import Decision, Score
from configs.settings import Lists


def decide(portfolio: Portfolio, lists: Lists, week: Week) -> tuple[Decision, ...]:
    """One row per customer of the portfolio, by customer_id.

    As many are listed as there is room for, by the money that a call is expected to keep. The branch's own list,
    without a manager, has room for ``default_capacity``.
    """
    room = portfolio.manager.weekly_capacity if portfolio.manager else lists.default_capacity
    kept_off = {score.customer_id: _kept_off(score, lists, week) for score in portfolio.customers}
    free = [score for score in portfolio.customers if kept_off[score.customer_id] is None]
    queue = _names(sorted(free, key=lambda score: _by_worth(score, week)))
    draws = {name: _draw(name, lists, week) for name in kept_off}
    verdicts = {**kept_off, **dict(_judged(queue, room, draws, _stayers_up(queue, lists, week)))}
    return tuple(
        _decision(portfolio, score, verdict, draws[score.customer_id], week)
        for score in sorted(portfolio.customers, key=lambda score: score.customer_id)
        if (verdict := verdicts[score.customer_id])
    )


def is_held_out(customer_id: str, monday: date, lists: Lists) -> bool:
    """The lot: the same for a customer throughout a calendar quarter, and as good as random over customers."""
    year, quarter = _quarter(monday)
    digest = hashlib.sha256(f"{lists.salt}\0{customer_id}\0{year}Q{quarter}".encode()).digest()
    return int.from_bytes(digest[:8]) < lists.held_out * 2**64


@dataclass(frozen=True)
class _Verdict:
    decision: str
    why: str
    rank: int | None = None
    until: date | None = None


def _kept_off(score: Score, lists: Lists, week: Week) -> _Verdict | None:
    """Why somebody may not be called this week, whatever it is worth."""
    if score.marketing_opt_out:
        return _Verdict("opted_out", "by_bank")
    if score.customer_id in week.opted_out:
        return _Verdict("opted_out", "by_contact")
    reached = week.reached.get(score.customer_id)
    if reached is None:
        return None
    again = _monday_from(reached + timedelta(weeks=lists.cool_down_weeks))
    return _Verdict("cooled_down", "contacted", until=again) if week.monday < again else None


def _judged(
    queue: Sequence[str], room: int, draws: Mapping[str, Draw], stayers_up: Sequence[str]
) -> Iterator[tuple[str, _Verdict]]:
    """The verdict on everybody who may be called; ``queue`` has the best use of time first."""
    asked, by_worth = _in_question(stayers_up, room, draws), _in_question(queue, room, draws)
    ranks = count(1)
    for name in queue:
        if name not in asked:
            yield name, _Verdict("beyond_capacity", "edge" if name in by_worth else "less_to_keep")
        elif draws[name].held_out:
            yield name, _Verdict("held_out", "drawn", until=draws[name].until)
        else:
            why = "most_to_keep" if name in by_worth else "stays"
            yield name, _Verdict("listed", why, next(ranks), draws[name].until)


def _in_question(queue: Sequence[str], room: int, draws: Mapping[str, Draw]) -> set[str]:
    """Who has a place, or would have one if not held out: fewer than ``room`` others stand before.

    Those others are counted without the held out, who take no place. So a customer's own lot has no say in
    whether the customer comes into question, which is what makes listed and held out alike.
    """
    asked: set[str] = set()
    for name in queue:
        if not room:
            break
        asked.add(name)
        room -= not draws[name].held_out
    return asked


def _stayers_up(queue: Sequence[str], lists: Lists, week: Week) -> list[str]:
    """The queue with whoever was in question last week ``stay_places`` places higher, and first in a tie."""
    stays = [name in week.in_question for name in queue]
    order = sorted(range(len(queue)), key=lambda k: (k - lists.stay_places * stays[k], not stays[k], k))
    return [queue[k] for k in order]


def _draw(customer_id: str, lists: Lists, week: Week) -> Draw:
    """The lot that still holds, else a new one: until its outcome is known, and through the quarter at least."""
    until = max(week.monday + timedelta(weeks=week.trial_weeks), _next_quarter(week.monday))
    fresh = Draw(week.monday, until, is_held_out(customer_id, week.monday, lists))
    return week.draws.get(customer_id, fresh)


def _decision(portfolio: Portfolio, score: Score, verdict: _Verdict, draw: Draw, week: Week) -> Decision:
    drawn = draw.on < week.monday or verdict.decision in ("listed", "held_out")
    return Decision(
        score.customer_id,
        portfolio.branch_id,
        portfolio.manager.manager_id if portfolio.manager else None,
        verdict.decision,
        verdict.why,
        _worth(score, week),
        verdict.rank,
        verdict.until,
        draw.on if drawn else None,
    )


def _worth(score: Score, week: Week) -> int:
    """The money that a call is expected to keep, in minor units."""
    return round(score.money_at_risk_minor * week.helps.of(score))


def _by_worth(score: Score, week: Week) -> tuple[int, float, str]:
    """Most money kept first, then the higher risk; the id decides what is left, so that two runs agree."""
    return -_worth(score, week), -score.risk, score.customer_id


def _names(scores: Iterable[Score]) -> list[str]:
    return [score.customer_id for score in scores]


def _quarter(day: date) -> tuple[int, int]:
    return day.year, (day.month + 2) // 3


def _next_quarter(day: date) -> date:
    """The first Monday of the quarter after that of ``day``.

    >>> _next_quarter(date(2026, 11, 16))
    datetime.date(2027, 1, 4)
    """
    year, quarter = _quarter(day)
    return _monday_from(date(year + quarter // 4, quarter % 4 * 3 + 1, 1))


def _monday_from(day: date) -> date:
    """The first Monday from ``day`` on."""
    return day + timedelta(days=-day.weekday() % 7)
