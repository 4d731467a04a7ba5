"""The matrix that models see: named numbers, the customer and Monday of each row, and the outcome."""

import mmap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.errors import DataError, did_you_mean

CHUNK = 2_000  # rows looked at together: little memory, and fast in cache
COLUMNS = 16  # columns read together, all rows of them
KEY = ("customer_id", "snapshot_date")
OUTCOME = ("time_to_attrition", "outflow_share", "aum_base")
Columns = TypeVar("Columns")
_BY_ROW = ("customer_id", "snapshot_date", "time_to_attrition", "outflow_share", "aum")  # beside the features


@dataclass(frozen=True)
class Matrix:
    """One row per customer and snapshot, sorted by (snapshot_date, customer_id), each pair once.

    ``features`` is rows × columns, NaN = unknown. ``time_to_attrition`` is the horizon in days by whose end
    the customer was gone for good, 0 = stayed; ``outflow_share`` the share of AUM that left within the
    outcome window; ``aum`` the average AUM before the snapshot, in base currency. Raises DataError when
    lengths differ or rows are not sorted: tie-breaking relies on that order.
    """

    features: NDArray[np.float64]
    columns: tuple[str, ...]
    customer_id: NDArray[np.str_]
    snapshot_date: NDArray[np.datetime64]
    time_to_attrition: NDArray[np.int16]
    outflow_share: NDArray[np.float64]
    aum: NDArray[np.float64]

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in ("features", *_BY_ROW)}
        if len(set(lengths.values())) > 1 or self.features.shape[1:] != (len(self.columns),):
            raise DataError(
                f"a matrix needs one entry per row and one name per column; found rows {lengths}, "
                f"features {self.features.shape}, {len(self.columns)} names. Build it with Matrix.labelled."
            )
        days, customers = self.snapshot_date, self.customer_id
        later = days[1:] > days[:-1]
        if not np.all(later | ((days[1:] == days[:-1]) & (customers[1:] > customers[:-1]))):
            raise DataError(
                "rows of a matrix must ascend by (snapshot_date, customer_id) without repeats. "
                "Build it with Matrix.labelled."
            )

    def __len__(self) -> int:
        return len(self.customer_id)

    @property
    def attrited(self) -> NDArray[np.int8]:
        """1 for who was gone by the end of the outcome window, 0 for who stayed."""
        return (self.time_to_attrition > 0).astype(np.int8)

    @property
    def lost(self) -> NDArray[np.float64]:
        """The money that left with customers who attrited; 0 for who stayed, whatever they took out."""
        return self.outflow_share * self.aum * self.attrited

    @classmethod
    def labelled(
        cls, key: pd.DataFrame, values: NDArray[np.float64], columns: Sequence[str], labels: pd.DataFrame
    ) -> Self:
        """One row per row of ``key`` and ``values`` (rows × columns, not copied where they ascend by key).

        ``labels`` holds the key, time_to_attrition (null = stayed), outflow_share and aum_base. Labels of
        customers outside the cohort, who have no features, are left aside.
        Raises DataError when keys or outcomes are not so or a label is missing.
        """
        keys, outcome = _keys(key, "features"), _outcomes(labels)
        rows = keys.merge(outcome, how="left", on=list(KEY))
        unlabelled = rows.loc[rows["aum_base"].isna(), "snapshot_date"].to_numpy("datetime64[D]")
        if len(unlabelled):
            raise DataError(
                f"{len(unlabelled)} rows of features have no label, on {len(np.unique(unlabelled))} snapshots"
                f" from {unlabelled.min()} to {unlabelled.max()}. Run the labels of these snapshots again."
            )
        order = np.lexsort((rows["customer_id"].to_numpy(str), rows["snapshot_date"]))
        rows, ascends = rows.iloc[order], bool((order[1:] > order[:-1]).all())
        return cls(
            values if ascends else values[order],
            tuple(columns),
            rows["customer_id"].to_numpy(str),
            rows["snapshot_date"].to_numpy("datetime64[D]"),
            rows["time_to_attrition"].to_numpy(np.int16),
            rows["outflow_share"].to_numpy(np.float64),
            rows["aum_base"].to_numpy(np.float64),
        )

    def where(self, rows: NDArray[np.bool_]) -> Self:
        """The rows where the mask is true, in the same order; where they lie together, without a copy."""
        return self.at(np.flatnonzero(rows))

    def at(self, places: NDArray[np.intp]) -> Self:
        """The rows at these places, which ascend."""
        if len(places) and places[-1] - places[0] + 1 == len(places):
            together = slice(places[0], places[-1] + 1)
            return self._at(together, self.features[together])
        features = np.empty((len(places), len(self.columns)))
        for chunk in chunks(self.features) if self.columns else ():
            part = slice(*np.searchsorted(places, (chunk.start, chunk.stop)))
            features[part] = self.features[places[part]]
        return self._at(places, features)

    def only(self, columns: Sequence[str]) -> Self:
        """All rows with some of the columns, in the order given. Raises DataError for an unknown one."""
        unknown = [name for name in columns if name not in self.columns]
        if unknown:
            raise DataError(f"no column {unknown[0]!r}. {did_you_mean(unknown[0], self.columns)}")
        features = self.features[:, [self.columns.index(name) for name in columns]]
        return replace(self, features=features, columns=tuple(columns))

    def column(self, name: str) -> NDArray[np.float64]:
        """One feature."""
        values = self.features[:, self.columns.index(name)]
        return np.concatenate([values[:0], *(values[chunk].copy() for chunk in chunks(self.features))])

    def on(self, snapshots: Iterable[date]) -> Self:
        """The rows of these Mondays; nobody was eligible on one without a row."""
        wanted = np.array(sorted(snapshots), dtype="datetime64[D]")
        return self.where(np.isin(self.snapshot_date, wanted))

    def _at(self, rows: slice | NDArray[np.intp], features: NDArray[np.float64]) -> Self:
        return replace(self, features=features, **{name: getattr(self, name)[rows] for name in _BY_ROW})


def at_rows(columns: Columns, rows: NDArray[Any]) -> Columns:
    """Some rows, in the order given, of anything whose fields all hold one entry per row."""
    return type(columns)(**{name: values[rows] for name, values in vars(columns).items()})


def joined(days: Sequence[Matrix], features: NDArray[np.float64], columns: Sequence[str]) -> Matrix:
    """The rows of ascending Mondays as one matrix; ``features`` holds those of all, in the same order."""
    by_row = {name: np.concatenate([getattr(day, name) for day in days]) for name in _BY_ROW}
    return Matrix(features=features, columns=tuple(columns), **by_row)


def chunks(features: NDArray[np.float64]) -> Iterator[slice]:
    """The rows in order, a few at a time, so that what is made of them needs little memory."""
    for start in range(0, len(features), CHUNK):
        yield slice(start, start + CHUNK)
        release(features)


def by_column(features: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Each column in order, read a few together."""
    for start in range(0, features.shape[1], COLUMNS):
        columns = np.empty((min(COLUMNS, features.shape[1] - start), len(features)))
        for chunk in chunks(features):
            columns[:, chunk] = features[chunk, start : start + COLUMNS].T
        yield from columns


def release(features: NDArray[np.float64]) -> None:
    """Frees the memory that reading took, where the rows lie on disk; they can be read again."""
    pages = getattr(features, "_mmap", None)
    if pages is not None:
        pages.madvise(mmap.MADV_DONTNEED)


def feature_values(frame: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.float64]:
    """Rows × columns of ``frame`` in its own row order, after checking it against the contract.

    The frame must hold the key and exactly ``columns``, in that order, as float64, each customer and
    snapshot once; NaN means unknown, infinity means a defect. Raises DataError naming the break.
    """
    check_contract([(str(name), kind) for name, kind in frame.dtypes.items() if name not in KEY], columns)
    _keys(frame, "features")
    values = frame[list(columns)].to_numpy(np.float64)
    check_finite(values, columns)
    return values


def is_known(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Per column whether any row knows it."""
    return np.logical_or.reduce(~np.isnan(values), axis=0)


def check_contract(found: Sequence[tuple[str, Any]], columns: Sequence[str]) -> None:
    """Raises DataError unless the names and types of the features are exactly ``columns``, as float64."""
    names = [name for name, _ in found]
    if names != list(columns):
        raise DataError(
            f"features differ from the contract of {len(columns)} columns: {_difference(names, columns)}. "
            "Build the features with the same code and windows as the model, or train again."
        )
    other = [f"{name}: {kind}" for name, kind in found if kind != np.float64]
    if other:
        more = f" and {len(other) - 5} more" if len(other) > 5 else ""
        raise DataError(
            f"features must be float64 with NaN for unknown; found {', '.join(other[:5])}{more}. "
            "Cast them where the features are written or read."
        )


def check_finite(values: NDArray[np.float64], columns: Sequence[str]) -> None:
    """Raises DataError naming the columns in which there is infinity."""
    infinite = np.flatnonzero(np.isinf(values).any(axis=0))
    if len(infinite):
        names = [columns[place] for place in infinite[:5]]
        raise DataError(f"features {names} hold infinity. Correct the ratio; unknown is NaN.")


def _difference(names: list[str], columns: Sequence[str]) -> str:
    parts = {
        "missing": [name for name in columns if name not in set(names)],
        "not in the contract": [name for name in names if name not in set(columns)],
        "twice": sorted({name for name, count in Counter(names).items() if count > 1}),
    }
    return "; ".join(f"{part} {found[:5]}" for part, found in parts.items() if found) or "another order"


def _keys(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The key, checked, whatever type of text and date the frame came with."""
    absent = [key for key in KEY if list(frame.columns).count(key) != 1]
    if absent:
        raise DataError(f"{name} need exactly one column each of {absent}; add what names the row.")
    keys = frame[list(KEY)]
    if keys.isna().to_numpy().any():
        raise DataError(f"{name} hold rows without customer_id or snapshot_date. Remove or mend them.")
    twice = keys[keys.duplicated()]
    if len(twice):
        raise DataError(
            f"{name} hold {len(twice)} repeated rows, the first for snapshot {twice.iloc[0, 1]!s}. "
            "Each customer stands once per snapshot; look for a partition read twice."
        )
    return keys.astype({"customer_id": object, "snapshot_date": "datetime64[s]"})


def _outcomes(labels: pd.DataFrame) -> pd.DataFrame:
    """Key and outcome columns of ``labels``, checked: money known, time_to_attrition a number of days or 0,
    AUM ≥ 0."""
    keys = _keys(labels, "labels")
    absent = [name for name in OUTCOME if name not in labels]
    if absent:
        raise DataError(f"labels lack {absent}; they have {sorted(map(str, labels.columns))}.")
    outcome = labels[list(OUTCOME)].astype("float64").fillna({"time_to_attrition": 0.0})
    unknown = int(outcome.isna().any(axis=1).sum())
    if unknown:
        raise DataError(f"{unknown} labels are unknown. Take only snapshots whose outcome has matured.")
    days = outcome["time_to_attrition"]
    if not ((days % 1 == 0) & days.between(0, 365) & (outcome["aum_base"] >= 0)).all():
        raise DataError(
            "labels must have time_to_attrition in whole days up to 365, or null, and aum_base ≥ 0. "
            "Correct the label definition."
        )
    return keys.join(outcome)
