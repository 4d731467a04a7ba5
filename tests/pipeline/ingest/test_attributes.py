"""Attributes of the bank's own from customers.sql: loaded as versions, their categories counted and named."""

from datetime import date
from typing import Any

import pyarrow.dataset as ds
import pytest

from configs.errors import ConfigError, DataError
from pipeline.ingest.findings import read_findings
from pipeline.snapshots.build import load_entities

HEADER = "CUST,OPENED,LOADED,SEG\n"
SELECT = (
    "SELECT CUST AS customer_id, OPENED AS opened_on, SEG AS segment, LOADED AS known_on, _file, _line "
    "FROM cust"
)
DECLARED = """
[[features.attributes]]
name = "segment"
en = "segment"
zh = "客群"
categories = { a = "甲", b = "乙" }
"""


def customers(segments: str, loaded: str = "2020-01-08", extra: str = "") -> str:
    return (
        HEADER
        + "".join(f"C{n},2020-01-01,{loaded},{segment}\n" for n, segment in enumerate(segments, start=1))
        + extra
    )


@pytest.fixture
def bank(tiny: Any) -> Any:
    tiny.select("customers", SELECT)
    toml = tiny.folder / "bank.toml"
    toml.write_text(toml.read_text("utf-8") + DECLARED, "utf-8")
    tiny.write("cust_1.csv", customers("ababab", loaded="2020-02-01"))
    return tiny


def doubts(bank: Any) -> list[str]:
    tables = bank.ingest()
    return [finding.text for finding in read_findings(bank.settings(), tables) if finding.warning]


def test_an_attribute_is_loaded_with_its_versions(bank: Any) -> None:
    bank.write("cust_2.csv", HEADER + "C1,2020-01-01,2024-03-05,b\n")
    tables = bank.ingest()
    rows = ds.dataset(tables.parts("customers")).to_table().to_pylist()
    versions = sorted(
        (row["known_on"], row["segment"], row["superseded_on"]) for row in rows if row["customer_id"] == "C1"
    )
    assert versions == [
        (date(2020, 2, 1), "a", date(2024, 3, 5)), (date(2024, 3, 5), "b", None),
    ]  # fmt: skip
    buckets = [load_entities(tables, k, attributes=("segment",)) for k in range(tables.buckets)]
    labels = [bucket.tables["customers"].labels["segment"] for bucket in buckets if len(bucket)]
    assert {category for categories in labels for category in categories} == {"a", "b"}


def test_categories_that_are_not_declared_or_never_held_are_named(bank: Any) -> None:
    bank.write("cust_1.csv", customers("aacc a", loaded="2020-02-01"))
    unknown, missing = doubts(bank)
    assert unknown.startswith("customers.segment: no feature looks at 'c' (2). Declare them")
    assert missing.startswith("customers.segment: nobody is 'b'.")


def test_the_value_of_today_since_the_first_day_is_named(bank: Any) -> None:
    bank.write("cust_1.csv", customers("ababab", loaded="2020-01-01"))
    (text,) = doubts(bank)
    assert text.startswith(
        "customers.segment: 6 customers are said to have it since their first days, and it"
    )
    assert "Deliver a version of each row" in text


def test_a_list_of_names_is_no_category(bank: Any) -> None:
    rows = "".join(f"X{n},2020-01-01,2020-02-01,category {n}\n" for n in range(29))
    bank.write("cust_1.csv", customers("ababab", extra=rows))
    with pytest.raises(DataError, match=r"customers\.segment has 31 categories, and 30 are the most"):
        bank.ingest()


@pytest.mark.parametrize("column", ["gender", "birth_year"])
def test_what_tells_gender_or_age_under_another_name_is_refused(bank: Any, column: str) -> None:
    value = (
        {"gender": "'F'", "birth_year": "'1951'"}[column],
        {"gender": "'M'", "birth_year": "'1992'"}[column],
    )
    told = f"CASE SEG WHEN 'a' THEN {value[0]} ELSE {value[1]} END AS {column}"
    bank.select("customers", SELECT.replace("SEG AS", f"{told}, SEG AS"))
    with pytest.raises(DataError, match=f"customers.segment tells {column} of 100% of the customers"):
        bank.ingest()


def test_an_attribute_that_customers_sql_does_not_yield_stops_the_run(bank: Any) -> None:
    bank.select("customers", SELECT.replace("SEG AS segment, ", ""))
    with pytest.raises(DataError, match=r"lacks segment; .*customers\.sql"):
        bank.ingest()


def test_a_category_that_is_not_declared_is_refused_as_before(tiny: Any) -> None:
    tiny.select("customers", SELECT)
    tiny.write("cust_1.csv", customers("ababab"))
    with pytest.raises(
        DataError, match=r"columns that nobody knows: segment\..*\[\[features\.attributes\]\]"
    ):
        tiny.ingest()


def test_declaring_an_attribute_later_reads_everything_again_and_loses_nothing(tiny: Any) -> None:
    tiny.write("cust_1.csv", customers("ababab", loaded="2020-02-01"))
    before = tiny.ingest()
    tiny.select("customers", SELECT)
    toml = tiny.folder / "bank.toml"
    toml.write_text(toml.read_text("utf-8") + DECLARED, "utf-8")
    after = tiny.ingest()
    assert after.count("customers").loaded == before.count("customers").loaded == 6


def test_a_protected_attribute_is_refused_before_any_work(bank: Any) -> None:
    bank.declare('name = "segment"', 'name = "gender_code"')
    with pytest.raises(
        ConfigError, match=r"bank\.toml: features\.attributes\.0: 'gender_code' tells 'gender'"
    ):
        bank.settings()
