"""A draft of one SELECT: its columns, each with the evidence for it, and the questions that it leaves."""

import re
from dataclasses import dataclass, field
from functools import cache

import duckdb

from configs.tables import TABLES
from pipeline.ingest.relations import sql_name, sql_text
from pipeline.new_bank.columns import ColumnProfile, as_date, as_number
from pipeline.new_bank.matching import meaning

LINE = 110  # characters, beyond which a comment stands above its column


@dataclass
class Draft:
    """The SELECT of one table as it comes into being.

    ``columns`` are expression and comment by name of the contract; ``questions`` what a person has to say.
    """

    table: str
    about: str
    source: str  # what stands behind FROM
    columns: dict[str, tuple[str, str]] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    place: str = "t._file, t._line"
    ending: str = ""

    def add(self, name: str, expression: str, comment: str) -> None:
        self.columns[name] = expression, comment

    def ask(self, name: str, question: str) -> None:
        self.questions.append(f"{name}: {question}")

    @property
    def select(self) -> str:
        """The text of the file, columns in the order of the contract."""
        lines = [f"-- {self.about}", "SELECT"]
        for name in TABLES[self.table].names:
            if name in self.columns:
                expression, comment = self.columns[name]
                column, remark = f"    {expression} AS {name},", f"-- {comment}" if comment else ""
                long = len(column) + len(remark) > LINE
                lines += [f"    {remark}", column] if remark and long else [f"{column}  {remark}".rstrip()]
        lines += [f"    {self.place}", f"FROM {self.source}"]
        return "\n".join([*lines, *([self.ending] if self.ending else [])]) + "\n"


@cache
def reserved() -> frozenset[str]:
    """The words that DuckDB takes for no name."""
    with duckdb.connect() as con:
        rows = con.execute("SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'")
        return frozenset(name for (name,) in rows.fetchall())


def name_in_sql(name: str) -> str:
    """A column or source as a person would write it: quoted only where it must be."""
    plain = re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) and name.lower() not in reserved()
    return name if plain else sql_name(name)


def of(alias: str, profile: ColumnProfile) -> str:
    return f"{alias}.{name_in_sql(profile.name)}"


def day_or_moment(alias: str, profile: ColumnProfile, *, day: bool = False) -> str:
    """SQL: a date as the contract reads it; with ``day`` without its clock time."""
    expression = of(alias, profile)
    if profile.typed:
        return f"CAST({expression} AS DATE)" if day and "TIME" in profile.form.name else expression
    with_clock = max(len(profile.lowest), len(profile.highest)) > len("2000-01-01")
    expression = as_date(expression, profile.form, clock=with_clock, old=profile.highest < "2000")
    return f"left({expression}, 10)" if day and with_clock else expression


def amount_of(alias: str, profile: ColumnProfile) -> str:
    """SQL: a number as the contract reads it."""
    return as_number(of(alias, profile), profile.form)


def negative(alias: str, profile: ColumnProfile) -> str:
    """SQL: an unsigned number with a minus before it."""
    number = amount_of(alias, profile)
    return f"-{number}" if profile.typed else f"'-' || {number}"


def case_of(alias: str, profile: ColumnProfile, group: str, fallback: str | None) -> tuple[str, list[str]]:
    """A CASE over the codes of a column by their meaning, and the codes that nobody knows with their rows.

    Those become ``fallback``, or themselves where it is None. Codes that come later pass as they are.
    """
    meanings = {code: meaning(code, group) for code in sorted(profile.codes)}
    if all(code == known for code, known in meanings.items()):
        return of(alias, profile), []
    cases = [
        f"WHEN {sql_text(code)} THEN {sql_text(known or (code if fallback is None else fallback))}"
        for code, known in meanings.items()
    ]
    unknown = [f"{code} ({profile.codes[code]:,})" for code, known in meanings.items() if not known]
    text = of(alias, profile)
    # Blanks around a code are trimmed here as they were when the codes were listed.
    value = text if profile.typed else f"trim({text})"
    return f"CASE {value} {' '.join(cases)} ELSE {text} END", unknown
