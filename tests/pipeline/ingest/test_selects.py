"""Which SELECTs may be run over new files alone: those in which every row stands for itself."""

import duckdb
import pytest

from configs.tables import TABLES
from pipeline.ingest.selects import ORDER, row_by_row

ALONE = [
    "SELECT * FROM txn",
    "SELECT *, _file FROM TXN WHERE AMT <> '' AND lower(KIND) LIKE 'c%'",
    "SELECT CASE FLAG WHEN 'D' THEN -AMT ELSE AMT END AS amount, CAST(D AS DATE), A || '-' || B[1:2] "
    "FROM txn",
    r"SELECT regexp_replace(replace(AMT, ',', ''), '^(.+)-$', '-\1') AS amount FROM txn",
    "SELECT t.*, d.OWNER FROM txn t LEFT JOIN disp d ON d.ACCT = t.ACCT AND d.KIND = 'OWNER'",
    "SELECT t.*, d.OWNER FROM disp d JOIN txn t USING (ACCT)",
    "SELECT t.* FROM txn t LEFT JOIN (disp d JOIN client c USING (ID)) ON c.ACCT = t.ACCT",
]
TOGETHER = [
    "SELECT sum(AMT) FROM txn",
    "SELECT ACCT, count(*) FROM txn GROUP BY ACCT",
    "SELECT DISTINCT * FROM txn",
    "SELECT * FROM txn LIMIT 10",
    "SELECT * FROM txn ORDER BY AMT",
    "SELECT *, row_number() OVER () FROM txn",
    "SELECT * FROM txn QUALIFY row_number() OVER (PARTITION BY ACCT ORDER BY D) = 1",
    "SELECT * FROM txn USING SAMPLE 10%",
    "SELECT * FROM txn WHERE AMT > (SELECT 1)",
    "SELECT * FROM txn WHERE ACCT IN (SELECT ACCT FROM disp)",
    "SELECT * FROM (SELECT * FROM txn)",
    "WITH t AS (SELECT * FROM txn) SELECT * FROM t",
    "SELECT * FROM txn UNION ALL SELECT * FROM disp",
    "SELECT * FROM txn t JOIN txn u USING (ACCT)",
    "SELECT * FROM disp d LEFT JOIN txn t USING (ACCT)",
    "SELECT * FROM disp d RIGHT JOIN txn t USING (ACCT)",
    "SELECT * FROM txn t FULL JOIN disp d USING (ACCT)",
    "SELECT * FROM txn t ANTI JOIN disp d USING (ACCT)",
    "SELECT * FROM txn t ASOF JOIN disp d ON t.D >= d.D",
    "SELECT * FROM txn POSITIONAL JOIN disp",
    "SELECT * FROM txn t LEFT JOIN (SELECT * FROM txn) u USING (ACCT)",
    "SELECT unnest(LIST) FROM txn",
    "SELECT *, now() FROM txn",
    "SELECT *, random() FROM txn",
    "SELECT *, my_macro(AMT) FROM txn",
    "SELECT * FROM disp",
    "SELECT * FROM read_csv('txn.csv')",
    "VALUES (1)",
    "FORM txn",
]


@pytest.mark.parametrize("select", ALONE)
def test_rows_that_stand_for_themselves(select: str) -> None:
    with duckdb.connect() as con:
        assert row_by_row(con, select, "txn")


@pytest.mark.parametrize("select", TOGETHER)
def test_whatever_looks_at_other_rows_or_is_not_known(select: str) -> None:
    with duckdb.connect() as con:
        assert not row_by_row(con, select, "txn")


def test_every_table_has_its_place_in_the_order_and_comes_after_those_it_refers_to():
    assert set(ORDER) == set(TABLES)
    assert len(ORDER) == len(TABLES)
    for name, table in TABLES.items():
        assert all(ORDER.index(other) < ORDER.index(name) for _, other in table.references)
