"""The day on which a contact is due, worked out for Monday 2026-11-16."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.bank_folder import load_settings
from configs.published import Score
from pipeline.lists.service import branch_heads, with_contact_due

MONDAY = date(2026, 11, 16)
SETTINGS = load_settings(
    "demo",
    {
        "service_standards": [
            {"segments": ["high_value_leaving"], "days": 30, "channels": ["visit"], "who": "branch_head"},
            {"segments": ["high_value"], "days": 30, "channels": ["phone", "visit"], "who": "manager"},
            {"tiers": ["wealth"], "days": 60},
            {"days": 90},
        ]
    },
)
SCORE = Score("c", "B1", "M1", "affluent", "mature", False, 0, 0, "low", (), risk_90d=0.1, segment="steady")
VISITED = replace(SCORE, segment="high_value_leaving")
CALLED = replace(SCORE, segment="high_value")
AGO = {days: MONDAY - timedelta(days=days) for days in (0, 1, 10, 30, 31, 59, 90, 91, 500)}


@pytest.fixture
def tables(tables_of, tmp_path):
    """One bucket with a customer of 2020, and contacts; B1 has M0 at its head, B2 nobody on record.

    Contacts are known since one with somebody else, ``since`` days ago; None: since the first of these.
    """

    def ingested(*contacts, opened=date(2020, 1, 1), head=True, since=500):
        rows = [{"customer_id": "c", **contact} for contact in contacts]
        rows += [{"customer_id": "d", **contact(since)}] if since is not None else []
        made = tables_of({"customers": [{"customer_id": "c", "opened_on": opened}], "contacts": rows})
        years = {row["contacted_at"].year for row in rows}
        managers = [{"manager_id": name, "branch_id": "B1", "is_branch_head": head and name == "M0"}
                    for name in ("M0", "M1")]  # fmt: skip
        pq.write_table(pa.Table.from_pylist(managers), tmp_path / "managers.parquet")
        return SimpleNamespace(
            buckets=1,
            parts=lambda _: [tmp_path / f"{year}.parquet" for year in years],
            read=lambda name, _bucket, columns, *_, **__: (
                made[name].select(columns) if len(made[name]) else None
            ),
            whole=lambda name: tmp_path / f"{name}.parquet",
        )

    return ingested


def contact(ago, channel="phone", manager="M1", outcome="answered", **more):
    return {
        "contacted_at": datetime.combine(AGO[ago], time(10)),
        "channel": channel,
        "manager_id": manager,
        "outcome": outcome,
        **more,
    }


def waits(tables, score=SCORE, opted_out=frozenset()):
    """The days for which the contact has been due on the Monday, below 0 if it is due later."""
    (found,) = with_contact_due(SETTINGS, tables, [score], MONDAY, opted_out)
    assert replace(found, contact_due_on=None) == score
    return None if found.contact_due_on is None else (MONDAY - found.contact_due_on).days


def test_any_contact_within_the_interval_keeps_the_last_standard(tables):
    """90 days ago is on the last day: due on the Monday itself, not overdue. 91 days ago is a day late."""
    assert waits(tables(contact(90))) == 0
    assert waits(tables(contact(91))) == 1
    assert waits(tables(contact(91), contact(10, "message"))) == -80
    # Who is of the tier wealth is due a contact every 60 days.
    assert waits(tables(contact(90)), replace(SCORE, tier="wealth")) == 30


@pytest.mark.parametrize(
    ("made", "days"),
    [
        (contact(30, "visit", "M0"), 0),
        (contact(31, "visit", "M0"), 1),
        # A message, or a call by the head, is no visit; neither is one by the manager, or one not reached.
        (contact(10, "message", "M0"), 364),
        (contact(10, "phone", "M0"), 364),
        (contact(10, "visit", "M1"), 364),
        (contact(10, "visit", "M0", "no_answer"), 364),
        # Made on the Monday, or known only then: not seen.
        (contact(0, "visit", "M0"), 364),
        (contact(10, "visit", "M0", known_on=MONDAY), 364),
    ],
)
def test_a_visit_by_the_branch_head(tables, made, days):
    assert waits(tables(made), VISITED) == days


def test_a_branch_without_a_head_on_record_is_visited_by_anybody(tables):
    visit = contact(10, "visit", "M1")
    assert waits(tables(visit, head=False), VISITED) == -20
    assert waits(tables(visit), replace(VISITED, branch_id="B2")) == -20
    assert waits(tables(visit), replace(VISITED, branch_id=None)) == -20
    assert branch_heads(tables(visit)) == {"B1": {"M0"}}


def test_a_contact_by_the_manager_in_charge(tables):
    assert waits(tables(contact(31), contact(10, "phone", "M2")), CALLED) == 1  # a colleague's does not count
    assert waits(tables(contact(31), contact(10, "message")), CALLED) == 1
    assert waits(tables(contact(10)), replace(CALLED, manager_id="M2")) == 364  # in charge now
    assert waits(tables(contact(10)), replace(CALLED, manager_id=None)) == -20  # nobody is: anybody's counts


def test_nothing_is_due_to_who_wants_no_calls(tables):
    assert waits(tables(), replace(SCORE, marketing_opt_out=True)) is None
    assert waits(tables(), opted_out=frozenset("c")) is None


def test_without_a_contact_the_interval_begins_with_the_first_day_as_a_customer(tables):
    assert waits(tables(opened=AGO[59])) == -31
    assert waits(tables(opened=AGO[91])) == 1
    # Nobody counts as overdue for more than a year.
    assert waits(tables()) == waits(tables(contact(500))) == waits(tables(), CALLED) == 364


def test_contacts_of_before_the_first_that_is_known_are_not_missed(tables):
    """A bank whose contacts begin 31 days ago cannot say whether anybody was contacted before."""
    assert waits(tables(since=31)) == 31 - 90
    assert waits(tables(since=31), VISITED) == 1
    assert waits(tables(since=31, opened=AGO[10])) == 10 - 90
    for nothing in (tables(since=None), tables(since=0), tables(contact(10, known_on=MONDAY), since=None)):
        assert waits(nothing) is None
