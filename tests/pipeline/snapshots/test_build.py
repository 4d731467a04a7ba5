"""Partitions are written once, whole, and again only when what they depend on has changed.

What the rows hold is the business of features; here a stand-in yields one row per customer of the bucket.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel

from configs.bank_folder import load_settings
from configs.errors import DataError
from pipeline.artefacts import Home, write_parquet
from pipeline.snapshots import build as snapshots
from pipeline.snapshots.build import (
    build_outcomes,
    build_snapshots,
    feature_names,
    load_entities,
    read_features,
    read_partition,
)
from pipeline.tables import Ingested
from tests.folders import bytes_below

MONDAYS = [date(2024, 3, 11), date(2024, 3, 18)]


NOBODY = pa.table({"customer_id": pa.array([], pa.string())})


def rows_of(entities: pa.Table, day: date, value: int) -> pa.Table:
    ids = entities.column("customer_id").cast(pa.string())
    days, values = pa.array([day] * len(ids), pa.date32()), pa.array([value] * len(ids), pa.int64())
    return pa.table({"customer_id": ids, "snapshot_date": days, "value": values})


@pytest.fixture
def value(monkeypatch):
    """The number that the stand-in writes into every row; a test may change it."""
    value = [1]

    def build(entities: pa.Table, due: Sequence[date], *_: Any) -> Iterator[tuple[date, pa.Table, pa.Table]]:
        for day in due:
            yield day, rows_of(entities, day, 0), rows_of(entities, day, value[0])

    def build_labels(entities: pa.Table, due: Sequence[date], *_: Any) -> Iterator[tuple[date, pa.Table]]:
        for day in due:
            yield day, rows_of(entities, day, value[0])

    monkeypatch.setattr(snapshots, "make_entities", lambda parts, *_: parts.get("customers", NOBODY))
    monkeypatch.setattr(snapshots, "build", build)
    monkeypatch.setattr(snapshots, "build_labels", build_labels)
    return value


def nothing(done: int, of: int) -> None:
    """Progress that nobody watches."""


@pytest.mark.usefixtures("value")
def test_every_customer_stands_in_every_monday_once(tiny):
    tables, seen = tiny.first_ingest(), []
    assert build_snapshots(tiny.settings(), tiny.home, tables, MONDAYS, lambda *at: seen.append(at)) == 2
    for kind in ("cohort", "features"):
        found = read_partition(tiny.home, kind, MONDAYS)
        expected = [(day, f"C{n}") for day in MONDAYS for n in range(1, 7)]
        assert list(zip(found["snapshot_date"], found["customer_id"], strict=True)) == expected
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_partition_that_stands_is_not_made_again(tiny, value):
    tables = tiny.first_ingest()
    build_snapshots(tiny.settings(), tiny.home, tables, MONDAYS[:1], nothing)
    value[0] = 2
    assert build_snapshots(tiny.settings(), tiny.home, tables, MONDAYS, nothing) == 1
    assert read_partition(tiny.home, "features", MONDAYS)["value"].tolist() == [1] * 6 + [2] * 6


@pytest.mark.usefixtures("value")
@pytest.mark.parametrize("kind", ["features", "labels"])
def test_a_partition_that_lost_a_bucket_is_made_again(tiny, kind):
    tables = tiny.first_ingest()

    def build_all() -> list[int]:
        written = build_snapshots(tiny.settings(), tiny.home, tables, MONDAYS[:1], nothing)
        return [
            written,
            build_outcomes(tiny.settings(), tiny.home, tables, MONDAYS[:1], date(2024, 8, 5), nothing),
        ]

    build_all()
    next(tiny.home.partition(kind, MONDAYS[0]).glob("bucket=*")).unlink()
    assert build_all() == [kind == "features", kind == "labels"]
    assert build_all() == [0, 0]


def test_features_without_a_frame_are_those_of_the_frame(tmp_path):
    home, day = Home(tmp_path), MONDAYS[0]
    for bucket, rows in enumerate(({"C4": 4.5, "C1": None}, {}, {"C3": 3.5, "C2": 2.5})):
        columns = {
            "customer_id": pa.array(rows, pa.string()),
            "snapshot_date": pa.array([day] * len(rows), pa.date32()),
            "value": pa.array(rows.values(), pa.float64()),
            "flat": pa.array([7.0] * len(rows), pa.float64()),
        }
        write_parquet(pa.table(columns), home.partition("features", day) / f"bucket={bucket:02d}.parquet")
    names = feature_names(home, day)
    key, values = read_features(home, day, names, room=1)
    frame = read_partition(home, "features", [day])
    pd.testing.assert_frame_equal(key, frame[["customer_id", "snapshot_date"]])
    assert values[:, :-1].tobytes() == frame[names].to_numpy().tobytes()
    assert str(values[:, :-1].tolist()) == "[[nan, 7.0], [2.5, 7.0], [3.5, 7.0], [4.5, 7.0]]"
    sentence = r"differ from the contract of 1 columns: not in the contract \['flat'\]"
    with pytest.raises(DataError, match=sentence):
        read_features(home, day, ["value"], room=0)


@pytest.mark.parametrize("change", ["tables", "settings", "version"])
def test_a_partition_is_made_again_when_what_it_depends_on_changes(tiny, value, change, monkeypatch):
    tables, settings = tiny.first_ingest(), tiny.settings()
    build_snapshots(settings, tiny.home, tables, MONDAYS, nothing)
    if change == "tables":
        tiny.write("prod.csv", "PROD,CLASS,NAME,CCY\nP1,demand,new name,CNY\n")
        tables = tiny.ingest()
    elif change == "settings":
        settings = tiny.settings(label={"lead_days": 14})
    else:
        monkeypatch.setattr(snapshots, "FEATURES_VERSION", -1)
    value[0] = 2
    assert build_snapshots(settings, tiny.home, tables, MONDAYS, nothing) == 2
    assert set(read_partition(tiny.home, "features", MONDAYS)["value"]) == {2}


MEASURE = {
    "name": "counter_cash", "table": "transactions", "where": {"kind": ["cash_out"]}, "sign": -1,
    "statistics": ["sum"], "en": "cash", "zh": "取现", "group": "outflow", "worse": 1,
}  # fmt: skip
ATTRIBUTE = {"name": "segment", "en": "segment", "zh": "客群", "categories": {"a": "甲"}}
SHAPING = {
    "counts",
    "cohort.min_aum", "cohort.max_aum", "cohort.min_tenure_weeks", "label.definition", "label.min_drop",
    "label.dormant_floor", "label.lead_days", "label.horizon_days", "label.base_weeks", "label.settle_days",
    "features.windows", "features.large_amount", "features.measures.name", "features.measures.table",
    "features.measures.where.kind", "features.measures.sign", "features.measures.statistics",
    "features.attributes.name", "features.attributes.categories.a",
    "tiers.name", "tiers.min_aum", "tier_rule.kind", "tier_rule.months_below", "tier_rule.months_watched",
    "survey.lowest", "survey.highest",
    "survey.items.name", "survey.items.asks", "survey.items.factor", "survey.items.reversed",
}  # fmt: skip


def parts_of(value: Any) -> dict[Any, Any]:
    """The parts of a table of settings, a mapping or a list of tables; none of a single setting."""
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return dict(value)
    return (
        dict(enumerate(value))
        if isinstance(value, tuple) and value and isinstance(value[0], BaseModel)
        else {}
    )


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = parts_of(value)
    for key, part in parts.items():
        yield from leaves(part, (*path, key))
    if not parts:
        yield path


def changed(value: Any, path: tuple[Any, ...]) -> Any:
    """A copy in which the setting at the path has another value; it need not make sense."""
    if not path and isinstance(value, Mapping):
        return {**value, "x": 1}
    if not path and value is None:
        return "x"
    if not path:
        return (
            (*value, 1) if isinstance(value, tuple) else f"{value}x" if isinstance(value, str) else 7 - value
        )
    parts = parts_of(value)
    parts[path[0]] = changed(parts[path[0]], path[1:])
    if isinstance(value, BaseModel):
        return value.model_copy(update=parts)
    return parts if isinstance(value, Mapping) else tuple(parts.values())


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_exactly_the_settings_that_shape_a_partition_are_recorded():
    settings = load_settings("demo", {"features": {"measures": [MEASURE], "attributes": [ATTRIBUTE]}})
    plain = snapshots.partition_digest(settings, "tables")
    paths = list(leaves(settings))
    recorded = [
        path for path in paths if snapshots.partition_digest(changed(settings, path), "tables") != plain
    ]
    assert {".".join(part for part in path if isinstance(part, str)) for path in recorded} == SHAPING
    assert len(paths) > 100


@pytest.mark.usefixtures("value")
def test_made_again_the_bytes_are_the_same(tiny):
    tables = tiny.first_ingest()
    build_snapshots(tiny.settings(), tiny.home, tables, MONDAYS, nothing)
    folder = tiny.home.partition("features", MONDAYS[0])
    before = bytes_below(folder)
    (folder / "_made_by.json").unlink()
    assert build_snapshots(tiny.settings(), tiny.home, tables, MONDAYS, nothing) == 1
    assert bytes_below(folder) == before


@pytest.mark.usefixtures("value")
def test_labels_are_made_again_when_the_data_reach_further(tiny):
    tables, settings = tiny.first_ingest(), tiny.settings()
    first, later = date(2024, 8, 5), date(2024, 8, 12)
    assert [build_outcomes(settings, tiny.home, tables, MONDAYS, first, nothing) for _ in range(2)] == [2, 0]
    assert build_outcomes(settings, tiny.home, tables, MONDAYS, later, nothing) == 2


@pytest.mark.usefixtures("value")
def test_an_error_in_one_bucket_stops_the_step_and_leaves_the_old_partitions(tiny, monkeypatch):
    tables = tiny.first_ingest()
    build_snapshots(tiny.settings(), tiny.home, tables, MONDAYS, nothing)
    before = bytes_below(tiny.home.root)

    def broken(tables: Ingested, bucket: int, *rest: Any) -> pa.Table:
        if bucket == 2:
            raise OSError(5, "Input/output error")
        return load_entities(tables, bucket, *rest)

    monkeypatch.setattr(snapshots, "load_entities", broken)
    with pytest.raises(OSError, match="Input/output error"):
        build_snapshots(tiny.settings(label={"lead_days": 14}), tiny.home, tables, MONDAYS, nothing)
    assert bytes_below(tiny.home.root) == before


def test_a_bucket_is_loaded_with_all_its_tables(tiny, monkeypatch):
    monkeypatch.setattr(snapshots, "make_entities", lambda parts, _: parts)
    tables = tiny.first_ingest()
    by_bucket = [load_entities(tables, bucket) for bucket in range(tables.buckets)]
    everywhere = {"customers", "transactions", "holdings", "products"}
    assert all(
        set(entities) == (everywhere if "customers" in entities else {"products"}) for entities in by_bucket
    )
    assert sum(len(entities.get("transactions", ())) for entities in by_bucket) == 10
    assert all(len(entities["products"]) == 1 for entities in by_bucket)
    assert len(pq.ParquetFile(tables.whole("products")).read()) == 1
