"""Positions of the points of charts: the templates draw them as SVG, without style or script."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

MARGIN = 1.5  # keeps a line's width within the picture


def line(values: Sequence[float], width: int, height: int) -> tuple[str, str, tuple[float, float]]:
    """A sparkline without axes from 0 or the least value up: its path, the area under it, and its last point.

    Every value has the same share of the width.

    >>> line([0, 10, 5], 103, 23)[0]
    'M1.5 21.5L51.5 1.5L101.5 11.5'
    """
    low, high = min(0.0, *values), max(values)
    span = (high - low) or 1.0
    step = (width - 2 * MARGIN) / max(len(values) - 1, 1)
    points = [
        (MARGIN + step * place, height - MARGIN - (value - low) / span * (height - 2 * MARGIN))
        for place, value in enumerate(values)
    ]
    floor = [(points[-1][0], height - MARGIN), (points[0][0], height - MARGIN)]
    return path(points), path(points + floor) + "Z", points[-1]


def path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in points)


def heights_of_words(dots: Sequence[tuple[float, float]], level: float) -> list[float]:
    """Baseline of the words of each dot: above it from ``level`` up, below it else, clear of dots and words.

    >>> heights_of_words([(100, 50), (120, 50)], 60)
    [40, 24]
    """
    taken = [(x, y, 65) for x, y in dots]  # x, middle, and how far to the side nothing else may stand
    for x, y in dots:
        side = -1 if y <= level else 1
        middle = y + 15 * side
        for other_x, other_y, reach in sorted(taken, key=lambda other: other[1] * side):
            if abs(other_x - x) < reach and abs(other_y - middle) < 14:
                middle = other_y + 16 * side
        taken.append((x, middle, 125))
    return [middle + 5 for _, middle, _ in taken[len(dots) :]]


@dataclass(frozen=True)
class Plot:
    """The inside of a chart with axes from 0 up in ``steps`` equal steps; sizes in points."""

    width: int
    height: int
    step: float
    steps: int
    left, top, bottom = 78, 12, 26

    @property
    def ticks(self) -> list[tuple[float, float]]:
        """Position and value of each mark of the upright axis."""
        return [(self.y(self.step * k), self.step * k) for k in range(self.steps + 1)]

    def y(self, value: float) -> float:
        room = self.height - self.top - self.bottom
        return round(self.height - self.bottom - room * value / (self.steps * self.step), 1)

    def x(self, share: float) -> float:
        """``share`` is the place between the left end (0) and the right one (1)."""
        return round(self.left + (self.width - self.left - 8) * share, 1)

    def path(self, shares: Sequence[float], values: Sequence[float]) -> str:
        return path([(self.x(share), self.y(value)) for share, value in zip(shares, values, strict=True)])


def plot(highest: float, width: int = 620, height: int = 220) -> Plot:
    """Axes from 0 to a round number from ``highest`` up, in three to five steps."""
    step = _round_step(highest / 4)
    return Plot(width, height, step, max(1, -int(-highest // step)))


def _round_step(least: float) -> float:
    """The next of 1, 2, 2.5, 5 × a power of ten.

    >>> _round_step(0.12), _round_step(3_400_000)
    (0.2, 5000000.0)
    """
    if least <= 0:
        return 1.0
    power = 10.0 ** (len(f"{int(least)}") - 1) if least >= 1 else 0.01 if least < 0.1 else 0.1
    return next((size * power for size in (1, 2, 2.5, 5, 10) if size * power >= least), 10 * power)


def stacked(parts: Mapping[str, Sequence[int]], axes: Plot) -> dict[str, str]:
    """The outline of each class, one upon another in the order given."""
    below: list[int] = [0] * len(next(iter(parts.values()), ()))
    bands = {}
    for name, values in parts.items():
        above = [under + max(value, 0) for under, value in zip(below, values, strict=True)]
        shares = [place / max(len(values) - 1, 1) for place in range(len(values))]
        top = [(axes.x(share), axes.y(value)) for share, value in zip(shares, above, strict=True)]
        bottom = [(axes.x(share), axes.y(value)) for share, value in zip(shares, below, strict=True)]
        bands[name] = path(top + bottom[::-1]) + "Z"
        below = above
    return bands


def week_ends(snapshot: date, weeks: int) -> list[date]:
    """The Sundays before a snapshot, the oldest first.

    >>> week_ends(date(2026, 11, 16), 2)
    [datetime.date(2026, 11, 8), datetime.date(2026, 11, 15)]
    """
    return [snapshot - timedelta(days=1 + 7 * back) for back in range(weeks - 1, -1, -1)]


def days_apart(days: Sequence[date]) -> list[float]:
    """Each day's place between the first (0) and the last (1)."""
    whole = (days[-1] - days[0]).days or 1
    return [(day - days[0]).days / whole for day in days]


@dataclass(frozen=True)
class Mark:
    """Something that happened, on a chart: its kind, its day, and its place between both ends (0 to 1)."""

    kind: str
    day: date
    share: float


def marks(happened: Iterable[tuple[str, date]], first: date, last: date) -> tuple[Mark, ...]:
    """The events between two days, oldest first; the rest is left out.

    >>> [(mark.kind, mark.share) for mark in marks(
    ...     [("call", date(2026, 11, 9)), ("complaint", date(2026, 11, 2)), ("call", date(2026, 12, 1))],
    ...     date(2026, 11, 2), date(2026, 11, 16))]
    [('complaint', 0.0), ('call', 0.5)]
    """
    inside = sorted({(day, kind) for kind, day in happened if first <= day <= last})
    whole = (last - first).days or 1
    return tuple(Mark(kind, day, (day - first).days / whole) for day, kind in inside)


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
