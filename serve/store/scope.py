"""The customers that somebody may see, as a condition in SQL."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Boolean, ColumnElement, FromClause, Table, exists, literal_column, or_, select, true

from serve.store import tables


class Reach(StrEnum):
    """The reach of a role; ``OWN``: the customers of one manager."""

    ALL = "all"
    BRANCH = "own branch"
    OWN = "own customers"
    NONE = "none"


# Beside false(), SQLAlchemy drops the conditions that find a row; joined by what is left, SQLite reads
# the whole table.
NO_ROW = literal_column("1 = 0", Boolean)


WITHOUT_SCORE = (tables.tier_watches, tables.former_customers)  # tables of customers who may have none


@dataclass(frozen=True)
class Scope:
    """``number`` is that of the branch or the manager, or what stands for it in SQL; empty for all and none.

    ``still``: of a run of the past, only customers who are within reach in the served run too, which decides.
    ``rounded``: figures alone are read, as serve/store/rounding.py gives them.
    """

    reach: Reach
    number: str | ColumnElement[str] = ""
    still: bool = False
    rounded: bool = False

    def of(self, table: Table) -> ColumnElement[bool]:
        """The rows of a table that may be seen; none of a table that does not say whose its rows are."""
        if self.reach is Reach.ALL:
            return true()
        name = {Reach.BRANCH: "branch_id", Reach.OWN: "manager_id"}.get(self.reach)
        if name is None or name not in table.c:
            return NO_ROW
        rows = table.c[name] == self.number
        return rows & self._still_own(table, name) if self.still and "customer_id" in table.c else rows

    def _still_own(self, table: Table, name: str) -> ColumnElement[bool]:
        """Whoever is watched, or has left, may have no score."""
        known = [tables.scores, *([table] if table in WITHOUT_SCORE else [])]
        return or_(*(self._in_served_run(of.alias(f"current_{of.name}"), table, name) for of in known))

    def _in_served_run(self, current: FromClause, table: Table, name: str) -> ColumnElement[bool]:
        pointer = tables.current_run
        return exists().where(
            current.c.run_version == select(pointer.c.run_version).scalar_subquery(),
            current.c.customer_id == table.c.customer_id,
            current.c[name] == self.number,
        )


EVERYTHING = Scope(Reach.ALL)


def within_reach(
    customer_id: ColumnElement[str], run_version: int, scope: Scope = EVERYTHING
) -> ColumnElement[bool]:
    """True where a run has the customer of a row within reach; some have no score."""
    if scope == EVERYTHING:
        return true()
    known = (tables.scores, *WITHOUT_SCORE)
    return or_(
        *(
            exists().where(of.c.run_version == run_version, of.c.customer_id == customer_id, scope.of(of))
            for of in known
        )
    )
