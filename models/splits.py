"""The Mondays that train, tune and evaluate a model: split by time, with an embargo between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import median

from configs.errors import DataError
from configs.settings import Label, Training


class TooFewMondaysError(DataError):
    """The matured Mondays do not suffice to train, tune and evaluate."""


@dataclass(frozen=True)
class Split:
    """Three ascending sets of snapshots; each set's outcomes are closed when the next one begins."""

    train: tuple[date, ...]
    tune: tuple[date, ...]
    evaluation: tuple[date, ...] = ()

    @property
    def mondays(self) -> tuple[date, ...]:
        """All of them, ascending."""
        return (*self.train, *self.tune, *self.evaluation)


def split(snapshots: Iterable[date], label: Label, training: Training, data_through: date) -> Split:
    """The matured snapshots in three sets: the last ones evaluate, those before tune, all earlier ones train.

    Worked example, every Monday from 2023-01-02, lead 7 and horizon 90 days (an outcome ends 97 days after
    its snapshot), 8 evaluated and 10 tuned, data through 2024-06-30 (not into it):

    - matured:    2024-03-25 is the last, its outcome ends on 2024-06-30;
    - evaluation: 2024-02-05 … 2024-03-25, eight Mondays;
    - tune:       2023-08-28 … 2023-10-30, ten Mondays; the last outcome ends on 2024-02-04, and the next
      Monday's on 2024-02-11, after the first evaluated snapshot;
    - train:      2023-01-02 … 2023-05-22; the last outcome ends on 2023-08-27.

    So a model is evaluated exactly as it is used: on Mondays that came after everything it has seen was
    known. Raises TooFewMondaysError when fewer than ``min_train_snapshots`` remain to train or none to tune
    or evaluate.
    """
    matured = sorted({day for day in snapshots if label.timeline(day).matured(data_through)})
    evaluation = matured[-training.judged_snapshots :]
    tune = _closed_before(evaluation, matured, label)[-training.tuned_snapshots :]
    train = _closed_before(tune, matured, label)
    if not evaluation or not tune or len(train) < training.min_train_snapshots:
        raise TooFewMondaysError(
            f"too few matured snapshots: {len(matured)} with data through {data_through} give "
            f"{len(train)} to train (needed {training.min_train_snapshots}), {len(tune)} to tune and "
            f"{len(evaluation)} to evaluate, because an outcome takes "
            f"{label.lead_days + label.horizon_days} days to close before the next set may begin. "
            "Deliver a longer history, or lower training.judged_snapshots, training.tuned_snapshots or "
            "training.min_train_snapshots."
        )
    return Split(tuple(train), tuple(tune), tuple(evaluation))


def folds(chosen: Split, label: Label, training: Training, most: int) -> tuple[Split, ...]:
    """Up to ``most`` rolling folds inside ``train`` and ``tune``, the earliest first; none of them evaluates.

    Each tunes on ``tuned_snapshots`` Mondays in a row and trains on all whose outcome was known before the
    first of these. In the example of ``split`` the last fold is its train and tune; the one before would tune
    on 2023-03-20 … 2023-05-22 and is left out, for nothing had matured by 2023-03-20.
    """
    mondays, size = [*chosen.train, *chosen.tune], training.tuned_snapshots
    blocks = [mondays[max(end - size, 0) : end] for end in range(len(mondays), 0, -size)][:most]
    made = [Split(tuple(_closed_before(block, mondays, label)), tuple(block)) for block in reversed(blocks)]
    return tuple(fold for fold in made if len(fold.train) >= training.min_train_snapshots)


def dates_needed(mondays: Sequence[date], label: Label, training: Training) -> int:
    """The number of matured Mondays, as far apart as these, from which on ``split`` makes three sets.

    More than these, which are too few; a single one says nothing of how far apart others will be.
    """
    gaps = [(later - earlier).days for earlier, later in pairwise(sorted(mondays))]
    between = -(-(label.lead_days + label.horizon_days) // int(median(gaps))) - 1 if gaps else 0
    sets = training.judged_snapshots + training.tuned_snapshots + training.min_train_snapshots
    return max(sets + 2 * between, len(mondays) + 1)


def _closed_before(later: list[date], snapshots: list[date], label: Label) -> list[date]:
    """The snapshots whose outcome was known when the first of ``later`` was taken (the embargo)."""
    return [day for day in snapshots if later and label.timeline(day).matured(later[0])]
