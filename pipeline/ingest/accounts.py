"""Holdings by account: the parts of a joint account, and what tells two accounts of a product apart.

A joint account comes once per holder, each time with the account's whole balance and the holder's share;
holders whose share is not known have equal parts of what the others leave. The parts are cut to the minor
unit by running shares, holders in the order of their numbers, so that they add up to the account's balance.
What a customer's accounts sum to is added up by the features engine for each Monday, from the newest version
of each account known by then: no stored sum could be right for all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from configs.errors import DataError
from configs.settings import Settings
from configs.tables import Table
from pipeline.ingest.relations import number

# One version of an account's balance; and a share in whole units, of which WHOLE make 1.
_VERSION = "product_id, account_id, valued_on, known_on"
_WHOLE = 100_000_000
_RECENT = 92  # days before the last valuation in which accounts of several customers are looked for
_SAMPLE = 1000  # customers of several accounts, and of one, whose balances are compared with their bookings
# A share that was rounded to two decimals can be off by half of 0.01, one of four by half of 0.0001, …
_GRAINS = " ".join(f"WHEN _units % {10**k} = 0 THEN {10**k}" for k in range(6, 0, -1))
_SUMMED = (
    f"SELECT *, sum(_units) OVER account AS _all, count(_units) OVER account AS _holders, "
    f"min(CASE {_GRAINS} ELSE 1 END) FILTER (_units IS NOT NULL) OVER account AS _grain, "
    "{more} FROM ({counted}) WINDOW account AS "
    f"(PARTITION BY {_VERSION}), holders AS (PARTITION BY {_VERSION} ORDER BY customer_id)"
)
_IS_WHOLE = f"2 * abs(_all - {_WHOLE}) <= _holders * _grain"
_UNITS = f"(share * {_WHOLE})::BIGINT"


def check_shares(table: Table, bank: str, columns: Mapping[str, str]) -> None:
    """Raises DataError where a SELECT yields shares of accounts without their numbers."""
    if "share" in columns and "account_id" not in columns:
        raise DataError(
            f"table {table.name!r} has share, but no account_id: whose parts make one account is not known. "
            f"Select account_id too in configs/banks/{bank}/{table.name}.sql."
        )


def with_holders(typed: str) -> str:
    """SQL: typed rows, each with what all holders bring for its account on that day.

    Rows that are taken back, and balances of 0 by which a holder leaves, do not count; of a holder who comes
    more than once, one row does. Holders without a share have equal parts of what the others leave.
    """
    once = f"row_number() OVER (PARTITION BY {_VERSION}, customer_id ORDER BY share DESC, balance DESC) = 1"
    account = f"OVER (PARTITION BY {_VERSION})"
    counted = f"SELECT *, balance <> 0 AND NOT coalesce(deleted, false) AND {once} AS _counted FROM ({typed})"
    left = (
        f"SELECT *, count(*) FILTER (_counted AND _raw_share IS NULL) {account} AS _open, "
        f"1 - coalesce(sum(share) FILTER (_counted AND _raw_share IS NOT NULL) {account}, 0) AS _left "
        f"FROM ({counted})"
    )
    shared = (
        "SELECT * REPLACE (CASE WHEN _raw_share IS NULL AND balance <> 0 AND _open > 0 AND _left > 0 "
        f"THEN (_left / _open)::DECIMAL(18,8) ELSE share END AS share) FROM ({left})"
    )
    balances = ", ".join(
        f"{end}(balance) FILTER (_units IS NOT NULL) OVER account AS _{name}"
        for end, name in (("min", "lowest"), ("max", "highest"))
    )
    return _SUMMED.format(
        counted=f"SELECT *, CASE WHEN _counted THEN {_UNITS} END AS _units FROM ({shared})", more=balances
    )


def holder_rules() -> list[tuple[str, str]]:
    """SQL: true for rows of ``with_holders`` who cannot have shared one account, each with why."""
    account = "'account_id: ''' || left(t.account_id, 40) || ''' on ' || t.valued_on || ': '"
    return [
        (
            f"t.account_id IS NOT NULL AND t._all > {_WHOLE} AND NOT {_IS_WHOLE}",
            f"{account} || 'the shares add up to ' || round(t._all / {_WHOLE}, 4)",
        ),
        (
            "t.account_id IS NOT NULL AND t._lowest <> t._highest",
            f"{account} || 'the balance is ' || t._lowest || ' and ' || t._highest "
            "|| '; with a share it is the whole account''s'",
        ),
    ]


def split_shares(kept: str) -> str:
    """SQL: the kept rows of holdings, ``balance_base`` being the customer's part of the account's."""
    counted = (
        f"CASE WHEN balance <> 0 AND superseded_on IS DISTINCT FROM known_on THEN {_UNITS} END AS _units"
    )
    summed = _SUMMED.format(
        counted=f"SELECT *, {counted} FROM ({kept})", more="sum(_units) OVER holders AS _upto"
    )
    whole = f"(CASE WHEN {_IS_WHOLE} THEN _all ELSE {_WHOLE} END)::HUGEINT"
    cents = "(balance_base::DECIMAL(28,2) * 100)::HUGEINT"

    def rounded(units: str) -> str:
        return f"((2 * {cents} * {units} + sign({cents})::HUGEINT * {whole}) // (2 * {whole}))"

    part = f"{rounded('_upto')} - {rounded('(_upto - _units)')}"
    money = f"(({part})::DECIMAL(20,0) * 0.01::DECIMAL(3,2))::DECIMAL(18,2)"
    return (
        "SELECT * EXCLUDE (_units, _all, _holders, _grain, _upto) REPLACE "
        f"(CASE WHEN _units IS NULL THEN balance_base ELSE {money} END AS balance_base) FROM ({summed})"
    )


def holders_added(con: duckdb.DuckDBPyConnection, kept: str, earlier: Sequence[Path]) -> int:
    """The number of kept rows whose account and day other holders have in earlier deliveries.

    Their parts would be cut otherwise if all holders were read at once.
    """
    if not earlier:
        return 0
    parts = f"read_parquet({[str(path) for path in earlier]}, hive_partitioning = false)"
    return number(
        con,
        f"SELECT count(*) FROM ({kept}) k JOIN {parts} e USING ({_VERSION}) "
        "WHERE k.customer_id <> e.customer_id",
    )


def refuse_unnamed_accounts(
    con: duckdb.DuckDBPyConnection, settings: Settings, bookings: Sequence[Path]
) -> None:
    """Raises DataError where holdings without accounts contradict each other for customers who have several.

    ``bookings`` are the files of the transactions. Single contradictions are left to the quarantine, as far
    as ``quarantine_limit`` allows.
    """
    contradicted = (
        "SELECT customer_id, min((g._file, g._line)) AS place FROM repeated w JOIN good g USING (_row) "
        "WHERE verdict = 'conflict' GROUP BY customer_id"
    )
    if not bookings or not number(con, f"SELECT count(*) FROM ({contradicted})"):
        return
    booked = f"read_parquet({[str(path) for path in bookings]}, hive_partitioning = false)"
    several = (
        f"SELECT customer_id FROM {booked} GROUP BY customer_id HAVING min(account_id) <> max(account_id)"
    )
    ((customers, place, all_of_several),) = con.execute(
        f"SELECT count(*), min(place), (SELECT count(*) FROM ({several})) "
        f"FROM ({contradicted}) SEMI JOIN ({several}) USING (customer_id)"
    ).fetchall()
    if customers > settings.quarantine_limit * all_of_several:
        file, line = place
        raise DataError(
            f"table 'holdings': of {all_of_several:,} customers who book on several accounts {customers:,} "
            f"have two balances in one product on one day, first in {file} line {line}; one would overwrite "
            f"the other. Select account_id in configs/banks/{settings.bank}/holdings.sql."
        )


def accounts_of_holders(con: duckdb.DuckDBPyConnection, bank: str, holdings: str) -> Iterator[str]:
    """A sentence where several customers have the whole of one account, without a share.

    ``holdings`` is the SQL relation of all rows, of a bank that delivers accounts and no shares.
    """
    accounts = number(
        con,
        "SELECT count(*) FROM (SELECT DISTINCT product_id, account_id FROM (SELECT product_id, account_id "
        f"FROM {holdings} WHERE balance <> 0 "
        f"AND valued_on > (SELECT max(valued_on) - {_RECENT} FROM {holdings}) "
        f"GROUP BY {_VERSION} HAVING count(DISTINCT customer_id) > 1 AND min(balance) = max(balance)))",
    )
    if accounts:
        yield (
            f"holdings.account_id: {accounts:,} accounts come under several customers, each time with the "
            "same balance: it counts more than once. Select each holder's part as share in "
            f"configs/banks/{bank}/holdings.sql; where the bank knows none, NULL AS share divides it equally."
        )


def unlike_bookings(con: duckdb.DuckDBPyConnection, bank: str, tables: Mapping[str, str]) -> list[str]:
    """A sentence where the balances of customers with several accounts are not what they book.

    ``tables`` are SQL relations of all rows and of their summaries. Customers of one product with one account
    show how well a bank's balances follow its bookings; where those with several accounts do not, one
    overwrites the other.
    """
    holdings, bookings = tables["holdings"], tables["transactions"]
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE booking AS
        SELECT customer_id, several, row_number() OVER (PARTITION BY several ORDER BY customer_id) AS place
        FROM (SELECT customer_id, min(account_id) <> max(account_id) AS several
            FROM {tables["transactions_customers"]} GROUP BY ALL)
        SEMI JOIN (SELECT customer_id FROM {tables["holdings_customers"]} GROUP BY customer_id
            HAVING min(product_id) = max(product_id)) USING (customer_id)"""
    )
    several = number(con, "SELECT count(*) FROM booking WHERE several")
    if not several:
        return []
    sample = f"SEMI JOIN (FROM booking WHERE place <= {_SAMPLE}) USING (customer_id)"
    query = f"""
        WITH valued AS (
            SELECT customer_id, valued_on AS day, arg_max(balance_base, known_on) AS balance
            FROM {holdings} {sample} GROUP BY ALL
        ), newest AS (
            SELECT customer_id, arg_max(booked_at, known_on)::DATE AS day, arg_max(
                CASE WHEN superseded_on IS DISTINCT FROM known_on THEN amount_base ELSE 0 END, known_on
            ) AS amount FROM {bookings} {sample} GROUP BY customer_id, transaction_id
        ), days AS (
            SELECT customer_id, day, sum(amount) AS amount FROM newest GROUP BY ALL
        ), booked AS (
            SELECT customer_id, day, sum(amount) OVER (PARTITION BY customer_id ORDER BY day) AS total
            FROM days
        ), steps AS (
            SELECT v.customer_id, v.balance - lag(v.balance) OVER earlier AS change,
                coalesce(b.total, 0) - lag(coalesce(b.total, 0)) OVER earlier AS amount
            FROM valued v ASOF LEFT JOIN booked b ON v.customer_id = b.customer_id AND v.day >= b.day
            WINDOW earlier AS (PARTITION BY v.customer_id ORDER BY v.day)
        )
        SELECT several, avg((change <> amount)::INTEGER) FROM steps JOIN booking USING (customer_id)
        WHERE change <> 0 OR amount <> 0 GROUP BY several"""
    unlike = dict(con.execute(query).fetchall())
    if unlike.get(True, 0) <= 0.5 or unlike.get(False, 0) > 0.5:
        return []
    return [
        f"holdings.balance: {several:,} customers of one product book on several accounts, and "
        f"{unlike[True]:.0%} of the changes of their balances are not what they booked, against "
        f"{unlike.get(False, 0):.0%} for those with one account: one account overwrites the other. Select "
        f"account_id in configs/banks/{bank}/holdings.sql."
    ]
