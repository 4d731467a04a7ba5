"""All planted weeks and some good ones before the gates; `make bench-gates` runs 104 good weeks."""

import pytest

from benchmarks.gates import PUBLISHED, measure
from benchmarks.planted_weeks import HARMLESS, LET_THROUGH

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def weeks(tmp_path_factory):
    return measure(600, [16, 3], tmp_path_factory.mktemp("gates") / "work")


def test_every_harmful_week_is_refused(weeks):
    assert set(weeks["let_through"]) == set(LET_THROUGH)
    assert len(weeks["planted"]) >= 33


def test_what_only_looks_odd_is_let_through(weeks):
    assert weeks["harmless"] == dict.fromkeys(HARMLESS, PUBLISHED)


def test_good_weeks_are_let_through(weeks):
    assert (weeks["good"], weeks["refused"]) == (19, {})
