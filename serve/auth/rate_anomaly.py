"""Alarms on callers who read far more customers than before."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any

from sqlalchemy import Dialect, bindparam, func, select, text

from serve.store.audit import Entry
from serve.store.tables import reads

Run = Callable[[str, Mapping[str, Any]], Any]  # a statement within a transaction, and its cursor
DAYS = 28  # before today, with the busiest of which today is compared
_COUNT = (
    "INSERT INTO reads (actor, day, answers) VALUES (:actor, :day, :answers) "
    "ON CONFLICT (actor, day) DO UPDATE SET answers = reads.answers + excluded.answers RETURNING answers"
)


class RateAnomaly:
    """Counts the answers about customers, over all workers, and raises an alarm once a day for each caller.

    An entry with a number of customers, as that of an export, counts as so many. An alarm takes more than
    ``least`` and more than ``factor`` times the busiest earlier day.
    """

    def __init__(self, dialect: Dialect, least: int, factor: float) -> None:
        self._least, self._factor = least, factor
        busiest = select(func.max(reads.c.answers)).where(
            reads.c.actor == bindparam("actor"),
            reads.c.day >= bindparam("first"),
            reads.c.day < bindparam("day"),
        )
        self._busiest, self._count = (
            str(query.compile(dialect=dialect)) for query in (busiest, text(_COUNT))
        )
        self._limits: dict[tuple[str, date], float] = {}

    def alarm_entries(self, run: Run, added: Sequence[Entry]) -> list[Entry]:
        """Counts entries within the transaction that adds them; an alarm entry per caller over the limit."""
        counted: Counter[tuple[str, date]] = Counter()
        for entry in added:
            if entry.subject:
                counted[entry.actor, entry.at.astimezone(UTC).date()] += entry.details.get("customers", 1)
        newest = {entry.actor: entry.at for entry in added}
        alarms = []
        for (actor, day), more in sorted(counted.items()):
            keys = {"actor": actor, "day": str(day)}
            total = run(self._count, {**keys, "answers": more}).fetchone()[0]
            limit = self._limit(run, actor, day)
            if total - more <= limit < total:
                details = {"answers": total, "limit": limit, "day": str(day)}
                alarms.append(Entry(newest[actor], "service", "alarm", actor, details))
        return alarms

    def _limit(self, run: Run, actor: str, day: date) -> float:
        """The answers that a caller may read in a day without an alarm; read once for each day."""
        if (actor, day) not in self._limits:
            keys = {"actor": actor, "first": str(day - timedelta(days=DAYS)), "day": str(day)}
            busiest = run(self._busiest, keys).fetchone()[0] or 0
            self._limits = {key: limit for key, limit in self._limits.items() if key[1] >= day}
            self._limits[actor, day] = max(self._least, self._factor * busiest)
        return self._limits[actor, day]
