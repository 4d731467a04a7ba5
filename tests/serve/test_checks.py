"""Runs that do not add up are refused, each with what was found."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from configs.errors import DataError
from configs.published import Exclusion
from serve.checks import check


def test_a_sound_run_passes(make_run, scores, exclusions, lists):
    check(make_run(), scores, exclusions, lists)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"risk_90d": 1.01}, "1.01"),
        ({"risk_90d": float("nan")}, "nan"),
        ({"risk_90d": 1}, "float"),
        ({"money_at_risk_minor": -1}, "-1"),
        ({"aum_minor": 1.5}, "1.5"),
        ({"risk_band": "hihg"}, "hihg"),
        ({"risk_change": 1.5}, "risk_change must be.*1.5"),
        ({"risk_change": float("nan")}, "nan"),
    ],
)
def test_a_score_out_of_range_is_refused(make_run, scores, exclusions, lists, change, found):
    with pytest.raises(DataError, match=found):
        check(make_run(), (replace(scores[0], **change), *scores[1:]), exclusions, lists)


def test_a_missing_customer_is_refused(make_run, scores, exclusions, lists):
    with pytest.raises(DataError, match="brings 4 scores"):
        check(make_run(), scores[1:], exclusions, lists)


def test_a_customer_scored_and_excluded_is_refused_without_telling_the_id(make_run, scores, lists):
    with pytest.raises(DataError, match="1 customers stand more than once") as refused:
        check(make_run(), scores, [Exclusion("c1", "too_new")], lists)
    assert "c1" not in str(refused.value)


def test_an_unknown_code_is_refused_with_the_nearest(make_run, scores, lists):
    run = make_run(excluded=MappingProxyType({"to_new": 1}))
    with pytest.raises(DataError, match="Did you mean 'too_new'"):
        check(run, scores, [Exclusion("c6", "to_new")], lists)


def test_a_code_nobody_has_may_be_declared_with_zero(make_run, scores, exclusions, lists):
    check(
        make_run(excluded=MappingProxyType({"too_new": 1, "staff": 0})),
        scores,
        exclusions,
        lists,
    )


def test_an_opted_out_customer_on_a_list_is_refused(make_run, scores, exclusions, lists):
    wrong = replace(lists[0], listed=(scores[1],))
    with pytest.raises(DataError, match="opted out"):
        check(make_run(), scores, exclusions, [wrong, *lists[1:]])


def test_a_customer_twice_on_the_lists_is_refused(make_run, scores, exclusions, lists):
    with pytest.raises(DataError, match="1 customers stand on the lists more than once"):
        check(make_run(), scores, exclusions, [*lists, lists[1]])


@pytest.mark.parametrize("change", [{"value": float("nan")}, {"contribution": float("inf")}, {"value": 3}])
def test_a_number_of_a_reason_is_a_finite_float_or_unknown(make_run, scores, exclusions, lists, change):
    broken = replace(scores[0], reasons=(replace(scores[0].reasons[0], **change),))
    with pytest.raises(DataError, match="None where a feature is not known"):
        check(make_run(), (broken, *scores[1:]), exclusions, lists)
    known = replace(scores[0], reasons=(replace(scores[0].reasons[0], value=None),))
    check(make_run(), (known, *scores[1:]), exclusions, lists)
