"""Whose customers somebody may see, as a condition in SQL."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Boolean, ColumnElement, Table, literal_column, true


class Reach(StrEnum):
    """How far a role sees; ``OWN``: the customers of one manager."""

    ALL = "all"
    BRANCH = "own branch"
    OWN = "own customers"
    NONE = "none"


# Beside false(), SQLAlchemy drops the conditions that find a row; joined by what is left, SQLite reads the whole table.
NO_ROW = literal_column("1 = 0", Boolean)


@dataclass(frozen=True)
class Scope:
    """``number`` is that of the branch or the manager, or what stands for it in SQL; empty for all and none."""

    reach: Reach
    number: str | ColumnElement[str] = ""

    def of(self, table: Table) -> ColumnElement[bool]:
        """Which rows of a table may be seen; none of a table that does not say whose its rows are."""
        if self.reach is Reach.ALL:
            return true()
        name = {Reach.BRANCH: "branch_id", Reach.OWN: "manager_id"}.get(self.reach)
        if name is None or name not in table.c:
            return NO_ROW
        return table.c[name] == self.number


EVERYTHING = Scope(Reach.ALL)
