"""The contract of one table as SQL: typed columns, why a row is refused, base currency."""

from configs.errors import DataError, did_you_mean, listed
from configs.tables import MONEY_IN, MONEY_OUT, Column, Table
from pipeline.ingest.accounts import check_shares, holder_rules, with_holders
from pipeline.ingest.relations import TABLE_KEY
from pipeline.ingest.renumbered import under_newest
from pipeline.ingest.values import (
    DAMAGED_ID,
    FLOATS,
    NO_NOTATION,
    UTC,
    Notation,
    is_number,
    more_decimals,
    scale_of,
    typed,
    why_none,
    wrong_decimals,
)

CONTROL = r"\p{Cc}"  # no text of a bank holds one; in an identifier it would make two customers of one
_EDGES = r"^[\p{Z}\p{Cf}]|[\p{Z}\p{Cf}]$"
_LOOKED_AT = r"[\p{C}\p{Z}.,+]"  # only ids with one of these are looked at closely
# Numbers that pages and API name in addresses, of which a path cannot hold . or ..
IN_ADDRESSES = ("customer_id", "manager_id", "branch_id")
Rule = tuple[str, str]  # SQL: true for a row that breaks it, and why, which is never NULL then
PERIODS = ("assignments", "households", "offers")  # known ahead of their first day
LONGEST_NUMBER = 64  # characters, as ID of serve/http/responses.py


def check_columns(table: Table, bank: str, types: dict[str, str], time_zone: str = "") -> None:
    """Raises DataError when a SELECT lacks a required column, or has one nobody knows or of a wrong type.

    Wrong are moments in UTC where the bank's time zone is not known, lists, and floats for text.

    ``types`` are the SQL types of its columns, in its order.
    """
    select = f"configs/banks/{bank}/{table.name}.sql"
    required = [column.name for column in table.columns if column.required]
    missing = [name for name in (*required, "_file", "_line") if name not in types]
    if missing:
        raise DataError(
            f"table {table.name!r} lacks {', '.join(missing)}; it has {listed(list(types))}. "
            f"Select them in {select}."
        )
    extra = [name for name in types if name not in (*table.names, "_file", "_line")]
    if extra:
        category = " A category of customers can be declared in bank.toml as one of [[features.attributes]]."
        raise DataError(
            f"table {table.name!r} has columns that nobody knows: {listed(extra)}. "
            f"{did_you_mean(extra[0], table.names)} Rename or leave out in {select}."
            f"{category if table.name == 'customers' else ''}"
        )
    check_shares(table, bank, types)
    zoned = [name for name in types if types[name] == UTC]
    if zoned and not time_zone:
        raise DataError(
            f"table {table.name!r}: {zoned[0]} is a moment in UTC, but local time is needed. "
            "Set time_zone of the bank in bank.toml, or "
            f"say where in {select}, for example {zoned[0]} AT TIME ZONE 'Asia/Shanghai'."
        )
    for column in table.columns:
        _check_type(column, types.get(column.name, column.type), f"table {table.name!r}", select)


def _check_type(column: Column, delivered: str, where: str, select: str) -> None:
    if delivered.startswith(("STRUCT", "MAP", "UNION", "BLOB", "VARIANT")) or delivered.endswith("]"):
        raise DataError(
            f"{where}: {column.name} is of type {delivered}, which is no single value. Correct {select}."
        )
    if delivered == "BOOLEAN" and is_number(column.type):
        raise DataError(
            f"{where}: {column.name} comes as BOOLEAN, and true or false would count as 1 or 0. Correct "
            f"{select}."
        )
    if column.type == "VARCHAR" and delivered in FLOATS:
        raise DataError(
            f"{where}: {column.name} comes as {delivered}: an id or a code that a float has damaged "
            "(12345.0, 1.23457e+11). Deliver it as text; where every value is whole and below 2^53, "
            f"CAST(… AS BIGINT) in {select} does."
        )


def checked(
    table: Table,
    select: str,
    present: dict[str, str],
    base_currency: str,
    notation: Notation = NO_NOTATION,
    *,
    renumbered: bool = False,
) -> str:
    """SQL: every row of the bank's SELECT, typed, with ``_reason`` (NULL when the row is good).

    Joins ref_<table> for references, ref_rates for money, and latest_valid_date, after which nothing can have
    happened. Adds ``_bucket`` for tables by customer and ``<money>_base`` per money column. Text of nothing
    but blanks counts as empty. A refused row also keeps what was delivered, as ``_given``. Rows of
    ``renumbered`` customers come under the newest number (``ref_numbers``).
    """
    selected = [column for column in table.columns if column.name in present]
    values = ", ".join(_typed(column, present, notation) for column in table.columns)
    raw = ", ".join(f'{_delivered(column, present)} AS "_raw_{column.name}"' for column in selected)
    kept = ", ".join(f'"{column.name}" := t."_raw_{column.name}"' for column in selected)
    rules = [
        rule
        for column in selected
        for rule in _rules_of(
            column, present[column.name], notation, _need_no_look(table, column, base_currency)
        )
    ]
    for name in table.money:
        if name in present:
            rules.insert(0, more_decimals(name, f"t._raw_{name}"))
            rules += wrong_decimals(name, f"t._raw_{name}", present[name], notation)
    # A number that refers to another table must be in it, and that table refuses such numbers.
    numbers = {*table.names} & {*present} - {*dict(table.references)}
    rules += [_no_address(name) for name in IN_ADDRESSES if name in numbers]
    # A default stands for a column that is not delivered; in a delivered key nothing may stand for nothing.
    rules += [
        (f"t._raw_{column.name} IS NULL", f"'{column.name}: is empty'")
        for column in selected
        if column.name in table.key and column.default is not None
    ]
    rules += _row_rules(table, base_currency)
    rows = f"SELECT {values}, {raw}, _file, _line FROM chosen"
    rows = under_newest(rows, table) if renumbered else f"SELECT *, 0::TINYINT AS _renumbered FROM ({rows})"
    if "share" in present:
        rules, rows = [*rules, *holder_rules()], with_holders(rows)
    return (
        f"WITH chosen AS ({select}), "
        f"typed AS ({rows}), "
        f"validated AS (SELECT {', '.join(f't.{name}' for name in table.names)}"
        f"{_extras(table, base_currency)}, "
        f"t._file, t._line, CASE {' '.join(f'WHEN {wrong} THEN {why}' for wrong, why in rules)} END "
        "AS _reason, "
        f"struct_pack({kept}) AS _given, t._renumbered FROM typed t{_joins(table, base_currency)}) "
        "SELECT * REPLACE (CASE WHEN _reason IS NOT NULL THEN [_given] END AS _given) FROM validated"
    )


def bucket_of(customer_id: str, buckets: str | int) -> str:
    """SQL: the bucket of a customer, the same on every engine.

    Of the 16 bytes of MD5 over the id's UTF-8 bytes the last 8, read as one unsigned little-endian number,
    modulo ``buckets``. In Python: ``int.from_bytes(md5(id.encode()).digest()[8:], "little") % buckets``.
    """
    return f"(md5_number_lower({customer_id}) % {buckets})::SMALLINT"


def _delivered(column: Column, present: dict[str, str]) -> str:
    """SQL: what the bank's SELECT yields for a column, NULL where it is blank."""
    name = f'"{column.name}"'
    if present[column.name] != "VARCHAR":
        return name
    # Most texts begin with a letter or a digit, which takes a tenth of the time to see.
    return f"CASE WHEN {name} BETWEEN '!' AND '~' THEN {name} WHEN trim({name}) <> '' THEN {name} END"


def _typed(column: Column, present: dict[str, str], notation: Notation) -> str:
    default = "NULL" if column.default is None else f"'{column.default}'"
    if column.name not in present:
        return f'CAST({default} AS {column.type}) AS "{column.name}"'
    delivered = _delivered(column, present)
    value = delivered if column.type == "VARCHAR" else f'"{column.name}"'  # no cast makes a value of blanks
    cast = typed(value, column.type, present[column.name], notation)
    if column.default is not None:
        cast = f"COALESCE({cast}, CASE WHEN {delivered} IS NULL THEN {default}::{column.type} END)"
    return f'{cast} AS "{column.name}"'


def _need_no_look(table: Table, column: Column, base_currency: str) -> str:
    """SQL: true for a text without a hidden mark by where it stands: a known word, an id of another table."""
    for name, other in table.references:
        if name == column.name:
            return f"ref_{other}.{TABLE_KEY[other]} IS NOT NULL"
    words = column.known or ((base_currency,) if column.name == "currency" else ())
    return f"t.{column.name} IN ({', '.join(map(repr, words))})" if words else "false"


def _rules_of(column: Column, delivered_type: str, notation: Notation, need_no_look: str) -> list[Rule]:
    """The possible faults of one column of a row; ``need_no_look`` is the SQL of texts without odd marks."""
    name, raw = column.name, f"t._raw_{column.name}"
    text = f"CAST({raw} AS VARCHAR)"
    shown = f"'{name}: ''' || regexp_replace(left({text}, 40), '{CONTROL}', '?', 'g') || ''' "
    why = why_none(text, column.type, notation)
    # Anything is a text, and every value of a type is one of that type.
    is_cast = column.type not in ("VARCHAR", delivered_type)
    cases = [(f"t.{name} IS NULL AND {raw} IS NOT NULL", f"{shown}' || {why}")] if is_cast else []
    if not column.nullable and column.default is None:
        cases.append((f"t.{name} IS NULL", f"'{name}: is empty'"))
    lossy = _loses(column, delivered_type)
    if lossy:
        cases.append((lossy, f"{shown}' || {why}"))
    if column.type in ("DATE", "TIMESTAMP"):
        cases.append((f"year(t.{name}) NOT BETWEEN 1900 AND 9999 OR NOT isfinite(t.{name})",
                      f"{shown}does not lie between 1900 and 9999'"))  # fmt: skip
    if column.allowed:
        allowed = ", ".join(f"'{value}'" for value in column.allowed)
        cases.append((f"t.{name} NOT IN ({allowed})", f"{shown}is unknown'"))
    elif column.name.endswith(("_id", "old_number")):
        odd = _odd_id(f"t.{name}")
        looked_at = f"NOT {need_no_look} AND regexp_matches(t.{name}, '{_LOOKED_AT}')"
        cases.append((f"{looked_at} AND {odd} IS NOT NULL", f"{shown}' || {odd}"))
    elif column.type == "VARCHAR":
        odd = f"NOT {need_no_look} AND regexp_matches(t.{name}, '{CONTROL}')"
        cases.append((odd, f"{shown}has a control character'"))
    if column.minimum is not None:
        cases.append((f"t.{name} < {column.minimum}", f"{shown}is below {column.minimum:g}'"))
    if column.maximum is not None:
        cases.append((f"t.{name} > {column.maximum}", f"{shown}is above {column.maximum:g}'"))
    return cases


def _odd_id(name: str) -> str:
    """SQL: what is wrong with an id, NULL where nothing is."""
    return (
        f"CASE WHEN regexp_matches({name}, '{CONTROL}') THEN 'has a control character' "
        f"WHEN regexp_full_match({name}, '{DAMAGED_ID}') "
        "THEN 'is an id that a spreadsheet or a float has damaged: deliver it as text' "
        f"WHEN regexp_matches({name}, '{_EDGES}') THEN 'begins or ends with a blank or a hidden mark' END"
    )


def _no_address(name: str) -> Rule:
    return (
        f"length(t.{name}) > {LONGEST_NUMBER} OR t.{name} IN ('.', '..')",
        f"'{name}: ''' || left(t.{name}, 40) || ''' fits into no address: "
        f"it is . or .., or longer than {LONGEST_NUMBER} characters'",
    )


def _loses(column: Column, delivered_type: str) -> str:
    """SQL: true where the cast of a typed column changed its value; empty where none can."""
    name, raw, kind = column.name, f"t._raw_{column.name}", column.type
    if delivered_type in ("VARCHAR", kind) or kind == "VARCHAR":
        return ""
    if kind == "BOOLEAN":
        return f"{raw} IS NOT NULL AND CAST({raw} AS VARCHAR) NOT IN ('0', '1')"
    if kind == "TIMESTAMP" and delivered_type == "TIMESTAMP_NS":
        return f"{raw} <> CAST(t.{name} AS TIMESTAMP_NS)"
    whole = delivered_type.endswith("INT") or delivered_type == "INTEGER"
    if whole or not (kind.startswith("DECIMAL") or kind == "INTEGER"):
        return ""
    # In a binary float the far decimals are noise.
    scale = scale_of(kind) + 4 if delivered_type in FLOATS else 18
    return f"TRY_CAST(CAST({raw} AS VARCHAR) AS DECIMAL(38,{scale})) <> t.{name}"


def _row_rules(table: Table, base_currency: str) -> list[Rule]:
    """Rules over several columns: references, dates, the sign of a kind, a rate for the currency."""
    rules = [(f"t.{column} IS NOT NULL AND ref_{other}.{TABLE_KEY[other]} IS NULL",
              f"'{column}: ''' || left(t.{column}, 40) || ''' is not in table {other}'")
             for column, other in table.references]  # fmt: skip
    if table.name not in ("customers", *PERIODS) and {"known_on", table.happened} <= set(table.names):
        rules.append((f"t.{table.happened}::DATE > t.known_on", f"'{table.happened}: ' "
                      f"|| t.{table.happened}::DATE || ' lies after known_on ' || t.known_on"))  # fmt: skip
    dates = [name for name in dict.fromkeys((table.happened, "known_on")) if name in table.names]
    latest = "latest_valid_date.day"
    rules += [(f"t.{name}::DATE > {latest}", f"'{name}: ' || t.{name}::DATE || ' lies after ' "
               f"|| {latest} || ', 31 days after the bank''s last bookings'")
              for name in dates]  # fmt: skip
    if table.name == "transactions":
        rules += [_wrong_sign(MONEY_IN, "<", "below 0, but money comes in"),
                  _wrong_sign(MONEY_OUT, ">", "above 0, but money goes out")]  # fmt: skip
    for money in table.money:
        rules.append((f"t.currency <> '{base_currency}' AND r.to_base IS NULL",
                      f"'currency: ''' || left(t.currency, 40) || ''' has no rate on ' "
                      f"|| t.{table.happened}::DATE"))  # fmt: skip
        rules.append((f"t.{money} IS NOT NULL AND {_in_base(money, base_currency)} IS NULL",
                      f"'{money}: ' || t.{money} || ' is too large in {base_currency}'"))  # fmt: skip
    return rules


def _wrong_sign(kinds: tuple[str, ...], sign: str, words: str) -> Rule:
    return (f"t.kind IN {kinds} AND t.amount {sign} 0",
            f"'amount: ' || t.amount || ' is {words} with kind ' || t.kind")  # fmt: skip


def _extras(table: Table, base_currency: str) -> str:
    bucket = ""
    if table.by_customer:
        of_customer = bucket_of("t.customer_id", "(SELECT buckets FROM layout)")
        bucket = f", {of_customer} AS _bucket" if table.name == "customers" else ", ref_customers._bucket"
    money = "".join(f", {_in_base(name, base_currency)} AS {name}_base" for name in table.money)
    rate = f"CASE WHEN t.currency = '{base_currency}' THEN 1 ELSE r.to_base END::DECIMAL(18,8)"
    return bucket + money + (f", {rate} AS to_base" if table.revalued else "")


def _in_base(money: str, base_currency: str) -> str:
    """SQL: an amount in base currency, NULL where it has more digits than money has."""
    foreign = f"TRY_CAST(round(t.{money}::DECIMAL(28,2) * r.to_base, 2) AS DECIMAL(18,2))"
    return f"CASE WHEN t.currency = '{base_currency}' THEN t.{money} ELSE {foreign} END"


def _joins(table: Table, base_currency: str) -> str:
    joins = [f" LEFT JOIN ref_{other} ON ref_{other}.{TABLE_KEY[other]} = t.{column}"
             for column, other in table.references]  # fmt: skip
    if table.money:
        joins.append(
            f" LEFT JOIN ref_rates r ON r.currency = nullif(t.currency, '{base_currency}') "
            f"AND r.day = t.{table.happened}::DATE"
        )
    if {table.happened, "known_on"} & {*table.names}:
        joins.append(" CROSS JOIN latest_valid_date")
    return "".join(joins)
