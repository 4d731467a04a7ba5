"""The bank's own label on the dates of features/delivered.py: horizon 180 days, so a window closes 187 days
after its Monday at the latest. Snapshot 2024-03-25; 2024-03-31 is the Sunday of its week."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from features.build import build_labels
from tests.features.conftest import HISTORY, held, with_label

MONDAY, SUNDAY, CLOSED = date(2024, 3, 25), date(2024, 3, 31), date(2024, 9, 27)
LATER = date(2024, 10, 21)
BEFORE = held("demand", date(2023, 6, 1), 1_000_000)


def labelled(day: date = SUNDAY, gone: bool = True, **more: Any) -> dict[str, Any]:
    return {"day": day, "gone": gone, "known_on": CLOSED, **more}


@pytest.fixture(scope="session")
def settings(bank_settings):
    return with_label(bank_settings, definition="delivered", horizon_days=180)


@pytest.fixture
def label_on(entities_of, settings):
    """The label of "C1" on a Monday by what is known before ``through``; None where it is unknown."""

    def look(
        *labels: dict[str, Any], monday: date = MONDAY, through: date = LATER, holdings: Any = (BEFORE,)
    ) -> Any:
        entities = entities_of(holdings=[*holdings], labels=[*labels])
        ((_, table),) = build_labels(entities, [monday], HISTORY, through, settings)
        return next(iter(table.to_pylist()), None)

    return look


def test_a_label_says_who_left_and_with_how_much(label_on):
    label = label_on(labelled(lost="250000.00"))
    assert (label["attrited"], label["time_to_attrition"], label["outflow_share"]) == (1, 180, 0.25)
    label = label_on(labelled(gone=False, lost="1.00"))
    assert (label["attrited"], label["time_to_attrition"]) == (0, None)


def test_no_row_is_unknown_and_never_a_0(label_on):
    assert label_on() is None
    assert label_on(labelled(), monday=MONDAY - timedelta(weeks=1)) is None


@pytest.mark.parametrize(
    ("day", "monday"),
    [
        (MONDAY, MONDAY),
        (SUNDAY, MONDAY),
        (SUNDAY + timedelta(days=1), MONDAY + timedelta(weeks=1)),
    ],
)
def test_a_day_belongs_to_the_monday_on_or_before_it(label_on, day, monday):
    for week in (MONDAY - timedelta(weeks=1), MONDAY, MONDAY + timedelta(weeks=1)):
        known = label_on(labelled(day, known_on=date(2024, 10, 1)), monday=week)
        assert (known is not None) == (week == monday)


def test_nobody_knows_before_the_window_has_closed_that_a_customer_stays(label_on):
    assert label_on(labelled(gone=False, known_on=CLOSED - timedelta(days=1))) is None
    assert label_on(labelled(gone=False))["attrited"] == 0
    assert label_on(labelled(known_on=date(2024, 5, 2)))["attrited"] == 1  # a leaver is known at once


def test_a_label_counts_once_it_is_known_and_its_window_has_closed(label_on):
    early = labelled(known_on=date(2024, 5, 2))
    assert label_on(early, through=CLOSED - timedelta(days=1)) is None
    assert label_on(early, through=CLOSED)["attrited"] == 1
    late = labelled(known_on=date(2024, 10, 14))
    assert label_on(late, through=date(2024, 10, 14)) is None
    assert label_on(late, through=date(2024, 10, 15))["attrited"] == 1


def test_a_correction_counts_from_the_day_it_was_known(label_on):
    rows = [
        labelled(gone=True, superseded_on=date(2024, 10, 9)),
        labelled(gone=False, known_on=date(2024, 10, 9)),
    ]
    assert label_on(*rows, through=date(2024, 10, 9))["attrited"] == 1
    assert label_on(*rows)["attrited"] == 0


def test_of_several_days_in_a_week_the_first_counts(label_on):
    rows = [labelled(date(2024, 3, 27), gone=False), labelled(SUNDAY)]
    assert label_on(*rows)["attrited"] == 0
    assert label_on(*reversed(rows))["attrited"] == 0


def test_more_than_everything_cannot_leave(label_on):
    assert label_on(labelled(lost="1500000.00"))["outflow_share"] == 1


def test_without_an_amount_what_left_by_the_balances_counts(label_on):
    fallen = held("demand", date(2024, 6, 3), 400_000)
    assert label_on(labelled(), holdings=(BEFORE, fallen))["outflow_share"] == pytest.approx(0.6)
    assert label_on(labelled(lost="0.00"), holdings=(BEFORE, fallen))["outflow_share"] == 0


def test_without_balances_everybody_with_a_label_counts_one(entities_of, settings):
    moneyless = settings.model_copy(update={"counts": "customers"})
    bought = {"booked_at": datetime(2023, 6, 1), "amount": -1, "kind": "card"}
    for row, share in ((labelled(lost="250000.00"), 1), (labelled(gone=False), 0)):
        entities = entities_of(transactions=[bought], labels=[row])
        ((_, table),) = build_labels(entities, [MONDAY], HISTORY, LATER, moneyless)
        (label,) = table.to_pylist()
        assert (label["attrited"], label["outflow_share"], label["aum_base"]) == (share, share, 1)
    ((_, table),) = build_labels(entities_of(transactions=[bought]), [MONDAY], HISTORY, LATER, moneyless)
    assert table.num_rows == 0


@pytest.mark.parametrize(
    ("monday", "rows", "code"),
    [
        (date(2024, 9, 30), [labelled()], "already_left"),
        (date(2024, 9, 23), [labelled()], ""),  # nobody knew yet
        (date(2024, 5, 6), [labelled(known_on=date(2024, 5, 2))], "already_left"),
        (date(2024, 9, 30), [labelled(), labelled(date(2024, 4, 1), gone=False, known_on=date(2024, 9, 28))],
         ""),
        # Such a row says nothing, so it takes nobody back into the cohort.
        (date(2024, 9, 30), [labelled(), labelled(date(2024, 4, 1), gone=False, known_on=date(2024, 9, 27))],
         "already_left"),
    ],
)  # fmt: skip
def test_whom_the_newest_known_label_calls_gone_is_out_of_the_cohort(
    excluded_on, settings, monday, rows, code
):
    assert excluded_on(monday, settings, holdings=[BEFORE], labels=rows) == [code]
