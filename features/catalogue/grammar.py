"""Feature names are composed, never typed: {measure}_{statistic}_{window}, for example outflow_sum_4w."""

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
