"""A delta against a naive comparison of everything with everything."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.store.differences import differences
from serve.store.store import Store

RISKS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from([0.1, 0.2]), max_size=8)


@given(old=RISKS, new=RISKS)
def test_a_delta_is_what_a_naive_comparison_finds_and_turns_one_run_into_the_other(make_score, old, new):
    before, after = (
        {name: make_score(name, risk_90d=risk) for name, risk in sorted(run.items())} for run in (old, new)
    )
    found = list(differences(iter(before.values()), iter(after.values())))
    differ = [name for name in sorted({*old, *new}) if before.get(name) != after.get(name)]
    assert found == [(name, before.get(name), after.get(name)) for name in differ]
    for name, _, score in found:
        before.pop(name, None)
        before |= {name: score} if score else {}
    assert before == after


@pytest.mark.parametrize("change", [{"risk_90d": 0.5}, {"manager_id": None}, {"reasons": ()}])
def test_a_change_in_any_field_is_a_difference(make_score, change):
    before, after = make_score("a"), replace(make_score("a"), **change)
    assert list(differences([before], [after])) == [("a", before, after)]


def test_who_came_and_who_went_have_no_other_side(make_score):
    a, b = make_score("a"), make_score("b")
    assert list(differences(iter([b]), iter([a]))) == [("a", None, a), ("b", b, None)]


@pytest.mark.either_store
def test_two_runs_of_a_store(store_url, make_run, make_score, make_lists, exclusions, scores):
    later = (replace(scores[0], risk_band="low"), *scores[2:], make_score("c9"))
    with Store(store_url) as store:
        store.publish(make_run(), scores, exclusions, make_lists(scores))
        store.publish(make_run("run-2", date(2026, 11, 23)), later, exclusions, make_lists(later))
        changes = differences(store.scores("run-1"), store.scores())
        told = [(name, bool(before), bool(after)) for name, before, after in changes]
    assert told == [("c1", True, True), ("c2", True, False), ("c9", False, True)]
