"""What a plan of a campaign may say, and what it is told otherwise."""

from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from configs.campaigns import Plan
from configs.errors import DataError
from configs.people import name_of, same_person

MONDAY, WEEK = date(2026, 11, 16), timedelta(weeks=1)


def a_plan(**changes):
    fields = {"title": "Term deposits roll over", "rule": {}, "size": 2, "channel": "phone",
              "starts_on": MONDAY, "ends_on": MONDAY + 4 * WEEK, "control_share": 0.5}  # fmt: skip
    return Plan(**fields | changes)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"starts_on": MONDAY + timedelta(days=1)}, "is a Tuesday.*Use 2026-11-16, or the one after"),
        ({"ends_on": MONDAY}, "ends_on = 2026-11-16 must be after"),
        ({"ends_on": MONDAY + 27 * WEEK}, "longer than 26 weeks"),
        ({"starts_on": 20_000}, "valid date"),
        ({"starts_on": "2026-11-31"}, "day"),
        ({"ends_on": date.max}, "9999-12-31 is a Friday.*Use 9999-12-27"),
        ({"size": 0}, "greater than or equal to 1"),
        ({"size": "2"}, "valid integer"),
        ({"channel": "fax"}, "'phone', 'message', 'visit' or 'offer'"),
        ({"control_share": 0.95}, "less than or equal to 0.9"),
        ({"control_share": float("nan")}, "equal to"),
        ({"title": "one\ntwo"}, "words on one line"),
        ({"rule": {"reasons": ["rolover"]}}, "unknown reason 'rolover'. Did you mean 'rollover'"),
        ({"rule": {"product_gaps": ["loan"]}}, "unknown product class 'loan'"),
        ({"rule": {"tiers": ["a", "a"]}}, "names something twice"),
        ({"rule": {"tier": ["a"]}}, "not permitted"),
        ({"rule": {"least_aum": float("inf")}}, "less than or equal to"),
        ({"rule": {"maturing_days": 91}}, "less than or equal to 90"),
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_says_why(wrong, sentence):
    with pytest.raises(ValidationError, match=sentence):
        a_plan(**wrong)


def test_a_plan_reads_from_json_as_it_was_written():
    plan = a_plan(rule={"tiers": ["wealth"], "least_aum": 1_000_000})
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    assert Plan(**plan.model_dump(mode="json")) == plan
    assert plan.rule.asked == {"tiers": ["wealth"], "least_aum": 1_000_000}
    assert [a_plan(control_share=share).measurable for share in (0.0, 0.1)] == [False, True]


def test_names_without_letters_are_compared_as_they_are():
    assert not same_person("--", "..")
    assert same_person("王芳", "王 芳")
    assert not same_person("王芳", "王方")


def test_a_name_brings_no_characters_that_nobody_sees_to_a_terminal():
    assert name_of("\u202e\x1b[2JLi\u200b  Na\x00") == "[2JLi Na"
    with pytest.raises(DataError, match="Say who"):
        name_of(" \u200b\x1b ")
