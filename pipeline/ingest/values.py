r"""Text as typed values, in SQL: a text that is not understood to its last character is no value.

A cast of DuckDB drops what follows a clock time, rounds decimals, and takes 1_000, 0x1F, 24:00 and epoch.
Here a text is a value only where a pattern knows all of it. Moments are local to the bank: AM and PM are
read, and so are Z and offsets such as +08:00 where the bank says its time zone. What is left over is a reason
to refuse the row, in words.

>>> import duckdb
>>> sql = typed("x", "TIMESTAMP", "VARCHAR", Notation(time_zone="Asia/Shanghai"))
>>> moments = "(VALUES ('1993-12-05 11:30:00 PM'), ('1993-12-05T19:00:00Z'), ('1993-12-05 10:00 x')) AS t(x)"
>>> [str(moment) for (moment,) in duckdb.connect().sql(f"SELECT {sql} FROM {moments}").fetchall()]
['1993-12-05 23:30:00', '1993-12-06 03:00:00', 'None']
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches

import duckdb

from configs.errors import ConfigError
from configs.settings import Settings
from pipeline.ingest.relations import sql_text

# Currencies whose minor unit is not the hundredth (ISO 4217): none at all, and the thousandth.
_NO_MINOR_UNIT = ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
                 "VUV", "XAF", "XOF", "XPF")  # fmt: skip
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")

_DAY = r"\d{4}(?:[-/ \\]\d{1,2}){2}"
_FRACTION = r"(?:\.\d{1,6}0*)?"
_LOCAL = rf"\s*{_DAY}(?:[T ]\s*(?:[01]?\d|2[0-3]):\d{{1,2}}(?::\d{{1,2}}{_FRACTION})?)?\s*"
_HALF_DAY = (
    rf"\s*({_DAY})[T ]\s*((?:0?[1-9]|1[0-2]):\d{{1,2}}(?::\d{{1,2}}{_FRACTION})?) ?([AaPp])\.?[Mm]\.?\s*"
)
_OFFSET = r"\s*(.*:\d{1,2}.*) ?(Z|z|UTC|GMT|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)\s*"
_NAMED_ZONE = r".*:.*[A-Za-z]{3,}.*"
_SMALL = r"\s*[+-]?\d+(?:\.\d+)?[eE]-\d{1,2}\s*"  # 6.5e-05; where the point moves right, digits may be lost
_SCIENTIFIC = r"\s*[+-]?\d+(?:\.\d+)?[eE][+-]?\d{1,2}\s*"
# An id that passed through a number: 12345.0, 1.23457E+11.
DAMAGED_ID = r"-?\d+[.,]0+|-?\d+[.,]\d+[eE][+-]?\d+|-?\d+[eE]\+\d+"
_MOMENTS = ("DATE", "TIMESTAMP", "TIME")
FLOATS = ("FLOAT", "DOUBLE")
UTC = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True)
class Notation:
    """The marks in the numbers of a SELECT's sources, and the bank's time zone; empty where not declared."""

    decimal: str = ""
    thousands: str = ""
    time_zone: str = ""


NO_NOTATION = Notation()


def check_time_zone(settings: Settings) -> None:
    """Raises ConfigError for a time zone that nobody knows."""
    if not settings.time_zone:
        return
    with duckdb.connect() as con:
        names = [name for (name,) in con.execute("SELECT name FROM pg_timezone_names()").fetchall()]
    if settings.time_zone not in names:
        known = get_close_matches(settings.time_zone, names, n=3) or ["Asia/Shanghai", "Europe/Prague", "UTC"]
        raise ConfigError(
            f"time_zone {settings.time_zone!r} of bank {settings.bank!r} is none. Set it in bank.toml, "
            f"for example to {', '.join(known)}."
        )


def is_number(sql_type: str) -> bool:
    """True for a type of numbers."""
    return sql_type.startswith("DECIMAL") or sql_type.endswith("INT") or sql_type in ("INTEGER", *FLOATS)


def typed(value: str, sql_type: str, delivered: str, notation: Notation) -> str:
    """SQL: ``value``, of type ``delivered``, as ``sql_type``; NULL where it is not one as a whole."""
    if delivered == UTC and sql_type in _MOMENTS and notation.time_zone:
        return f"CAST({value} AT TIME ZONE {sql_text(notation.time_zone)} AS {sql_type})"
    if delivered != "VARCHAR":
        return f"TRY_CAST({value} AS {sql_type})"
    if sql_type == "DATE":
        quick = f"CASE WHEN strlen({value}) = 10 THEN try_strptime({value}, '%Y-%m-%d') END"
        return f"CAST(coalesce({quick}, {_moment(value, notation)}) AS DATE)"
    if sql_type == "TIMESTAMP":
        quick = (
            f"CASE WHEN strlen({value}) = 19 AND {value}[11] = ' ' "
            f"THEN try_strptime({value}, '%Y-%m-%d %H:%M:%S') END"
        )
        return f"coalesce({quick}, {_moment(value, notation)})"
    if sql_type == "TIME":
        moment = f"('2000-01-01 ' || {value})"
        return f"CAST({_local(moment)} AS TIME)"
    return _number(value, sql_type, notation) if is_number(sql_type) else f"TRY_CAST({value} AS {sql_type})"


def _moment(value: str, notation: Notation) -> str:
    """SQL: a text as the bank's local moment."""
    if not notation.time_zone:
        return _local(value)
    clock, zone = (f"regexp_extract({value}, {sql_text(_OFFSET)}, {group})" for group in (1, 2))
    minutes = (
        f"CASE WHEN {zone}[1] IN ('+', '-') THEN CAST({zone}[1] || '1' AS INTEGER) * (CAST({zone}[2:3] AS "
        f"INTEGER) * 60 + coalesce(TRY_CAST(replace({zone}, ':', '')[4:] AS INTEGER), 0)) ELSE 0 END"
    )
    utc = f"({_local(clock)} - to_minutes({minutes})) AT TIME ZONE 'UTC'"
    return (
        f"CASE WHEN regexp_full_match({value}, {sql_text(_OFFSET)}) "
        f"THEN ({utc}) AT TIME ZONE {sql_text(notation.time_zone)} ELSE {_local(value)} END"
    )


def _local(value: str) -> str:
    """SQL: a text without a time zone as a moment, in 24 hours or with AM and PM."""
    day, clock, half = (f"regexp_extract({value}, {sql_text(_HALF_DAY)}, {group})" for group in (1, 2, 3))
    moment = f"TRY_CAST({day} || ' ' || {clock} AS TIMESTAMP)"
    hours = f"(hour({moment}) % 12 + CASE WHEN {half} IN ('P', 'p') THEN 12 ELSE 0 END - hour({moment}))"
    return (
        f"CASE WHEN regexp_full_match({value}, {sql_text(_LOCAL)}) THEN TRY_CAST(trim({value}) AS TIMESTAMP) "
        f"WHEN regexp_full_match({value}, {sql_text(_HALF_DAY)}) THEN {moment} + to_hours({hours}) END"
    )


def _number(value: str, sql_type: str, notation: Notation) -> str:
    """SQL: a text as a number that loses no digit."""
    point, mark = re.escape(notation.decimal or "."), re.escape(notation.thousands)
    places = "*" if sql_type in FLOATS else f"{{0,{scale_of(sql_type)}}}0*"
    whole = rf"(?:\d+|\d{{1,3}}(?:{mark}\d{{3}})+)" if mark else r"\d+"
    plain = rf"\s*[+-]?(?:{whole}(?:{point}\d{places})?|{point}\d{places})\s*"
    digits = value
    if mark:
        digits = f"replace({digits}, {sql_text(notation.thousands)}, '')"
    if notation.decimal == ",":
        digits = f"replace({digits}, ',', '.')"
    number = f"TRY_CAST({digits} AS {sql_type})"
    same = "" if sql_type in FLOATS else f" AND {number} = TRY_CAST({digits} AS DECIMAL(38,18))"
    # A number that is written as its value is written needs no pattern, which would take longer.
    exact = digits == value and sql_type not in FLOATS
    written = f"WHEN CAST({number} AS VARCHAR) = {value} THEN {number} " if exact else ""
    return (
        f"CASE {written}WHEN regexp_full_match({value}, {sql_text(plain)}) THEN {number} "
        f"WHEN regexp_full_match({digits}, {sql_text(_SMALL)}){same} "
        f"THEN {number} END"
    )


def scale_of(sql_type: str) -> int:
    """The decimals that an exact type holds.

    >>> scale_of("DECIMAL(18,2)"), scale_of("INTEGER")
    (2, 0)
    """
    return int(sql_type[:-1].split(",")[1]) if "," in sql_type else 0


def why_none(text: str, sql_type: str, notation: Notation) -> str:
    """SQL: in words why a text is no value of the type."""
    otherwise = sql_text(f"is not {in_words(sql_type)}")
    if sql_type in ("DATE", "TIMESTAMP"):
        day = f"TRY_CAST({text} AS DATE)"
        named = "names a time zone otherwise than by Z or an offset such as +08:00"
        unsaid = "is a moment in a time zone, but bank.toml does not say the time_zone of the bank"
        return (
            f"CASE WHEN year({day}) NOT BETWEEN 1900 AND 9999 OR NOT isfinite({day}) "
            "THEN 'does not lie between 1900 and 9999' "
            f"WHEN {not notation.time_zone} AND regexp_full_match({text}, {sql_text(_OFFSET)}) "
            f"THEN {sql_text(unsaid)} "
            f"WHEN regexp_full_match({text}, {sql_text(_NAMED_ZONE)}) "
            f"THEN {sql_text(named)} ELSE {otherwise} END"
        )
    if is_number(sql_type):
        lost = "has lost digits: a spreadsheet or a float wrote it"
        return (
            f"CASE WHEN regexp_full_match({text}, {sql_text(_SCIENTIFIC)}) "
            f"AND TRY_CAST({text} AS {sql_type}) IS NOT NULL THEN {sql_text(lost)} ELSE {otherwise} END"
        )
    return otherwise


def in_words(sql_type: str) -> str:
    """A type's values in words.

    >>> in_words("DECIMAL(18,2)")
    'a number of at most 16 digits and 2 decimals'
    """
    if sql_type.startswith("DECIMAL"):
        digits, scale = (int(part) for part in sql_type[8:-1].split(","))
        return f"a number of at most {digits - scale} digits and {scale} decimals"
    if sql_type == "INTEGER" or sql_type.endswith("INT"):
        return "a whole number"
    return {"DATE": "a date", "TIMESTAMP": "a date and time", "TIME": "a time", "DOUBLE": "a number",
            "FLOAT": "a number", "BOOLEAN": "true or false"}.get(sql_type, "text")  # fmt: skip


def has_unclear_decimals(text: str) -> str:
    """SQL: true where an amount has three decimals or more: 12.500 may be twelve and a half thousand."""
    return f"strpos({text}, '.') BETWEEN 1 AND strlen({text}) - 3"


def more_decimals(money: str, text: str) -> tuple[str, str]:
    """SQL: true for an amount of ``t`` in thousandths of its currency, and why it is none of a table."""
    currencies = ", ".join(map(sql_text, _THOUSANDTHS))
    amount = f"CAST({text} AS VARCHAR)"
    exact = f"TRY_CAST({amount} AS DECIMAL(38,3))"
    return (
        f"t.currency IN ({currencies}) AND {exact} <> round({exact}, 2)",
        f"'{money}: ''' || left({amount}, 40) || ''' has three decimals, as ' || t.currency || ' does, but "
        "tables hold two. Set decimal of its source, and let the SELECT round: "
        "round(CAST(… AS DECIMAL(18,3)), 2)'",
    )


def wrong_decimals(money: str, text: str, delivered: str, notation: Notation) -> list[tuple[str, str]]:
    """SQL: true for an amount of ``t`` that does not fit the minor units of its currency, each with why."""
    currencies = ", ".join(map(sql_text, _NO_MINOR_UNIT))
    shown = f"'{money}: ''' || left(CAST({text} AS VARCHAR), 40) || ''' has "
    cases = [
        (
            f"t.currency IN ({currencies}) AND t.{money} <> trunc(t.{money})",
            f"{shown}decimals, but ' || t.currency || ' has none'",
        )
    ]
    if delivered == "VARCHAR" and not notation.decimal:
        thousandths = ", ".join(map(sql_text, _THOUSANDTHS))
        unclear = (
            f"{has_unclear_decimals(text)} AND t.currency NOT IN ({thousandths})",
            f"{shown}more decimals than ' || t.currency || ': a thousand? Say in bank.toml whether "
            'its source writes decimal = "." or ","\'',
        )
        cases.insert(0, unclear)  # of yen too: 10.100 is ten thousand
    return cases
