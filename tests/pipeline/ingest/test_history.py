"""Loaded rows stay: of contradicting rows the first, through every full reread; of rows that are gone
all, or the run stops."""

import shutil
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.errors import DataError
from pipeline.artefacts import Home, read_json
from pipeline.ingest.ingest import ingest
from pipeline.tables import Ingested, read_ingested
from tests.folders import bytes_below
from tests.pipeline.conftest import BOOKINGS, TXN_HEADER, booking, booking_lines


def deliver(tiny: Any, name: str, *lines: str) -> Ingested:
    tiny.write(name, TXN_HEADER + "".join(lines))
    return tiny.ingest()


def comment(tiny: Any, text: str = "as before") -> None:
    """A comment in a SELECT: everything is read anew."""
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    tiny.select("transactions", select + f" -- {text}")


def amounts(tiny: Any, number: str) -> set[str]:
    return {str(row["amount"]) for row in tiny.rows("transactions") if row["transaction_id"] == number}


def parts(tiny: Any, tables: Ingested) -> dict[str, bytes]:
    """The parts of every table after a merge of all deliveries."""
    again = Home(tiny.home.root.parent / "merged")
    shutil.rmtree(again.root, ignore_errors=True)
    from pipeline.ingest.deliveries import compact

    compact(tables, again.root)
    return bytes_below(again.root, "bucket=*/*.parquet")


def renamed(tiny: Any) -> None:
    (tiny.raw / "txn_3.csv").rename(tiny.raw / "txn_0.csv")
    comment(tiny)


def grown(tiny: Any) -> None:
    """The later file has more rows now, the earlier comes under a name behind it."""
    text = (tiny.raw / "txn_2.csv").read_text("utf-8")
    (tiny.raw / "txn_2.csv").unlink()
    tiny.write("txn_9.csv", TXN_HEADER + booking(NO="M") + text.removeprefix(TXN_HEADER))


def other_kinds(tiny: Any) -> None:
    """The SELECT gives all rows another content."""
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    tiny.select("transactions", select.replace("KIND AS kind", "'interest' AS kind"))


def other_version(tiny: Any) -> None:
    tiny.declare("quarantine_limit = 1.0", "quarantine_limit = 0.99")


def lost_delivery(tiny: Any) -> None:
    shutil.rmtree(read_ingested(tiny.home).folders[0] / "holdings")
    comment(tiny)


def copied(tiny: Any) -> None:
    shutil.copytree(tiny.home.root, tiny.home.root.with_name("copy"))
    shutil.rmtree(tiny.home.root)
    tiny.home.root.with_name("copy").rename(tiny.home.root)
    comment(tiny)


def another_rate(tiny: Any) -> None:
    tiny.write("fx.csv", "CCY,DAY,RATE\nUSD,2024-03-01,7.11\nUSD,2024-03-08,7.20\n")


def long_but(cases: Iterable[str], *quick: str) -> list[Any]:
    """All cases, those that are not among the quick tests marked."""
    return [case if case in quick else pytest.param(case, marks=pytest.mark.long) for case in cases]


REREAD: dict[str, Callable[[Any], None]] = {
    "a comment": comment,
    "a renamed file": renamed,
    "files that gained rows": grown,
    "a SELECT with other contents": other_kinds,
    "a setting": other_version,
    "a lost delivery": lost_delivery,
    "a copied folder": copied,
    "another rate": another_rate,
}


@pytest.mark.parametrize("case", long_but(REREAD, "files that gained rows", "a SELECT with other contents"))
def test_the_row_loaded_first_stays_through_a_full_reread(tiny: Any, case: str) -> None:
    """1.00 would win by its content; 21.50 was loaded two deliveries before it."""
    tiny.ingest()
    deliver(tiny, "txn_2.csv", booking(NO="N", AMT="21.50"))
    deliver(tiny, "txn_3.csv", booking(NO="N", AMT="1.00"), booking(NO="M"))
    assert amounts(tiny, "N") == {"21.50"}
    for change in (REREAD[case], comment):
        change(tiny)
        progress: list[str] = []
        assert ingest(tiny.settings(), tiny.raw, tiny.home, progress.append).builds_on == ()
        assert any(line.startswith("reads all files") for line in progress)
        assert amounts(tiny, "N") == {"21.50"}


def test_an_orphan_that_became_good_late_does_not_win(tiny: Any) -> None:
    """Its file came first, but the other row was loaded before it."""
    tiny.ingest()
    deliver(tiny, "txn_2.csv", booking(NO="N", CUST="C7", AMT="1.00", LOADED="2024-03-09"))
    deliver(tiny, "txn_3.csv", booking(NO="N", CUST="C1", AMT="2.00", LOADED="2024-03-09"))
    tiny.write("cust_2.csv", "CUST,OPENED,LOADED\nC7,2024-03-01,2024-03-01\n")
    tiny.ingest()
    before = tiny.quarantine()
    assert amounts(tiny, "N") == {"2.00"}
    comment(tiny)
    tiny.ingest()
    assert (amounts(tiny, "N"), tiny.quarantine()) == ({"2.00"}, before)
    other_kinds(tiny)
    tiny.ingest()
    assert amounts(tiny, "N") == {"2.00"}


def declare_contacts(tiny: Any, channel: str) -> None:
    """Contacts of one manager by a channel of this SQL."""
    tiny.declare_contacts(
        "SELECT NO AS contact_id, CUST AS customer_id, 'M1' AS manager_id, DAY AS contacted_at, "
        f"{channel} AS channel, 'service' AS purpose, NULL AS outcome, DAY AS known_on, _file, _line "
        "FROM con",
        "M1\n",
    )


def test_contradicting_contacts_holdings_and_customers_stay_too(tiny: Any) -> None:
    declare_contacts(tiny, "HOW")
    tiny.write("con_1.csv", "NO,CUST,DAY,HOW\n1,C1,2024-03-01,visit\n")
    tiny.ingest()
    tiny.write("con_2.csv", "NO,CUST,DAY,HOW\n1,C1,2024-03-01,phone\n")
    tiny.write_holdings("hold_2.parquet", BAL=[Decimal("1.00")] * 6)
    tiny.write("cust_2.csv", "CUST,OPENED,LOADED\nC1,2019-01-01,2020-01-01\n")
    tiny.ingest()
    comment(tiny)
    tiny.ingest()
    assert [row["channel"] for row in tiny.rows("contacts")] == ["visit"]
    assert min(row["balance"] for row in tiny.rows("holdings")) == Decimal("1000.25")
    assert min(str(row["opened_on"]) for row in tiny.rows("customers")) == "2020-01-01"
    assert len(tiny.quarantine()) == 8


DELIVERIES = st.lists(
    st.tuples(st.lists(booking_lines(12, 19), max_size=7), st.booleans()), min_size=2, max_size=4
)


@pytest.mark.long
@given(DELIVERIES)
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_law_a_reread_at_any_point_changes_no_byte(
    tiny: Any, deliveries: list[tuple[list[str], bool]]
) -> None:
    check_rereads(tiny, deliveries)


def test_a_reread_among_contradictions_orphans_and_corrections_changes_no_byte(tiny: Any) -> None:
    day = {"DONE": "2024-03-12 10:00:00", "LOADED": "2024-03-12"}
    first = booking(**day, NO="N1", AMT="2.00")
    refused = [booking(**day, NO="N2", AMT="x"), booking(**day, NO="N3", CUST="C9"), first[:-3] + "\n"]
    again = [booking(**day, NO=number, AMT="1.00") for number in ("N1", "N2", "N3")]
    later = booking(**day | {"NO": "N1", "LOADED": "2024-03-15"}, AMT="3.00")
    check_rereads(tiny, [([first, *refused], False), ([*again, later, first], True)])


def check_rereads(tiny: Any, deliveries: list[tuple[list[str], bool]]) -> None:
    """Weekly, weekly with rereads in between, and all at once with the order that a copied folder keeps.

    The last delivery is empty: from the next one on a reason names the row that was kept as an earlier one's.
    """
    deliveries = [*deliveries, ([], False)]
    found = []
    for rereads in (False, True):
        for path in (*tiny.raw.glob("txn_[2-9].csv"), *tiny.home.root.glob("*")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        tiny.ingest()
        for number, (lines, reread) in enumerate(deliveries, start=2):
            tables = deliver(tiny, f"txn_{number}.csv", *lines)
            if rereads and reread:
                comment(tiny, f"{number}")
                tables = tiny.ingest()
        found.append((parts(tiny, tables), tables.counts, tiny.quarantine_rows()))
    shutil.rmtree(tables.folder / "customers")
    found.append((parts(tiny, tiny.ingest()), *found[0][1:]))
    assert found[0] == found[1]
    assert found[0][0] == found[2][0]


def shorter(tiny: Any) -> None:
    tiny.write("txn_1.csv", TXN_HEADER + "".join(BOOKINGS.splitlines(keepends=True)[4:]))


def fewer_customers(tiny: Any) -> None:
    tiny.write("cust_1.csv", "CUST,OPENED,LOADED\nC1,2020-01-01,2020-01-01\n")


def fewer_holdings(tiny: Any) -> None:
    tiny.write_holdings("hold_1.parquet", CUST=["C1"] * 6, DAY=[f"2024-03-0{n}" for n in range(3, 9)])


def no_second_file(tiny: Any) -> None:
    (tiny.raw / "txn_2.csv").unlink()


def other_amount(tiny: Any) -> None:
    tiny.write("txn_1.csv", (tiny.raw / "txn_1.csv").read_text("utf-8").replace("3.50", "3.70"))


def other_known_day(tiny: Any) -> None:
    tiny.write(
        "txn_1.csv",
        (tiny.raw / "txn_1.csv").read_text("utf-8").replace("other,2024-03-03", "other,2024-03-09"),
    )


def no_contacts(tiny: Any) -> None:
    (tiny.folder / "contacts.sql").unlink()


def no_source(tiny: Any) -> None:
    """The source is taken out of bank.toml; its SELECT reads another one."""
    tiny.declare('con = { files = "con_*.csv" }\n', "")
    tiny.select("contacts", (tiny.folder / "contacts.sql").read_text("utf-8").replace(
        "FROM con", "FROM (SELECT '9' AS NO, 'C1' AS CUST, '2024-03-01' AS DAY, _file, _line FROM rm)"
    ))  # fmt: skip


GONE: dict[str, tuple[Callable[[Any], None], str]] = {
    "a file that lost its beginning": (
        shorter, "transactions: 4 rows (4 of 2024-03); txn_1.csv has changed"),
    "fewer customers": (
        fewer_customers, "customers: 5 rows (5 of 2020-01); cust_1.csv has changed"),
    "fewer holdings": (
        fewer_holdings, "holdings: 5 rows (5 of 2024-03); hold_1.parquet has changed"),
    "an old file": (
        no_second_file,
        "transactions: 3 rows (2 of 2022-12 to 2023-01, 1 of 2024-03); txn_2.csv is gone"),
    "an amount that was written over": (
        other_amount,
        "transactions: 1 rows (1 of 2024-03), of which 1 stand there with other contents; txn_1.csv has"),
    "a version that was written over": (
        other_known_day, "transactions: 1 rows (1 of 2024-03); txn_1.csv has changed"),
    "a table": (no_contacts, "contacts: 2 rows (2 of 2024-03); contacts.sql is gone"),
    "a source": (no_source, "contacts: 2 rows (2 of 2024-03); con_1.csv is gone"),
}  # fmt: skip


def with_history(tiny: Any) -> None:
    declare_contacts(tiny, "'x'")
    tiny.write("con_1.csv", "NO,CUST,DAY\n1,C1,2024-03-01\n2,C2,2024-03-02\n")
    days = ("2022-12-30", "2023-01-02", "2024-03-01")
    tiny.write("txn_2.csv", TXN_HEADER + "".join(
        booking(NO=day, DONE=f"{day} 10:00:00", LOADED=day) for day in days
    ))  # fmt: skip
    tiny.ingest()


@pytest.mark.parametrize("case", long_but(GONE, "a file that lost its beginning", "a source"))
def test_loaded_rows_that_are_gone_stop_the_run_with_their_periods(tiny: Any, case: str) -> None:
    spoil, sentence = GONE[case]
    with_history(tiny)
    before = tiny.bytes_of_tables()
    spoil(tiny)
    for _ in range(2):
        with pytest.raises(DataError) as raised:
            tiny.ingest()
        assert sentence in str(raised.value)
        assert "run this again with ROWS_GONE=<why>" in str(raised.value)
    assert tiny.bytes_of_tables() == before
    tables = tiny.ingest(rows_gone="the branch was sold")
    noted = read_json(tables.folder / "ingest.json")["rows_gone"]
    assert noted["why"] == "the branch was sold"
    assert noted["tables"][0] in str(raised.value)
    assert tiny.ingest() == tables


def test_what_was_refused_before_may_be_mended_in_its_file(tiny: Any) -> None:
    deliver(tiny, "txn_2.csv", booking(NO="N", AMT="x"), booking(NO="M"))
    assert len(tiny.quarantine()) == 1
    tables = deliver(tiny, "txn_2.csv", booking(NO="N"), booking(NO="M"))
    assert (amounts(tiny, "N"), tables.count("transactions").loaded) == ({"1.50"}, 12)


def rolling(tiny: Any, source: str = 'txn = { files = "txn_*.csv"') -> None:
    tiny.declare(source, source + ", rolling = true")


def test_a_window_that_moves_on_keeps_what_was_loaded(tiny: Any) -> None:
    """Three weeks of a window of eight bookings; the third has one written over, and then a full reread."""
    rolling(tiny)
    lines = [booking(NO=f"N{n:02}", DONE=f"2024-03-{n:02} 10:00:00", LOADED=f"2024-03-{n:02}", AMT=f"{n}.00")
             for n in range(1, 17)]  # fmt: skip
    for first in (0, 4, 8):
        tables = deliver(tiny, "txn_2.csv", *lines[first : first + 8])
    once = {row["transaction_id"]: str(row["amount"]) for row in tiny.rows("transactions")}
    assert [once[f"N{n:02}"] for n in range(1, 17)] == [f"{n}.00" for n in range(1, 17)]
    assert tables.count("transactions").loaded == len(once) == 26
    changed = lines[12].replace("13.00", "1.00")
    tiny.write("txn_2.csv", TXN_HEADER + changed + "".join(lines[13:]))
    count = tiny.count("transactions")
    assert (count.rows_in, count.loaded, count.quarantined) == (27, 26, 1)
    assert amounts(tiny, "N13") == {"13.00"}
    rows = tiny.rows("transactions")
    for change in (comment, other_kinds):
        change(tiny)
        assert tiny.count("transactions").loaded == 26
    kinds = {row["transaction_id"]: row["kind"] for row in tiny.rows("transactions")}
    assert (kinds["N01"], kinds["N16"]) == ("other", "interest")
    assert [{**row, "kind": ""} for row in tiny.rows("transactions")] == [{**row, "kind": ""} for row in rows]


def test_rolling_versions_of_customers_and_holdings_stay(tiny: Any) -> None:
    """Each week the newest state of everybody, under the same name."""
    rolling(tiny, 'cust = { files = "cust_*.csv"')
    rolling(tiny, 'hold = { files = "hold_*.parquet"')
    tiny.ingest()
    tiny.write("cust_1.csv", "CUST,OPENED,LOADED\nC1,2020-01-01,2024-03-08\nC2,2020-01-02,2020-01-02\n")
    tiny.write_holdings("hold_1.parquet", DAY=["2024-03-10"] * 6)
    tables = tiny.ingest()
    customers, holdings = tables.count("customers"), tables.count("holdings")
    assert (customers.loaded, customers.superseded) == (7, 1)
    assert (holdings.loaded, holdings.superseded) == (12, 0)
    assert tables.count("transactions").quarantined == 0


def test_a_rolling_source_whose_select_numbers_rows_otherwise_is_not_loaded_twice(tiny: Any) -> None:
    rolling(tiny)
    tiny.ingest()
    shorter(tiny)
    tiny.ingest()
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    tiny.select("transactions", select.replace("SELECT NO AS", "SELECT DONE[:10] || NO AS"))
    with pytest.raises(DataError, match=r"numbers its rows otherwise.*ROWS_GONE"):
        tiny.ingest()
    tables = tiny.ingest(rows_gone="new numbers")
    assert tables.count("transactions").loaded == len(tiny.rows("transactions")) == 10


def test_lost_tables_of_a_rolling_source_are_not_made_anew_in_silence(tiny: Any) -> None:
    rolling(tiny)
    tiny.ingest()
    shorter(tiny)
    tables = tiny.ingest()
    shutil.rmtree(tables.folder / "holdings")
    with pytest.raises(DataError, match=r"lost, and with them 4 rows that no file holds any more"):
        tiny.ingest()
    assert tiny.ingest(rows_gone="no backup").count("transactions").loaded == 6


def test_a_renamed_file_is_no_loss(tiny: Any) -> None:
    deliver(tiny, "txn_2.csv", booking(NO="N"))
    (tiny.raw / "txn_2.csv").rename(tiny.raw / "txn_7.csv")
    assert tiny.count("transactions").loaded == 11


def test_rows_compared_in_parts_are_the_same_rows(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ingest.history.ROWS_PER_PART", 3)
    tiny.ingest()
    shorter(tiny)
    with pytest.raises(DataError, match="transactions: 4 rows"):
        tiny.ingest()


def dollars(tiny: Any) -> list[str]:
    return [str(row["amount_base"]) for row in tiny.rows("transactions") if row["currency"] == "USD"]


def test_a_rate_that_comes_again_otherwise_changes_no_history(tiny: Any) -> None:
    """The first rate stays, week by week and in a full reread, as for rows of customers."""
    tiny.declare('fx = { files = "fx.csv" }', 'fx = { files = "fx*.csv" }')
    deliver(tiny, "txn_2.csv", booking(NO="N1", CCY="USD", AMT="10.00"))
    tiny.write("fx_2.csv", "CCY,DAY,RATE\nUSD,2024-03-01,6.00\n")
    tiny.ingest()
    assert dollars(tiny) == ["71.00"]
    comment(tiny, "again")
    tiny.ingest()
    assert dollars(tiny) == ["71.00"]
    assert [row[:3] for row in tiny.quarantine()] == [("rates", "fx_2.csv", 2)]


def test_rows_that_are_refused_because_a_rate_is_gone_stop_the_run(tiny: Any) -> None:
    deliver(tiny, "txn_2.csv", booking(NO="N1", CCY="USD", AMT="10.00"))
    tiny.write("fx.csv", "CCY,DAY,RATE\nUSD,2024-03-08,7.20\n")
    sentence = r"transactions: 1 rows that were loaded before are refused now, first in txn_2\.csv line 2"
    with pytest.raises(DataError, match=sentence):
        tiny.ingest()
    assert dollars(tiny) == ["71.00"]
    tiny.ingest("rates of old years are no longer kept")
    assert dollars(tiny) == []


def test_a_refused_row_that_came_back_corrected_is_not_missed(tiny: Any) -> None:
    deliver(tiny, "txn_2.csv", booking(NO="N1", AMT="x"))
    deliver(tiny, "txn_2_corrected.csv", booking(NO="N1", AMT="2.00"))
    tiny.write("prod.csv", "PROD,CLASS,NAME,CCY\nP1,term,定期,CNY\n")
    tiny.ingest()
    assert Decimal(2) in [row["amount"] for row in tiny.rows("transactions")]
