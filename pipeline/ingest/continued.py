"""Customers and accounts that seem to go on under another number without anything saying so.

A customer who does counts twice, as one who left and as a new one; an account that does is held twice.
"""

from collections.abc import Iterator, Mapping

import duckdb

from pipeline.ingest.relations import number

WEEK, MONTH = 7, 31  # days after which what begins is new, and within which it follows on what ended
LEAST = 5  # customers with the same money on one day, below which it is chance


def continued(con: duckdb.DuckDBPyConnection, bank: str, tables: Mapping[str, str]) -> Iterator[str]:
    """A sentence where accounts, and one per day on which balances, go on under another number.

    ``tables`` are SQL relations of all rows and of their summaries; ``booked`` (contradictions.py) has the
    first and the last day of each customer's bookings.
    """
    remedy = (
        "If a customer got another number, each counts twice: as one who left and as a new one. Say so in "
        f"configs/banks/{bank}/customer_numbers.sql, one row per old number."
    )
    by_account = number(con, _by_account(tables["transactions_customers"]))
    if by_account:
        yield (
            f"transactions.account_id: the accounts of {by_account:,} customers who book no more are booked "
            f"on by a customer who began within {MONTH} days. {remedy}"
        )
    if "holdings" not in tables:
        return
    con.execute(_SPANS.format(holdings=tables["holdings_customers"]))
    others = (
        "o.product_id = n.product_id AND o.customer_id <> n.customer_id "
        "AND o.ends = o.customer_ends AND n.begins = n.customer_begins"
    )
    for day, customers in con.execute(_waves(others)).fetchall() if by_account < LEAST else ():
        yield (
            f"holdings.balance: on {day} the balances of {customers:,} customers end, and {customers:,} new "
            f"customers begin with the very same ones. {remedy}"
        )
    same = "o.customer_id = n.customer_id AND o.still_held"
    for day, customers in con.execute(_waves(same)).fetchall():
        yield (
            f"holdings.balance: on {day} {customers:,} customers get the very balance of an account or "
            "product of theirs that comes no more, and hold both from then on. If it got another number, "
            "deliver a row of balance 0 under the old one, or give both the same number, in "
            f"configs/banks/{bank}/holdings.sql."
        )


def _by_account(transactions: str) -> str:
    """SQL: the number of customers all of whose bookings lie before those of a new one, on one account."""
    return f"""
        WITH new AS (
            SELECT customer_id FROM booked WHERE first_on > (SELECT min(first_on) + {WEEK} FROM booked)
        ), accounts AS (SELECT DISTINCT account_id FROM {transactions} SEMI JOIN new USING (customer_id)),
        owners AS (
            SELECT * FROM (SELECT DISTINCT account_id, customer_id FROM {transactions}
                SEMI JOIN accounts USING (account_id)) JOIN booked USING (customer_id)
        )
        SELECT count(DISTINCT o.customer_id) FROM owners o JOIN owners n USING (account_id)
        WHERE o.customer_id <> n.customer_id AND n.first_on BETWEEN o.ends_on AND o.ends_on + {MONTH}
        AND n.first_on > o.first_on AND n.ends_on > o.ends_on"""


# One row per customer, product and account: its first and last money, and whether no row of 0 came after;
# beside it the customer's own first and last day with money.
_SPANS = """CREATE OR REPLACE TEMP TABLE spans AS
    SELECT *, newest <> 0 AS still_held, min(begins) OVER own AS customer_begins,
        max(ends) OVER own AS customer_ends
    FROM {holdings} WHERE begins IS NOT NULL WINDOW own AS (PARTITION BY customer_id)"""


def _waves(joined_on: str) -> str:
    """SQL: each day on which spans end and as many others begin with equal balances, LEAST at least.

    ``joined_on`` says which spans ``o`` and ``n`` are compared; the balances differ from each other.
    """
    return f"""
        WITH data AS (SELECT min(begins) AS begins, max(ends) AS ends FROM spans), pairs AS (
            SELECT n.begins AS day, o.customer_id, n.customer_id AS new, o.last
            FROM spans o JOIN spans n ON {joined_on} AND o.last = n.first
                AND n.begins > o.ends AND n.begins <= o.ends + {MONTH}, data
            WHERE n.begins > data.begins + {WEEK} AND o.ends < data.ends AND n.ends > o.ends
        )
        SELECT day, count(DISTINCT customer_id) AS customers FROM pairs GROUP BY day
        HAVING customers >= {LEAST} AND count(DISTINCT last) >= {LEAST} AND count(DISTINCT new) >= {LEAST}
        ORDER BY day"""
