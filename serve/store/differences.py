"""The scores that differ between two runs, for a copy that is to be brought up to date."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from configs.published import Score

_FIELDS = tuple(field.name for field in fields(Score) if field.name != "customer_id")


@dataclass(frozen=True)
class Difference:
    """One row per customer whose score is not the same in both runs; None where a run has no score of it.

    All of them together turn the scores of one run into those of the other.
    """

    before: Score | None
    after: Score | None

    @property
    def customer_id(self) -> str:
        score = self.after or self.before
        assert score is not None
        return score.customer_id

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of Score that differ; all where the customer came or went."""
        return tuple(
            name for name in _FIELDS if getattr(self.before, name, ...) != getattr(self.after, name, ...)
        )


def differences(before: Iterator[Score], after: Iterator[Score]) -> Iterator[Difference]:
    """By customer_id, from two runs in that order; holds one score of each at a time."""
    old, new = next(before, None), next(after, None)
    while old or new:
        if new is None or (old and old.customer_id < new.customer_id):
            yield Difference(old, None)
            old = next(before, None)
        elif old is None or new.customer_id < old.customer_id:
            yield Difference(None, new)
            new = next(after, None)
        else:
            if old != new:
                yield Difference(old, new)
            old, new = next(before, None), next(after, None)
