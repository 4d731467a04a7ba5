"""Several definitions on Monday 2024-03-04 (lead 7, horizon 90): windows end 06-09, the 90 days after on
09-07."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from features.build import build, build_labels
from features.cohort import CODES, ELIGIBLE
from features.definition_comparison import Verdict, compare
from features.engine.entities import make_entities
from tests.features.conftest import with_label

Row = dict[str, Any]
HISTORY, MONDAY = date(2022, 1, 3), date(2024, 3, 4)
LONG_AFTER = date(2024, 9, 7)


def held(day: date, balance: Any) -> Row:
    return {"product_id": "demand", "valued_on": day, "balance": balance}


BEFORE = held(date(2023, 6, 1), 1_000_000)


@pytest.fixture
def verdicts(entities_of, bank_settings):
    """aum_drop by a half and by nine tenths within 90 days, by a half within 30, and closure."""
    changes = ({}, {"min_drop": 0.9}, {"horizon_days": 30}, {"definition": "closure"})
    candidates = [with_label(bank_settings, **change) for change in changes]

    def look(*holdings: Row, through: date = LONG_AFTER) -> tuple[Verdict, ...]:
        entities = entities_of(holdings=[BEFORE, *holdings])
        return compare(entities, [MONDAY], HISTORY, through, candidates).verdicts

    return look


def test_each_candidate_judges_for_itself(verdicts):
    half, most, soon, closed = verdicts(held(date(2024, 4, 20), 300_000))
    assert [bool(one.attrited[0, 0]) for one in (half, most, soon, closed)] == [True, False, False, False]
    assert [one.lost[0, 0] for one in (half, most, closed)] == [700_000] * 3
    assert soon.lost[0, 0] == 0  # by 04-10 nothing was away


@pytest.mark.parametrize(
    ("back_on", "balance", "came_back"),
    [
        (date(2024, 6, 9), 650_000, True),  # half of the 700,000 that had left
        (date(2024, 6, 9), "649999.99", False),
        (date(2024, 9, 6), 650_000, True),  # the last of the 90 days
        (date(2024, 9, 7), 650_000, False),
    ],
)
def test_money_that_came_back(verdicts, back_on, balance, came_back):
    half, *_ = verdicts(held(date(2024, 4, 20), 300_000), held(back_on, balance), through=date(2024, 10, 7))
    assert (half.attrited[0, 0], half.came_back[0, 0]) == (True, came_back)


def test_back_for_a_day_is_back(verdicts):
    rows = [held(date(2024, 4, 20), 300_000), held(date(2024, 7, 1), 900_000), held(date(2024, 7, 2), 0)]
    assert verdicts(*rows)[0].came_back[0, 0]


@pytest.mark.parametrize(("through", "followed"), [(LONG_AFTER, True), (date(2024, 9, 6), False)])
def test_followed_as_far_as_the_data_reaches(verdicts, through, followed):
    half, _, soon, _ = verdicts(held(date(2024, 4, 20), 300_000), through=through)
    assert (bool(half.followed[0]), bool(soon.followed[0])) == (followed, True)


def test_what_was_still_here_on_the_monday(verdicts):
    # 870,000 on Sunday of a base of 990,000 = (84 × 1,000,000 + 7 × 870,000) / 91; all of it goes in April.
    half, *_ = verdicts(held(date(2024, 2, 26), 870_000), held(date(2024, 4, 20), 0))
    assert half.lost[0, 0] == 990_000
    assert half.still_here[0, 0] == 870_000


def test_who_has_left_is_judged_by_each_candidates_own_measure(verdicts):
    # On Sunday 300,000 of (84 × 1,000,000 + 7 × 300,000) / 91 = 946,154: less than half, more than a tenth.
    already = CODES.index("already_left")
    codes = [one.exclusion[0, 0] for one in verdicts(held(date(2024, 2, 26), 300_000))]
    assert codes == [already, ELIGIBLE, already, ELIGIBLE]


def test_candidates_on_random_worlds_are_the_labels_and_cohorts_of_each(draw_bank, tables_of, bank_settings):
    """What is compared is what training would see: exclusion, attrition and money of each definition
    alone."""
    candidates = [
        with_label(bank_settings, definition=name, dormant_floor=400_000.0)
        for name in ("aum_drop", "tier_downgrade", "closure", "dormancy")
    ]
    found = 0
    for seed in range(3):
        drawn = draw_bank(seed)
        entities = make_entities(tables_of(drawn.bank))
        together = compare(entities, drawn.snapshots, drawn.history_from, drawn.data_through, candidates)
        for settings, verdict in zip(candidates, together.verdicts, strict=True):
            built = build(entities, drawn.snapshots, drawn.history_from, settings)
            labels = build_labels(entities, drawn.snapshots, drawn.history_from, drawn.data_through, settings)
            for s, ((_, cohort, _), (_, label)) in enumerate(zip(built, labels, strict=True)):
                ids = list(entities.customers)
                who = [ids.index(name) for name in cohort["customer_id"].to_pylist()]
                words = [*CODES, ""]
                codes = [words[code] for code in verdict.exclusion[s, who]]
                assert codes == cohort["exclusion"].to_pylist()
                known = [ids.index(name) for name in label["customer_id"].to_pylist()]
                assert verdict.attrited[s, known].tolist() == [x == 1 for x in label["attrited"].to_pylist()]
                lost = label["outflow_share"].to_numpy() * label["aum_base"].to_numpy()
                assert np.array_equal(verdict.lost[s, known], lost)
                found += len(known)
    assert found > 100
