"""The contracts agree with themselves: what one table promises another can keep."""

from pathlib import Path

import pytest

from configs.bank_folder import BANKS
from configs.tables import SENSITIVITIES, TABLES, Column, Table

EVERY = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
TYPES = {"VARCHAR", "DATE", "TIMESTAMP", "BOOLEAN", "INTEGER"}


def test_the_tables_of_the_design() -> None:
    assert list(TABLES) == [
        "customers", "customer_numbers", "assignments", "households", "managers", "products", "offers",
        "transactions", "holdings", "contacts", "events", "surveys", "labels", "rates",
    ]  # fmt: skip
    needed = {name for name, table in TABLES.items() if table.needed}
    assert needed == {"customers", "transactions"}


@EVERY
def test_keys_and_dates_are_columns_that_are_always_there(table: Table) -> None:
    named = [*table.key, *([table.happened] if table.happened else [])]
    for name in named:
        column = table.column(name)
        assert column.required or column.default is not None
        assert not column.nullable
    assert len(set(table.names)) == len(table.names)


@EVERY
def test_rows_about_customers_say_when_they_happened_and_when_they_were_known(table: Table) -> None:
    if table.by_customer:
        assert {"customer_id", "known_on", table.happened} <= set(table.names)


@EVERY
def test_references_name_the_key_of_a_table(table: Table) -> None:
    for column, other in table.references:
        assert TABLES[other].key == (column,)
        assert column in table.names


@EVERY
def test_money_is_exact_and_has_a_currency(table: Table) -> None:
    for name in table.money:
        assert table.column(name).type == "DECIMAL(18,2)"
        assert "currency" in table.names
    assert not [column.name for column in table.columns if column.type in ("DOUBLE", "FLOAT")]


def columns() -> list[tuple[str, Column]]:
    return [(f"{table.name}.{column.name}", column) for table in TABLES.values() for column in table.columns]


@pytest.mark.parametrize("column", [column for _, column in columns()], ids=[name for name, _ in columns()])
def test_every_column_has_a_meaning_a_known_type_and_a_sensitivity(column: Column) -> None:
    assert column.about
    assert column.type in TYPES or column.type.startswith("DECIMAL(18,")
    assert column.sensitivity in SENSITIVITIES
    assert column.default is None or not column.allowed or column.default in column.allowed
    # What may be left out is either empty or has a default.
    assert column.required or column.nullable or column.default is not None


def test_whatever_names_a_person_is_personal() -> None:
    personal = {name for name, column in columns() if column.sensitivity == "personal"}
    assert {name for name, _ in columns() if name.endswith(".customer_id")} <= personal
    assert {"customers.birth_year", "customers.gender", "managers.name", "managers.email"} <= personal


@pytest.mark.parametrize(
    "path", sorted(BANKS.glob("*/*.sql")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_every_select_is_for_a_table_and_says_what_a_row_is(path: Path) -> None:
    assert path.stem in TABLES
    assert path.read_text("utf-8").startswith("-- ")
