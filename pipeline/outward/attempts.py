"""Attempts to hand over what another machine cannot take now: in rounds, with growing pauses between them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

ATTEMPTS = 5  # rounds in a row that get nothing done, before the rest is left to the next command
WAIT_SECONDS = 5.0  # before the second round; doubled before each further one

Due = TypeVar("Due")
Round = Callable[[Sequence[Due]], Sequence[Due]]


class LaterError(Exception):
    """The other machine cannot do it now: busy, no answer, connection lost."""


def in_rounds(hand_over: Round[Due], due: Sequence[Due], sleep: Callable[[float], None]) -> Sequence[Due]:
    """What is left after ``ATTEMPTS`` rounds without progress; a round returns what has to wait."""
    left, tries = (hand_over(due), 1) if due else (due, 1)
    while left and tries < ATTEMPTS:
        sleep(WAIT_SECONDS * 2 ** (tries - 1))
        before, left = len(left), hand_over(left)
        tries = 1 if len(left) < before else tries + 1
    return left
