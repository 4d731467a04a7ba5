"""Wide files made long: one row per filled cell below columns that name a month, a day or a product."""

import calendar
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase

from configs.errors import DataError, listed
from configs.source import Source, Unpivot
from pipeline.ingest.relations import sql_name

_MONTHS = {calendar.month_name[k].lower(): k for k in range(1, 13)}
_MONTHS |= {name[:3]: number for name, number in _MONTHS.items()} | {"sept": _MONTHS["september"]}
_NAME = f"(?P<name>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})"
_YYYY, _GAP = r"(?P<year>(?:19|20)\d\d)", "[-_/. ]"
_YEAR = rf"(?<!\d){_YYYY}"
# What a header may say, each with two or four digits where none follows that would make it another number.
_PERIODS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_YEAR}(?P<month>\d\d)(?P<day>\d\d)?(?!\d)",
        rf"{_YEAR}(?P<gap>{_GAP})(?P<month>\d\d?)(?:(?P=gap)(?P<day>\d\d?))?(?!\d)(?: 00:00:00)?",
        rf"{_YEAR}(?:M|年)(?P<month>\d\d?)(?!\d)(?:月(?:(?P<day>\d\d?)日)?)?",
        rf"(?<![\d./-])(?:(?P<day>\d\d?)\.)?(?P<month>\d\d?)\.{_YYYY}(?!\d)",
        rf"(?<![\d./-])(?P<month>\d\d?)[-/_]{_YYYY}(?!\d)",
        rf"(?<![A-Za-z]){_NAME}{_GAP}?'?(?P<year>(?:(?:19|20)\d\d|\d\d))(?!\d)",
        rf"{_YEAR}{_GAP}?{_NAME}(?![A-Za-z])",
        rf"{_YEAR}{_GAP}?Q(?P<quarter>[1-4])(?!\d)",
    )
)


def period_end(header: str) -> tuple[date | None, bool]:
    """The last day of the month, quarter or day that a header names, and whether it names a day.

    None where it names no period, or several.

    >>> period_end("BAL_202402")[0], period_end("mar24")[0], period_end("2024-02-03")
    (datetime.date(2024, 2, 29), datetime.date(2024, 3, 31), (datetime.date(2024, 2, 3), True))
    """
    periods = {period for pattern in _PERIODS for match in pattern.finditer(header)
             if (period := _period(match.groupdict()))}  # fmt: skip
    return periods.pop() if len(periods) == 1 else (None, False)


def _period(parts: Mapping[str, str | None]) -> tuple[date, bool] | None:
    year = int(parts["year"] or 0)
    year += 2000 if year < 100 else 0
    name, quarter, day = parts.get("name"), parts.get("quarter"), parts.get("day")
    month = _MONTHS[name.lower()] if name else 3 * int(quarter) if quarter else int(parts["month"] or 0)
    if not 1 <= month <= 12:
        return None
    last = calendar.monthrange(year, month)[1]
    if day and not 1 <= int(day) <= last:
        return None
    return date(year, month, int(day) if day else last), bool(day)


def fixed_columns(spec: Source, columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that stay as they are: all of a source that is not wide."""
    return tuple(column for column in columns if not (spec.unpivot and _is_wide(spec.unpivot, column)))


def wide_columns(name: str, spec: Unpivot, file: object, columns: Sequence[str]) -> dict[str, str]:
    """By column that becomes rows, what it says: the text of its header, or the last day of its period.

    Raises DataError where no column matches, a header names no period, or two name the same.
    """
    where = f"unpivot of [sources.{name}] in bank.toml"
    wide = [column for column in columns if _is_wide(spec, column)]
    if not wide:
        raise DataError(
            f"{file} has no column that fits {listed(list(spec.columns))}; it has {listed(list(columns))}. "
            f"Correct columns in {where}."
        )
    new = (spec.header.lower(), spec.value.lower())
    taken = [column for column in columns if column not in wide and column.lower() in new]
    if taken:
        raise DataError(f"{file} has a column {taken[0]!r} already. Choose another name in {where}.")
    says = {column: _says(column, spec, f"{file}: the header {column!r}", where) for column in wide}
    twice = [column for column in wide if list(says.values()).count(says[column]) > 1]
    if twice:
        raise DataError(
            f"{file} has several columns for {says[twice[0]]}: {listed(twice)}. Name one of them in columns "
            f"of {where}, and the others in a source of their own."
        )
    return says


def _says(column: str, spec: Unpivot, what: str, where: str) -> str:
    if not spec.period:
        return column
    end, is_day = period_end(column)
    if end is None or (spec.period == "day" and not is_day):
        raise DataError(
            f"{what} names no single {spec.period}, such as 2024-03{'-31' if spec.period == 'day' else ''}. "
            f"Correct columns in {where}, or leave period out and decode {spec.header} in the SELECT."
        )
    last = calendar.monthrange(end.year, end.month)[1]
    return (end.replace(day=last) if spec.period == "month" else end).isoformat()


def _is_wide(spec: Unpivot, column: str) -> bool:
    return any(fnmatchcase(column.lower(), pattern.lower()) for pattern in spec.columns)


def unpivot(spec: Unpivot, rows: str, types: Mapping[str, str], says: Mapping[str, str]) -> str:
    """SQL: the rows of a wide relation as long ones, each with the place of its line; blank cells are none.

    ``types`` are the SQL types of its columns, the places left out. Cells of several types become text.
    """
    is_text = len({types[column] for column in says}) > 1
    cells = ", ".join(
        f"{f'CAST({sql_name(column)} AS VARCHAR)' if is_text else sql_name(column)} AS {sql_name(text)}"
        for column, text in says.items()
    )
    fixed = ", ".join(sql_name(column) for column in types if column not in says)
    header, value = sql_name(spec.header), sql_name(spec.value)
    kept = f"{fixed}, " if fixed else ""
    return (
        f"SELECT {kept}{header}, {value}, _file, _line "
        f"FROM (SELECT {kept}_file, _line, {cells} FROM {rows}) "
        f"UNPIVOT ({value} FOR {header} IN ({', '.join(map(sql_name, says.values()))})) "
        f"WHERE trim(CAST({value} AS VARCHAR)) <> ''"
    )
