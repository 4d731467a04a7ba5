"""Which Mondays have an outcome: the window has closed, and of delivered labels one was known."""

from datetime import date
from typing import Any

import pytest

from pipeline.snapshots.labelled import with_outcome

# Of Sunday 2023-09-03, in the week of Monday 08-28; horizon 180 days: the window has closed on 2024-03-01.
LINES = "CUST,DAY,GONE,KNOWN\nC1,2023-09-03,0,2024-03-05\nC2,2023-09-03,1,2024-02-01\n"
LABELLED, NEXT = date(2023, 8, 28), date(2023, 9, 4)


@pytest.fixture
def tables(tiny: Any) -> Any:
    tiny.declare("[sources]", '[sources]\nchurn = { files = "churn.csv" }')
    tiny.select(
        "labels",
        "SELECT CUST AS customer_id, DAY AS day, GONE AS gone, KNOWN AS known_on, _file, _line FROM churn",
    )
    tiny.write("churn.csv", LINES)
    return tiny.ingest()


def by(tiny: Any, definition: str, horizon_days: int) -> Any:
    label = {"definition": definition, "horizon_days": horizon_days, "lead_days": 7}
    return tiny.settings(label=label, store={"keep_weeks": 30})


def test_a_monday_has_an_outcome_once_its_window_has_closed_and_a_label_is_known(
    tiny: Any, tables: Any
) -> None:
    settings, both = by(tiny, "delivered", 180), (LABELLED, NEXT)
    assert with_outcome(settings, tables, both, date(2024, 3, 1)) == []  # 187 days after 08-28 is 03-02
    assert with_outcome(settings, tables, both, date(2024, 3, 2)) == [LABELLED]  # C2's was known
    assert with_outcome(settings, tables, both, date(2025, 1, 1)) == [LABELLED]
    assert with_outcome(by(tiny, "closure", 90), tables, both, date(2025, 1, 1)) == [*both]


def test_a_label_that_nobody_could_know_makes_no_outcome(tiny: Any, tables: Any) -> None:
    settings = by(tiny, "delivered", 181)  # C1's was known 184 days after its day, C2's is one of a leaver
    assert with_outcome(settings, tables, [LABELLED], date(2024, 3, 4)) == [LABELLED]
    tiny.write("churn.csv", "CUST,DAY,GONE,KNOWN\nC1,2023-09-03,0,2024-02-29\n")
    again = tiny.ingest(rows_gone="a test")
    assert with_outcome(settings, again, [LABELLED], date(2025, 1, 1)) == []


def test_a_label_that_was_not_known_yet_makes_no_outcome(tiny: Any, tables: Any) -> None:
    assert tables.count("labels").loaded == 2
    tiny.write("churn.csv", "CUST,DAY,GONE,KNOWN\nC1,2023-09-03,0,2024-03-05\n")
    only = tiny.ingest(rows_gone="a test")
    settings = by(tiny, "delivered", 180)
    assert with_outcome(settings, only, [LABELLED], date(2024, 3, 5)) == []
    assert with_outcome(settings, only, [LABELLED], date(2024, 3, 6)) == [LABELLED]
