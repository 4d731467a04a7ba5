"""The benchmark of calls on a bank of five made by hand: values, weeks left, outcomes, worlds and figures."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from benchmarks import calls_policies
from benchmarks.calls import figures, in_words, ratio
from benchmarks.calls_effect import looks, outcomes, truly, truly_reached
from benchmarks.calls_lives import LEARNT, LEFT, MONDAYS
from benchmarks.calls_mondays import EFFECTS, TODAY, WORLDS, World, panel_of
from benchmarks.calls_policies import BY_PROBABILITY, OURS, Life, Policy
from configs.bank_folder import load_settings
from configs.response import Response

# Who is there: the chance of leaving uncalled, after an answered call, and where calls harm; money, opt-out.
PEOPLE = {
    "saved": (0.5, 0.1, 0.5, 1e6, False),
    "little": (0.3, 0.25, 0.3, 2e6, False),
    "touchy": (0.6, 0.8, 0.9, 1e6, False),
    "opted": (0.5, 0.1, 0.5, 5e6, True),
    "lost": (0.4, 0.4, 0.4, 1e6, False),
}
ORACLE = Policy("oracle", "oracle")


def rows_of(name, day, place):
    without, called, harmed, money, opted_out = PEOPLE[name]
    row = {
        "customer_id": name, "snapshot_date": np.datetime64(day, "D"), "branch_id": "B1", "manager_id": None,
        "tier": "affluent", "lifecycle_stage": "mature", "segment": "", "marketing_opt_out": opted_out,
        "aum_minor": round(money * 100), "money_at_risk_minor": round(without * money * 100),
        "risk_band": "high", "reason_group": "outflow", "risk_30d": without / 4, "risk_60d": without / 2,
        "movable": None,
        "risk_90d": without, "place": place, "money": money, "harmed": name == "touchy",
        "seen_today": without - called, "seen_harm": without - harmed,
    }  # fmt: skip
    for kinds, after in zip(EFFECTS.values(), (called, harmed), strict=True):
        for kind, part in zip(kinds, (1.0, 0.25), strict=True):
            row |= {f"{kind}_{k}": part * (without + (after - without) * k / 8) for k in range(LEFT)}
    return row


@pytest.fixture(scope="module")
def settings():
    return load_settings("demo")


@pytest.fixture(scope="module")
def panel():
    rows = [rows_of(name, day, place) for day in MONDAYS for place, name in enumerate(PEOPLE)]
    made = panel_of(7, pd.DataFrame(rows))
    return replace(made, answer=np.zeros_like(made.answer))  # whoever is called answers


@pytest.fixture
def taught(monkeypatch):
    """Learning is somebody else's test: the response is always three in ten."""
    monkeypatch.setattr(calls_policies, "learnt_response", lambda *_: Response(0.3))


def test_the_oracle_calls_whom_a_call_saves_and_nobody_else(settings, panel):
    lived = Life(settings, panel, TODAY, ORACLE, 1).live()
    begun = LEARNT - calls_policies.WARM_UP
    # 0.7 · 0.4 · 1 m less the cost; then the other; then nobody: calls harm, do nothing, or are not wanted.
    assert lived.value[begun : begun + 5].tolist() == pytest.approx([265_000, 55_000, 0, 0, 0])
    assert lived.calls[begun : begun + 5].tolist() == [1, 1, 0, 0, 0]
    # Five weeks later three of the earlier call are left: 0.7 · (0.35 − 0.1) m, and 0.7 · 0.03125 · 2 m.
    assert lived.value[begun + 5 : begun + 7].tolist() == pytest.approx([160_000, 28_750])
    assert lived.evaluated() == pytest.approx(5 * 160_000 + 5 * 28_750)


def test_whoever_does_not_answer_has_no_quiet(settings, panel):
    deaf = replace(panel, answer=np.ones_like(panel.answer))
    lived = Life(settings, deaf, TODAY, ORACLE, 1).live()
    assert lived.value[LEARNT:].tolist() == pytest.approx([265_000] * 26)
    assert not Life(settings, deaf, World("none", "none"), ORACLE, 1).live().calls.any()


def test_by_probability_the_touchy_is_called_first_and_that_costs(settings, panel):
    lived = Life(settings, panel, TODAY, BY_PROBABILITY, 1).live()
    begun = LEARNT - calls_policies.WARM_UP
    assert lived.value[begun : begun + 4].tolist() == pytest.approx([-155_000, 265_000, -15_000, 55_000])
    assert lived.calls[begun:].sum() == 4 * 7


@pytest.mark.usefixtures("taught")
def test_each_one_more_thing_known_is_worth_no_less(settings, panel):
    true = Life(settings, panel, TODAY, Policy("with_truth", "ours", knows="response"), 1).live()
    seen = Life(settings, panel, TODAY, Policy("seen", "seen"), 1).live()
    best = Life(settings, panel, TODAY, ORACLE, 1).live().evaluated()
    assert true.evaluated() == pytest.approx(best)
    assert seen.evaluated() == pytest.approx(best)
    for knows in ("risk", "money"):  # what is known is the truth already, but for the weeks that are left
        one = Life(settings, panel, TODAY, Policy("with_truth", "ours", learns=True, knows=knows), 1).live()
        assert 0 < one.evaluated() < best


@pytest.fixture
def half(settings):
    """Settings by which one in two is held out."""
    lists = settings.lists.model_copy(update={"control_group_share": 0.5})
    return settings.model_copy(update={"lists": lists})


@pytest.mark.usefixtures("taught")
def test_an_outcome_is_drawn_by_the_truth_and_known_when_it_is(half, panel):
    assigned = Life(half, panel, TODAY, OURS, 5).live().assigned
    first = {one.customer_id: one for one in reversed(assigned)}
    assert set(first) == set(PEOPLE) - {"opted"}
    assert {one.control_group for one in assigned} == {True, False}
    for name, one in first.items():
        without, called, *_ = PEOPLE[name]
        assert (one.week, one.without) == (0, without)
        assert one.reached != one.control_group
        assert one.chance == pytest.approx(without if one.control_group else called)
        assert one.early == pytest.approx(one.chance / 4)
        known = [outcomes([one], panel, half, week)[0] for week in (5, 6, 13, 14)]
        fate = panel.fate[0, one.place]
        assert [late.left_early for late in known] == [None, *[bool(fate < one.early)] * 3]
        assert [late.attrited for late in known] == [*[None] * 3, bool(fate < one.chance)]
        assert outcomes([one], panel, half, 13, early=False)[0].left_early is None
    listed = [one for one in assigned if not one.control_group]
    assert truly_reached(assigned) == pytest.approx(np.mean([one.without - one.chance for one in listed]))
    # A control customer would have been called in 7% of cases, where managers do as they like.
    assert truly(assigned) == pytest.approx(0.93 * truly_reached(assigned), abs=0.01)


@pytest.mark.usefixtures("taught")
def test_a_call_in_a_later_week_changes_the_outcome_by_its_own_monday(half, panel):
    late = replace(
        panel, answer=np.where(np.arange(len(MONDAYS))[:, None] == 2, 0.0, np.ones_like(panel.answer))
    )
    assigned = [one for one in Life(half, late, TODAY, OURS, 5).live().assigned if one.week == 0]
    for one in assigned:
        without, called, *_ = PEOPLE[one.customer_id]
        assert one.reached != one.control_group
        assert one.chance == pytest.approx(without if one.control_group else called)
        assert one.early == pytest.approx(without / 4)  # too late for that


@pytest.mark.usefixtures("taught")
def test_managers_of_the_contaminated_world_do_as_they_like(half, panel):
    world = next(one for one in WORLDS if one.contaminated)
    wild = replace(panel, stray=np.zeros_like(panel.stray))
    lived = Life(half, wild, world, OURS, 5).live()
    assert not lived.calls.any()
    assert all(one.reached == one.control_group for one in lived.assigned)
    tame = Life(half, replace(panel, stray=np.ones_like(panel.stray)), world, OURS, 5).live()
    assert all(one.reached != one.control_group for one in tame.assigned)


def test_harm_is_counted_where_the_prior_would_call(settings, panel, monkeypatch):
    def wary(_, rows, *__):
        return Response(-0.3) if rows else Response(0.3)

    monkeypatch.setattr(calls_policies, "learnt_response", wary)
    harm = next(one for one in WORLDS if one.effects == "harm")
    would, alone = Life(settings, panel, harm, OURS, 5).live().spared
    assert would == alone > 0
    monkeypatch.setattr(calls_policies, "learnt_response", lambda *_: Response(0.3))
    would, alone = Life(settings, panel, harm, OURS, 5).live().spared
    assert alone == 0 < would


def test_the_effect_fades_after_the_learnt_year(panel):
    fades, monday = World("fades", fades=True), panel.mondays[0]
    assert np.array_equal(monday.under(fades).late, monday.under(TODAY).late)
    gone = replace(monday, week=LEARNT + calls_policies.p.CALL_WEEKS * 2).under(fades).late
    assert np.array_equal(gone, np.repeat(monday.under(TODAY).late[:1], LEFT, axis=0))


@pytest.mark.usefixtures("taught")
def test_a_look_claims_what_the_page_would(half, panel):
    assigned = Life(half, panel, TODAY, OURS, 5).live().assigned
    found = looks(half, panel, assigned)
    assert found["itt"]["truth"] == truly(assigned)
    assert found["itt"]["low"] <= found["itt"]["shown"] <= found["itt"]["high"]
    assert not found["claimed"]  # of a handful
    many = [replace(one, chance=float(one.control_group)) for one in assigned for _ in range(8)]
    assert looks(half, panel, many)["claimed"]


def bank(seed, ours, money):
    kept = {"ours": ours, "oracle": 10, "best_seen": 8, "probability": 2, "probability_times_money": money,
            "matured": ours, "with_true_risk": 5, "with_true_response": 9, "with_true_money": 4}  # fmt: skip
    effect = {"claimed": seed == 1, "itt": {"covers": True}, "complier": {"covers": seed == 1}}
    return {
        "seed": seed, "customers": 100.0, "harmed_share": 0.1, "today": {"1": kept, "2": kept},
        "called": {"1": 4.0, "2": 8.0}, "worlds": {"harm": kept}, "response": {"harm": [0.3, 0.1]},
        "spared": (4, 3 if seed == 1 else 1), "effect": {"none": effect, "contaminated": effect},
    }  # fmt: skip


def test_the_figures_of_two_banks_by_hand():
    found = figures([bank(1, 6, 5), bank(2, 3, 4)], [1, 2])
    assert found["share_of_oracle"] == {"1": 0.45, "2": 0.45}
    assert found["over_probability_times_money"]["1"] == 1.0
    assert found["worst_seed_over_probability_times_money"]["1"] == 0.75
    assert (found["harm_found"], found["claimed_without_effect"]) == (0.5, 0.5)
    assert (found["covered_itt"], found["covered_complier"], found["seeds"]) == (1.0, 0.5, 2)
    own = found["by_capacity"]["2"]
    assert own["bounds"]["with_true_response"]["value"] == 0.9
    assert own["share_of_oracle"]["low"] <= 0.45 <= own["share_of_oracle"]["high"]
    assert "harm_found" in in_words(found | {"customers": 100, "first_seed": 1})


def test_a_ratio_of_sums_has_an_interval_over_banks():
    assert ratio(np.array([2.0, 4.0]), np.array([1.0, 2.0])) == {"value": 2.0, "low": 2.0, "high": 2.0}
    wide = ratio(np.repeat([1.0, 40.0], 20), np.repeat([1.0, 20.0], 20))
    assert 1.8 < wide["low"] < wide["value"] == 1.9524 < wide["high"] < 2  # sums, not a mean of 1 and 2


def test_the_lists_begin_a_year_and_a_half_before_the_end():
    assert np.diff(MONDAYS).tolist() == [timedelta(weeks=1)] * 77
