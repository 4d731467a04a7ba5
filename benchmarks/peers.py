"""The same windowed sums and counts as an expert would write them with other tools; see benchmarks.features.

Every way reads ``transactions.parquet`` and writes one row per customer with a booking and snapshot: the keys
and a float64 per column, money summed in whole minor units and divided by 100 once. Each only looks at the
bookings that the longest window of some snapshot can hold. Where that is faster, a booking is added once, to
the span of ages between two windows, and windows are sums of spans.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from features.catalogue.measures import Measure

Column = tuple[str, Measure, str, int]  # name, measure, statistic, window in weeks
CUSTOMER = ["customer_id", "opened_on", "known_on", "superseded_on"]


@dataclass(frozen=True)
class Job:
    """The inputs of every way: the folder of bookings and customers, the Mondays, the columns, the output.

    ``data`` is the bank's own folder, where its tables lie ingested.
    """

    folder: Path
    snapshots: tuple[date, ...]
    columns: tuple[Column, ...]
    out: Path
    customers: int
    history_from: date
    data: Path

    @property
    def bookings(self) -> Path:
        return self.folder / "transactions.parquet"

    @property
    def days(self) -> int:
        """The longest window."""
        return 7 * max(window for *_, window in self.columns)

    @property
    def start(self) -> date:
        """Nothing before this day is in any window."""
        return min(self.snapshots) - timedelta(days=self.days)

    @property
    def measures(self) -> tuple[Measure, ...]:
        return tuple({measure.name: measure for _, measure, *_ in self.columns}.values())

    @property
    def windows(self) -> list[int]:
        return sorted({window for *_, window in self.columns})

    @property
    def added(self) -> list[tuple[str, str]]:
        """Each measure and statistic once."""
        return list(dict.fromkeys((measure.name, statistic) for _, measure, statistic, _ in self.columns))


def duckdb(job: Job) -> None:
    """One SQL: conditional sums by span over a join with the snapshots."""
    import duckdb

    with duckdb.connect() as con:
        con.execute(f"CREATE VIEW transactions AS FROM read_parquet('{job.bookings}')")
        in_duckdb(con, job)


def in_duckdb(con: Any, job: Job) -> None:
    """From the table or view ``transactions`` of a DuckDB connection."""
    con.execute("SET preserve_insertion_order = false")
    con.execute("SET enable_progress_bar = false")
    con.execute(
        f"COPY ({_joined(job)}) TO '{job.out}/all.parquet' "
        "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    ).fetchall()


def datafusion(job: Job) -> None:
    """The SQL of DuckDB."""
    import datafusion

    context = datafusion.SessionContext()
    context.register_parquet("transactions", str(job.bookings))
    found = context.sql(_joined(job))
    found.write_parquet(str(job.out / "all.parquet"), compression="zstd", compression_level=1)


def _joined(job: Job) -> str:
    """Conditional sums by span over a join with the snapshots, as DuckDB and DataFusion understand it."""
    flags = ", ".join(f"{condition(measure)} AS is_{measure.name}" for measure in job.measures)
    span = " ".join(f"WHEN age <= {7 * window} THEN {window}" for window in job.windows)
    of_span = ", ".join(_aggregate(*pair) for pair in job.added)
    sums = ", ".join(_total(*column) for column in job.columns)
    days = ", ".join(f"(DATE '{day}')" for day in job.snapshots)
    return (
        f"WITH snapshots(snapshot_date) AS (VALUES {days}), bookings AS ("
        "SELECT customer_id, booked_at::DATE AS day, (abs(amount_base) * 100)::BIGINT AS minor, "
        f"{flags}, known_on, superseded_on FROM transactions "
        f"WHERE booked_at >= DATE '{job.start}'), seen AS ("
        "SELECT b.*, snapshot_date, snapshot_date - day AS age FROM bookings b JOIN snapshots s "
        f"ON day < snapshot_date AND day >= snapshot_date - {job.days} "
        "AND known_on < snapshot_date AND (superseded_on IS NULL OR superseded_on >= snapshot_date)), "
        f"spans AS (SELECT customer_id, snapshot_date, CASE {span} END AS span, {of_span} FROM seen "
        "GROUP BY customer_id, snapshot_date, 3) "
        f"SELECT customer_id, snapshot_date, {sums} FROM spans GROUP BY customer_id, snapshot_date"
    )


def condition(measure: Measure) -> str:
    """The rows of a measure, in SQL."""
    among = [f"{column} IN ({', '.join(map(repr, labels))})" for column, labels in measure.where.items()]
    sign = {0: [], 1: ["amount_base >= 0"], -1: ["amount_base < 0"]}[measure.sign]
    return f"({' AND '.join([*among, *sign]) or 'true'})"


def _aggregate(measure: str, statistic: str) -> str:
    total = "sum(minor)" if statistic == "sum" else "count(*)"
    return f"coalesce({total} FILTER (WHERE is_{measure}), 0)::BIGINT AS {measure}_{statistic}"


def _total(name: str, measure: Measure, statistic: str, window: int) -> str:
    total = f"sum({measure.name}_{statistic}) FILTER (WHERE span <= {window})"
    return f"coalesce({total}, 0)::DOUBLE / {100 if statistic == 'sum' else 1} AS {name}"


def chdb(job: Job) -> None:
    """ClickHouse in this process: conditional sums over an array of the snapshots, joined row by row."""
    import chdb

    flags = ", ".join(f"{condition(measure)} AS is_{measure.name}" for measure in job.measures)
    sums = []
    for name, measure, statistic, window in job.columns:
        inside = f"is_{measure.name} AND age <= {7 * window}"
        total = f"countIf({inside})" if statistic == "count" else f"sumIf(minor, {inside}) / 100"
        sums.append(f"toFloat64({total}) AS {name}")
    days = ", ".join(f"toDate('{day}')" for day in job.snapshots)
    chdb.query(
        f"INSERT INTO FUNCTION file('{job.out}/all.parquet', Parquet) "
        f"SELECT customer_id, snapshot_date, {', '.join(sums)} FROM ("
        "SELECT customer_id, toInt64(abs(amount_base) * 100) AS minor, known_on, superseded_on, "
        f"{flags}, arrayJoin([{days}]) AS snapshot_date, snapshot_date - toDate(booked_at) AS age "
        f"FROM file('{job.bookings}', Parquet) WHERE booked_at >= '{job.start}') "
        f"WHERE age > 0 AND age <= {job.days} AND known_on < snapshot_date "
        "AND (superseded_on IS NULL OR superseded_on >= snapshot_date) GROUP BY customer_id, snapshot_date "
        "SETTINGS output_format_parquet_compression_method = 'zstd'"
    )


def polars(job: Job) -> None:
    """Lazy: per snapshot a filter, a group_by of conditional sums by span, and one of spans."""
    in_polars(job.bookings, job)


def in_polars(file: Path, job: Job) -> None:
    """From bookings in another file, the same rows in another order."""
    import polars as pl

    day, sign = pl.col("booked_at").dt.date(), pl.col("amount_base")
    flags = []
    for measure in job.measures:
        allowed = [pl.col(column).is_in(list(labels)) for column, labels in measure.where.items()]
        allowed += {0: [], 1: [sign >= 0], -1: [sign < 0]}[measure.sign]
        flags.append(pl.all_horizontal(allowed or [pl.lit(True)]).alias(f"is_{measure.name}"))
    bookings = (
        pl.scan_parquet(file)
        .filter(pl.col("booked_at") >= job.start)
        .select(
            "customer_id",
            "known_on",
            "superseded_on",
            day.alias("day"),
            (pl.col("amount_base").abs() * 100).cast(pl.Int64).alias("minor"),
            *flags,
        )
        .collect(engine="streaming")
        .lazy()
    )
    for monday in job.snapshots:
        frame = _one_in_polars(bookings, monday, job)
        frame.sink_parquet(job.out / f"{monday}.parquet", compression="zstd", compression_level=1)


def _one_in_polars(bookings: Any, monday: date, job: Job) -> Any:
    import polars as pl

    until, day = pl.col("superseded_on"), pl.col("day")
    seen = (day < monday) & (pl.col("known_on") < monday) & (until.is_null() | (until >= monday))
    span = pl.lit(job.windows[-1], pl.Int16)
    for window in reversed(job.windows[:-1]):
        within = day >= monday - timedelta(weeks=window)
        span = pl.when(within).then(pl.lit(window, pl.Int16)).otherwise(span)
    of_span = [
        pl.when(f"is_{measure}").then("minor" if statistic == "sum" else 1).otherwise(0).sum()
        .cast(pl.Int64).alias(f"{measure}_{statistic}") for measure, statistic in job.added
    ]  # fmt: skip
    sums = []
    for name, measure, statistic, window in job.columns:
        part = pl.when(pl.col("span") <= window).then(f"{measure.name}_{statistic}").otherwise(0)
        total = part.sum().cast(pl.Float64)
        sums.append((total / 100 if statistic == "sum" else total).alias(name))
    return (
        bookings.filter(seen & (day >= monday - timedelta(days=job.days)))
        .group_by("customer_id", span.alias("span"))
        .agg(of_span)
        .group_by("customer_id")
        .agg(sums)
        .with_columns(pl.lit(monday).alias("snapshot_date"))
    )


def pandas(job: Job) -> None:
    """Per snapshot and window one groupby over a frame with a column per measure; customers as codes."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    text = ["customer_id", "kind", "channel", "counterparty"]
    table = pq.read_table(
        job.bookings,
        filters=pc.field("booked_at") >= pa.scalar(job.start).cast(pa.timestamp("us")),
        read_dictionary=text,
    )
    minor = pc.multiply(table["amount_base"], pa.scalar(Decimal(100))).cast("int64").to_numpy()
    bookings = table.drop_columns(["amount_base"]).unify_dictionaries().to_pandas()
    del table
    day = bookings["booked_at"].to_numpy().astype("datetime64[D]")
    known, until = (
        bookings[name].to_numpy().astype("datetime64[D]") for name in ("known_on", "superseded_on")
    )
    # Integers of 4 bytes would overflow; flags are multiplied in once, so that a groupby only adds.
    values = _masked(bookings, minor, job)
    customer = bookings["customer_id"].cat.codes.to_numpy()
    names = bookings["customer_id"].cat.categories.to_numpy()
    for monday in job.snapshots:
        last = np.datetime64(monday)
        seen = (day < last) & (known < last) & (np.isnat(until) | (until >= last))
        seen &= day >= last - np.timedelta64(job.days, "D")
        _one_in_pandas(values[seen], customer[seen], (last - day[seen]).astype(int), names, monday, job)


def _masked(bookings: Any, minor: Any, job: Job) -> Any:
    """A column per measure and statistic: 1 or the amount where the booking belongs to it, else 0."""
    import numpy as np
    import pandas as pd

    columns = {}
    for measure in job.measures:
        inside = np.ones(len(bookings), bool)
        for column, labels in measure.where.items():
            inside &= bookings[column].isin(labels).to_numpy()
        if measure.sign:
            inside &= (minor < 0) == (measure.sign < 0)
        statistics = {statistic for _, one, statistic, _ in job.columns if one.name == measure.name}
        if "count" in statistics:
            columns[measure.name, "count"] = inside.astype(np.int8)
        if "sum" in statistics:
            columns[measure.name, "sum"] = np.where(inside, np.abs(minor), 0)
    return pd.DataFrame(columns)


def _one_in_pandas(values: Any, customer: Any, age: Any, names: Any, monday: date, job: Job) -> None:
    import numpy as np
    import pandas as pd

    made = {}
    everyone = np.unique(customer)
    for window in sorted({column[3] for column in job.columns}):
        wanted = [
            (name, (measure.name, stat)) for name, measure, stat, weeks in job.columns if weeks == window
        ]
        inside = age <= 7 * window
        chosen = values.loc[inside, [key for _, key in wanted]]
        totals = chosen.groupby(customer[inside], sort=True).sum().reindex(everyone, fill_value=0)
        for name, key in wanted:
            made[name] = totals[key].to_numpy().astype(float) / (100 if key[1] == "sum" else 1)
    frame = pd.DataFrame({name: made[name] for name, *_ in job.columns})
    frame.insert(0, "customer_id", names[everyone])
    frame.insert(1, "snapshot_date", monday)
    frame.to_parquet(job.out / f"{monday}.parquet", compression="zstd", compression_level=1, index=False)


def featuretools(job: Job) -> None:
    """Cutoff times and training windows, one calculate_feature_matrix per window."""
    import featuretools as ft
    import pandas as pd

    bookings = pd.read_parquet(job.bookings).reset_index(names="booking")
    ft.EntitySet("bank").add_dataframe(
        dataframe_name="bookings", dataframe=bookings, index="booking", time_index="booked_at"
    )
