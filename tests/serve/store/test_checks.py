"""Runs that do not add up are refused, each with what was found."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from configs.errors import DataError
from configs.published import Exclusion
from serve.store.checks import check


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
    check(make_run(excluded=MappingProxyType({"too_new": 1, "staff": 0})), scores, exclusions, lists)


def test_an_opted_out_customer_on_a_list_is_refused(make_run, scores, exclusions, lists):
    decisions = tuple(
        replace(one, decision="listed", why="stays", rank=1)
        if one.customer_id == "c2"
        else replace(one, rank=None)
        for one in lists[0].decisions
    )
    wrong = replace(lists[0], listed=(scores[1],), decisions=decisions)
    with pytest.raises(DataError, match="opted out"):
        check(make_run(), scores, exclusions, [wrong, *lists[1:]])


def test_each_scored_customer_has_one_decision(make_run, scores, exclusions, lists):
    one, own = lists
    for decisions, found in {
        one.decisions[
            1:
        ]: "5 customers are scored, 4 of them and 0 others have a decision, 4 decisions in all",
        (*one.decisions, one.decisions[0]): "5 of them and 0 others have a decision, 6 decisions",
        (*one.decisions, replace(one.decisions[0], customer_id="c9")): "5 of them and 1 others",
    }.items():
        with pytest.raises(DataError, match=found):
            check(make_run(), scores, exclusions, [replace(one, decisions=decisions), own])


def test_a_list_that_is_not_what_was_decided_is_refused(make_run, scores, exclusions, lists):
    with pytest.raises(DataError, match="list of branch 'B1' and the decisions about its customers differ"):
        check(make_run(), scores, exclusions, [replace(lists[0], listed=lists[0].listed[1:]), lists[1]])
    listed_elsewhere = [*lists, replace(lists[1], decisions=())]
    listed_twice = [lists[0], replace(lists[1], listed=lists[1].listed * 2)]
    for wrong in (listed_elsewhere, listed_twice):
        with pytest.raises(DataError, match="the decisions about its customers differ"):
            check(make_run(), scores, exclusions, wrong)


@pytest.mark.parametrize("change", [{"decision": "lsited"}, {"why": "drawn"}])
def test_an_unknown_decision_is_refused(make_run, scores, exclusions, lists, change):
    one, own = lists
    wrong = replace(one, decisions=(replace(one.decisions[0], **change), *one.decisions[1:]))
    with pytest.raises(DataError, match="unknown decisions"):
        check(make_run(), scores, exclusions, [wrong, own])


@pytest.mark.parametrize("change", [{"value": float("nan")}, {"contribution": float("inf")}, {"value": 3}])
def test_a_number_of_a_reason_is_a_finite_float_or_unknown(make_run, scores, exclusions, lists, change):
    broken = replace(scores[0], reasons=(replace(scores[0].reasons[0], **change),))
    with pytest.raises(DataError, match="None where a feature is not known"):
        check(make_run(), (broken, *scores[1:]), exclusions, lists)
    known = replace(scores[0], reasons=(replace(scores[0].reasons[0], value=None),))
    check(make_run(), (known, *scores[1:]), exclusions, lists)
