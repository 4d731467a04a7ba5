"""Bounds that hold at every look: against simulations where the truth is known, by hand, and as a law."""

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.confidence_sequence import BETS, Arms, Scores, bounds

SHARE, WEEKS = 0.05, 104
REACHED = {True: 0.1, False: 0.7}  # controls who are called all the same, and listed


def drawn(random, count, left, keeps, clusters=1, aum=0.0):
    """Experiments as of the lists: risks that differ, and a contact that keeps a share of who would leave.

    Neighbours of a cluster leave together. Without ``aum`` money counts like customers.
    """
    control = random.random(count) < SHARE
    reached = random.random(count) < np.where(control, REACHED[True], REACHED[False])
    risk = np.repeat(random.beta(6 * left, 6 * (1 - left), count), clusters)[:count]
    chance = np.repeat(random.random(count), clusters)[:count]
    stays = chance < risk * (1 - keeps * reached)
    taken = random.uniform(0.72, 0.97, count) if aum else 1.0
    weight = np.exp(aum * random.standard_normal(count))
    return control, reached.astype(float), stays * taken, weight


def looks_of(experiments, truth, a_week):
    """Shares of experiments with a claim, and with the truth outside the bounds, at any look."""
    limit, claims, misses = log(40), 0, 0
    for arms, effect in zip(experiments, truth, strict=True):
        scores = Scores(arms)
        claims += any((scores.evidence(0.0, sign)[a_week - 1 :: a_week] >= limit).any() for sign in (1, -1))
        misses += any(
            (scores.evidence(effect, sign)[a_week - 1 :: a_week] >= limit).any() for sign in (1, -1)
        )
    return claims / len(experiments), misses / len(experiments)


def both(random, count, left, keeps, clusters, aum, times):
    """So many experiments by intention to treat and on the called, each with its true effect."""
    mean_loss = 0.845 if aum else 1.0
    on_called = left * keeps * mean_loss
    as_assigned = on_called * (REACHED[False] - REACHED[True])
    listed, called = [], []
    for _ in range(times):
        control, reached, lost, weight = drawn(random, count, left, keeps, clusters, aum)
        listed.append(Arms(control, lost, (~control).astype(float), weight, SHARE))
        called.append(Arms(control, lost, reached, weight, SHARE))
    return (listed, [as_assigned] * times), (called, [on_called] * times)


@pytest.mark.parametrize(("left", "keeps", "clusters", "aum"), [(0.15, 0.0, 1, 0.0), (0.15, 0.5, 2, 0.55)])
def test_weekly_looks_for_two_years_claim_nothing_and_lose_the_truth_in_5_of_100_at_most(
    left, keeps, clusters, aum
):
    for experiments, truth in both(np.random.default_rng(21), 10 * WEEKS, left, keeps, clusters, aum, 150):
        claims, misses = looks_of(experiments, truth, 10)
        # 5% of 150 are 7.5, with a standard deviation of 2.7.
        assert misses <= 0.05 + 2 * 0.018
        assert keeps or claims == misses


@pytest.mark.long
@pytest.mark.parametrize("a_week", [10, 40, 150])
@pytest.mark.parametrize("left", [0.05, 0.15])
@pytest.mark.parametrize(
    ("keeps", "clusters", "aum"), [(0.0, 1, 0.0), (0.5, 1, 0.0), (0.5, 3, 0.55), (0.0, 1, 1.2)]
)
def test_of_1000_experiments_of_two_years_5_in_100_at_most_mislead(a_week, left, keeps, clusters, aum):
    """Looked at every week; 5% controls, of whom 10% are called, and 30% of the listed never."""
    found = both(np.random.default_rng(22), a_week * WEEKS, left, keeps, clusters, aum, 1_000)
    for experiments, truth in found:
        claims, misses = looks_of(experiments, truth, a_week)
        print(a_week, left, keeps, clusters, aum, "claims", claims, "misses", misses)
        assert misses <= 0.05
        assert keeps or claims <= 0.05


def test_a_large_effect_is_shown_with_the_truth_within_the_bounds():
    random = np.random.default_rng(23)
    ((listed,), (itt,)), ((called,), (effect,)) = both(random, 30_000, 0.2, 0.5, 1, 0.0, 1)
    low, high = bounds(listed)
    assert 0 < low < itt < high < 0.12
    low, high = bounds(called)
    assert 0 < low < effect < high < 0.2


def test_bounds_end_where_evidence_reaches_1_in_40():
    ((listed,), _), ((called,), _) = both(np.random.default_rng(25), 3_000, 0.2, 0.5, 1, 0.0, 1)
    for arms in (listed, called):
        scores, (low, high) = Scores(arms), bounds(arms)
        for end, sign in ((low, 1), (high, -1)):
            outside, inside = (scores.evidence(end - step * sign, sign)[-1] for step in (0.0, -0.001))
            assert inside < log(40) <= outside < log(40) + 0.1


def test_a_share_of_controls_that_was_changed_claims_nothing():
    """Twice as many controls in the second year as were meant, and twice as many leave in it."""
    random, claims = np.random.default_rng(24), 0
    for _ in range(40):
        late = np.arange(2_000) >= 1_000
        control = random.random(2_000) < np.where(late, 0.10, SHARE)
        left = (random.random(2_000) < np.where(late, 0.2, 0.1)).astype(float)
        scores = Scores(Arms(control, left, (~control).astype(float), np.ones(2_000), SHARE))
        claims += any((scores.evidence(0.0, sign) >= log(40)).any() for sign in (1, -1))
    assert claims <= 3


def test_evidence_by_hand():
    """One control who leaves, share 0.05 and a mean of 0: X is 0.95. A bet of no more than 0.9 of what a
    control who stays, or a listed who leaves, can take: 0.05 is the most, so bets are 4 to 4 / 64."""
    scores = Scores(Arms(np.array([True]), np.ones(1), np.zeros(1), np.ones(1), 0.05))
    more, less = scores.evidence(0.0, 1)[0], scores.evidence(0.0, -1)[0]
    assert more == pytest.approx(log(np.mean(1 + 0.95 * BETS)))
    assert less == pytest.approx(log(np.mean(1 - 0.95 * np.minimum(BETS, 0.9))))


def test_nothing_is_known_before_the_first_row():
    nobody = np.zeros(0)
    assert bounds(Arms(nobody.astype(bool), nobody, nobody, nobody, 0.05)) == (-1.0, 1.0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(0, 1), st.floats(0, 1), st.just(0.0) | st.floats(0.01, 1e7)),
        min_size=1,
    ),
    st.floats(0.01, 0.6),
)
def test_law_bets_never_lose_everything_and_bounds_are_in_order(rows, share):
    control, outcome, treated, weight = (np.array(column) for column in zip(*rows, strict=True))
    arms = Arms(control.astype(bool), outcome, treated, weight, share)
    for effect in (-1.0, -0.2, 0.0, 0.3, 1.0):
        assert all(np.isfinite(Scores(arms).evidence(effect, sign)).all() for sign in (1, -1))
    low, high = bounds(arms)
    assert -1 <= low <= high <= 1
