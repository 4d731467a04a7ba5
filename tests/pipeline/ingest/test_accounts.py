"""Several accounts of one customer in one product add up on every Monday; a joint one is cut to the cent."""

import random
import shutil
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from configs.bank_folder import BANKS, load_settings
from configs.errors import DataError
from features.build import build, first_monday
from pipeline.artefacts import Home
from pipeline.ingest.accounts import split_shares
from pipeline.ingest.distributed import distributed_sources
from pipeline.ingest.findings import read_findings
from pipeline.ingest.ingest import ingest
from pipeline.snapshots.build import load_entities
from pipeline.tables import Ingested
from tests.folders import bytes_below

HEADER = ["CUST", "PROD", "ACCT", "DAY", "BAL", "KNOWN", "PART"]
COLUMNS = (
    "CUST AS customer_id, PROD AS product_id, DAY AS valued_on, BAL AS balance, 'CNY' AS currency, "
    "KNOWN AS known_on, _file, _line"
)
BY_ACCOUNT = f"SELECT ACCT AS account_id, {COLUMNS} FROM hold"
JOINT = f"SELECT ACCT AS account_id, PART AS share, {COLUMNS} FROM hold"
MONDAY, DAY = date(2024, 3, 4), timedelta(days=1)
Row = dict[str, Any]


def row(**changes: Any) -> Row:
    return (
        dict(zip(HEADER, ["C1", "P1", "A1", "2024-01-02", "100.00", "2024-01-02", "1"], strict=True))
        | changes
    )


@pytest.fixture
def bank(tiny: Any) -> Any:
    """Holdings in hold_*.csv, by account."""
    tiny.declare('hold = { files = "hold_*.parquet", format = "parquet" }', 'hold = { files = "hold_*.csv" }')
    tiny.select("holdings", BY_ACCOUNT)
    tiny.write("prod.csv", "PROD,CLASS,NAME,CCY\nP1,demand,活期,CNY\nP2,term,定期,CNY\n")
    return tiny


def deliver(bank: Any, number: int, rows: Iterable[Row]) -> None:
    lines = [",".join(map(str, HEADER)), *(",".join(str(row[name]) for name in HEADER) for row in rows)]
    bank.write(f"hold_{number}.csv", "\n".join([*lines, ""]))


def aum_on(bank: Any, tables: Ingested, days: Iterable[date]) -> dict[tuple[str, date], Decimal]:
    """By customer and Monday, the AUM that the cohort has."""
    found = {}
    for bucket in range(tables.buckets):
        made = build(
            load_entities(tables, bucket), list(days), first_monday(date(2023, 12, 4)), bank.settings()
        )
        for day, cohort, _ in made:
            for name, aum in zip(cohort["customer_id"].to_pylist(), cohort["aum"].to_pylist(), strict=True):
                found[name, day] = Decimal(aum).quantize(Decimal("0.01"))
    return found


def features_on(bank: Any, tables: Ingested, day: date, name: str) -> Row:
    """The features of one customer."""
    for bucket in range(tables.buckets):
        for _, _, features in build(load_entities(tables, bucket), [day], date(2023, 12, 4), bank.settings()):
            for found in features.to_pylist():
                if found["customer_id"] == name:
                    return dict(found)
    raise AssertionError(name)


def test_accounts_of_one_product_add_up(bank: Any) -> None:
    balances = {"2024-01-03": ("A1", "94059.00"), "2024-01-17": ("A2", "5717.00"),
                "2024-01-24": ("A1", "89646.00"), "2024-02-07": ("A2", "11015.00")}  # fmt: skip
    deliver(bank, 1, [row(ACCT=a, DAY=day, KNOWN=day, BAL=b) for day, (a, b) in balances.items()])
    mondays = [date(2024, 1, 8), date(2024, 1, 22), date(2024, 1, 29), date(2024, 2, 12)]
    aum = aum_on(bank, bank.ingest(), mondays)
    assert [aum["C1", day] for day in mondays] == [94_059, 99_776, 95_363, 100_661]


def test_a_closed_account_ends_with_a_balance_of_0_and_the_other_stands(bank: Any) -> None:
    deliver(
        bank, 1,
        [row(), row(ACCT="A2", BAL="50.00"), row(DAY="2024-02-01", KNOWN="2024-02-01", BAL="0")],
    )  # fmt: skip
    assert aum_on(bank, bank.ingest(), [MONDAY])["C1", MONDAY] == 50


def test_products_are_counted_not_accounts(bank: Any) -> None:
    rows = [row(), row(ACCT="A2"), row(ACCT="A3"), row(PROD="P2", ACCT="A4"), row(PROD="P2", ACCT="A5")]
    deliver(bank, 1, rows)
    everybody = "cohort = { min_aum = 0, max_aum = 1e9, min_tenure_weeks = 0 }\nlabel = { base_weeks = 4 }"
    bank.declare("min_aum = 0 }]", f"min_aum = 0 }}]\n{everybody}")
    features = features_on(bank, bank.ingest(), MONDAY, "C1")
    assert (features["product_held"], features["aum_last"]) == (2, 500)


def test_one_account_number_in_two_products_is_two_accounts(bank: Any) -> None:
    deliver(bank, 1, [row(), row(PROD="P2", BAL="7.00")])
    assert aum_on(bank, bank.ingest(), [MONDAY])["C1", MONDAY] == 107


def random_rows(rng: random.Random) -> list[Row]:
    """A few customers with up to three accounts in two products; late rows, corrections, rows taken back."""
    rows = []
    for customer in range(1, 5):
        for account in range(rng.randint(1, 3)):
            product = rng.choice(("P1", "P2"))
            days = sorted(rng.sample(range(1, 60), rng.randint(1, 8)))
            for day in days:
                happened, known = date(2024, 1, 1) + DAY * day, day + rng.choice((0, 0, 1, 7, 20))
                for _ in range(rng.choice((1, 1, 1, 2, 3))):
                    rows.append(
                        row(
                            CUST=f"C{customer}", ACCT=f"A{customer}{account}", PROD=product, DAY=happened,
                            BAL=Decimal(rng.randrange(-500, 100_000)) / 100,
                            KNOWN=date(2024, 1, 1) + DAY * known,
                        )
                    )  # fmt: skip
                    known += rng.choice((1, 5, 15))
    return rows


def oracle(rows: list[Row], monday: date) -> dict[str, Decimal]:
    """By customer the sum over accounts of the newest version known before the Monday, in plain pandas."""
    frame = pd.DataFrame(rows)
    frame = frame[(frame["KNOWN"] < monday) & (frame["DAY"] < monday)]
    newest = frame.sort_values("KNOWN").groupby(["CUST", "PROD", "ACCT", "DAY"]).last().reset_index()
    last = newest.sort_values("DAY").groupby(["CUST", "PROD", "ACCT"]).last().reset_index()
    return dict(last.groupby("CUST")["BAL"].sum())


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 9))])
def test_what_a_monday_sees_is_the_sum_of_the_newest_versions_known_by_then(bank: Any, seed: int) -> None:
    rng = random.Random(seed)
    rows = random_rows(rng)
    mondays = [date(2024, 1, 8) + 7 * k * DAY for k in range(10)]
    deliver(bank, 1, [line for line in rows if line["KNOWN"] <= date(2024, 2, 1)])
    bank.ingest()
    deliver(bank, 2, [line for line in rows if line["KNOWN"] > date(2024, 2, 1)])
    tables = bank.ingest()
    aum = aum_on(bank, tables, mondays)
    for monday in mondays:
        expected = oracle(rows, monday)
        assert {name: aum[name, monday] for name in expected} == expected, monday
    rng.shuffle(rows)
    other = bank.home.root.with_name("other")
    bank.raw.joinpath("hold_2.csv").unlink()
    deliver(bank, 1, rows)
    again = type(bank)(bank.folder, bank.raw, type(bank.home)(other))
    assert aum_on(again, again.ingest(), mondays) == aum


def test_a_customer_with_an_account_that_is_not_named_is_refused(bank: Any) -> None:
    deliver(bank, 1, [row(), row(ACCT="", BAL="50.00")])
    assert bank.count("holdings").quarantined == 1
    assert [reason for *_, reason in bank.quarantine()] == ["account_id: is empty"]


BOOKED = "T{n},C{c},A{n},2024-03-0{n} 10:00:00,1.50,CNY,other,2024-03-0{n},\n"


def book_on_two_accounts(bank: Any, customers: Iterable[int]) -> None:
    """The customers book on two accounts each; everybody else on one."""
    lines = [BOOKED.format(n=9, c=c).replace("T9", f"T9{c}{k}").replace("A9", f"X{k}")
             for c in customers for k in (1, 2)]  # fmt: skip
    bank.write("txn_2.csv", "NO,CUST,ACCT,DONE,AMT,CCY,KIND,LOADED,MEMO\n" + "".join(lines))


def test_two_balances_of_a_day_without_accounts_stop_the_run_by_name(bank: Any) -> None:
    bank.select("holdings", f"SELECT {COLUMNS} FROM hold")
    book_on_two_accounts(bank, [1])
    deliver(bank, 1, [row(), row(ACCT="A2", BAL="50.00"), row(CUST="C2", ACCT="A3")])
    with pytest.raises(
        DataError,
        match=r"1 have two balances in one product on one day, first in hold_1\.csv "
        r"line \d; one would overwrite the other\. Select account_id in .*holdings\.sql",
    ):
        bank.ingest(quarantine_limit=0.1)


def test_a_single_contradiction_is_left_to_the_quarantine(bank: Any) -> None:
    bank.select("holdings", f"SELECT {COLUMNS} FROM hold")
    deliver(bank, 1, [row(), row(BAL="50.00"), row(CUST="C2"), row(CUST="C3")])
    assert bank.count("holdings", quarantine_limit=0.5).quarantined == 1
    (reason,) = [reason for *_, reason in bank.quarantine()]
    assert reason.startswith(
        "customer_id, product_id, account_id, valued_on: 'C1, P1, 2024-01-02' stands with"
    )


BOOK = "NO,CUST,ACCT,DONE,AMT,CCY,KIND,LOADED,MEMO\n"


def doubts(bank: Any) -> list[str]:
    return [finding.text for finding in read_findings(bank.settings(), bank.ingest()) if finding.warning]


@pytest.mark.parametrize("summed", [False, True])
def test_balances_of_accounts_that_overwrite_each_other_on_other_days_are_named(
    bank: Any, summed: bool
) -> None:
    bank.select("holdings", f"SELECT {COLUMNS} FROM hold")
    bookings, holdings, balance = [], [], {"A1": 0, "A2": 0}
    for day in range(1, 29):
        account = ("A1", "A2")[day % 2]
        balance[account] += 100 * day
        when = f"2024-02-{day:02}"
        bookings.append(f"N{day},C1,{account},{when},{100 * day}.00,CNY,other,{when},\n")
        total = sum(balance.values()) if summed else balance[account]
        holdings.append(row(DAY=when, KNOWN=when, BAL=f"{total}.00"))
    for day in range(1, 20):  # one account, whose balance follows its bookings
        when = f"2024-02-{day:02}"
        bookings.append(f"M{day},C2,B1,{when},10.00,CNY,other,{when},\n")
        holdings.append(row(CUST="C2", DAY=when, KNOWN=when, BAL=f"{10 * day}.00"))
    bank.write("txn_1.csv", BOOK + "".join(bookings))
    deliver(bank, 1, holdings)
    named = [text for text in doubts(bank) if text.startswith("holdings.balance: 1 customers of one product")]
    assert len(named) == (not summed)
    assert all("100% of the changes" in text and "against 0%" in text for text in named)


def parts(bank: Any) -> dict[tuple[str, str], Decimal]:
    """By customer and day, the part of the balance that counts."""
    return {(row["customer_id"], str(row["valued_on"])): row["balance_base"] for row in bank.rows("holdings")}


def test_parts_of_a_joint_account_add_up_to_the_cent(bank: Any) -> None:
    bank.select("holdings", JOINT)
    thirds = [row(CUST=f"C{n}", PART="0.3333", BAL="100.00") for n in (1, 2, 3)]
    owed = [row(CUST=f"C{n}", DAY="2024-01-03", KNOWN="2024-01-03", PART="0.5", BAL="-0.01") for n in (1, 2)]
    some = [
        row(CUST=f"C{n}", DAY="2024-01-04", KNOWN="2024-01-04", PART="0.25", BAL="100.02") for n in (1, 2)
    ]
    deliver(bank, 1, [*thirds, *owed, *some])
    bank.ingest()
    found = parts(bank)
    assert [found[f"C{n}", "2024-01-02"] for n in (1, 2, 3)] == [
        Decimal("33.33"),
        Decimal("33.34"),
        Decimal("33.33"),
    ]
    assert sorted(found[f"C{n}", "2024-01-03"] for n in (1, 2)) == [Decimal("-0.01"), 0]
    # The other half belongs to somebody who is no customer here.
    assert sum(found[f"C{n}", "2024-01-04"] for n in (1, 2)) == Decimal("50.01")


def test_parts_do_not_depend_on_the_deliveries(bank: Any) -> None:
    bank.select("holdings", JOINT)
    rows = [row(CUST=f"C{n}", PART="0.5", BAL="0.05") for n in (1, 2)]
    deliver(bank, 1, rows[1:])
    bank.ingest()
    assert parts(bank) == {("C2", "2024-01-02"): Decimal("0.03")}
    deliver(bank, 2, rows[:1])
    bank.ingest()
    assert parts(bank) == {("C1", "2024-01-02"): Decimal("0.03"), ("C2", "2024-01-02"): Decimal("0.02")}


def test_a_holder_who_leaves_does_not_count_any_more(bank: Any) -> None:
    bank.select("holdings", JOINT)
    later = {"DAY": "2024-02-01", "KNOWN": "2024-02-01"}
    joint = [row(CUST="C1", PART="0.5"), row(CUST="C2", PART="0.5")]
    deliver(
        bank, 1, [*joint, row(CUST="C1", PART="0.5", BAL="0", **later), row(CUST="C2", PART="1", **later)]
    )
    aum = aum_on(bank, bank.ingest(), [date(2024, 1, 8), MONDAY])
    assert [aum[name, day] for day in (date(2024, 1, 8), MONDAY) for name in ("C1", "C2")] == [50, 50, 0, 100]


def test_holders_without_a_share_have_equal_parts_of_what_is_left(bank: Any) -> None:
    bank.select("holdings", JOINT)
    nobody = [row(CUST=f"C{n}", PART="", BAL="100.00") for n in (1, 2, 3)]
    some = [row(CUST=f"C{n}", ACCT="A2", PART=part) for n, part in ((1, "0.5"), (2, ""), (3, ""))]
    alone = [row(CUST="C1", ACCT="A3", PART=""), row(CUST="C1", ACCT="A3", PART="")]  # and delivered twice
    over = [row(CUST="C1", ACCT="A4", PART="1"), row(CUST="C2", ACCT="A4", PART="")]
    deliver(bank, 1, [*nobody, *some, *alone, *over])
    count = bank.count("holdings")
    found = {(row["account_id"], row["customer_id"]): row["balance_base"] for row in bank.rows("holdings")}
    by_account = {
        name: [part for (key, _), part in sorted(found.items()) if key == name] for name in ("A1", "A2", "A3")
    }
    assert by_account == {
        "A1": [Decimal("33.33"), Decimal("33.34"), Decimal("33.33")], "A2": [50, 25, 25], "A3": [100],
    }  # fmt: skip
    assert (count.loaded, count.quarantined, count.duplicates) == (7, 2, 1)


def test_a_holder_without_a_share_who_comes_later_takes_part(bank: Any) -> None:
    bank.select("holdings", JOINT.replace("PART AS share", "NULL AS share"))
    deliver(bank, 1, [row()])
    bank.ingest()
    deliver(bank, 2, [row(CUST="C2")])
    bank.ingest()
    assert [*parts(bank).values()] == [50, 50]


def test_accounts_that_count_for_each_holder_are_named(bank: Any) -> None:
    own = [row(ACCT="1"), row(CUST="C2", ACCT="1", BAL="7.00")]  # each one's own account number 1
    deliver(bank, 1, [row(), row(CUST="C2"), *own])
    (named,) = [text for text in doubts(bank) if text.startswith("holdings.account_id")]
    assert named.startswith("holdings.account_id: 1 accounts come under several customers")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"PART": "0.6"}, "account_id: 'A1' on 2024-01-02: the shares add up to 1.2"),
        ({"PART": "0.4", "BAL": "40.00"}, "account_id: 'A1' on 2024-01-02: the balance is 40.00 and 100.00; "
         "with a share it is the whole account's"),
    ],
)  # fmt: skip
def test_holders_who_cannot_share_one_account_are_refused(bank: Any, changes: Row, reason: str) -> None:
    bank.select("holdings", JOINT)
    deliver(bank, 1, [row(PART="0.6"), row(CUST="C2", **changes), row(CUST="C3", ACCT="A9")])
    assert bank.count("holdings").loaded == 1
    assert [found for *_, found in bank.quarantine()] == [reason] * 2


@pytest.mark.parametrize("part", ["0", "1.01", "-0.5", "half", "50%"])
def test_a_share_lies_above_0_and_up_to_1(bank: Any, part: str) -> None:
    bank.select("holdings", JOINT)
    deliver(bank, 1, [row(PART=part), row(CUST="C2", ACCT="A2")])
    assert bank.count("holdings").quarantined == 1


def test_a_share_needs_an_account(bank: Any) -> None:
    bank.select("holdings", f"SELECT PART AS share, {COLUMNS} FROM hold")
    deliver(bank, 1, [row()])
    with pytest.raises(DataError, match=r"has share, but no account_id.*holdings\.sql"):
        bank.ingest()


def test_the_order_of_rows_changes_no_byte(bank: Any) -> None:
    bank.select("holdings", JOINT)
    rows = [row(CUST=f"C{n}", ACCT=f"A{n % 2}", PART="0.3", BAL="10.01") for n in (1, 2, 3, 4)]
    made = []
    for name, lines in (("first", rows), ("second", rows[::-1])):
        deliver(bank, 1, lines)
        copied = type(bank)(bank.folder, bank.raw, type(bank.home)(bank.home.root.with_name(name)))
        made.append(bytes_below(copied.ingest().folder / "holdings", "*/*.parquet"))
    assert made[0] == made[1]


def test_parts_are_never_cut_by_tasks_that_see_some_of_the_holders(bank: Any) -> None:
    with duckdb.connect() as con:
        assert distributed_sources(con, bank.settings()) == {"hold", "txn"}
        bank.select("holdings", JOINT)
        assert distributed_sources(con, bank.settings()) == {"txn"}


@pytest.mark.long
def test_the_ledgers_of_berka_with_forty_owners_made_one_customer(
    berka: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "banks" / "merged"
    shutil.copytree(BANKS / "berka", folder)
    monkeypatch.setattr("configs.bank_folder.BANKS", tmp_path / "banks")
    for name in ("assignments.sql", "managers.sql"):
        (folder / name).unlink()
    household = "'H' || (d.client_id::INTEGER // 40) AS customer_id"
    (folder / "customers.sql").write_text(
        f"SELECT {household}, '1993-01-01' AS opened_on, '1993-01-01' AS known_on, min(d._file) AS _file, "
        "min(d._line) AS _line FROM disp d WHERE d.type = 'OWNER' GROUP BY 1", "utf-8",
    )  # fmt: skip
    for name in ("transactions.sql", "holdings.sql"):
        select = (folder / name).read_text("utf-8").replace("d.client_id AS customer_id", household)
        (folder / name).write_text(select, "utf-8")
    settings, home = load_settings("merged"), Home(tmp_path / "home")
    with pytest.raises(DataError, match="two balances in one product on one day"):
        ingest(settings, berka, home, lambda _: None)
    select = (folder / "holdings.sql").read_text("utf-8")
    (folder / "holdings.sql").write_text(select.replace("t.balance,", "t.balance, t.account_id,"), "utf-8")
    tables = ingest(settings, berka, home, lambda _: None)
    for monday, key in ((date(1993, 6, 7), "930607"), (date(1993, 12, 6), "931206")):
        disp, trans = (
            f"read_csv('{berka / name}.asc', delim = ';', all_varchar = true)" for name in ("disp", "trans")
        )
        last = (
            "SELECT account_id, arg_max(balance, (date, place)) AS balance "
            "FROM (SELECT *, row_number() OVER () "
            f"AS place FROM {trans}) WHERE date < '{key}' GROUP BY account_id"
        )
        truth = duckdb.sql(
            f"SELECT {household}, sum(balance::DECIMAL(18,2)) FROM ({last}) JOIN {disp} d USING (account_id) "
            "WHERE d.type = 'OWNER' GROUP BY 1"
        ).fetchall()
        aum = {}
        for bucket in range(tables.buckets):
            entities = load_entities(tables, bucket)
            ((_, cohort, _),) = build(entities, [monday], first_monday(tables.first_day), settings)
            aum |= dict(zip(cohort["customer_id"].to_pylist(), cohort["aum"].to_pylist(), strict=True))
        assert len(truth) > 50
        assert {name: round(Decimal(aum[name]), 2) for name, _ in truth} == dict(truth)


@pytest.mark.parametrize("balance", ["0.01", "-0.01", "9999999999999999.99", "-12345.67", "100.00"])
def test_any_parts_add_up(balance: str) -> None:
    rng = random.Random(balance)
    for _ in range(20):
        holders = rng.randint(1, 7)
        cuts = sorted(rng.sample(range(1, 10**4), holders - 1))
        shares = [b - a for a, b in zip([0, *cuts], [*cuts, 10**4], strict=True)]
        values = ", ".join(
            f"('P', 'A', DATE '2024-01-01', DATE '2024-01-01', 'C{k}', {share} / 10000, {balance}, {balance})"
            for k, share in enumerate(shares)
        )
        rows = (
            "SELECT * REPLACE (share::DECIMAL(18,8) AS share, balance::DECIMAL(18,2) AS balance, "
            "balance_base::DECIMAL(18,2) AS balance_base), NULL::DATE AS superseded_on "
            f"FROM (VALUES {values}) AS t(product_id, account_id, valued_on, known_on, customer_id, share, "
            "balance, balance_base)"
        )
        split = duckdb.sql(f"SELECT balance_base, share FROM ({split_shares(rows)})").fetchall()
        assert sum(part for part, _ in split) == Decimal(balance)
        assert all(abs(part - Decimal(balance) * share) <= Decimal("0.01") for part, share in split)
