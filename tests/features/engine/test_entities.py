"""Arrow columns as integers: cents, days, codes, -1 where empty."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.engine.entities import FOREVER, make_entities, order_of

BOOKED = [
    {"customer_id": "C2", "booked_at": datetime(2024, 3, 4), "amount": "-0.01", "kind": "card"},
    {"customer_id": "C1", "booked_at": datetime(2024, 3, 3, 23, 59, 59, 999_999), "kind": "salary",
     "amount": "-9999999999999999.99", "known_on": date(2024, 3, 9), "superseded_on": date(2024, 3, 11)},
    {"customer_id": "C2", "booked_at": datetime(2024, 3, 3), "amount": "12.30", "kind": "fee"},
]  # fmt: skip


@pytest.fixture
def tables(tables_of: Any) -> dict[str, pa.Table]:
    customers = [{"customer_id": name, "opened_on": date(1969, 12, 31)} for name in ("C2", "C1")]
    return tables_of({"customers": customers, "products": [], "transactions": BOOKED})


def test_rows_are_sorted_by_customer_and_moment(tables: dict[str, pa.Table]) -> None:
    rows = make_entities(tables).tables["transactions"]
    monday = (date(2024, 3, 4) - date(1970, 1, 1)).days
    assert rows.customer.tolist() == [0, 1, 1]
    assert (rows.day - monday).tolist() == [-1, -1, 0]
    assert (rows.known_on - monday).tolist() == [5, -1, 0]
    assert rows.until.tolist() == [monday + 7, FOREVER, FOREVER]
    assert rows.columns["amount_base"].tolist() == [-999_999_999_999_999_999, 1230, -1]
    assert [rows.labels["kind"][code] for code in rows.columns["kind"]] == ["salary", "fee", "card"]


@pytest.mark.parametrize("far", [1, 2**62])  # by one number per row, and where 63 bits do not hold it
def test_places_ascend_by_column_and_equal_rows_stay_as_they_stand(far: int) -> None:
    columns = np.array([[1, 0, 1, 0, 1], [far, 0, -far, 0, -far]])
    assert order_of(*columns).tolist() == [1, 3, 2, 4, 0]
    assert order_of(*columns[:, :0]).tolist() == []


def test_chunks_and_slices_are_the_same_table(tables: dict[str, pa.Table]) -> None:
    whole = tables["transactions"]
    padded = pa.concat_tables([whole, whole]).combine_chunks().slice(2, 3)
    chunked = pa.concat_tables([whole.slice(k, 1) for k in (2, 0, 1)])
    expected = make_entities(tables).tables["transactions"]
    for same in (padded, chunked):
        found = make_entities(tables | {"transactions": same}).tables["transactions"]
        for name, values in expected.columns.items():
            assert found.columns[name].tolist() == values.tolist(), name


def test_empty_values_are_minus_one(tables_of: Any) -> None:
    day = date(2024, 3, 4)
    bank = {
        "customers": [{"customer_id": "C1", "opened_on": day}],
        "products": [{"product_id": "fund", "product_class": "fund"}],
        "holdings": [
            {"customer_id": "C1", "product_id": "fund", "valued_on": day, "balance": 5},
            {"customer_id": "C1", "product_id": "fund", "valued_on": date(2024, 3, 5), "balance": 5,
             "units": Decimal("1.5"), "unit_price": Decimal("0.0001"), "matures_on": date(1970, 1, 2)},
        ],
        "contacts": [{"customer_id": "C1", "contacted_at": datetime(2024, 3, 4), "outcome": None}],
    }  # fmt: skip
    entities = make_entities(tables_of(bank))
    columns = entities.tables["holdings"].columns
    expected = [[-1, 15_000], [-1, 1], [-1, 1]]
    assert [columns[name].tolist() for name in ("units", "unit_price", "matures_on")] == expected
    assert entities.tables["contacts"].columns["outcome"].tolist() == [-1]
