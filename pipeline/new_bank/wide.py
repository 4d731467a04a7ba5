"""Columns of a file that name months or days: a column per period, which unpivot makes a row each."""

import calendar
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Literal

from configs.source import Unpivot
from pipeline.ingest.unpivot import period_end

ITEM = "item"  # the header of several figures
LEAST = 3  # columns of one name and different periods; two may be a period's beginning and end
_NAMES = [name for k in range(1, 13) for name in (calendar.month_name[k], calendar.month_abbr[k])]
_MONTH = re.compile("|".join(sorted(_NAMES, key=len, reverse=True)), re.IGNORECASE)


def wide_months(columns: Sequence[str]) -> Unpivot | None:
    """How the figures that a file has by month or day become rows; None for a file that is not wide.

    Several figures, such as IN_202403 and OUT_202403, become rows together: the header says which is which.
    """
    figures = defaultdict[str, list[str]](list)
    for column in columns:
        if period_end(column)[0]:
            figures[_figure(column)].append(column)
    wide: list[Unpivot] = []
    for figure, names in figures.items():
        ends = {period_end(name)[0] for name in names}
        patterns = _patterns(columns, names)
        if len(names) >= LEAST and len(ends) == len(names) and patterns:
            is_daily = any(end and (end + timedelta(days=1)).day > 1 for end in ends)
            period: Literal["day", "month"] = "day" if is_daily else "month"
            header, value = (_free(name, columns) for name in (period, figure or "balance"))
            wide.append(Unpivot(columns=patterns, header=header, value=value, period=period))
    if len(wide) < 2:
        return wide[0] if wide else None
    patterns = tuple(sorted(pattern for figure in wide for pattern in figure.columns))
    header, value = (_free(name, columns) for name in (ITEM, "amount"))
    return Unpivot(columns=patterns, header=header, value=value)


def decoded(spec: Unpivot) -> str:
    """SQL: what the header of several figures says as two columns: the end of its month, and the figure."""
    month = rf"regexp_extract({spec.header}, '((?:19|20)\d\d)\D?(\d\d)', {{}})::INTEGER"
    return (
        f"last_day(make_date({month.format(1)}, {month.format(2)}, 1)) AS month, "
        rf"regexp_replace({spec.header}, '[\W_]*\d.*', '') AS figure"
    )


def _figure(column: str) -> str:
    """The name of a column without its period, as a name of SQL; empty where nothing is left.

    >>> _figure("BAL_202403"), _figure("Saldo Mar 2024"), _figure("2024-03")
    ('bal', 'saldo', '')
    """
    dated = re.search(r"\d", column)
    rest = re.sub(r"\d+|[年月日]", " ", _MONTH.sub(" ", column) if dated else column)
    return "_".join(re.findall(r"[A-Za-z]+", rest)).lower()


def _free(name: str, columns: Sequence[str]) -> str:
    return f"{name}_unpivoted" if name in map(str.lower, columns) else name


def _patterns(columns: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Patterns that these columns fit and no other: what they begin with, else their digits."""
    prefix = re.split(rf"\d|{_MONTH.pattern}", names[0], maxsplit=1, flags=re.IGNORECASE)[0]
    by_digit = {re.sub(r"\d", "[0-9]", _MONTH.sub("*", name)) for name in names}
    for patterns in ({f"{prefix}*"} if re.search(r"[^\W\d]", prefix) else set(), by_digit):
        fit = [name for name in columns if any(fnmatchcase(name.lower(), text.lower()) for text in patterns)]
        if fit == list(names):
            return tuple(sorted(patterns))
    return ()
