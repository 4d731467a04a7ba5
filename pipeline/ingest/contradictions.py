"""Attributes that cannot have been known when the bank says, or that contradict what happened later.

A status, a flag or a manager of today that is delivered as known since a customer's first day puts the
outcome into the features of the past, where no guard of features can see it. What is beyond doubt stops the
ingest; the rest is counted and named.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import duckdb

from configs.errors import DataError
from pipeline.ingest.attributes import delivered_attributes
from pipeline.ingest.relations import sql_name
from pipeline.ingest.summaries import OVERDUE_DAYS

SETTLED_DAYS = 31  # after the last day of a customer, in which bookings may still come
FIRST_DAYS = 7  # within which what is known of a new customer is known
LARGEST_HOUSEHOLD = 30  # customers; families of one roof are smaller
LEAST = 5  # customers below which a pattern is chance
GONE = ("closed", "deceased")
Selected = Callable[[str], bool]  # true for a column, as table.column, that the bank delivers


def contradictions(
    con: duckdb.DuckDBPyConnection,
    bank: str,
    columns: Mapping[str, Collection[str]],
    tables: Mapping[str, str],
) -> list[str]:
    """A sentence per contradiction, with counts. ``tables`` are SQL relations of all rows and of their
    summaries, by name.

    Raises DataError where closed customers of whom that was known on their first day go on booking: the
    status of today then stands in all of the past.
    """
    _prepare(con, tables)

    def delivers(name: str) -> bool:
        table, _, column = name.partition(".")
        return table in tables and column in columns[table]

    sentences = [
        *_status(con, bank, delivers),
        *_first_day(con, tables),
        *_birth(con, delivers),
        *_never_changed(con, delivers, delivered_attributes(columns["customers"])),
        *_assignments(con, tables),
        *_households(con, tables),
        *_offers(con, tables),
        *_products(con, delivers, tables),
    ]
    return [f"{sentence} {_remedy(sentence, bank)}" for sentence in sentences]


def _prepare(con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> None:
    """One row per version of a customer's record, and one per customer with bookings."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE records AS SELECT *, min(opened_on) OVER customer AS first_on, "
        f"lead(known_on) OVER (customer ORDER BY known_on) AS until FROM {tables['customers']} "
        "WHERE superseded_on IS DISTINCT FROM known_on WINDOW customer AS (PARTITION BY customer_id)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE booked AS SELECT customer_id, min(first_on) AS first_on, "
        f"max(ends_on) AS ends_on, max(last_on) AS last_on FROM {tables['transactions_customers']} "
        "GROUP BY customer_id"
    )


def _status(con: duckdb.DuckDBPyConnection, bank: str, delivers: Selected) -> Iterator[str]:
    if not delivers("customers.status"):
        return
    for status in GONE:
        early = f"known_on <= r.first_on + {FIRST_DAYS}"
        later = f"until IS NULL AND last_on > known_on + {SETTLED_DAYS}"
        ((customers, too_early, going_on, both),) = con.execute(
            f"SELECT count(DISTINCT customer_id), count(DISTINCT customer_id) FILTER ({early}), "
            f"count(DISTINCT customer_id) FILTER ({later}), count(DISTINCT customer_id) FILTER ({early} AND "
            f"{later}) FROM records r LEFT JOIN booked b USING (customer_id) WHERE status = '{status}'"
        ).fetchall()
        if not too_early + going_on:
            continue
        text = (
            f"customers.status: of {customers:,} customers with status {status}, {too_early:,} are said to "
            f"be so since their first days, and {going_on:,} have bookings of their own more than "
            f"{SETTLED_DAYS} days after it was known"
        )
        if 2 * both > customers:
            raise DataError(
                f"{text}. It is the status of today and would stand in all of the past. {_history(bank)}"
            )
        yield f"{text}."


def _first_day(con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> Iterator[str]:
    for table in ("transactions", "holdings", "events"):
        if table not in tables:
            continue
        early = _one(
            con,
            "SELECT count(DISTINCT customer_id) FROM records r JOIN "
            f"{tables[f'{table}_customers']} b USING (customer_id) "
            f"WHERE b.first_on < r.first_on - {FIRST_DAYS}",
        )
        if early:
            yield f"customers.opened_on: {early:,} customers have {table} a week before their first day."


def _birth(con: duckdb.DuckDBPyConnection, delivers: Selected) -> Iterator[str]:
    if not delivers("customers.birth_year"):
        return
    unborn = _one(
        con,
        "SELECT count(DISTINCT customer_id) FROM records r LEFT JOIN booked b USING (customer_id) "
        "WHERE birth_year > year(least(r.first_on, b.first_on))",
    )
    if unborn:
        yield f"customers.birth_year: {unborn:,} customers were born after their first day or first booking."


def _never_changed(
    con: duckdb.DuckDBPyConnection, delivers: Selected, attributes: Sequence[str]
) -> Iterator[str]:
    """Attributes that change in every bank, and here never did, of customers of more than a year."""
    old = "r.first_on < (SELECT max(last_on) FROM booked) - 365"
    first = f"known_on <= r.first_on + {FIRST_DAYS}"
    for column, value in (
        ("status", "status = 'frozen'"), ("marketing_opt_out", "marketing_opt_out"), ("is_staff", "is_staff"),
        *((name, f"{sql_name(name)} IS NOT NULL") for name in attributes),
    ):  # fmt: skip
        if not delivers(f"customers.{column}"):
            continue
        ((customers, early),) = con.execute(
            f"SELECT count(*) FILTER ({value} AND {old}), count(*) FILTER ({value} AND {old} AND {first}) "
            "FROM records r"
        ).fetchall()
        changed = _one(
            con,
            "SELECT count(*) FROM (SELECT customer_id FROM records GROUP BY customer_id "
            f"HAVING count(DISTINCT {sql_name(column)}) > 1)",
        )
        if early >= LEAST and early == customers and not changed:
            yield (
                f"customers.{column}: {early:,} customers are said to have it since their first days, and it "
                "never changed for anybody. It looks like the value of today."
            )


def _assignments(con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> Iterator[str]:
    if "assignments" not in tables:
        return
    con.execute(
        "CREATE OR REPLACE TEMP TABLE posts AS SELECT a.*, r.first_on, count(*) OVER "
        f"(PARTITION BY customer_id) AS periods FROM {tables['assignments']} a "
        "JOIN (SELECT DISTINCT customer_id, first_on FROM records) r USING (customer_id) "
        "WHERE a.superseded_on IS DISTINCT FROM a.known_on"
    )
    ((early, known_early, since_first),) = con.execute(
        "SELECT count(DISTINCT customer_id) FILTER (from_on < first_on), "
        "count(*) FILTER (known_on < from_on - 365), "
        f"count(*) FILTER (periods = 1 AND manager_id IS NOT NULL AND known_on <= first_on + {FIRST_DAYS} "
        "AND first_on < (SELECT max(last_on) FROM booked) - 365) FROM posts"
    ).fetchall()
    if early:
        yield f"assignments.from_on: {early:,} customers had a manager before their first day."
    if known_early:
        yield f"assignments.known_on: {known_early:,} periods were known more than a year before they began."
    old = _one(
        con,
        "SELECT count(DISTINCT customer_id) FROM posts "
        "WHERE first_on < (SELECT max(last_on) FROM booked) - 365",
    )
    if since_first >= LEAST and since_first == old:
        yield (
            f"assignments.manager_id: all {since_first:,} customers of more than a year have had one manager "
            "since their first days. It looks like the manager of today."
        )


def _households(con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> Iterator[str]:
    """Households that are none, and periods that nobody ended."""
    if "households" not in tables:
        return
    con.execute(
        "CREATE OR REPLACE TEMP TABLE lived AS SELECT *, "
        "lead(from_on) OVER (PARTITION BY customer_id ORDER BY from_on) AS next_on FROM ("
        f"FROM {tables['households']} QUALIFY row_number() "
        "OVER (PARTITION BY customer_id, from_on ORDER BY known_on DESC) = 1) "
        "WHERE superseded_on IS DISTINCT FROM known_on"
    )
    customers = _one(
        con,
        "SELECT coalesce(max(n), 0) FROM (SELECT count(DISTINCT customer_id) AS n FROM lived "
        "WHERE to_on IS NULL GROUP BY household_id)",
    )
    if customers > LARGEST_HOUSEHOLD:
        yield (
            f"households.household_id: {customers:,} customers live in one household. It looks like a code "
            "for none: leave such rows out, or its customers get one call a week together."
        )
    ((overlapping, backwards),) = con.execute(
        "SELECT count(DISTINCT customer_id) FILTER (next_on < coalesce(to_on, DATE '9999-12-31')), "
        "count(*) FILTER (to_on <= from_on) FROM lived"
    ).fetchall()
    if overlapping:
        yield (
            f"households.to_on: {overlapping:,} customers are in a household again before they left the one "
            "before; the period that begins last counts."
        )
    if backwards:
        yield f"households.to_on: {backwards:,} periods end on or before their first day; they never count."


def _offers(con: duckdb.DuckDBPyConnection, tables: Mapping[str, str]) -> Iterator[str]:
    if "offers" in tables:
        backwards = _one(con, f"SELECT count(*) FROM {tables['offers']} WHERE to_on <= from_on")
        if backwards:
            yield f"offers.to_on: {backwards:,} offers end on or before their first day; they never count."


def _products(con: duckdb.DuckDBPyConnection, delivers: Selected, tables: Mapping[str, str]) -> Iterator[str]:
    if "holdings" not in tables:
        return
    holdings = tables["holdings_products"]
    if "products" in tables:
        other = _one(
            con,
            f"SELECT coalesce(sum(number), 0) FROM {holdings} h JOIN {tables['products']} p "
            "USING (product_id) WHERE h.currency <> p.currency",
        )
        if other:
            yield f"products.currency: {other:,} holdings are in another currency than their product."
    if delivers("holdings.matures_on"):
        overdue = _one(con, f"SELECT coalesce(sum(overdue), 0) FROM {holdings}")
        if overdue:
            yield (
                f"holdings.matures_on: {overdue:,} balances still stand more than {OVERDUE_DAYS} days after "
                "they fell due."
            )


def _history(bank: str) -> str:
    return (
        "Deliver a version of each row with the day on which it was known as known_on, and the row before it "
        f"as it was (configs/banks/{bank}/customers.sql), or leave the column out."
    )


def _remedy(sentence: str, bank: str) -> str:
    """The remedy for a column: changing attributes need their history, the others the right value."""
    table, _, column = sentence.partition(":")[0].partition(".")
    if (table, column) in _CHANGING or (table == "customers" and delivered_attributes([column])):
        return _history(bank).replace("customers.sql", f"{table}.sql")
    return f"Look at {column} in configs/banks/{bank}/{table}.sql and in the delivered rows."


_CHANGING = {
    ("customers", "status"), ("customers", "marketing_opt_out"), ("customers", "is_staff"),
    ("assignments", "manager_id"),
}  # fmt: skip


def _one(con: duckdb.DuckDBPyConnection, query: str) -> int:
    ((value,),) = con.execute(query).fetchall()
    return int(value)
