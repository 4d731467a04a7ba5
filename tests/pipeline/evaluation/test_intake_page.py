"""What was delivered, on one page: counts that agree with the tables, and nothing of a person."""

import re
from typing import Any

import pytest

from pipeline.artefacts import read_json
from pipeline.evaluation.intake_page import intake_page, write_intake_page
from pipeline.tables import read_ingested
from serve.texts.wording import TEXTS
from tests.pipeline.conftest import TXN_HEADER, booking
from tests.pipeline.ingest.test_words import declare_channel, declare_events

SPOILED = [
    booking(NO="Q1", AMT="7x77"),
    booking(NO="Q2", CUST="C901"),
    booking(NO="Q3", CUST="C902"),
    booking(NO="T1", AMT="99.00"),
    booking(NO="Q4", DONE="2024-03-09", LOADED="2024-03-02"),
]


def counts(bank: Any) -> dict[str, Any]:
    noted: dict[str, Any] = read_json(read_ingested(bank.home).folder / "intake.json")
    return noted


def page(bank: Any, **changes: Any) -> str:
    return intake_page(bank.settings(**changes), bank.ingest())


def rows_of(html: str) -> list[list[str]]:
    """The cells of each line of the page's tables, without marks."""
    lines = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    return [[re.sub("<.*?>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", line)] for line in lines]


def test_rows_are_counted_by_week_and_source(tiny: Any) -> None:
    """Bookings on 1 to 10 March 2024: three days of one week, the next; and one booking before."""
    tiny.write("txn_2.csv", TXN_HEADER + booking(NO="Q1", DONE="2024-02-20", LOADED="2024-02-20"))
    tiny.ingest()
    weeks = counts(tiny)["weeks"]
    assert weeks["transactions"] == {"txn": [["2024-02-19", 1], ["2024-02-26", 3], ["2024-03-04", 7]]}
    assert weeks["customers"] == {"cust": [["2019-12-30", 5], ["2020-01-06", 1]]}
    assert weeks["products"] == {"prod": [["", 1]]}


def test_a_delivery_adds_to_the_weeks_what_reading_everything_gives(tiny: Any) -> None:
    tiny.ingest()
    tiny.write("txn_2.csv", TXN_HEADER + "".join(SPOILED) + booking(NO="N1") + booking(NO="T2", AMT="2.50"))
    added = tiny.ingest()
    assert added.builds_on
    by_delivery = counts(tiny)
    tiny.ingest(customers_per_bucket=3)  # other settings: everything is read again
    assert not read_ingested(tiny.home).builds_on
    whole = counts(tiny)
    assert by_delivery["weeks"] == whole["weeks"]
    assert by_delivery == whole


def test_refused_rows_are_counted_by_reason_and_orphans_by_table(tiny: Any) -> None:
    tiny.write("txn_2.csv", TXN_HEADER + "".join(SPOILED))
    lines = rows_of(page(tiny))
    assert ["transactions", "amount", "… is not a number of at most 16 digits and 2 decimals", "1"] in lines
    assert ["transactions", "customer_id", "… is not in table customers", "2"] in lines
    assert [
        "transactions",
        "transaction_id",
        "… stands with another content in …, which is kept",
        "1",
    ] in lines
    assert ["transactions", "booked_at", "… lies after known_on …", "1"] in lines
    assert ["transactions", "txn", "2", "15", "10", "5", ""] in lines  # files, rows in, loaded, refused


@pytest.mark.parametrize("language", TEXTS)
def test_the_page_holds_nothing_of_a_person_and_fetches_nothing(tiny: Any, language: str) -> None:
    declare_channel(tiny, "Frau Huber rief an", "mobile", "mobile")
    declare_events(tiny, "login", "Herr Maier")
    tiny.write("txn_2.csv", TXN_HEADER + "".join(SPOILED))
    html = page(tiny, language=language)
    for text in ("Huber", "Maier", "C901", "C902", "7x77", "99.00", "Q2", "T1", "<script", "http:", "https:"):
        assert text not in html, text
    assert f'<html lang="{language}">' in html
    lines = rows_of(html)
    assert ["", "mobile", "2", "", ""] in lines or ["transactions.channel", "mobile", "2", "", ""] in lines
    assert TEXTS[language]["intake.unknown"].format(count=1) in html


def test_the_page_is_the_same_for_the_same_tables(tiny: Any) -> None:
    tables = tiny.ingest()
    write_intake_page(tiny.settings(), tiny.home, tables)
    first = (tiny.home.root / "intake.html").read_bytes()
    write_intake_page(tiny.settings(), tiny.home, tiny.ingest())
    assert (tiny.home.root / "intake.html").read_bytes() == first


def test_weeks_without_a_row_are_said_of_what_happens_week_by_week(tiny: Any) -> None:
    """Bookings of the weeks of 5 and 12 February, 26 February and 4 March 2024: none of 19 February."""
    days = {"Q1": "2024-02-05", "Q2": "2024-02-12"}
    lines = [booking(NO=number, DONE=day, LOADED=day) for number, day in days.items()]
    tiny.write("txn_2.csv", TXN_HEADER + "".join(lines))
    html = " ".join(page(tiny).split())
    assert '12 rows · <span class="warning">empty weeks: 1</span>' in html
    assert html.count("empty weeks:") == 1
    tiny.write("txn_3.csv", TXN_HEADER + booking(NO="Q3", DONE="2023-09-04", LOADED="2023-09-04"))
    assert "empty weeks:" not in page(tiny)  # most weeks have none: its rhythm is another
