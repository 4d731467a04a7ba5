"""Feature names are composed, never typed: {measure}_{statistic}_{window}, for example outflow_sum_4w."""

import re
from functools import cache
from typing import NamedTuple


class Name(NamedTuple):
    """Measure, statistic and window of a feature ("" = as of the snapshot).

    >>> str(Name("outflow", "sum", "4w"))
    'outflow_sum_4w'
    >>> str(Name("booking", "days_since"))
    'days_since_booking'
    """

    measure: str
    statistic: str
    window: str = ""

    def __str__(self) -> str:
        if self.statistic in PREFIXES:
            return f"{self.statistic}_{self.measure}"
        return "_".join(part for part in self if part)


# Statistics that read better in front of the measure.
PREFIXES = ("days_since", "days_since_first", "days_since_largest", "days_to")


def weeks(window: int) -> str:
    return f"{window}w"


def days(window: int) -> str:
    return f"{window}d"


def month(back: int) -> str:
    return f"{back}m"


@cache
def is_below(name: Name, window: int) -> bool:
    """True for a feature that looks back on fewer weeks than ``window``, or compares so few with more.

    >>> is_below(Name("aum", "change", "4w"), 13), is_below(Name("inflow", "zscore", "4w_per_52w"), 13)
    (True, True)
    >>> is_below(Name("aum", "change", "13w"), 13), is_below(Name("aum", "closing", "1m"), 13)
    (False, False)
    """
    return any(int(number) < window for number in re.findall(r"(?<![a-z0-9])(\d+)w", name.window))
