"""Harmful weeks of the made-up bank: each spoils the files of one week as a bank's systems might.

A week's files lie in a raw folder of their own kind, ``txn_20261115.parquet`` and so on, named after its
Sunday.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

PARQUET = ("txn", "hold", "event")
CSV = ("cust_info", "cust_rm", "contact", "survey", "fx_rate")
DATED = {"txn": "TXN_TM", "hold": "VAL_DT", "event": "EVT_TM", "contact": "CONT_TM", "survey": "ANS_DT"}


@dataclass(frozen=True)
class RawWeek:
    """The files of the week that ends on ``sunday``, in a raw folder with all earlier ones."""

    raw: Path
    sunday: date

    def path(self, name: str, weeks_ago: int = 0) -> Path:
        kind = "parquet" if name in PARQUET else "csv"
        return self.raw / f"{name}_{self.sunday - timedelta(weeks=weeks_ago):%Y%m%d}.{kind}"

    def read(self, name: str, weeks_ago: int = 0) -> pd.DataFrame:
        path = self.path(name, weeks_ago)
        return _read(path) if path.is_file() else pd.DataFrame()

    def all_rows(self, name: str) -> pd.DataFrame:
        """The rows of every file of a source."""
        return pd.concat([_read(path) for path in sorted(self.raw.glob(f"{name}_2*"))], ignore_index=True)

    def write(self, name: str, rows: pd.DataFrame) -> None:
        path = self.path(name)
        if name in PARQUET:
            schema = pq.read_schema(path)
            pq.write_table(pa.Table.from_pandas(rows, schema, preserve_index=False), path.with_suffix(".new"))
        else:
            rows.to_csv(path.with_suffix(".new"), index=False)
        path.with_suffix(".new").replace(path)  # the good week's file may be a link to another folder's

    def change(self, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        if self.path(name).is_file():
            self.write(name, change(self.read(name)))

    def newest_records(self) -> pd.DataFrame:
        """The newest version of each customer's record, as if all were delivered again this Sunday."""
        records = self.all_rows("cust_info").dropna(subset=["CUST_NO"])
        records = records[pd.to_datetime(records["OPEN_DT"], errors="coerce").notna()]
        return records.sort_values("LOAD_DT", kind="stable").drop_duplicates("CUST_NO", keep="last").assign(
            LOAD_DT=str(self.sunday)
        )  # fmt: skip

    def assign_all(self, **changes: Any) -> None:
        """A new assignment of everybody who has one, from Sunday's eve on."""
        known = self.all_rows("cust_rm").sort_values("LOAD_DT", kind="stable")
        newest = known.drop_duplicates("CUST_NO", keep="last")
        eve = str(self.sunday - timedelta(days=1))
        added = newest.assign(BEG_DT=eve, END_DT=None, LOAD_DT=str(self.sunday), **changes)
        self.change("cust_rm", lambda rows: pd.concat([rows, added]))

    def add_records(self, **changes: Any) -> None:
        """The newest record of every customer once more, changed."""
        self.write("cust_info", self.newest_records().assign(**changes))


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pandas(date_as_object=True)
    return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])


def _times(factor: str, *columns: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Money times a factor, in whole cents."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        scaled = {
            column: [
                None if x is None else (x * Decimal(factor)).quantize(Decimal("0.01")) for x in rows[column]
            ]
            for column in columns
        }
        return rows.assign(**scaled)

    return change


def _shifted(days: int, *columns: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Dates and times so many days later; in CSV files they are text."""

    def moved(value: Any) -> Any:
        if isinstance(value, str):
            stamp = pd.Timestamp(value) + pd.Timedelta(days=days)
            return str(stamp.date()) if len(value) == 10 else str(stamp)
        return value + timedelta(days=days) if value is not None and not pd.isna(value) else value

    return lambda rows: rows.assign(**{name: rows[name].map(moved) for name in columns if name in rows})


def _every_other(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[::2]


def _nothing(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[:0]


def _half_missing(week: RawWeek, *names: str) -> None:
    for name in names or (*PARQUET, "contact", "survey"):
        week.change(name, _every_other)


def _first_days_only(week: RawWeek) -> None:
    """From Thursday on nothing came."""
    thursday = pd.Timestamp(week.sunday - timedelta(days=3))
    for name, column in DATED.items():
        week.change(name, lambda rows, column=column: rows[pd.to_datetime(rows[column]) < thursday])


def _shift_all(week: RawWeek, days: int, *, happened: bool, known: bool) -> None:
    for name, column in DATED.items():
        columns = [column] * happened + ["LOAD_DT"] * known
        week.change(name, _shifted(days, *columns))
    if known:
        for name in ("cust_info", "cust_rm"):
            week.change(name, _shifted(days, "LOAD_DT"))


def _ended_a_week_earlier(week: RawWeek) -> None:
    for name in (*PARQUET, *CSV):
        week.path(name).unlink(missing_ok=True)


def _no_events_for(week: RawWeek, weeks: int) -> None:
    for ago in range(weeks):
        week.path("event", ago).unlink(missing_ok=True)


def _holdings_again(week: RawWeek, *, dated_now: bool) -> None:
    rows = week.read("hold", 1)
    week.write("hold", _shifted(7, "VAL_DT", "LOAD_DT")(rows) if dated_now else rows)


def _doubled(week: RawWeek, name: str, key: str) -> None:
    week.change(
        name,
        lambda rows: pd.concat([rows, rows.assign(**{key: rows[key].str[:-18] + "9" + rows[key].str[-17:]})]),
    )


def _of_class(week: RawWeek, class_code: str, factor: str) -> None:
    products = pd.read_csv(week.raw / "prod_info.csv", dtype=str)
    codes = set(products.loc[products["PROD_TYP"] == class_code, "PROD_CD"])
    change = _times(factor, "BAL_AMT")
    week.change(
        "hold",
        lambda rows: pd.concat(
            [rows[~rows["PROD_CD"].isin(codes)], change(rows[rows["PROD_CD"].isin(codes)])]
        ),
    )


def _without_branch(week: RawWeek) -> None:
    newest = week.all_rows("cust_rm").drop_duplicates("CUST_NO", keep="last").set_index("CUST_NO")["ORG_NO"]
    branch = newest.mode()[0]
    gone = set(newest.index[newest == branch])
    for name in (*PARQUET, "contact", "survey"):
        week.change(name, lambda rows: rows[~rows["CUST_NO"].isin(gone)])


def _turned(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(DC_FLAG=rows["DC_FLAG"].map({"D": "C", "C": "D"}))


def _turned_transfers(week: RawWeek) -> None:
    """Only kinds whose sign ingest cannot know."""
    free = ("0601", "0701", "0702", "0801", "0901")
    week.change(
        "txn",
        lambda rows: pd.concat([rows[~rows["TXN_CD"].isin(free)], _turned(rows[rows["TXN_CD"].isin(free)])]),
    )


def _another_bank(week: RawWeek, other: Path) -> None:
    for name in ("txn", "hold", "event", "contact", "survey"):
        source = other / week.path(name).name
        week.path(name).unlink(missing_ok=True)
        if source.is_file():
            week.path(name).write_bytes(source.read_bytes())


def _managers_empty(week: RawWeek) -> None:
    path = week.raw / "rm_info.csv"
    header = path.read_text("utf-8").splitlines()[0]
    path.unlink()
    path.write_text(header + "\n", "utf-8")


def _rate(week: RawWeek, factor: float) -> None:
    week.change(
        "fx_rate", lambda rows: rows.assign(MID_RATE=[f"{float(x) * factor:.4f}" for x in rows["MID_RATE"]])
    )


def _shuffled_customers(week: RawWeek, name: str) -> None:
    """Every row belongs to somebody else of the file."""
    week.change(name, lambda rows: rows.assign(CUST_NO=np.roll(rows["CUST_NO"].to_numpy(), len(rows) // 3)))


def plants(other: Path) -> Mapping[str, Callable[[RawWeek], None]]:
    """Each planted week by name; ``other`` is the raw folder of another bank with the same calendar."""
    kinds = {
        "balances in cents": lambda week: week.change("hold", _times("100", "BAL_AMT")),
        "bookings in cents": lambda week: week.change("txn", _times("100", "TXN_AMT")),
        "half of all rows missing": _half_missing,
        "half of the bookings missing": lambda week: _half_missing(week, "txn"),
        "half of the holdings missing": lambda week: _half_missing(week, "hold"),
        "half of the events missing": lambda week: _half_missing(week, "event"),
        "nothing from Thursday on": _first_days_only,
        "events missing for three weeks": lambda week: _no_events_for(week, 3),
        "events missing for a week": lambda week: _no_events_for(week, 1),
        "bookings empty": lambda week: week.change("txn", _nothing),
        "holdings empty": lambda week: week.change("hold", _nothing),
        "last week's holdings again": lambda week: _holdings_again(week, dated_now=False),
        "last week's holdings under new dates": lambda week: _holdings_again(week, dated_now=True),
        "everybody opted out": lambda week: week.add_records(MKT_REFUSE="1"),
        "everybody with one manager": lambda week: week.assign_all(RM_NO="RM00001"),
        "nobody with a manager": lambda week: week.assign_all(RM_NO=None),
        "the week known a month late": lambda week: _shift_all(week, 28, happened=False, known=True),
        "data ends a week earlier": _ended_a_week_earlier,
        "bookings dated a year ahead": lambda week: week.change("txn", _shifted(364, "TXN_TM", "LOAD_DT")),
        "everything dated a year ahead": lambda week: _shift_all(week, 364, happened=True, known=True),
        "everybody frozen": lambda week: week.add_records(STAT_CD="02"),
        "everybody closed": lambda week: week.add_records(STAT_CD="09"),
        "everybody works for the bank": lambda week: week.add_records(STAFF_FLG="Y"),
    }
    more = {
        "one product class in cents": lambda week: _of_class(week, "LC", "100"),
        "balances in ten thousands": lambda week: week.change("hold", _times("0.0001", "BAL_AMT")),
        "one branch missing": _without_branch,
        "bookings doubled under new numbers": lambda week: _doubled(week, "txn", "SERIAL_NO"),
        "a rate off by 100": lambda week: _rate(week, 100),
        "files of another bank": lambda week: _another_bank(week, other),
        "managers' file empty": _managers_empty,
        "sign of amounts turned": lambda week: week.change("txn", _turned),
        "sign turned where it is free": _turned_transfers,
        "times a week too early": lambda week: _shift_all(week, -7, happened=True, known=False),
        "ages of customers lost": lambda week: week.add_records(BIRTH_YR=None),
        "holdings of other customers": lambda week: _shuffled_customers(week, "hold"),
    }
    return kinds | more


def _other_order(week: RawWeek) -> None:
    for name in PARQUET:
        week.change(name, lambda rows: rows.iloc[::-1])


def _delivered_twice(week: RawWeek) -> None:
    path = week.path("txn")
    path.with_name(f"txn_{week.sunday:%Y%m%d}_2.parquet").write_bytes(path.read_bytes())


HARMLESS: Mapping[str, Callable[[RawWeek], None]] = {
    "rows in another order": _other_order,
    "bookings delivered twice under equal numbers": _delivered_twice,
    "no answers to surveys": lambda week: week.change("survey", _nothing),
}

# Planted weeks that may be published, with the reason.
LET_THROUGH: Mapping[str, str] = {
    "ages of customers lost": "no score or list rests on an age; the fairness report shows it as unknown",
    "sign turned where it is free": "no measure looks at the sign of interest, purchases, sales or loans",
}
