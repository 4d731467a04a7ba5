"""Family: who looks after the customer, since when, and what was said in surveys."""

from collections.abc import Iterator

import numpy as np

from features.cut import seen
from features.grammar import Name, weeks
from features.tiles import Calendar, Grid
from features.world import Ints, Rows, World


def relationship(world: World, calendar: Calendar) -> Iterator[tuple[Name, Grid]]:
    """The manager as of each snapshot, and the mean survey score of the last year."""
    manager, since = in_charge(world, calendar)
    vacant = (manager < 0).astype(np.float64)
    yield Name("manager", "vacant"), vacant
    yield (
        Name("manager_change", "days_since"),
        np.where(since > 0, calendar.snapshots[:, None] - since, np.nan),
    )
    yield Name("survey_score", "mean", weeks(52)), _survey(world, calendar)


def in_charge(world: World, calendar: Calendar) -> tuple[Ints, Ints]:
    """Code of the manager (-1 where the post is vacant or unknown) and the first day of the period."""
    return assigned(world, calendar, "manager_id")


def assigned(world: World, calendar: Calendar, column: str) -> tuple[Ints, Ints]:
    """A column of the assignment in force the day before each snapshot as far as known; its first day."""
    rows = world.tables["assignments"]
    code = np.full((len(calendar.snapshots), len(world)), -1, np.int64)
    since = np.full_like(code, -1)
    for s, day in enumerate(calendar.snapshots):
        now = in_force(rows, int(day))
        code[s, rows.customer[now]] = rows.columns[column][now]
        since[s, rows.customer[now]] = rows.day[now]
    return code, since


def in_force(rows: Rows, day: int) -> Ints:
    """Rows of the assignments that run on the day before ``day``; the last to begin wins, being last."""
    to_on = rows.columns["to_on"]
    return np.flatnonzero(seen(rows, day) & ((to_on < 0) | (to_on >= day)))


def _survey(world: World, calendar: Calendar) -> Grid:
    rows = world.tables["surveys"]
    mean = np.full((len(calendar.snapshots), len(world)), np.nan)
    for s, day in enumerate(calendar.snapshots):
        now = np.flatnonzero(seen(rows, int(day)) & (rows.day >= day - 364))
        total = np.bincount(rows.customer[now], rows.columns["score"][now], len(world))
        count = np.bincount(rows.customer[now], minlength=len(world))
        mean[s] = np.divide(total, count, out=np.full(len(world), np.nan), where=count > 0)
    return mean
