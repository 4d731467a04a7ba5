"""Who calls whom this week: each manager's list, and each branch's own for customers without a manager."""

from collections.abc import Iterable, Sequence

from configs.call_lists import CallList, Week, portfolios, summarize
from configs.published import Manager, Score
from configs.settings import Lists
from pipeline.lists.decisions import decide
from pipeline.lists.portfolios import with_stand_ins


def choose(
    scores: Sequence[Score], managers: Iterable[Manager], lists: Lists, week: Week
) -> tuple[CallList, ...]:
    """One list per manager and per branch with customers in nobody's charge, sorted by branch, then manager.

    A list is filled up to the weekly capacity by the money that a call is expected to keep, whatever the band: an
    hour left over is better spent on the next customer than on none. A branch's own list, and that of a manager
    the bank did not deliver, holds ``default_capacity``.
    """
    everyone = with_stand_ins(scores, managers, lists.default_capacity)
    return tuple(summarize(one, decide(one, lists, week)) for one in portfolios(scores, everyone))
