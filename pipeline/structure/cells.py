"""The cells that customers are counted by, and the customers of one Monday with the codes of theirs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from configs.published import STAGES
from configs.settings import Settings
from pipeline.artefacts import Home
from pipeline.structure.facts import read_structure

Ints = NDArray[np.int64]
Segments = Mapping[date, Mapping[str, str]]  # by Monday the segment of each customer who had one
# By dimension its column; "segment" comes from what was published of a Monday.
DIMENSIONS = {
    "tier": "tier",
    "stage": "lifecycle_stage",
    "segment": "segment",
    "branch": "branch_id",
    "manager": "manager_id",
}
OF_BANK, OF_BRANCH = ("tier", "stage", "segment", "branch"), ("tier", "stage", "segment", "manager")
COLUMNS = ("customer_id", "present", "exclusion", "tier", "lifecycle_stage", "branch_id", "manager_id",
           "aum_minor")  # fmt: skip
ABSENT = -1  # code of every dimension for who is not present


@dataclass(frozen=True)
class Cells:
    """By dimension its cells in their order, the unknown one, which is empty, last.

    A dimension that the bank does not know is left out.
    """

    words: Mapping[str, tuple[str, ...]]

    @property
    def branches(self) -> tuple[str, ...]:
        return tuple(filter(None, self.words.get("branch", ())))

    def without(self, dimension: str) -> "Cells":
        return Cells({name: words for name, words in self.words.items() if name != dimension})

    def codes(self, customers: pa.Table) -> pd.DataFrame:
        """The place in ``words`` of each customer's cell, by dimension; ABSENT for who is not present."""
        present = customers["present"].to_numpy()
        return pd.DataFrame(
            {name: np.where(present, self._codes(customers, name), ABSENT) for name in self.words}
        )

    def _codes(self, customers: pa.Table, dimension: str) -> Ints:
        words = self.words[dimension]
        place = pc.index_in(customers[DIMENSIONS[dimension]], pa.array(words, pa.string()))
        return pc.fill_null(place, len(words) - 1).to_numpy().astype(np.int64)


def cells_of(settings: Settings, tables: Iterable[pa.Table]) -> Cells:
    """The cells in which customers of these Mondays are: tiers and stages in their order, others by name."""
    held: dict[str, set[str]] = {name: set() for name in DIMENSIONS}
    for table in tables:
        for name, column in DIMENSIONS.items():
            held[name] |= set(pc.unique(table[column]).to_pylist()) - {None, ""}
    ordered: dict[str, Sequence[str]] = {
        "tier": [tier.name for tier in settings.tiers],
        "stage": STAGES,
    }
    words = {
        name: (*ordered.get(name, sorted(names)), "")
        for name, names in held.items()
        if names or name in ordered
    }
    return Cells(words)


def customers_on(home: Home, day: date, segments: Segments, columns: Sequence[str] = ()) -> pa.Table:
    """One row per customer known by a Monday: COLUMNS, these columns, and the segment, empty without one."""
    table = read_structure(home, [day], [*COLUMNS, *columns])
    named = segments.get(day)
    ids = table["customer_id"].to_pylist() if named else ()
    words = pa.array([named.get(name, "") for name in ids] if named else [""] * len(table), pa.string())
    return table.append_column("segment", words)


def by_branch(frame: pd.DataFrame, branches: Iterable[str | None]) -> Callable[[str], pd.DataFrame]:
    """Gives the rows of a branch, and all as "" of the bank; ``branches`` has that of each row.

    The rows are looked for once, not once for each branch.
    """
    places = pd.Series(range(len(frame))).groupby(np.array([*branches], object)).indices
    return lambda branch: frame.iloc[places.get(branch, [])] if branch else frame
