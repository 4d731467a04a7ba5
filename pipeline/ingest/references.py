"""What other tables refer to: customers, products, managers and daily rates, over all deliveries."""

from configs.tables import Table
from pipeline.ingest.checks import TABLE_KEY, bucket_of
from pipeline.ingest.deliveries import Base, ReadAllError
from pipeline.ingest.incoming import Run
from pipeline.tables import UNDATED


def open_references(run: Run) -> None:
    """Make the relations ref_<table> and ref_rates: empty, but for the customers of earlier deliveries."""
    for other in TABLE_KEY:
        run.con.execute(f"CREATE TEMP TABLE ref_{other} ({TABLE_KEY[other]} VARCHAR, _bucket SMALLINT)")
    run.con.execute("CREATE TEMP TABLE ref_rates (currency VARCHAR, day DATE, to_base DECIMAL(18,8))")
    if run.plan.base:
        tables = run.plan.base.tables
        run.con.execute(
            f"INSERT INTO ref_customers SELECT DISTINCT customer_id, {bucket_of('customer_id', tables.buckets)} "
            "FROM read_parquet(?, hive_partitioning = false)",
            [[str(path) for path in tables.parts("customers")]],
        )


def remember(run: Run, table: Table) -> None:
    """Keep what later tables refer to; what earlier deliveries rest on must still be there."""
    con, base = run.con, run.plan.base
    if base and not table.by_customer:
        _compare(run, table, base)
    if table.name in TABLE_KEY:
        bucket = "any_value(_bucket)" if table.by_customer else "0"
        key = TABLE_KEY[table.name]
        con.execute(
            f"INSERT INTO ref_{table.name} SELECT {key}, {bucket} FROM good "
            f"WHERE {key} NOT IN (SELECT {key} FROM ref_{table.name}) GROUP BY {key}"
        )
    if table.name == "rates":
        con.execute(f"INSERT INTO ref_rates {DAILY}", [_whole(run, table)])


# Each rate stands until the next, and the last for 31 days.
DAILY = (
    "SELECT currency, day::DATE AS day, to_base FROM ("
    "SELECT currency, to_base, valued_on, lead(valued_on, 1, valued_on + INTERVAL 31 DAY) "
    "OVER (PARTITION BY currency ORDER BY valued_on) AS next_on FROM read_parquet(?)), "
    "generate_series(valued_on, next_on - INTERVAL 1 DAY, INTERVAL 1 DAY) AS days(day)"
)


def _compare(run: Run, table: Table, base: Base) -> None:
    """Raises ReadAllError when rows that earlier deliveries rest on are gone or read otherwise now."""
    rest_on = {
        "products": "SELECT * FROM read_parquet(?)",
        "managers": "SELECT manager_id FROM read_parquet(?)",
        "rates": f"SELECT * FROM ({DAILY}) WHERE day <= '{base.noted['money_through']}'",
    }[table.name]
    found = run.con.execute(
        f"SELECT count(*) FROM ({rest_on} EXCEPT {rest_on})",
        [str(base.tables.whole(table.name)), _whole(run, table)],
    ).fetchall()
    if found[0][0]:
        raise ReadAllError(f"{table.name} that were used have changed")


def _whole(run: Run, table: Table) -> str:
    return str(run.draft / table.name / f"{UNDATED}.parquet")
