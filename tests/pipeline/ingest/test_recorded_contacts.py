"""Recorded outcomes beside the bank's contacts: seen once, from when they were known, and twice the same."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from features.build import build, first_monday
from pipeline.ingest.recorded_contacts import overlay_contacts
from pipeline.lists.reached import reached
from pipeline.snapshots.build import bank_workload, load_entities
from pipeline.tables import read_ingested
from serve.store.contacts import Contact

CONTACTS = """SELECT NO AS contact_id, CUST AS customer_id, RM AS manager_id, DONE AS contacted_at,
'phone' AS channel, 'sale' AS purpose, 'answered' AS outcome, KNOWN AS known_on, _file, _line FROM con"""
HEADER = "NO,CUST,RM,DONE,KNOWN\n"
TUESDAY = datetime(2024, 3, 5, 9, tzinfo=UTC)


def contact(number, customer="C1", manager="M1", at=TUESDAY, outcome="will_stay"):
    return Contact(f"k{number}", customer, manager, "run-1", outcome, "", at, number)


@pytest.fixture
def bank(tiny):
    """C2 was called by M1 on Tuesday, which the bank's systems tell on Thursday."""
    tiny.declare_contacts(CONTACTS, "M1\nM2\n")
    tiny.write("con_1.csv", f"{HEADER}K1,C2,M1,2024-03-05 10:00:00,2024-03-07\n")
    return tiny


def rows(tables):
    read = [tables.read("contacts", bucket) for bucket in range(tables.buckets)]
    return sorted(
        (row["customer_id"], row["contact_id"], row["known_on"], row["superseded_on"])
        for part in read
        if part is not None
        for row in part.to_pylist()
    )


def folders(bank):
    return sorted(path.name for path in (bank.home.root / "tables").glob("recorded-*"))


def test_a_recorded_outcome_is_a_contact_known_on_the_day_it_was_recorded(bank):
    tables = overlay_contacts(bank.home, bank.ingest(), [contact(1)])
    own = ("C2", "K1", date(2024, 3, 7), None)
    assert rows(tables) == [("C1", "recorded-1", date(2024, 3, 5), None), own]
    assert rows(read_ingested(bank.home)) == rows(tables)
    lists = bank.settings().lists
    assert reached(tables, lists, date(2024, 3, 11), date(2024, 2, 1))["C1"] == date(2024, 3, 5)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, date(2024, 3, 7)),  # the bank's row stands for it from the day it is known
        ({"at": TUESDAY + timedelta(days=1)}, date(2024, 3, 7)),
        ({"at": TUESDAY + timedelta(days=2)}, None),
        ({"manager": "M2"}, None),
        ({"at": TUESDAY + timedelta(days=1), "outcome": "no_answer"}, date(2024, 3, 7)),
    ],
)
def test_a_call_that_the_bank_tells_too_is_one_contact(bank, changes, told):
    """Ours until Thursday, theirs from then on; never both, never neither."""
    recorded = contact(1, "C2", **changes)
    tables = overlay_contacts(bank.home, bank.ingest(), [recorded])
    known = recorded.recorded_at.date()
    assert rows(tables) == [("C2", "K1", date(2024, 3, 7), None), ("C2", "recorded-1", known, told)]
    for day in (date(2024, 3, number) for number in range(1, 20)):
        seen = [one for one in rows(tables) if one[2] < day and (one[3] is None or one[3] >= day)]
        both = told is None and day > date(2024, 3, 7)
        assert len(seen) == (known < day or date(2024, 3, 7) < day) + both


def test_what_the_bank_told_first_stands_alone(bank):
    late = contact(1, "C2", at=datetime(2024, 3, 6, tzinfo=UTC))
    bank.write("con_1.csv", f"{HEADER}K1,C2,M1,2024-03-05 10:00:00,2024-03-05\n")
    tables = overlay_contacts(bank.home, bank.ingest(), [late])
    assert rows(tables) == [("C2", "K1", date(2024, 3, 5), None)]
    assert tables.overlay is None
    assert folders(bank) == []


def test_a_day_is_one_contact_however_often_it_was_told(bank):
    """Once on the page and once more in the workbook, with another outcome: the last one counts."""
    told = [contact(1, outcome="no_answer"), contact(2, at=TUESDAY + timedelta(hours=3), outcome="leaving")]
    tables = overlay_contacts(bank.home, bank.ingest(), told)
    assert [one[1] for one in rows(tables)] == ["recorded-2", "K1"]


def test_a_correction_counts_from_its_day_and_changes_no_earlier_monday(bank):
    """Tuesday's call, corrected on the 12th and withdrawn on the 19th: a Monday sees what stood before it."""
    call = contact(1)
    second = replace(
        contact(2, at=TUESDAY + timedelta(weeks=1), outcome="no_answer"), contacted_at=TUESDAY, corrects=1
    )
    third = replace(contact(3, at=TUESDAY + timedelta(weeks=2), outcome=""), corrects=2)
    tables, told = bank.ingest(), [call, second, third]
    mondays = [date(2024, 3, day) for day in (4, 11, 18, 25)]
    names = []
    for entries in (told[:1], told[:2], told):
        over = overlay_contacts(bank.home, tables, entries)
        own = [one for one in rows(over) if one[0] == "C1"]
        names.append([over.as_of(monday) for monday in mondays])
    assert own == [
        ("C1", "recorded-1", date(2024, 3, 5), date(2024, 3, 12)),
        ("C1", "recorded-2", date(2024, 3, 12), date(2024, 3, 19)),
    ]
    called, corrected, withdrawn = names
    assert called[:2] == corrected[:2] == withdrawn[:2]
    assert called[2] != corrected[2] == withdrawn[2]
    assert corrected[3] != withdrawn[3]


@pytest.mark.parametrize(
    ("called", "names"), [(date(2019, 12, 31), ["K1"]), (date(2020, 1, 1), ["recorded-1", "K1"])]
)
def test_a_contact_from_before_the_first_account_counts_for_nothing(bank, called, names):
    """C1 opened the first account on 1 January 2020."""
    early = replace(contact(1), contacted_at=datetime.combine(called, TUESDAY.timetz()))
    assert [one[1] for one in rows(overlay_contacts(bank.home, bank.ingest(), [early]))] == names


def test_a_customer_whom_the_tables_do_not_know_has_no_contact(bank):
    tables = overlay_contacts(bank.home, bank.ingest(), [contact(1, "C99")])
    assert [one[1] for one in rows(tables)] == ["K1"]


def test_the_same_contacts_again_change_nothing(bank):
    tables = bank.ingest()
    first = overlay_contacts(bank.home, tables, [contact(1), contact(2, "C3")])
    before = {path: path.stat().st_mtime_ns for path in (bank.home.root / "tables").rglob("*.parquet")}
    assert overlay_contacts(bank.home, tables, [contact(1), contact(2, "C3")]) == first
    after = {path: path.stat().st_mtime_ns for path in (bank.home.root / "tables").rglob("*.parquet")}
    assert after == before


def test_a_snapshot_is_named_by_what_was_recorded_before_it(bank):
    """One more contact on the 12th makes the 18th another snapshot, and leaves the 11th as it was."""
    tables = bank.ingest()
    first = overlay_contacts(bank.home, tables, [contact(1)])
    later = datetime(2024, 3, 12, 9, tzinfo=UTC)
    second = overlay_contacts(bank.home, tables, [contact(1), contact(2, "C3", at=later)])
    assert (
        second.as_of(date(2024, 3, 11)) == first.as_of(date(2024, 3, 11)) != tables.as_of(date(2024, 3, 11))
    )
    assert second.as_of(date(2024, 3, 18)) != first.as_of(date(2024, 3, 18))
    # A contact of Monday itself is not seen on it.
    assert second.as_of(date(2024, 3, 5)) == tables.as_of(date(2024, 3, 5))


def test_the_next_ingest_keeps_them_and_lays_them_over_anew(bank):
    overlay_contacts(bank.home, bank.ingest(), [contact(1, "C2")])
    bank.write("con_2.csv", f"{HEADER}K2,C4,M1,2024-03-06 10:00:00,2024-03-06\n")
    tables = bank.ingest()
    assert tables.overlay is not None
    again = overlay_contacts(bank.home, tables, [contact(1, "C2"), contact(2, "C4")])
    assert [one[1] for one in rows(again)] == ["K1", "recorded-1", "K2", "recorded-2"]
    assert rows(again)[3] == ("C4", "recorded-2", date(2024, 3, 5), date(2024, 3, 6))
    assert len(folders(bank)) == 2
    overlay_contacts(bank.home, tables, [])
    assert read_ingested(bank.home).overlay is None


def test_a_bank_without_contacts_of_its_own_has_those_recorded_here(tiny):
    tables = overlay_contacts(tiny.home, tiny.ingest(), [contact(1)])
    assert [one[1] for one in rows(tables)] == ["recorded-1"]


def test_features_count_them_once_and_not_before_they_were_known(bank):
    """C1's call of Tuesday, the 12th, is not seen on Monday the 11th; C2's of the week before is one."""
    settings = bank.settings(
        cohort={"min_aum": 0, "max_aum": 1e9, "min_tenure_weeks": 0},
        label={"base_weeks": 1},
        features={"windows": [1, 4, 13, 26, 52]},
    )
    called = [contact(1, at=TUESDAY + timedelta(weeks=1)), contact(2, "C2")]
    tables = overlay_contacts(bank.home, bank.ingest(), called)
    mondays = (date(2024, 3, 11), date(2024, 3, 18))
    counts = {}
    for bucket in range(tables.buckets):
        entities = load_entities(tables, bucket, bank_workload(tables, mondays))
        for monday, _, features in build(entities, mondays, first_monday(tables.first_day), settings):
            rows = features.select(["customer_id", "contact_count_1w"]).to_pylist()
            counts |= {(row["customer_id"], monday.day): row["contact_count_1w"] for row in rows}
    assert {key: count for key, count in counts.items() if count} == {("C1", 18): 1, ("C2", 11): 1}
    assert ("C1", 11) in counts
