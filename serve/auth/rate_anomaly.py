"""Who reads far more customers than usual: counted per caller and day, beside the access log."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any

from sqlalchemy import Dialect, bindparam, func, select, text

from serve.store.audit import Entry
from serve.store.tables import reads

DAYS = 28  # before today, of which the busiest is what is usual
SERVICE = "service"  # the actor of an alarm
Run = Callable[[str, Mapping[str, Any]], Any]  # runs SQL within the transaction and gives its cursor

_COUNT = (
    "INSERT INTO reads (actor, day, answers) VALUES (:actor, :day, :answers) "
    "ON CONFLICT (actor, day) DO UPDATE SET answers = reads.answers + excluded.answers RETURNING answers"
)


class Usual:
    """Counts the answers about customers, over all workers, and raises an alarm once a day for each caller.

    An entry that says of how many customers it tells, as that of an export does, counts as so many.
    """

    def __init__(self, dialect: Dialect, least: int, factor: float) -> None:
        """An alarm takes more than ``least`` and more than ``factor`` times the busiest of the days before."""
        self._least, self._factor = least, factor
        busiest = select(func.max(reads.c.answers)).where(
            reads.c.actor == bindparam("actor"),
            reads.c.day >= bindparam("first"),
            reads.c.day < bindparam("day"),
        )
        self._busiest, self._count = (str(one.compile(dialect=dialect)) for one in (busiest, text(_COUNT)))
        self._limits: dict[tuple[str, date], float] = {}

    def alarms(self, run: Run, added: Sequence[Entry]) -> list[Entry]:
        """Counts entries within the transaction that adds them; an entry for each caller who goes too far with them."""
        counted: Counter[tuple[str, date]] = Counter()
        for one in added:
            if one.subject:
                counted[one.actor, one.at.astimezone(UTC).date()] += one.details.get("customers", 1)
        newest = {one.actor: one.at for one in added}
        found = []
        for (actor, day), more in sorted(counted.items()):
            keys = {"actor": actor, "day": str(day)}
            now = run(self._count, {**keys, "answers": more}).fetchone()[0]
            limit = self._limit(run, actor, day)
            if now - more <= limit < now:
                details = {"answers": now, "limit": limit, "day": str(day)}
                found.append(Entry(newest[actor], SERVICE, "alarm", actor, details))
        return found

    def _limit(self, run: Run, actor: str, day: date) -> float:
        """What is asked for a day stays for that day; days gone by are forgotten."""
        if (actor, day) not in self._limits:
            first = str(day - timedelta(days=DAYS))
            busiest = run(self._busiest, {"actor": actor, "first": first, "day": str(day)}).fetchone()[0] or 0
            self._limits = {known: limit for known, limit in self._limits.items() if known[1] >= day}
            self._limits[actor, day] = max(self._least, self._factor * busiest)
        return self._limits[actor, day]
