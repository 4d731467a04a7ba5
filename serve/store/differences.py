"""The difference between two runs, a customer at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, repeat
from typing import TypeVar

from configs.published import Decision, Score


@dataclass(frozen=True)
class DecidedScore:
    """One row per cohort customer of a run: the score and what was decided."""

    score: Score
    decision: Decision

    @property
    def customer_id(self) -> str:
        return self.score.customer_id


Scored = TypeVar("Scored", Score, DecidedScore)


def differences(
    before: Iterable[Scored], after: Iterable[Scored]
) -> Iterator[tuple[str, Scored | None, Scored | None]]:
    """One row per customer who differs between two runs, by customer_id as the scores come: the customer,
    before and after, None without a score in that run.

    Together they turn the scores of one run into those of the other. Holds one score of each at a time.
    """
    sides = zip(repeat("before"), before), zip(repeat("after"), after)
    merged = merge(*sides, key=lambda pair: pair[1].customer_id)
    for customer_id, pairs in groupby(merged, key=lambda pair: pair[1].customer_id):
        scores: dict[str, Scored] = dict(pairs)
        if scores.get("before") != scores.get("after"):
            yield customer_id, scores.get("before"), scores.get("after")
