"""The expected part of content ``movement``: the next quarter, and the last one beside what was observed.

Rows are cells on the first Monday, columns the cells a quarter later and behind them those who left.
Customers of a branch are those it has on the first Monday, wherever they go; who arrives or is new is not
expected.
"""

from dataclasses import dataclass

Counts = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ExpectedMatrix:
    """Expected customers and their AUM on the first Monday; a sum lies in its range in 95 of 100 quarters."""

    dimension: str  # tier or stage
    cells: tuple[str, ...]  # empty where unknown
    customers: tuple[tuple[float, ...], ...]
    customers_low: Counts
    customers_high: Counts
    opening_minor: Counts  # AUM on the first Monday
    opening_low_minor: Counts
    opening_high_minor: Counts


@dataclass(frozen=True)
class Expected:
    """What is expected of the customers present on a Monday, as published on it."""

    since: str
    until: str  # a quarter later
    quarters: int  # that the expectation rests on; of one alone the ranges hold chance, and no shared shocks
    movements: tuple[ExpectedMatrix, ...]


@dataclass(frozen=True)
class ObservedMatrix:
    """Observed customers, and their AUM on the first Monday."""

    dimension: str
    customers: Counts
    opening_minor: Counts
    in_range: int  # of the cells whose range is above 0 or that hold customers: those inside of it
    of: int  # such cells


@dataclass(frozen=True)
class ComparedQuarter:
    """What had been expected a quarter ago, and what was observed."""

    expected: Expected
    observed: tuple[ObservedMatrix, ...]  # in the order of the expected matrices
