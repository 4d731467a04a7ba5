"""Rows of one key as SQL: duplicates, contradictions, recycled numbers, and the versions that remain."""

from configs.tables import Table

# By table whose key is a number of the source: what says whose row it is, and when it happened. A version
# corrects amounts, kinds, or one of these; where both change at once the number belongs to another row.
IDENTITY = {
    "customers": ("opened_on", "birth_year"),
    "transactions": ("customer_id", "booked_at::DATE"),
    "contacts": ("customer_id", "contacted_at::DATE"),
    "surveys": ("customer_id", "answered_on"),
}
# What a version may hardly change either, on its own.
PLACE_OF = {"transactions": ("account_id",)}


def key_hash(table: Table) -> str:
    """SQL: a number of a row's key; rows of the same key have the same."""
    return f"hash({', '.join(table.key)})"


def version_of(table: Table) -> str:
    """SQL: the columns that name a version of a row; a table without versions has one of each key."""
    return ", ".join((*table.key, "known_on") if "known_on" in table.names else table.key)


def repeats(table: Table) -> str:
    """SQL over ``good`` and ``earlier``: one row per row whose key comes more than once, with its verdict.

    ``repeated_keys`` are the hashes of such keys; ``earlier`` are rows that were loaded before, each with its
    part and its place there. Where all files are read anew (``_standing``) they only testify: the row with
    their content stays, and they are no rows of this ingest. ``first_loaded`` says of a file in which
    delivery it came first, and which of its lines were refused then.

    - Same key, same ``known_on``, same content: ``duplicate`` (the first stays). So is a row that is but the
      bookkeeping of a renumbering (``under_newest``), beside any other of its key.
    - Another customer and another day than the row of the number that came first: ``recycled`` (refused); and
      any row of such a number that moves to another customer, account or day. Not where that row was taken
      back before.
    - Same key, same ``known_on``, other content: ``conflict`` (refused; the row loaded first stays, else
      which one depends on the contents alone, not on the order of the files).
    - Another ``known_on``: a later version, which supersedes the earlier from that day; it ``moved`` where
      customer, account or day differ.

    A reason names the place that is kept, ``kept_at``: of a recycled or moved row that of the first one.
    """
    key, version, content = ", ".join(table.key), version_of(table), ", ".join(table.names)
    shown = ", ".join(f"nullif({name}::VARCHAR, '')" for name in table.key)
    often = f"{key_hash(table)} IN (SELECT hash FROM repeated_keys)"
    until = f"lead(known_on) OVER (PARTITION BY {key} ORDER BY known_on)" if version != key else "NULL::DATE"
    place = "CASE WHEN stays THEN 'an earlier delivery' ELSE _file || ' line ' || _line END"
    return (
        f"WITH again AS (SELECT _row, {content}, g._file, g._line, false AS _earlier, false AS _standing, "
        "coalesce(g._renumbered, 0) AS _renumbered, "
        "CASE WHEN list_contains(o.refused, g._line) THEN NULL ELSE o.delivery END AS _delivery "
        f"FROM good g LEFT JOIN first_loaded o ON o.file = g._file WHERE {often} "
        f"UNION ALL SELECT _row, {content}, _part, _at, true, _standing, 0, NULL FROM earlier "
        f"WHERE {often}), "
        "ordered AS (SELECT *, "
        f"bool_or(_earlier) OVER same AS stays, coalesce(min(_delivery) OVER same, {2**31}) AS delivery, "
        "min(_renumbered) OVER same AS renumbered "
        f"FROM again WINDOW same AS (PARTITION BY {content})), "
        f"marked AS (SELECT *, renumbered = 2 AND min(renumbered) OVER (PARTITION BY {key}) < 2 AS stale "
        "FROM ordered), "
        "copies AS (SELECT *, stale::INTEGER + "
        f"row_number() OVER (PARTITION BY {content} ORDER BY _earlier DESC, _file, _line, _row) AS copy "
        "FROM marked WHERE NOT _standing), "
        f"{_recycled(table, key, version)}, "
        f"ranked AS (SELECT *, dense_rank() OVER (PARTITION BY {version}, recycled "
        f"ORDER BY stale, stays DESC, delivery, renumbered, {content}) AS variant FROM judged), "
        f"kept AS (SELECT _row, {until} AS superseded_on FROM ranked "
        "WHERE copy = 1 AND variant = 1 AND NOT recycled), "
        f"verdicts AS (SELECT _row, _file, _line, _earlier, concat_ws(', ', {shown}) AS key_values, "
        "CASE WHEN recycled OR (moved AND variant = 1) "
        f"THEN first_value({_dated(table, place)}) OVER first_of_number "
        f"ELSE first_value({place}) OVER (PARTITION BY {version}, recycled ORDER BY variant, copy) END "
        "AS kept_at, CASE WHEN copy > 1 THEN 'duplicate' WHEN recycled THEN 'recycled' "
        "WHEN variant > 1 THEN 'conflict' ELSE 'kept' END AS verdict, moved "
        f"FROM ranked WINDOW first_of_number AS (PARTITION BY {key}, episode ORDER BY origin, copy)) "
        "SELECT verdicts.* REPLACE (moved AND verdict = 'kept' AS moved), superseded_on "
        "FROM verdicts LEFT JOIN kept USING (_row)"
    )


def _dated(table: Table, place: str) -> str:
    """SQL: a place and the day of the row that stands there."""
    return f"{table.happened}::DATE || ' in ' || {place}" if table.happened else place


def _recycled(table: Table, key: str, version: str) -> str:
    """SQL: ``judged``, the rows of ``copies`` held against the row of their number that came first.

    ``origin`` orders the rows of a number, that row first; a row that was taken back ends an ``episode``,
    after which the number is free.
    """
    if table.name not in IDENTITY:
        return (
            "judged AS (SELECT *, 1 AS episode, 1 AS origin, false AS recycled, false AS moved FROM copies)"
        )
    identity = IDENTITY[table.name]
    columns = {f"i{k}": column for k, column in enumerate((*identity, *PLACE_OF.get(table.name, ())))}
    origin = ", ".join(f"first_value({column}) OVER number AS {name}" for name, column in columns.items())
    # An empty value says nothing about whose row it is.
    other = {name: f"coalesce({column} <> {name}, false)" for name, column in columns.items()}
    another = " AND ".join([*(other[f"i{k}"] for k in range(len(identity))), "NOT stays"])
    return (
        "episodes AS (SELECT *, coalesce(count(*) FILTER (WHERE deleted) OVER "
        f"(PARTITION BY {key} ORDER BY known_on RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW "
        "EXCLUDE GROUP), 0) AS episode FROM copies), "
        f"numbers AS (SELECT *, {origin}, row_number() OVER number AS origin FROM episodes "
        f"WINDOW number AS (PARTITION BY {key}, episode "
        f"ORDER BY stays DESC, delivery, {version}, {', '.join(table.names)}, copy)), "
        f"compared AS (SELECT *, {another} AS another, {' OR '.join(other.values())} AS moved FROM numbers), "
        "judged AS (SELECT *, "
        f"moved AND NOT stays AND bool_or(another) OVER (PARTITION BY {key}, episode) AS recycled "
        "FROM compared)"
    )
