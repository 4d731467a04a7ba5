"""The casts of a bank's SELECT, made strict: a text that a cast would shorten, round or guess stops the run.

Casts belong to the contract, which refuses single rows. Where a SELECT computes with a text it has to cast
it; then the same patterns decide as in the contract, and the error says which row it was. TRY_CAST gives
NULL instead. Casts of what is no text, and of constants, stay as they are.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import duckdb

from configs.errors import DataError
from configs.tables import Table
from pipeline.ingest.values import (
    FLOATS,
    Notation,
    has_unclear_decimals,
    is_number,
    scale_of,
    typed,
    why_none,
)

BEGIN, END = "strict cast: ", " :strict cast"  # around the sentence about a text that no cast may read
_VALUE, _FILE, _LINE = "__value__", "__file__", "__line__"
_DAYS = ("DATE", "TIME", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
Node = dict[str, Any]


def strict_casts(con: duckdb.DuckDBPyConnection, table: Table, select: str, notation: Notation) -> str:
    """The SELECT with strict casts; itself where it has none. Raises DataError where they cannot be."""
    ((text,),) = con.execute("SELECT json_serialize_sql(?)", [select]).fetchall()
    tree = json.loads(text)
    if tree.get("error") or '"class":"CAST"' not in text:
        return select
    for places in (True, False):  # a grouped SELECT has no place
        strict = _rewritten(con, table, json.loads(text), notation, places)
        try:
            con.execute(f"DESCRIBE SELECT * FROM ({strict})")
        except duckdb.Error:
            continue
        return strict
    raise DataError(
        f"the casts in {table.name}.sql cannot be checked for what they drop. Leave them to the contract."
    )


def _rewritten(
    con: duckdb.DuckDBPyConnection, table: Table, tree: Node, notation: Notation, places: bool
) -> str:
    node = tree["statements"][0]["node"]
    items = node.get("select_list", [])
    named = {_name_of(item): item for item in items}
    place = {_FILE: named["_file"], _LINE: named["_line"]} if {"_file", "_line"} <= set(named) else {}
    known = place if places and not node.get("group_expressions") else {}
    columns = {column.name: column for column in table.columns}
    for k, item in enumerate(items):
        column = columns.get(_name_of(item))
        shown = column is not None and column.sensitivity != "personal"
        is_money = column is not None and column.name in table.money

        def strict(cast: Node, shown: bool = shown, is_money: bool = is_money) -> Node:
            return _strict(con, cast, _Cast(notation, shown, is_money, bool(known)), known)

        items[k] = _replaced(item, strict)

    def elsewhere(cast: Node) -> Node:
        return _strict(con, cast, _Cast(notation, False, False, False), {})

    rest = {name: _replaced(part, elsewhere) for name, part in node.items() if name != "select_list"}
    tree["statements"][0]["node"] = rest | ({"select_list": items} if items else {})
    ((sql,),) = con.execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]).fetchall()
    return str(sql)


class _Cast:
    """The SQL of a cast of text: its notation, and whether its error may show the value and the place."""

    def __init__(self, notation: Notation, shown: bool, is_money: bool, placed: bool) -> None:
        self.notation, self.shown, self.is_money, self.placed = notation, shown, is_money, placed

    def sql(self, kind: str, name: str, attempt: bool) -> str:
        """The cast of ``_VALUE`` to a type by the name that the SELECT gives it; NULL in an ``attempt``."""
        text = f"CAST({_VALUE} AS VARCHAR)"
        number = is_number(kind)
        value = typed(text, kind if number else kind.partition("_")[0], "VARCHAR", self.notation)
        may_be_thousand = self.is_money or not (kind in FLOATS or scale_of(kind) > 2)
        if number and may_be_thousand and not self.notation.decimal:
            value = f"CASE WHEN NOT ({has_unclear_decimals(text)}) THEN {value} END"
        shown = f"left({text}, 40)" if self.shown else "'…'"
        where = f" || ' of ' || {_FILE} || ' line ' || {_LINE}" if self.placed else ""
        unclear = f"{number} AND {has_unclear_decimals(text)} AND NOT contains({text}, 'E')"
        otherwise = why_none(text, kind if number else kind.partition("_")[0], self.notation)
        why = f"CASE WHEN {unclear} THEN 'has more decimals than money' ELSE {otherwise} END"
        # No number or day: that cast fails and shows it. error() would do, but not in windows.
        refused = f"'{BEGIN}''' || {shown} || ''''{where} || ' to {name}: it ' || {why} || '{END}'"
        refused = "NULL" if attempt else refused
        verb = "TRY_CAST" if attempt else "CAST"
        return (
            f"CASE WHEN typeof({_VALUE}) <> 'VARCHAR' THEN {verb}({_VALUE} AS {name}) "
            f"WHEN {text} IS NOT NULL THEN coalesce(CAST({value} AS {name}), CAST({refused} AS {name})) END"
        )


def _strict(con: duckdb.DuckDBPyConnection, cast: Node, how: _Cast, place: Mapping[str, Node]) -> Node:
    """A cast node made strict; itself where it casts a constant, or to what holds no number and no day."""
    name = _type_of(cast["type_expr"])
    if cast["child"].get("class") == "CONSTANT" or not name:
        return cast
    try:
        ((kind,),) = con.execute(f"SELECT typeof(CAST(NULL AS {name}))").fetchall()
    except duckdb.Error:
        return cast
    if not is_number(kind) and kind not in _DAYS:
        return cast
    sql = "SELECT " + how.sql(kind, name, cast["try_cast"])
    ((text,),) = con.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    template = json.loads(text)["statements"][0]["node"]["select_list"][0]
    filled = _filled(template, {_VALUE: cast["child"], **place})
    return {**filled, "alias": cast["alias"]}


def _type_of(node: Node) -> str:
    """A type as SQL, such as DECIMAL(18,2); empty for one that is made of others."""
    children = [child.get("literal", {}).get("text") for child in node.get("children", [])]
    if not all(child is not None and child.isdigit() for child in children):
        return ""
    return node["type_name"] + (f"({','.join(children)})" if children else "")


def _name_of(item: Node) -> str:
    """The name of a column of the SELECT."""
    return str(item.get("alias") or (item.get("column_names") or [""])[-1]).lower()


def _replaced(tree: Any, strict: Callable[[Node], Node]) -> Any:
    """The tree with every cast replaced, the inner ones first."""
    if isinstance(tree, list):
        return [_replaced(branch, strict) for branch in tree]
    if not isinstance(tree, dict):
        return tree
    node = {name: _replaced(branch, strict) for name, branch in tree.items()}
    return strict(node) if node.get("class") == "CAST" else node


def _filled(tree: Any, values: Mapping[str, Node]) -> Any:
    """A template with its placeholders replaced."""
    if isinstance(tree, list):
        return [_filled(branch, values) for branch in tree]
    if not isinstance(tree, dict):
        return tree
    names = tree.get("column_names") if tree.get("class") == "COLUMN_REF" else None
    if names and names[-1] in values:
        return {**values[names[-1]], "alias": ""}
    return {name: _filled(branch, values) for name, branch in tree.items()}
