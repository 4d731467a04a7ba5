"""The contract of one table as SQL: typed columns, the reason why a row is refused, versions, base currency."""

from configs.errors import DataError, did_you_mean
from configs.tables import Column, Table


def check_columns(table: Table, bank: str, present: dict[str, str]) -> None:
    """Raises DataError when the bank's SELECT lacks a required column or yields one nobody knows."""
    select = f"configs/banks/{bank}/{table.name}.sql"
    required = [column.name for column in table.columns if column.required]
    missing = [name for name in (*required, "_file", "_line") if name not in present]
    if missing:
        raise DataError(
            f"table {table.name!r} lacks columns {missing}; it has {sorted(present)}. Select them in {select}."
        )
    extra = [name for name in present if name not in (*table.names, "_file", "_line")]
    if extra:
        raise DataError(
            f"table {table.name!r} has unknown columns {extra}. {did_you_mean(extra[0], table.names)} "
            f"Rename or leave them out in {select}."
        )


def checked(table: Table, select: str, present: dict[str, str], base_currency: str) -> str:
    """SQL: every row of the bank's SELECT, typed, with ``_reason`` (NULL when the row is good).

    Joins the small reference relations that ingest keeps: ref_<table> for references, ref_rates (currency,
    day, to_base) for money. Adds ``_bucket`` for tables by customer and ``<money>_base`` per money column.
    """
    typed = ", ".join(_typed(column, present) for column in table.columns)
    raw = ", ".join(f'"{name}" AS "_raw_{name}"' for name in table.names if name in present)
    reasons = ", ".join(part for column in table.columns for part in _reasons(column, present))
    rules = "".join(f", {rule}" for rule in _row_rules(table, base_currency))
    return (
        f"WITH chosen AS ({select}), "
        f"typed AS (SELECT {typed}, {raw}, _file, _line FROM chosen) "
        f"SELECT {', '.join(f't.{name}' for name in table.names)}{_extras(table, base_currency)}, "
        f"t._file, t._line, COALESCE({reasons}{rules}) AS _reason "
        f"FROM typed t{_joins(table)}"
    )


def bucket_of(customer_id: str, buckets: str | int) -> str:
    """SQL: the bucket of a customer, the same on every engine: the last 64 bits of MD5 modulo ``buckets``."""
    return f"(md5_number_lower({customer_id}) % {buckets})::SMALLINT"


def repeats(table: Table) -> str:
    """SQL over ``good``: one row per row whose key comes more than once, with its verdict.

    Same key, same ``known_on``, same content: ``duplicate`` (the first stays). Same but another content:
    ``conflict`` (refused). Another ``known_on``: a later version, which supersedes the earlier from that day.
    """
    key = ", ".join(table.key)
    version = f"{key}, known_on" if "known_on" in table.names else key
    content = ", ".join(table.names)
    until = f"lead(known_on) OVER (PARTITION BY {key} ORDER BY known_on)" if version != key else "NULL::DATE"
    return (
        f"WITH often AS (SELECT hash({key}) AS h FROM good GROUP BY h HAVING count(*) > 1), "
        f"again AS (SELECT g.* FROM good g WHERE hash({key}) IN (SELECT h FROM often)), "
        f"ranked AS (SELECT *, row_number() OVER (PARTITION BY {content} ORDER BY _file, _line) AS copy, "
        f"dense_rank() OVER (PARTITION BY {version} ORDER BY {content}) AS variant FROM again), "
        f"kept AS (SELECT _file, _line, {until} AS superseded_on FROM ranked WHERE copy = 1 AND variant = 1) "
        "SELECT r._file, r._line, k.superseded_on, CASE WHEN r.copy > 1 THEN 'duplicate' "
        "WHEN r.variant > 1 THEN 'conflict' ELSE 'kept' END AS verdict "
        "FROM ranked r LEFT JOIN kept k USING (_file, _line)"
    )


def _typed(column: Column, present: dict[str, str]) -> str:
    if column.name not in present:
        default = "NULL" if column.default is None else f"'{column.default}'"
        return f'CAST({default} AS {column.type}) AS "{column.name}"'
    cast = f'TRY_CAST("{column.name}" AS {column.type})'
    if column.default is not None:
        cast = f"COALESCE({cast}, CASE WHEN \"{column.name}\" IS NULL THEN '{column.default}'::{column.type} END)"
    return f'{cast} AS "{column.name}"'


def _reasons(column: Column, present: dict[str, str]) -> list[str]:
    """SQL CASEs that say what is wrong with one column of a row, the first one that holds counts."""
    name, found = column.name, f'CAST(t."_raw_{column.name}" AS VARCHAR)'
    if name not in present:
        return []
    parts = [f"CASE WHEN t.{name} IS NULL AND {found} IS NOT NULL "
             f"THEN '{name}: ''' || left({found}, 40) || ''' is not {column.type}' END"]  # fmt: skip
    if not column.nullable and column.default is None:
        parts.append(f"CASE WHEN t.{name} IS NULL THEN '{name} is empty' END")
    if column.type.startswith("DECIMAL") and present[name] == "VARCHAR":
        parts.append(f"CASE WHEN TRY_CAST({found} AS DECIMAL(38,10)) <> t.{name} "
                     f"THEN '{name}: ''' || left({found}, 40) || ''' has more decimals than {column.type}' END")  # fmt: skip
    if column.allowed:
        known = ", ".join(f"'{value}'" for value in column.allowed)
        parts.append(f"CASE WHEN t.{name} NOT IN ({known}) "
                     f"THEN '{name}: unknown value ''' || left({found}, 40) || '''' END")  # fmt: skip
    for bound, sign, word in ((column.minimum, "<", "below"), (column.maximum, ">", "above")):
        if bound is not None:
            parts.append(f"CASE WHEN t.{name} {sign} {bound} "
                         f"THEN '{name}: ' || {found} || ' is {word} {bound:g}' END")  # fmt: skip
    return parts


def _row_rules(table: Table, base_currency: str) -> list[str]:
    """SQL CASEs over several columns: references, the order of the two dates, a rate for the currency."""
    rules = [f"CASE WHEN t.{column} IS NOT NULL AND ref_{other}.{TABLE_KEY[other]} IS NULL "
             f"THEN '{column}: not in table {other}' END" for column, other in table.references]  # fmt: skip
    if table.name not in ("customers", "assignments") and {"known_on", table.happened} <= set(table.names):
        rules.append(f"CASE WHEN t.{table.happened}::DATE > t.known_on "
                     f"THEN '{table.happened} ' || t.{table.happened}::DATE || ' lies after known_on ' || t.known_on END")  # fmt: skip
    if table.money:
        rules.append(f"CASE WHEN t.currency <> '{base_currency}' AND r.to_base IS NULL "
                     "THEN 'currency: ' || t.currency || ' has no rate on this day' END")  # fmt: skip
    return rules


TABLE_KEY = {"customers": "customer_id", "managers": "manager_id", "products": "product_id"}


def _extras(table: Table, base_currency: str) -> str:
    bucket = ""
    if table.by_customer:
        own = bucket_of("t.customer_id", "(SELECT buckets FROM layout)")
        bucket = f", {own} AS _bucket" if table.name == "customers" else ", ref_customers._bucket"
    rate = f"CASE WHEN t.currency = '{base_currency}' THEN 1 ELSE r.to_base END"
    money = "".join(f", round(t.{name} * ({rate}), 2)::DECIMAL(18,2) AS {name}_base" for name in table.money)
    return bucket + money


def _joins(table: Table) -> str:
    joins = [f" LEFT JOIN ref_{other} ON ref_{other}.{TABLE_KEY[other]} = t.{column}"
             for column, other in table.references]  # fmt: skip
    if table.money:
        joins.append(f" LEFT JOIN ref_rates r ON r.currency = t.currency AND r.day = t.{table.happened}::DATE")
    return "".join(joins)
