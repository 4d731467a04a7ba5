"""Outcomes of those whom nobody contacted, as the response is learnt from them."""

from datetime import date, timedelta

import pytest

from configs.bank_folder import load_settings
from pipeline.lists.responses import _unlisted
from pipeline.monitoring.matured import CellCounts, Matured

MONDAY = date(2026, 6, 1)
CELL = ("salary", "high", "mature")


def counted(weeks, days, expected, observed):
    """A Monday so many weeks ago, at one horizon."""
    day = MONDAY - timedelta(weeks=weeks)
    return Matured(day, days, day, {}, (CellCounts(CELL, expected, observed),))


def test_each_customer_counts_once_however_many_mondays_saw_them():
    """Two Mondays of 90 days, 14 and 15 weeks old, each for 7 / 90 of its customers; one of 30 days."""
    settings = load_settings("demo")
    matured = [counted(14, 90, 90.0, 180), counted(15, 90, 90.0, 0), counted(6, 30, 30.0, 15)]
    found = _unlisted(settings, matured, MONDAY)
    assert (list(found.cells), found.early.tolist()) == ([CELL, CELL], [False, True])
    fades = [0.5 ** (weeks / settings.response.half_life_weeks) for weeks in (14, 15, 6)]
    assert found.expected.tolist() == pytest.approx([7 * (fades[0] + fades[1]), 7 * fades[2]])
    assert found.observed.tolist() == pytest.approx([14 * fades[0], 3.5 * fades[2]])


def test_what_is_not_known_yet_and_the_horizon_between_count_nothing():
    """After 97 days an outcome of 90 is known, after 37 one of 30; that of 60 days is of no use."""
    early = [counted(13, 90, 90.0, 90), counted(5, 30, 30.0, 30), counted(20, 60, 60.0, 60)]
    assert not _unlisted(load_settings("demo"), early, MONDAY).cells
