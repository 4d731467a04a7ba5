"""Owners of accounts: the source that names the customer, and the day on which an account was opened."""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from pipeline.ingest.relations import number, sql_name, sql_text
from pipeline.new_bank.columns import ColumnProfile, share_within, text_of
from pipeline.new_bank.matching import ColumnProfiles, name_score, words


@dataclass(frozen=True)
class Link:
    """The source that holds account and customer; ``condition`` leaves one customer of each account.

    ``evidence`` says how many accounts of the bookings it names, ``shared`` how many accounts still have
    several customers.
    """

    account: ColumnProfile
    customer: ColumnProfile
    condition: tuple[ColumnProfile, str] | None
    evidence: str
    shared: int

    @property
    def source(self) -> str:
        return self.account.source


def column_like(
    columns: dict[str, ColumnProfile], name: str, kinds: tuple[str, ...] = ("text", "whole")
) -> ColumnProfile | None:
    """The column whose name is likest to that of the contract; None where none is."""
    names = words()["columns"][name]
    ranked = [
        (-name_score(profile.name, names), place, profile)
        for place, profile in enumerate(columns.values())
        if profile.filled and profile.form.kind in kinds and name_score(profile.name, names)
    ]
    return min(ranked, key=lambda row: row[:2])[2] if ranked else None


def find_link(
    con: duckdb.DuckDBPyConnection, profiles: ColumnProfiles, account: ColumnProfile
) -> Link | None:
    """The link of the source with most of the accounts, at least half of them; None without one."""
    links = []
    for source in sorted(profiles):
        columns = dict(profiles[source])
        theirs, customer = column_like(columns, "account_id"), column_like(columns, "customer_id")
        if source == account.source or not theirs or not customer or theirs.name == customer.name:
            continue
        total, contained, _ = share_within(con, account, theirs)
        if contained >= 0.5 * total:
            links.append((contained, total, theirs, customer))
    if not links:
        return None
    contained, total, theirs, customer = max(links, key=lambda row: row[0])
    condition = None if theirs.key else _holder(con, dict(profiles[theirs.source]), theirs)
    where = _condition(condition)
    shared = number(
        con,
        f"SELECT count(*) FROM (SELECT 1 FROM {sql_name(theirs.source)} WHERE {where} AND "
        f"{text_of(theirs.name)} IS NOT NULL GROUP BY {text_of(theirs.name)} "
        f"HAVING count(DISTINCT {text_of(customer.name)}) > 1)",
    )
    evidence = f"{contained:,} of {total:,} values of {account.source}.{account.name} stand in "
    return Link(theirs, customer, condition, f"{evidence}{theirs.source}.{theirs.name}", shared)


def _holder(
    con: duckdb.DuckDBPyConnection, columns: dict[str, ColumnProfile], account: ColumnProfile
) -> tuple[ColumnProfile, str] | None:
    """The column and the code with which every account comes exactly once; None where there is none."""
    accounts = number(con, f"SELECT count(DISTINCT {text_of(account.name)}) FROM {sql_name(account.source)}")
    for profile in columns.values():
        for code in profile.codes if len(profile.codes) > 1 else ():
            ((rows, once),) = con.execute(
                f"SELECT count(*), count(DISTINCT {text_of(account.name)}) FROM {sql_name(account.source)} "
                f"WHERE {_condition((profile, code))}"
            ).fetchall()
            if rows == once == accounts:
                return profile, code
    return None


def _condition(holder: tuple[ColumnProfile, str] | None, alias: str = "") -> str:
    prefix = f"{alias}." if alias else ""
    return f"{prefix}{sql_name(holder[0].name)} = {sql_text(holder[1])}" if holder else "true"


def opening(profiles: ColumnProfiles, link: Link) -> tuple[ColumnProfile, ColumnProfile] | None:
    """Of the source in which each account stands once: its account and the day of its opening."""
    for source in sorted(profiles):
        columns = dict(profiles[source])
        account = column_like(columns, "account_id")
        day = column_like(columns, "opened_on", ("date",)) or _only_day(columns)
        if account and account.key and day and account.rows >= link.account.distinct * 0.9:
            return account, day
    return None


def _only_day(columns: dict[str, ColumnProfile]) -> ColumnProfile | None:
    days: Iterator[ColumnProfile] = (profile for profile in columns.values() if profile.form.kind == "date")
    first, second = next(days, None), next(days, None)
    return first if second is None else None
