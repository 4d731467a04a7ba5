"""What other tables refer to: customers, products, managers and daily rates, over all deliveries."""

from configs.tables import Table
from pipeline.ingest.checks import TABLE_KEY, bucket_of
from pipeline.ingest.deliveries import Base, ReadAllError
from pipeline.ingest.incoming import Ingestion
from pipeline.ingest.relations import number, sql_text
from pipeline.tables import UNDATED

# Each rate stands until the next, and the last for 31 days.
DAILY = (
    "SELECT currency, day::DATE AS day, to_base FROM ("
    "SELECT currency, to_base, valued_on, lead(valued_on, 1, valued_on + INTERVAL 31 DAY) "
    "OVER (PARTITION BY currency ORDER BY valued_on) AS next_on FROM {rates}), "
    "generate_series(valued_on, next_on - INTERVAL 1 DAY, INTERVAL 1 DAY) AS days(day)"
)


def store_earlier_customers(state: Ingestion, base: Base) -> None:
    """Put the customers of earlier deliveries into ``ref_customers``."""
    state.con.execute(
        "INSERT INTO ref_customers "
        f"SELECT DISTINCT customer_id, {bucket_of('customer_id', base.tables.buckets)} "
        "FROM read_parquet(?, hive_partitioning = false)",
        [[str(path) for path in base.tables.parts("customers")]],
    )


def store_references(state: Ingestion, table: Table) -> None:
    """Keep what later tables refer to; what earlier deliveries rest on must still be there."""
    base, whole = state.plan.base, state.draft / table.name / f"{UNDATED}.parquet"
    if base and not table.by_customer:
        _compare(state, table, base)
    if table.name in TABLE_KEY:
        bucket = "any_value(_bucket)" if table.by_customer else "0"
        key = TABLE_KEY[table.name]
        state.con.execute(
            f"INSERT INTO ref_{table.name} SELECT {key}, {bucket} FROM good "
            f"WHERE {key} NOT IN (SELECT {key} FROM ref_{table.name}) GROUP BY {key}"
        )
    if table.name == "rates":
        state.con.execute(f"INSERT INTO ref_rates {DAILY.format(rates=f'read_parquet({sql_text(whole)})')}")


def _compare(state: Ingestion, table: Table, base: Base) -> None:
    """Raises ReadAllError when rows that earlier deliveries rest on are gone or read otherwise now."""
    daily = f"SELECT * FROM ({DAILY.replace('{rates}', '{0}')}) WHERE day <= '{base.noted['money_through']}'"
    rest_on = {"products": "SELECT * FROM {0}", "managers": "SELECT manager_id FROM {0}", "rates": daily}
    before, after = (
        rest_on[table.name].format(f"read_parquet({sql_text(path)})")
        for path in (base.tables.whole(table.name), state.draft / table.name / f"{UNDATED}.parquet")
    )
    if number(state.con, f"SELECT count(*) FROM ({before} EXCEPT {after})"):
        raise ReadAllError(f"{table.name} that were used have changed")
