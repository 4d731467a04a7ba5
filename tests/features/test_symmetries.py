"""What must not matter: names, the order of rows, who else is in the bucket, tables a bank does not bring."""

import random
from typing import Any

import numpy as np
import pytest

from configs.errors import DataError
from configs.settings import Settings
from features.build import build, build_labels, catalogue
from features.engine.entities import make_entities

Found = dict[tuple[Any, ...], bytes]
SEEDS = range(20, 26)


def look(
    drawn: Any, bank: Any, tables_of: Any, settings: Settings, names: dict[str, str] | None = None
) -> Found:
    """The bytes of every row of cohort, features and labels by snapshot and (new) name."""
    entities, found = make_entities(tables_of(bank)), {}
    for _, cohort, features in build(entities, drawn.snapshots, drawn.history_from, settings):
        found |= rows_of("cohort", cohort, names) | rows_of("features", features, names)
    for _, table in build_labels(entities, drawn.snapshots, drawn.history_from, drawn.data_through, settings):
        found |= rows_of("labels", table, names)
    return found


def rows_of(kind: str, table: Any, names: dict[str, str] | None) -> Found:
    """Floats as their eight bytes: NaN equals NaN, and the last bit counts."""
    rows = {}
    for row in table.to_pylist():
        name = row.pop("customer_id")
        values = [np.float64(v).tobytes() if isinstance(v, float) else repr(v).encode() for v in row.values()]
        rows[kind, row["snapshot_date"], (names or {}).get(name, name)] = b"|".join(values)
    return rows


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_rows(seed, draw_bank, tables_of, bank_settings):
    drawn = draw_bank(seed)
    shuffled = {name: random.Random(seed).sample(rows, len(rows)) for name, rows in drawn.bank.items()}
    expected = look(drawn, drawn.bank, tables_of, bank_settings)
    assert look(drawn, shuffled, tables_of, bank_settings) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_renamed_customers(seed, draw_bank, tables_of, bank_settings):
    drawn = draw_bank(seed)
    old = sorted({row["customer_id"] for row in drawn.bank["customers"]})
    new = dict(zip(old, random.Random(seed).sample([f"客户{k}" for k in range(90)], len(old)), strict=True))
    renamed = {
        name: [
            row | {"customer_id": new[row["customer_id"]]} if "customer_id" in row else row for row in rows
        ]
        for name, rows in drawn.bank.items()
    }
    back = {name: was for was, name in new.items()}
    found = look(drawn, renamed, tables_of, bank_settings, back)
    assert found == look(drawn, drawn.bank, tables_of, bank_settings)


@pytest.mark.parametrize("seed", SEEDS)
def test_other_buckets(seed, draw_bank, tables_of, bank_settings):
    """Each customer alone, in twos, or all together: sums must not depend on how wide an array is."""
    drawn = draw_bank(seed)
    customers = sorted({row["customer_id"] for row in drawn.bank["customers"]})
    apart: Found = {}
    for some in (customers[:1], customers[1:2], customers[2:4], customers[4:]):
        part = {
            name: [row for row in rows if row.get("customer_id", some[0]) in some]
            for name, rows in drawn.bank.items()
        }
        apart |= look(drawn, part, tables_of, bank_settings)
    assert apart == look(drawn, drawn.bank, tables_of, bank_settings)


@pytest.mark.parametrize("missing", ["assignments", "contacts", "events", "surveys"])
def test_a_table_the_bank_does_not_bring_is_an_empty_one(missing, draw_bank, tables_of, bank_settings):
    drawn = draw_bank(30)
    without = {name: rows for name, rows in drawn.bank.items() if name != missing}
    empty = drawn.bank | {missing: []}
    found = look(drawn, without, tables_of, bank_settings)
    assert found == look(drawn, empty, tables_of, bank_settings)
    assert found != look(drawn, drawn.bank, tables_of, bank_settings)


def test_an_empty_bucket_has_the_same_columns(draw_bank, tables_of, bank_settings):
    drawn = draw_bank(31)
    empty = {name: rows if name == "products" else [] for name, rows in drawn.bank.items()}
    made = list(build(make_entities(tables_of(empty)), drawn.snapshots, drawn.history_from, bank_settings))
    assert [day for day, _, _ in made] == list(drawn.snapshots)
    _, cohort, features = next(
        build(make_entities(tables_of(drawn.bank)), drawn.snapshots, drawn.history_from, bank_settings)
    )
    assert {empty_features.schema for _, _, empty_features in made} == {features.schema}
    assert {empty_cohort.schema for _, empty_cohort, _ in made} == {cohort.schema}
    assert features.column_names[2:] == list(catalogue(bank_settings))


def test_rows_of_nobody_are_refused(draw_bank, tables_of):
    bank = dict(draw_bank(32).bank)
    bank["customers"] = bank["customers"][:2]
    with pytest.raises(DataError, match=r"has rows of . customers that the bucket's 'customers' lacks"):
        make_entities(tables_of(bank))
