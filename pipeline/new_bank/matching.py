"""Tables and columns of the contract found among the sources and columns of the raw files."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from configs.tables import TABLES
from pipeline.new_bank.columns import ColumnProfile

ColumnProfiles = Mapping[str, Mapping[str, ColumnProfile]]  # by source and column
# Of each table the columns without which a source cannot be it; of alternatives one.
NECESSARY = {
    "transactions": ("amount|amount_in", "booked_at", "customer_id|account_id"),
    "holdings": ("balance", "valued_on", "customer_id|account_id"),
    "assignments": ("customer_id", "manager_id|branch_id", "from_on"),
    "households": ("customer_id", "household_id", "from_on"),
    "managers": ("manager_id", "name|weekly_capacity"),
    "products": ("product_id", "product_class|name"),
    "rates": ("currency", "valued_on", "to_base"),
    "offers": ("offer_id", "product_class", "interest_rate", "from_on"),
    "contacts": ("customer_id", "contacted_at", "channel|purpose|outcome"),
    "surveys": ("customer_id", "answered_on", "item", "score"),
    "events": ("customer_id", "occurred_at", "kind"),
    "labels": ("customer_id", "day", "gone"),
    "customers": ("customer_id",),
}  # fmt: skip
# Columns beside the contract's that help to make them.
EXTRA_COLUMNS = {
    "transactions": ("amount_in", "amount_out", "direction", "balance", "other_bank"),
    "customers": ("branch_id", "manager_id"),
}
# A source whose column of this name is a key is not the other table, whatever its columns are called.
ONE_ROW_PER = {"managers": "manager_id", "products": "product_id"}
KINDS = {"DATE": ("date",), "TIMESTAMP": ("date",), "INTEGER": ("whole",)}


@dataclass(frozen=True)
class Match:
    """One table, the source that it is read from, and the source's column by column of the contract."""

    table: str
    source: str
    columns: Mapping[str, ColumnProfile]
    score: float


@cache
def words() -> dict[str, dict[str, list[str]]]:
    """The names and codes that banks use: words.toml, with the codes by column as ``values.<column>``."""
    read = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
    codes = {f"values.{name}": by_code for name, by_code in read.pop("values").items()}
    return read | codes


@cache
def normal(text: str) -> str:
    """Lower-case words without accents, one blank between them.

    >>> normal("KUNDEN_NR"), normal("Währung"), normal("acctNo")
    ('kunden nr', 'waehrung', 'acct no')
    """
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    for letter, plain in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.replace(letter, plain)
    text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return re.sub(r"[\W_]+", " ", text).strip() or text.strip()


def name_score(text: str, names: Sequence[str]) -> float:
    """3 where the text is one of the names, 2 where it holds all words of one, else 0; longer names first.

    A name of two letters or one, such as id, and one that begins with = has to be the whole text.
    """
    wanted, best = normal(text), 0.0
    for written in names:
        name = normal(written)
        if wanted == name or wanted.replace(" ", "") == name.replace(" ", ""):
            return 3.0
        if len(name) > 2 and written[0] != "=" and set(name.split()) <= set(wanted.split()):
            best = max(best, 2 + 0.1 * len(name.split()))
    return best


def match_tables(profiles: ColumnProfiles) -> dict[str, Match]:
    """The best source of each table, no source twice; tables without one are missing."""
    matches = [
        match
        for source, columns in profiles.items()
        for table in NECESSARY
        if (match := _match(table, source, columns))
    ]
    order = list(NECESSARY)
    matches.sort(key=lambda match: (-match.score, order.index(match.table), match.source))
    chosen: dict[str, Match] = {}
    for match in matches:
        if match.table not in chosen and match.source not in {other.source for other in chosen.values()}:
            chosen[match.table] = match
    return chosen


def _match(table: str, source: str, profiles: Mapping[str, ColumnProfile]) -> Match | None:
    by_name = name_score(source, words()["tables"][table])
    columns = match_columns(table, profiles)
    day, dates = TABLES[table].happened, [
        profile for profile in profiles.values()
        if profile.form.kind == "date" and profile not in columns.values()
    ]  # fmt: skip
    if by_name and day and day not in columns and len(dates) == 1:
        columns[day] = dates[0]  # the only date left, in a source with the name of the table
    for alternatives in NECESSARY[table]:
        if not any(name in columns for name in alternatives.split("|")):
            return None
    key = ONE_ROW_PER.get(table)
    if key and (not columns[key].key or "customer_id" in columns):
        return None
    if table == "customers" and not (by_name or len(columns) >= 3):
        return None
    required = [name for name in TABLES[table].names if TABLES[table].column(name).required]
    present = sum(name in columns for name in required) / len(required)
    return Match(table, source, columns, by_name + 3 * present + 0.1 * len(columns))


def match_columns(table: str, profiles: Mapping[str, ColumnProfile]) -> dict[str, ColumnProfile]:
    """The source's column by column of the contract, by name and form; each stands for one."""
    wanted = [*EXTRA_COLUMNS.get(table, ()), *(name for name in TABLES[table].names if name != "deleted")]
    ranked = sorted(
        (
            (-name_score(profile.name, names), place, order, name, profile)
            for place, name in enumerate(wanted)
            for order, profile in enumerate(profiles.values())
            if name_score(profile.name, names := _names(table, name)) and _fits(table, name, profile)
        ),
        key=lambda row: row[:3],
    )
    chosen: dict[str, ColumnProfile] = {}
    for *_, name, profile in ranked:
        taken = {other.name for other in chosen.values()}
        if name not in chosen and profile.name not in taken:
            chosen[name] = profile
    return chosen


def _names(table: str, column: str) -> list[str]:
    names = words()["columns"]
    return names.get(f"{table}.{column}") or names.get(column, [])


def _fits(table: str, name: str, profile: ColumnProfile) -> bool:
    """True where the column's form is one that the contract's column can have."""
    if not profile.filled:  # a column that fills only later, such as the end of a period
        return name in TABLES[table].names and TABLES[table].column(name).nullable
    if name in ("amount_in", "amount_out"):
        return profile.form.kind in ("number", "whole")
    if name == "direction":
        return known_codes(profile, "direction", 1.0)
    if name == "kind" and table == "transactions":
        return bool(profile.codes) and profile.form.kind in ("text", "whole")
    if name not in TABLES[table].names:
        return name in ("branch_id", "manager_id", "other_bank") or profile.form.kind in ("number", "whole")
    sql_type = TABLES[table].column(name).type
    if sql_type.startswith("DECIMAL"):
        return profile.form.kind in ("number", "whole")
    if sql_type in KINDS:
        return profile.form.kind in KINDS[sql_type]
    return profile.form.kind in ("text", "whole")


def known_codes(profile: ColumnProfile, group: str, least: float) -> bool:
    """True where so large a share of a column's codes (by rows) are words of the group."""
    known = sum(rows for code, rows in profile.codes.items() if meaning(code, group))
    return bool(profile.codes) and known >= least * sum(profile.codes.values())


def meaning(code: str, group: str) -> str:
    """The contract's word for a code, by a group of words.toml, the likest counts; empty where none is."""
    best = max(
        ((name_score(code, [name, *names]), name) for name, names in words()[f"values.{group}"].items()),
        key=lambda row: row[0],
    )
    return best[1] if best[0] else ""
