"""Customers who seem to go on under another number, and whom no row of customer_numbers names.

Each would count twice: as one who left with all the money, and as a new one.
"""

from collections.abc import Iterator, Mapping

import duckdb

from pipeline.ingest.relations import number

LATEST = 31  # days from the last booking under the old number within which the first under the new one comes
LEAST = 5  # customers with the same money on one day, below which it is chance


def continued(con: duckdb.DuckDBPyConnection, bank: str, tables: Mapping[str, str]) -> Iterator[str]:
    """A sentence where accounts, and one where balances, go on under another number."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE lives AS SELECT customer_id, min(booked_at)::DATE AS first_on, "
        f"max(booked_at)::DATE AS last_on FROM {tables['transactions']} GROUP BY customer_id"
    )
    remedy = (
        "If a customer got another number, each counts twice: as one who left and as a new one. Say so in "
        f"configs/banks/{bank}/customer_numbers.sql, one row per old number."
    )
    by_account = number(con, _by_account(tables["transactions"]))
    if by_account:
        yield (
            f"transactions.account_id: the accounts of {by_account:,} customers who book no more are booked "
            f"on by a customer who began within {LATEST} days. {remedy}"
        )
    if "holdings" not in tables or by_account >= LEAST:
        return
    for day, customers in con.execute(_by_balance(tables["holdings"])).fetchall():
        yield (
            f"holdings.balance: on {day} the balances of {customers:,} customers end, and {customers:,} new "
            f"customers begin with the very same ones. {remedy}"
        )


def _by_account(transactions: str) -> str:
    """SQL: the number of customers all of whose bookings lie before those of another, on one account."""
    return f"""
        WITH shared AS (
            SELECT account_id FROM {transactions} GROUP BY account_id
            HAVING min(customer_id) <> max(customer_id)
        ), holders AS (
            SELECT DISTINCT account_id, customer_id FROM {transactions} SEMI JOIN shared USING (account_id)
        ), owners AS (SELECT account_id, lives.* FROM holders JOIN lives USING (customer_id))
        SELECT count(DISTINCT o.customer_id) FROM owners o JOIN owners n USING (account_id)
        WHERE o.customer_id <> n.customer_id AND n.first_on BETWEEN o.last_on AND o.last_on + {LATEST}
        AND n.first_on > o.first_on AND n.last_on > o.last_on"""


def _by_balance(holdings: str) -> str:
    """SQL: each day on which at least LEAST customers end and as many new ones begin with equal balances.

    Balances of one product, different from each other; a customer ends where no row of money follows.
    """
    return f"""
        WITH spans AS (
            SELECT customer_id, product_id, min(valued_on) AS begins, arg_min(balance, valued_on) AS first,
                max(valued_on) AS ends, arg_max(balance, valued_on) AS last
            FROM {holdings} WHERE balance <> 0 GROUP BY ALL
        ), data AS (SELECT min(begins) AS begins, max(ends) AS ends FROM spans), pairs AS (
            SELECT n.begins AS day, o.customer_id, n.customer_id AS new, o.last
            FROM spans o JOIN spans n ON o.product_id = n.product_id AND o.last = n.first
                AND n.begins BETWEEN o.ends AND o.ends + {LATEST}, data
            WHERE o.customer_id <> n.customer_id AND n.begins > data.begins + {LATEST} AND o.ends < data.ends
                AND n.ends > o.ends
        )
        SELECT day, count(DISTINCT customer_id) AS customers FROM pairs GROUP BY day
        HAVING customers >= {LEAST} AND count(DISTINCT last) >= {LEAST} AND count(DISTINCT new) >= {LEAST}
        ORDER BY day"""
