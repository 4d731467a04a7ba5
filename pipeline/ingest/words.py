"""The words of bookings, events, contacts and surveys: which occur, and which no feature looks at."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import duckdb

from configs.errors import listed
from configs.settings import Settings
from configs.tables import TABLES
from features.catalogue.measures import Measure, declared

# Of one table the words of a row, whether its amount is below 0, and the number of such rows.
WordCounts = Sequence[Sequence[Any]]
MOST = 10_000  # combinations kept of a table; a column of free text has more
SHOWN = 5  # words named of a column
# Columns whose every word a feature looks at by itself, beside those that measures name.
ITEM = ("surveys", "item")
LOOKED_AT = {ITEM}


def columns_of(table: str) -> list[str]:
    """The columns of a table that hold words."""
    return [column.name for column in TABLES[table].columns if column.allowed or column.known]


def count_words(con: duckdb.DuckDBPyConnection, table: str, summary: str) -> list[list[Any]]:
    """The most frequent combinations of words in the rows of a table, superseded ones included."""
    columns = columns_of(table)
    if not columns:
        return []
    counted = con.execute(
        f"SELECT {', '.join(columns)}, below, sum(number)::BIGINT AS number FROM {summary} GROUP BY ALL "
        f"ORDER BY number DESC, {', '.join(columns)}, below LIMIT {MOST}"
    ).fetchall()
    return [list(row) for row in counted]


def unknown_words(settings: Settings, words: Mapping[str, WordCounts]) -> Iterator[str]:
    """A sentence per column with words that no feature, filter or rule knows, each with the nearest known."""
    for table, column, numbers in by_column(words):
        if not TABLES[table].column(column).known:
            continue
        known = known_words(settings, table, column)
        unknown = {word: number for word, number in numbers.items() if word not in known}
        if unknown:
            named = listed([_named(word, number, known) for word, number in unknown.items()], SHOWN)
            mapped = " map them to factors in [survey] items," if (table, column) == ITEM else ""
            yield (
                f"{table}.{column}: {sum(unknown.values()):,} rows hold words that no feature, filter or "
                f"rule knows: {named}. Decode them in configs/banks/{settings.bank}/{table}.sql,{mapped} or "
                f'declare them as words."{table}.{column}" in bank.toml.'
            )


def known_words(settings: Settings, table: str, column: str) -> set[str]:
    """The words of a column that the contract, a feature or the bank's settings know."""
    contract = TABLES[table].column(column)
    declared_words = settings.words.get(f"{table}.{column}", ())
    # The bank's own map of items takes the place of the contract's.
    known = [item.name for item in settings.survey.items] if (table, column) == ITEM else contract.known
    return {*contract.allowed, *known, *declared_words} | used_words(settings, table, column)


def unasked_items(settings: Settings, words: Mapping[str, WordCounts]) -> Iterator[str]:
    """A sentence on items of the bank's map that no answer names, where there are answers."""
    occurring = next((numbers for *place, numbers in by_column(words) if tuple(place) == ITEM), {})
    # The items of the default map bear the names of their factors; a bank need not ask them all.
    items = [item.name for item in settings.survey.items if item.name != item.factor]
    missing = [name for name in items if name not in occurring]
    if occurring and missing:
        named = listed([f"{name!r}{_near(name, set(occurring), ' (', '?)')}" for name in missing], SHOWN)
        yield (
            f"[survey] items: no answer is to {named}. Correct the names in bank.toml, or the SELECT in "
            f"configs/banks/{settings.bank}/surveys.sql."
        )


def unused_words(settings: Settings, words: Mapping[str, WordCounts]) -> Iterator[str]:
    """A sentence per column with words that are known, and that no feature looks at."""
    for table, column, numbers in by_column(words):
        used = used_words(settings, table, column)
        unused = {word: number for word, number in numbers.items() if word not in used}
        if unused and (table, column) not in LOOKED_AT:
            named = listed([f"{word} ({number:,})" for word, number in unused.items()], SHOWN)
            yield f"{table}.{column}: no feature looks at {named}."


def unmatched_measures(settings: Settings, words: Mapping[str, WordCounts]) -> tuple[list[str], list[str]]:
    """Sentences on measures that match no row of the whole history: the bank's own, and ours in one each."""
    bank_measures = {measure.name for measure in settings.features.measures}
    unmatched = [
        measure
        for measure in declared(settings)
        if len(words.get(measure.table, ())) < MOST and not _matched(measure, words.get(measure.table, ()))
    ]
    of_bank = [_unmatched(measure, words) for measure in unmatched if measure.name in bank_measures]
    tables: dict[str, list[str]] = {}
    for measure in unmatched:
        if measure.name not in bank_measures and words.get(measure.table):
            tables.setdefault(measure.table, []).append(measure.name)
    return of_bank, [
        f"{table}: no row of the whole history is {', '.join(names)}; these features are 0 or empty."
        for table, names in tables.items()
    ]


def _matched(measure: Measure, counted: WordCounts) -> bool:
    columns = columns_of(measure.table)
    return any(
        all(words[columns.index(column)] in allowed for column, allowed in measure.where.items())
        and not (measure.sign > 0 and below)
        and not (measure.sign < 0 and not below)
        for *words, below, _ in counted
    )


def _unmatched(measure: Measure, words: Mapping[str, WordCounts]) -> str:
    occurring = {column: numbers for table, column, numbers in by_column(words) if table == measure.table}
    missing = [
        f"{column} = {word!r}{_near(word, set(occurring.get(column, ())), ' (', '?)')}"
        for column, allowed in measure.where.items()
        for word in allowed
        if word not in occurring.get(column, ())
    ]
    where = f", where nothing is {', '.join(missing)}" if missing else ""
    return (
        f"[[features.measures]] {measure.name!r} matches no row of {measure.table} in the whole history"
        f"{where}. Its features are 0 or empty: mend its filter in bank.toml, or leave it out."
    )


def by_column(words: Mapping[str, WordCounts]) -> Iterator[tuple[str, str, dict[str, int]]]:
    """Table, column, and the number of rows of each word, the most frequent first."""
    for table, counted in words.items():
        for place, column in enumerate(columns_of(table)):
            numbers: dict[str, int] = {}
            for row in counted:
                if row[place] is not None:
                    numbers[row[place]] = numbers.get(row[place], 0) + row[-1]
            yield table, column, dict(sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0])))


def used_words(settings: Settings, table: str, column: str) -> set[str]:
    """The words of a column by which measures choose rows."""
    measures = [measure for measure in declared(settings) if measure.table == table]
    return {word for measure in measures for word in measure.where.get(column, ())}


def _named(word: str, number: int, known: set[str]) -> str:
    return f"{word[:40]!r} ({number:,}{_near(word, known, ', ', '?')})"


def _near(word: str, known: set[str], before: str, after: str) -> str:
    near = get_close_matches(word.strip().lower().replace("-", "_").replace(" ", "_"), sorted(known), n=1)
    return f"{before}did you mean {near[0]!r}{after}" if near else ""
