"""The bank's SELECTs as DuckDB reads them: columns, sources, whether each row stands for itself."""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import duckdb

from configs.bank_folder import load_select
from configs.errors import DataError
from configs.settings import Settings
from configs.tables import EVENT_TABLES, OPTIONAL_REFERENCE, TABLES, Column, Table
from pipeline.ingest.casts import BEGIN, END

# Tables that others refer to come first.
ORDER = ("products", "offers", "managers", "rates", "customer_numbers", "customers", "assignments",
         "households", "transactions", "holdings", "contacts", "events", "surveys", "labels")  # fmt: skip
# What DuckDB quotes from the rows, from the first quote to the last, and numbers: it may be about a person.
VALUES = r"(?s)(?<!\w)['\"](.*['\"]|.*)|\b\d[\d.:+-]*"
# Expressions whose value depends on their own row only; functions are looked up.
OF_ONE_ROW = frozenset(
    ("COLUMN_REF", "CONSTANT", "STAR", "CAST", "TYPE", "CASE", "COMPARISON", "CONJUNCTION", "OPERATOR",
     "BETWEEN", "FUNCTION")
)  # fmt: skip


def load_selects(settings: Settings) -> dict[str, str]:
    """The bank's SELECT by table, in ``ORDER``.

    Raises DataError where one is needed that is not there, or one is there that nothing could look at.
    """
    loaded = {name: load_select(settings.bank, name) for name in ORDER}
    selects = {name: select for name, select in loaded.items() if select is not None}
    where = f"configs/banks/{settings.bank}"
    for name in ORDER:
        if name not in selects and is_needed(TABLES[name], settings):
            other = (
                f"; or, where the bank has no balances, set counts = 'customers' in {where}/bank.toml: lists "
                "then rank customers by their risk"
            )
            raise DataError(
                f"table {name!r} is needed. Write {where}/{name}.sql{other if name == 'holdings' else ''}."
            )
        if name in selects and settings.counts == "customers" and name in ("products", "offers", "holdings"):
            raise DataError(
                f"{where}/{name}.sql is there, but with counts = 'customers' nothing looks at balances. Set "
                f"counts = 'money' in {where}/bank.toml, or remove the file."
            )
        for column, other in TABLES[name].references:
            if name in selects and other not in selects and other != OPTIONAL_REFERENCE:
                raise DataError(
                    f"table {name!r} refers to table {other!r} by its {column}. "
                    f"Write {where}/{other}.sql too."
                )
    return selects


def is_needed(table: Table, settings: Settings) -> bool:
    """True where no run works without the table's rows; balances are needed where a bank counts money, and
    labels where they are its definition of attrition."""
    return (
        table.needed
        or (table.name == "holdings" and settings.counts == "money")
        or (table.name == "labels" and settings.label.definition == "delivered")
    )


def contract_of(name: str, selects: Collection[str], settings: Settings) -> Table:
    """The contract of a table in a bank with these SELECTs: what refers to no table is not checked.

    Customers have the bank's own attributes as further columns, and scores its own scale.
    """
    table = TABLES[name]
    columns = table.columns
    if name == "customers":
        columns += tuple(
            Column(attribute, "VARCHAR", "an attribute of the bank's own", "confidential", nullable=True)
            for attribute in settings.features.attribute_names
        )
    if name == "surveys":
        lowest, highest = settings.survey.lowest, settings.survey.highest
        score = replace(table.column("score"), minimum=lowest, maximum=highest)
        columns = tuple(score if column.name == "score" else column for column in columns)
    references = tuple(pair for pair in table.references if pair[1] in selects)
    return replace(table, columns=columns, references=references)


def describe(con: duckdb.DuckDBPyConnection, settings: Settings, table: Table, select: str) -> dict[str, str]:
    """The SQL type of each column that the SELECT yields. Raises DataError where it does not fit.

    Of a name that comes twice DuckDB makes two names.
    """
    file = f"configs/banks/{settings.bank}/{table.name}.sql"
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM ({select})").fetchall()
    except duckdb.ParserException as error:
        raise DataError(f"{file} is not SQL: {message_of(error)}. Correct the SELECT.") from None
    except duckdb.Error as error:
        sources = sources_read(con, settings, select)
        hold = "; ".join(f"{settings.sources[name].files} holds {_columns(con, name)}" for name in sources)
        raise DataError(
            f"{file} does not fit the delivered files: {message_of(error)}. "
            f"{hold or 'It names none of the sources ' + ', '.join(settings.sources)}. "
            "Correct the SELECT, or have the missing column delivered."
        ) from None
    return {row[0].lower(): row[1] for row in described}


def message_of(error: duckdb.Error, hide: str = "") -> str:
    """DuckDB's message as one line, with the line of the SELECT, without the picture below it."""
    text, _, picture = str(error).partition("\nLINE ")
    text = (re.sub(hide, "…", text) if hide else text).partition("\n")[0]
    text = re.sub(r"^[A-Z]\w*( \w+)? Error: |Did you mean .\w+.\?|Candidate bindings:[^\n]*", "", text)
    text = re.sub(r"\s+", " ", text).strip(" .!")
    line = picture.partition(":")[0]
    return text + (f" (line {line})" if line.isdigit() else "")


@contextmanager
def explain_sql_errors(settings: Settings, table: Table) -> Iterator[None]:
    """A cast that fails in the bank's SELECT is one sentence, without a value that may be about a person."""
    try:
        yield
    except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException) as error:
        cast = re.search(f"{BEGIN}(.*?){END}", str(error), re.DOTALL)
        if cast:
            raise DataError(
                f"configs/banks/{settings.bank}/{table.name}.sql casts {cast[1]}. Leave the cast to the "
                "contract, which refuses single rows; or have the file corrected."
            ) from None
        raise DataError(
            f"configs/banks/{settings.bank}/{table.name}.sql fails on the delivered rows: "
            f"{message_of(error, hide=VALUES)}. "
            "Leave casts to the contract, which refuses single rows; or have a broken file delivered again."
        ) from None


def sources_read(con: duckdb.DuckDBPyConnection, settings: Settings, select: str) -> list[str]:
    """The sources that a SELECT reads, in whatever case it writes them; comments and texts do not count."""
    tables = {node["table_name"].lower() for node in _nodes(_parsed(con, select)) if "table_name" in node}
    return [name for name in settings.sources if name.lower() in tables]


def row_by_row(con: duckdb.DuckDBPyConnection, select: str, source: str) -> bool:
    """True where more rows of ``source`` add rows to what the SELECT yields and change none of the others.

    Decided on DuckDB's own parse; whatever is not known to be so (aggregates, windows, DISTINCT, LIMIT,
    subqueries, UNION, the right side of an outer join, a function of the clock) is not.
    """
    node = _inner(con, select)
    if node.get("type") != "SELECT_NODE" or not _plain(node):
        return False
    inside = [node[part] for part in ("select_list", "from_table", "where_clause")]
    expressions = [node for node in _nodes(inside) if "class" in node or "function_name" in node]
    if any(expression.get("class") not in OF_ONE_ROW for expression in expressions):
        return False
    functions = {node["function_name"].lower() for node in expressions if "function_name" in node}
    return functions <= _of_one_row() and _adds_rows(node["from_table"], source.lower())


def computed_columns(con: duckdb.DuckDBPyConnection, select: str) -> frozenset[str]:
    """The columns whose values the SELECT makes, and does not take from its sources as they are."""
    items = _inner(con, select).get("select_list", [])
    return frozenset(item["alias"].lower() for item in items if item["alias"] and not _is_delivered(item))


def _is_delivered(node: dict[str, Any]) -> bool:
    """True for a column, also trimmed, cast, or decoded with what is unknown passed on."""
    kind = node.get("class")
    if kind == "CASE":
        return _is_delivered(node["else_expr"])
    if kind == "CAST":
        return _is_delivered(node["child"])
    if kind == "FUNCTION" and node["function_name"] in ("trim", "nullif", "coalesce"):
        return _is_delivered(node["arguments"][0]["expression"])
    return kind == "COLUMN_REF"


def refuse_rows_of_one_line(con: duckdb.DuckDBPyConnection, settings: Settings, table: Table) -> None:
    """Raises DataError where the SELECT makes rows of one line that share a key and contradict each other."""
    key = ", ".join(table.key)
    multiplied = con.execute(
        "SELECT _file, _line, key_values FROM repeated WHERE NOT _earlier AND verdict <> 'duplicate' "
        "GROUP BY ALL HAVING count(*) > 1 AND bool_or(verdict = 'conflict') ORDER BY ALL"
    ).fetchall()
    if not multiplied:
        return
    file, line, _ = multiplied[0]
    rows = con.execute(
        f"SELECT {', '.join(table.names)} FROM good SEMI JOIN (SELECT _row FROM repeated "
        "WHERE NOT _earlier AND (_file, _line, key_values) = (?, ?, ?)) USING (_row)",
        multiplied[0],
    ).fetchall()
    differing = [
        name
        for name, values in zip(table.names, zip(*rows, strict=True), strict=True)
        if len(set(values)) > 1
    ]
    raise DataError(
        f"configs/banks/{settings.bank}/{table.name}.sql multiplies rows: of {file} line {line} it makes "
        f"{len(rows)} with the same {key}, which differ in {', '.join(differing)}; there are "
        f"{len(multiplied):,} such lines. Correct its join, so that a line gives one row per {key}."
    )


def row_by_row_sources(con: duckdb.DuckDBPyConnection, settings: Settings) -> frozenset[str]:
    """The sources of files that are read row by row, alone, and for nothing but what happened."""
    alone = {
        name: spec.format in ("csv", "parquet") and not spec.unpivot
        for name, spec in settings.sources.items()
    }
    for table, select in load_selects(settings).items():
        read = sources_read(con, settings, select)
        fits = table in EVENT_TABLES and len(read) == 1 and row_by_row(con, select, read[0])
        alone |= {name: alone[name] and fits for name in read}
    return frozenset(name for name, fits in alone.items() if fits)


def _plain(node: dict[str, Any]) -> bool:
    """True for a SELECT with nothing but columns, tables and a condition."""
    absent = ("modifiers", "group_expressions", "group_sets", "having", "sample", "qualify")
    return (
        not any(node[part] for part in absent)
        and not node["cte_map"]["map"]
        and node["aggregate_handling"] == "STANDARD_HANDLING"
    )


def _adds_rows(table: dict[str, Any], source: str) -> bool:
    """True where rows of the source come once and only ever add to a tree of inner and left joins."""
    if table["type"] == "BASE_TABLE":
        return table["table_name"].lower() == source and not table["sample"] and not table["at_clause"]
    if table["type"] != "JOIN" or table["ref_type"] not in ("REGULAR", "CROSS"):
        return False
    sides = {"INNER": ("left", "right"), "LEFT": ("left",)}.get(table["join_type"], ())
    adding = [side for side in sides if _adds_rows(table[side], source)]
    others = [side for side in ("left", "right") if side not in adding]
    return len(adding) == 1 and all(_is_without(table[side], source) for side in others)


def _is_without(table: dict[str, Any], source: str) -> bool:
    """True where one side of a join is a table other than the source, or a join of such."""
    if table["type"] == "JOIN":
        return _is_without(table["left"], source) and _is_without(table["right"], source)
    return table["type"] == "BASE_TABLE" and table["table_name"].lower() != source


@cache
def _of_one_row() -> frozenset[str]:
    """Functions that only ever look at their arguments."""
    with duckdb.connect() as con:
        names = con.execute(
            "SELECT function_name FROM duckdb_functions() GROUP BY function_name "
            "HAVING bool_and(function_type = 'scalar' AND stability = 'CONSISTENT')"
        ).fetchall()
    return frozenset(name.lower() for (name,) in names)


def _parsed(con: duckdb.DuckDBPyConnection, select: str) -> dict[str, Any]:
    ((text,),) = con.execute("SELECT json_serialize_sql(?)", [f"SELECT * FROM ({select})"]).fetchall()
    return dict(json.loads(text))


def _inner(con: duckdb.DuckDBPyConnection, select: str) -> dict[str, Any]:
    """The node of the SELECT itself; empty where it is none."""
    statements = _parsed(con, select).get("statements", [])
    return dict(statements[0]["node"]["from_table"].get("subquery", {}).get("node", {})) if statements else {}


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for branch in tree.values():
            yield from _nodes(branch)
    elif isinstance(tree, list):
        for branch in tree:
            yield from _nodes(branch)


def _columns(con: duckdb.DuckDBPyConnection, source: str) -> str:
    columns = con.execute(f'DESCRIBE "{source}"').fetchall()
    return ", ".join(column[0] for column in columns if column[0] not in ("_file", "_line"))
