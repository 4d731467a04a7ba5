"""The second and later deliveries to a tiny bank; each is compared with one ingest of everything."""

import shutil
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from configs.errors import DataError
from pipeline.artefacts import Home, read_json
from pipeline.ingest import deliveries, load
from pipeline.ingest.ingest import ingest
from pipeline.snapshots.build import build_snapshots, read_partition
from pipeline.tables import Ingested, read_ingested
from tests.folders import bytes_below
from tests.pipeline.conftest import TXN_HEADER, booking_lines
from tests.pipeline.conftest import booking as tiny_booking

MONDAYS = [date(2024, 3, 11), date(2024, 3, 18), date(2024, 3, 25)]


def booking(**changes: str) -> str:
    """A booking of the day after the tiny bank's last ones."""
    return tiny_booking(**{"DONE": "2024-03-12 10:00:00", "LOADED": "2024-03-12"} | changes)


def add(tiny: Any, name: str, *lines: str) -> Ingested:
    """One more file of bookings, ingested."""
    tiny.write(name, TXN_HEADER + "".join(lines))
    return tiny.ingest()


def from_nothing(tiny: Any) -> Ingested:
    home = Home(tiny.home.root.parent / "once")
    shutil.rmtree(home.root, ignore_errors=True)
    return ingest(tiny.settings(), tiny.raw, home, lambda _: None)


def files(tables: Ingested) -> list[dict[str, Any]]:
    """One row per table and file: what became of its rows."""
    return read_json(tables.folder / "ingest.json")["files"]


def rows_of(tables: Ingested, table: str) -> list[dict[str, Any]]:
    """All rows of a table, in an order of their own."""
    read = [tables.read(table, bucket) for bucket in range(tables.buckets)]
    rows = [row for one in read if one is not None for row in one.to_pylist()]
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


def assert_same_as_from_nothing(tiny: Any, tables: Ingested) -> None:
    once = from_nothing(tiny)
    assert (files(tables), tables.counts) == (files(once), once.counts)
    assert (tables.first_day, tables.last_day) == (once.first_day, once.last_day)
    for table in ("customers", "transactions", "holdings"):
        assert rows_of(tables, table) == rows_of(once, table)
    for folder, pattern in (("summaries", "*.parquet"), (".", "findings.json")):
        delivered, at_once = (bytes_below(of.folder / folder, pattern) for of in (tables, once))
        assert delivered == at_once != {}


def versions(tiny: Any, number: str) -> set[tuple[str, date, date | None]]:
    return {
        (str(row["amount"]), row["known_on"], row["superseded_on"])
        for row in tiny.rows("transactions") if row["transaction_id"] == number
    }  # fmt: skip


def test_new_rows_lie_in_a_folder_of_their_own(tiny) -> None:
    first = tiny.first_ingest()
    before = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
    second = add(tiny, "txn_2.csv", booking(NO="N1"), booking(NO="N2", CUST="C2", DONE="2023-12-30"))
    assert second.builds_on == (first.fingerprint,)
    assert sorted(path.stem for path in second.folder.glob("transactions/bucket=*/*")) == ["2023", "2024"]
    assert list(second.folder.glob("customers/bucket=*")) == []
    assert {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()} == before
    assert_same_as_from_nothing(tiny, second)


def test_only_the_new_file_is_read(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.first_ingest()
    opened, original = [], load.open_source

    def watched(con: Any, name: str, spec: Any, raw: Any, paths: list[Any], like: Sequence[Any]) -> Any:
        opened.append((name, [path.name for path in paths]))
        return original(con, name, spec, raw, paths, like)

    monkeypatch.setattr(load, "open_source", watched)
    add(tiny, "txn_2.csv", booking())
    assert sorted(opened) == [("fx", ["fx.csv"]), ("prod", ["prod.csv"]), ("txn", ["txn_2.csv"])]


def test_stored_rows_of_a_source_go_when_no_later_select_reads_them(
    tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.select(
        "holdings",
        "SELECT CUST AS customer_id, h.PROD AS product_id, DAY AS valued_on, BAL AS balance, "
        "'CNY' AS currency, DAY AS known_on, h._file, h._line FROM hold h JOIN prod p ON h.PROD = p.PROD",
    )
    dropped, original = [], load.drop_rows

    def watched(con: Any, name: str) -> None:
        dropped.append(name)
        original(con, name)

    monkeypatch.setattr(load, "drop_rows", watched)
    tiny.ingest()
    assert dropped.index("fx") < dropped.index("txn") < dropped.index("prod")


def test_the_same_rows_in_another_file_are_all_duplicates(tiny) -> None:
    first = tiny.first_ingest()
    build(tiny, first)
    text = (tiny.raw / "txn_1.csv").read_text("utf-8").removeprefix(TXN_HEADER)
    second = add(tiny, "txn_2.csv", text)
    copies = [(one["rows_in"], one["duplicates"]) for one in files(second) if one["file"] == "txn_2.csv"]
    assert copies == [(10, 10)]
    assert second.builds_on == (first.fingerprint,)
    assert build(tiny, second) == 0
    assert_same_as_from_nothing(tiny, second)


def test_a_correction_supersedes_a_row_of_an_earlier_delivery(tiny) -> None:
    tiny.first_ingest()
    add(tiny, "txn_2.csv", booking(NO="T3", CUST="C4", AMT="9.00", LOADED="2024-03-20"))
    assert versions(tiny, "T3") == {
        ("3.50", date(2024, 3, 3), date(2024, 3, 20)), ("9.00", date(2024, 3, 20), None)
    }  # fmt: skip
    add(tiny, "txn_3.csv", booking(NO="T3", CUST="C4", AMT="8.00", LOADED="2024-03-15"))  # late itself
    tables = add(tiny, "txn_4.csv", booking(NO="T3", CUST="C4", AMT="7.00", LOADED="2024-03-29"))
    assert versions(tiny, "T3") == {
        ("3.50", date(2024, 3, 3), date(2024, 3, 15)), ("8.00", date(2024, 3, 15), date(2024, 3, 20)),
        ("9.00", date(2024, 3, 20), date(2024, 3, 29)), ("7.00", date(2024, 3, 29), None),
    }  # fmt: skip
    assert_same_as_from_nothing(tiny, tables)


def test_of_two_contents_the_one_loaded_first_stays(tiny) -> None:
    tiny.first_ingest()
    add(tiny, "txn_2.csv", booking(NO="N", AMT="2.00"))
    tables = add(tiny, "txn_3.csv", booking(NO="N", AMT="1.00"), booking(NO="N", AMT="1.00"))
    assert versions(tiny, "N") == {("2.00", date(2024, 3, 12), None)}
    sentence = "transaction_id: 'N' stands with another content in an earlier delivery, which is kept"
    assert tiny.quarantine() == [("transactions", "txn_3.csv", 2, sentence)]
    again = add(tiny, "txn_4.csv", booking(NO="N", AMT="1.00"), booking(NO="N", AMT="2.00"))
    assert (tables.counts[3].quarantined, again.counts[3].quarantined) == (1, 1)
    assert again.counts == from_nothing(tiny).counts


def test_an_orphan_is_loaded_when_its_customer_comes(tiny) -> None:
    tiny.first_ingest()
    orphan = booking(NO="N", CUST="C7", LOADED="2024-03-14")
    refused = add(tiny, "txn_2.csv", orphan, booking(NO="BAD", AMT="x"))
    assert [row[3] for row in tiny.quarantine()] == [
        "customer_id: 'C7' is not in table customers", "amount: 'x' is not a number of at most 16 digits and "
                                                       "2 decimals"
    ]  # fmt: skip
    tiny.write("cust_2.csv", "CUST,OPENED,LOADED\nC7,2024-03-12,2024-03-19\n")
    tables = tiny.ingest()
    assert tables.builds_on == (*refused.builds_on, refused.fingerprint)
    assert [row[2] for row in tiny.quarantine()] == [3]
    assert versions(tiny, "N") == {("1.50", date(2024, 3, 14), None)}
    assert [one.known_from for one in tables.history[1:]] == [None, date(2024, 3, 14)]
    assert_same_as_from_nothing(tiny, tables)


def test_a_booking_is_loaded_when_its_rate_comes(tiny) -> None:
    tiny.declare('"fx.csv"', '"fx*.csv"')
    tiny.ingest()
    add(tiny, "txn_2.csv", booking(NO="N", CCY="EUR"))
    assert len(tiny.quarantine()) == 1
    tiny.write("fx_2.csv", "CCY,DAY,RATE\nEUR,2024-03-11,8.00\n")
    tables = tiny.ingest()
    assert (len(tables.builds_on), tiny.quarantine()) == (2, [])
    euros = [str(row["amount_base"]) for row in tiny.rows("transactions") if row["currency"] == "EUR"]
    assert euros == ["12.00"]
    assert_same_as_from_nothing(tiny, tables)


def test_lines_that_are_no_rows_stay_in_the_quarantine(tiny) -> None:
    tiny.first_ingest()
    add(tiny, "txn_2.csv", "T1,C1\n", booking(NO="N1"))
    tables = add(tiny, "txn_3.csv", booking(NO="N2"), "T2\n")
    assert [(file, line) for _, file, line, _ in tiny.quarantine()] == [("txn_2.csv", 2), ("txn_3.csv", 3)]
    assert_same_as_from_nothing(tiny, tables)


def retyped(tiny: Any) -> None:
    tiny.write("txn_1.csv", (tiny.raw / "txn_1.csv").read_text("utf-8").replace("3.50", "3.70"))


def with_window(tiny: Any) -> None:
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    tiny.select("transactions", select + " QUALIFY row_number() OVER (PARTITION BY NO ORDER BY _line) = 1")


def joined(tiny: Any) -> None:
    select = (tiny.folder / "transactions.sql").read_text("utf-8")
    select = select.replace("CUST AS", "txn.CUST AS").replace("LOADED AS", "txn.LOADED AS")
    select = select.replace("_file, _line FROM txn", "txn._file, txn._line FROM txn JOIN cust USING (CUST)")
    tiny.select("transactions", select)
    tiny.ingest()
    tiny.write("cust_2.csv", "CUST,OPENED,LOADED\nC7,2024-03-12,2024-03-19\n")


def another_class(tiny: Any) -> None:
    tiny.write("prod.csv", "PROD,CLASS,NAME,CCY\nP1,term,活期,CNY\n")


def another_rate(tiny: Any) -> None:
    tiny.write("fx.csv", "CCY,DAY,RATE\nUSD,2024-03-01,7.11\nUSD,2024-03-08,7.20\n")


def crowd(tiny: Any) -> None:
    lines = [f"D{n},2024-03-12,2024-03-12\n" for n in range(12)]
    tiny.write("cust_2.csv", "CUST,OPENED,LOADED\n" + "".join(lines))


def no_semantics(tiny: Any) -> None:
    """A SELECT that reads every row alone; the file is new."""


WHOLE: dict[str, tuple[Callable[[Any], None], Callable[[Any], None], str]] = {
    "a changed file": (no_semantics, retyped, "txn_1.csv has changed"),
    "a file gone": (
        lambda tiny: tiny.write("txn_0.csv", TXN_HEADER + booking(NO="N0")),
        lambda tiny: (tiny.raw / "txn_0.csv").unlink(),
        "txn_0.csv is gone",
    ),
    "not row by row": (with_window, no_semantics, "transactions.sql does not read txn row by row"),
    "two sources": (joined, no_semantics, "transactions.sql reads new files of cust and txn"),
    "another SELECT": (no_semantics, with_window, "the code, the settings or a SELECT changed"),
    "a product": (no_semantics, another_class, "products that were used have changed"),
    "a rate": (no_semantics, another_rate, "rates that were used have changed"),
    "more customers": (no_semantics, crowd, "18 customers lie in 8 buckets, no longer in 4"),
}


@pytest.mark.parametrize("case", WHOLE)
def test_where_adding_would_be_wrong_everything_is_read_and_the_reason_is_told(tiny, case: str) -> None:
    before, after, why = WHOLE[case]
    before(tiny)
    if case != "two sources":
        tiny.first_ingest()
    after(tiny)
    tiny.write("txn_2.csv", TXN_HEADER + booking(NO="N"))
    progress: list[str] = []
    tables = ingest(tiny.settings(), tiny.raw, tiny.home, progress.append, "as it was meant")
    assert tables.builds_on == ()
    assert f"reads all files: {why}" in progress
    assert_same_as_from_nothing(tiny, tables)


def test_a_new_product_and_a_new_rate_are_a_delivery_like_any(tiny) -> None:
    tiny.first_ingest()
    tiny.write("prod.csv", "PROD,CLASS,NAME,CCY\nP1,demand,活期,CNY\nP2,fund,基金,CNY\n")
    tiny.write("fx.csv", (tiny.raw / "fx.csv").read_text("utf-8") + "USD,2024-03-15,7.30\n")
    tables = add(tiny, "txn_2.csv", booking(CCY="USD", DONE="2024-03-15", LOADED="2024-03-15"))
    assert len(tables.builds_on) == 1
    assert_same_as_from_nothing(tiny, tables)


def test_the_limit_is_judged_on_the_new_rows(tiny) -> None:
    text = (tiny.raw / "txn_1.csv").read_text("utf-8")
    tiny.write("txn_1.csv", text.replace("3.50", "x").replace("4.50", "x").replace("5.50", "x"))
    tiny.declare("quarantine_limit = 1.0", "quarantine_limit = 0.3")
    tiny.ingest()
    assert len(add(tiny, "txn_2.csv", booking(NO="N1")).builds_on) == 1
    with pytest.raises(DataError, match="1 of 2 rows refused"):
        add(tiny, "txn_3.csv", booking(NO="N2"), booking(NO="N3", AMT="x"))


def test_a_kill_before_the_pointer_moves_leaves_the_old_tables(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    first, before = tiny.first_ingest(), tiny.bytes_of_tables()
    tiny.write("txn_2.csv", TXN_HEADER + booking(NO="N"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "point_to", killed)
        with pytest.raises(KeyboardInterrupt):
            tiny.ingest()
    assert (read_ingested(tiny.home), tiny.bytes_of_tables()) == (first, before)
    assert_same_as_from_nothing(tiny, tiny.ingest())


def test_what_the_last_two_tables_rest_on_is_kept_and_nothing_else(tiny) -> None:
    monkey = [tiny.first_ingest(), *(add(tiny, f"txn_{n}.csv", booking(NO=f"N{n}")) for n in range(2, 5))]
    folders = {path.name for path in (tiny.home.root / "tables").iterdir() if path.is_dir()}
    assert folders == {one.fingerprint for one in monkey}
    retyped(tiny)
    tiny.ingest(rows_gone="an amount was wrong")
    tiny.write("txn_5.csv", TXN_HEADER + booking(NO="N5"))
    last = tiny.ingest()
    folders = {path.name for path in (tiny.home.root / "tables").iterdir() if path.is_dir()}
    assert folders == {*last.builds_on, last.fingerprint}


def test_the_same_deliveries_have_the_same_names_and_bytes(tiny, tmp_path) -> None:
    found = []
    for home in (Home(tmp_path / "one"), Home(tmp_path / "two")):
        for number in (2, 3):
            (tiny.raw / f"txn_{number}.csv").unlink(missing_ok=True)
        for number in (1, 2, 3):
            if number > 1:
                tiny.write(f"txn_{number}.csv", TXN_HEADER + booking(NO=f"N{number}") + booking(AMT="x"))
            tables = ingest(tiny.settings(), tiny.raw, home, lambda _: None)
        below = home.root / "tables"
        found.append({p.relative_to(below): p.read_bytes() for p in below.rglob("*") if p.is_file()})
        assert len(tables.builds_on) == 2
    assert found[0] == found[1]


def build(tiny: Any, tables: Ingested, mondays: Sequence[date] = tuple(MONDAYS)) -> int:
    return build_snapshots(shaped(tiny), tiny.home, tables, mondays, lambda *_: None)


def shaped(tiny: Any) -> Any:
    """Settings under which the tiny bank's six customers are all in the cohort."""
    cohort = {"min_aum": 0, "max_aum": 10**9, "min_tenure_weeks": 0}
    return tiny.settings(cohort=cohort, label={"base_weeks": 1})


def features(tiny: Any, monday: date) -> dict[str, bytes]:
    return {
        f"{kind} {path.name}": path.read_bytes()
        for kind in ("cohort", "features") for path in tiny.home.partition(kind, monday).glob("*.parquet")
    }  # fmt: skip


def test_older_mondays_stand_and_a_late_row_makes_those_new_that_see_it(tiny) -> None:
    assert build(tiny, tiny.first_ingest()) == 3
    second = add(tiny, "txn_2.csv", booking(DONE="2024-03-25", LOADED="2024-03-25"))
    assert build(tiny, second, [*MONDAYS, date(2024, 4, 1)]) == 1  # known on the last Monday: not seen there
    third = add(tiny, "txn_3.csv", booking(NO="LATE", DONE="2024-03-05", LOADED="2024-03-17"))
    assert build(tiny, third, MONDAYS) == 2
    before = {monday: features(tiny, monday) for monday in MONDAYS}
    assert all(before.values())
    assert build_snapshots(shaped(tiny), tiny.home, from_nothing(tiny), MONDAYS, lambda *_: None) == 3
    assert {monday: features(tiny, monday) for monday in MONDAYS} == before


def taking_back(tiny: Any) -> None:
    """The SELECTs of a bank that says when it takes a row back."""
    for table in ("transactions", "customers"):
        select = (tiny.folder / f"{table}.sql").read_text("utf-8")
        tiny.select(table, select.replace("LOADED AS known_on", "LOADED AS known_on, GONE AS deleted"))
    for name in ("txn_1.csv", "cust_1.csv"):
        head, *lines = (tiny.raw / name).read_text("utf-8").splitlines()
        tiny.write(name, "\n".join([head + ",GONE", *(line + "," for line in lines), ""]))


def test_a_row_taken_back_was_there_until_the_day_of_that(tiny) -> None:
    taking_back(tiny)
    header = TXN_HEADER.strip() + ",GONE\n"
    original = booking(NO="N", AMT="5000.00", DONE="2024-03-08", LOADED="2024-03-08").strip()
    build(tiny, tiny.first_ingest())
    without = {monday: features(tiny, monday) for monday in MONDAYS}
    tiny.write("txn_2.csv", header + original + ",\n")
    build(tiny, tiny.ingest())
    there = {monday: features(tiny, monday) for monday in MONDAYS}
    assert all(there[monday] != without[monday] for monday in MONDAYS)
    tiny.write("txn_3.csv", header + original.replace("other,2024-03-08", "other,2024-03-18") + ",true\n")
    tables = tiny.ingest()
    assert build(tiny, tables) == 1  # known on the second Monday, so only the third sees it gone
    for monday, expected in zip(MONDAYS, (there, there, without), strict=True):
        assert features(tiny, monday) == expected[monday], monday
    assert versions(tiny, "N") == {
        ("5000.00", date(2024, 3, 8), date(2024, 3, 18)), ("5000.00", date(2024, 3, 18), date(2024, 3, 18))
    }  # fmt: skip
    assert "deleted" not in tiny.rows("transactions")[0]
    again = booking(NO="N", AMT="5000.00", DONE="2024-03-08", LOADED="2024-03-21").strip()
    tiny.write(
        "txn_4.csv",
        header + again + ",false\n" + original.replace("other,2024-03-08", "other,2024-03-18") + ",1\n",
    )
    tables = tiny.ingest()
    assert versions(tiny, "N") == {
        ("5000.00", date(2024, 3, 8), date(2024, 3, 18)), ("5000.00", date(2024, 3, 18), date(2024, 3, 18)),
        ("5000.00", date(2024, 3, 21), None),
    }  # fmt: skip
    assert_same_as_from_nothing(tiny, tables)


def test_a_customer_taken_back_is_in_no_later_cohort(tiny) -> None:
    taking_back(tiny)
    build(tiny, tiny.first_ingest())
    before = {monday: features(tiny, monday) for monday in MONDAYS}
    tiny.write("cust_2.csv", "CUST,OPENED,LOADED,GONE\nC3,2020-01-03,2024-03-19,true\n")
    tables = tiny.ingest()
    assert build(tiny, tables) == 1
    assert [features(tiny, monday) == before[monday] for monday in MONDAYS] == [True, True, False]
    assert "C3" not in set(read_partition(tiny.home, "cohort", MONDAYS[2:])["customer_id"])
    assert "C3" in set(read_partition(tiny.home, "cohort", MONDAYS[:2])["customer_id"])
    assert_same_as_from_nothing(tiny, tables)


ROW = booking_lines(12, 19)


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.long)])
def test_law_deliveries_count_as_one_ingest_does(tiny, times: int) -> None:
    """The first example is by hand: a contradiction, a correction, an orphan and a line that is no row."""
    row, orphan = booking(NO="N1", AMT="1.00"), booking(NO="N2", CUST="C9")
    twice = [booking(NO="N1", AMT="2.00"), booking(NO="N1", LOADED="2024-03-15"), row]

    @example([[row, orphan, row[:-3] + "\n"], twice])
    @given(st.lists(st.lists(ROW, max_size=9), min_size=2, max_size=4))
    @settings(max_examples=times, suppress_health_check=[HealthCheck.too_slow])
    def law(deliveries: list[list[str]]) -> None:
        check_deliveries(tiny, deliveries)

    law()


def check_deliveries(tiny, deliveries: list[list[str]]) -> None:
    for path in tiny.raw.glob("txn_[2-9].csv"):
        path.unlink()
    shutil.rmtree(tiny.home.root, ignore_errors=True)
    tables = tiny.ingest()
    for number, lines in enumerate(deliveries, start=2):
        tables = add(tiny, f"txn_{number}.csv", *lines)
    once = from_nothing(tiny)
    assert tables.counts == once.counts
    rows, expected = (
        [
            (row["transaction_id"], row["known_on"], row["superseded_on"])
            for row in rows_of(one, "transactions")
        ]
        for one in (tables, once)
    )
    assert sorted(rows, key=str) == sorted(expected, key=str)
