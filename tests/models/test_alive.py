"""BG/NBD beside published figures and beside customers drawn from the process itself."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad
from scipy.special import hyp2f1

from configs.bank_folder import load_settings
from configs.settings import SILENCE
from models.alive import Alive, _loss, fit_alive
from models.learnt import Learnt

LABEL = load_settings("demo").label  # lead 7, horizon 90
TRUE = Alive(0.6, 15.0, 0.6, 3.0, LABEL.lead_days, LABEL.horizon_days)
DAYS, SEEN = 700, 600  # the days drawn, and those that are seen


def one_row(days: float, since_first: float, since_last: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"booking_days": [days], "days_since_first": [since_first], "days_since_last": [since_last]}
    )


def drawn(customers: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """The cohort of day SEEN of customers drawn from TRUE; who is alive then, and who is silent after it."""
    random = np.random.default_rng(seed)
    rate = random.gamma(TRUE.r, 1 / TRUE.alpha, customers)
    death = random.beta(TRUE.a, TRUE.b, customers)
    first = random.uniform(0, SEEN, customers)
    last, number = first.copy(), np.ones(customers)
    alive, silent = np.ones(customers, bool), np.ones(customers, bool)
    time, living = first.copy(), np.ones(customers, bool)
    while living.any():
        time[living] += random.exponential(1 / rate[living])
        living &= time < DAYS
        seen = living & (time < SEEN)
        last[seen], number[seen] = time[seen], number[seen] + 1
        silent[living & (time >= SEEN + LABEL.lead_days) & (time < SEEN + 97)] = False
        died = living & (random.random(customers) < death)
        alive[died & seen] = False
        living &= ~died
    cohort = pd.DataFrame(
        {"booking_days": number, "days_since_first": SEEN - first, "days_since_last": SEEN - last}
    )
    return cohort, alive, silent


def test_the_published_customer():
    """CDNOW's parameters, in weeks, and a customer with x = 2, t_x = 30.43 and T = 38.86: 1.226 further
    purchases are expected within 39 weeks (Fader, Hardie and Lee 2005, section 5 and their spreadsheet).
    """
    r, alpha, a, b, x, recency, age = 0.243, 4.414, 0.793, 2.426, 2.0, 30.43, 38.86
    share = (alpha + age) / (alpha + age + 39)
    series = hyp2f1(r + x, b + x, a + b + x - 1, 39 / (alpha + age + 39))
    if_alive = (a + b + x - 1) / (a - 1) * (1 - share ** (r + x) * series)
    alive = Alive(r, alpha, a, b, 0, 39).alive(*map(np.array, ([x], [recency], [age])))
    assert if_alive * alive[0] == pytest.approx(1.226, abs=5e-4)


def test_nobody_without_a_second_booking_is_dead_and_nobody_without_a_first_is_told_of():
    alive = TRUE.alive(np.zeros(1), np.zeros(1), np.full(1, 500.0))
    assert alive.tolist() == [1.0]
    assert TRUE.of(one_row(1, 500, 500))[0] > TRUE.of(one_row(1, 5, 5))[0]
    assert np.isnan(TRUE.of(one_row(0, np.nan, np.nan))[0])


def test_silence_is_unusual_beside_the_own_rhythm():
    """Sixty days without a booking: half a rhythm for who books every 120 days, the end for who books every
    three."""
    seldom, often = TRUE.of(one_row(5, 540, 60))[0], TRUE.of(one_row(100, 360, 60))[0]
    assert seldom < 0.7 < 0.99 < often


def test_a_customer_who_cannot_die_books_by_the_negative_binomial():
    """b without end: P(silence) = ((alpha + T) / (alpha + T + horizon))^(r + x), whatever the lead."""
    immortal = Alive(2.0, 10.0, 1e-9, 1e9, 7, 90)
    assert immortal.of(one_row(4, 100, 20))[0] == pytest.approx((110 / 200) ** 5)


def test_parameters_and_probabilities_of_drawn_customers():
    cohort, alive, silent = drawn(20_000, seed=5)
    fitted = fit_alive(cohort, LABEL)
    found = [fitted.r, fitted.alpha, fitted.a, fitted.b]
    assert found == pytest.approx([TRUE.r, TRUE.alpha, TRUE.a, TRUE.b], rel=0.2)
    x, age = cohort["booking_days"].to_numpy() - 1, cohort["days_since_first"].to_numpy()
    for predicted, happened in (
        (fitted.alive(x, age - cohort["days_since_last"].to_numpy(), age), alive),
        (fitted.of(cohort), silent),
    ):
        tenth = np.argsort(np.argsort(predicted)) * 10 // len(predicted)
        counts = np.bincount(tenth)
        gap = np.bincount(tenth, predicted - happened) / counts
        assert np.abs(gap).max() < 0.03


def test_the_slopes_are_those_of_the_likelihood():
    cohort, *_ = drawn(300, seed=1)
    age = cohort["days_since_first"].to_numpy()
    others = (
        cohort["booking_days"].to_numpy() - 1,
        age - cohort["days_since_last"].to_numpy(),
        age,
        np.full(len(age), 1 / len(age)),
    )
    for start in ((1.0, 30.0, 1.0, 3.0), (0.2, 5.0, 4.0, 0.3)):
        gap = check_grad(lambda at: _loss(at, *others)[0], lambda at: _loss(at, *others)[1], np.log(start))
        assert gap < 1e-4


def test_the_order_of_rows_changes_no_byte():
    cohort, *_ = drawn(2_000, seed=2)
    shuffled = cohort.sample(frac=1, random_state=0)
    assert fit_alive(shuffled, LABEL) == fit_alive(cohort, LABEL)


@pytest.mark.parametrize("rows", [one_row(0, np.nan, np.nan), one_row(1, 30, 30), one_row(100, 99, 0)])
def test_too_little_to_fit_still_gives_numbers(rows):
    fitted = fit_alive(pd.concat([rows] * 3), LABEL)
    assert all(0 < number < 1e6 for number in (fitted.r, fitted.alpha, fitted.a, fitted.b))
    assert 0 <= fitted.of(one_row(3, 60, 30))[0] <= 1


def test_the_column_stands_last():
    features, cohort = pd.DataFrame({"drop": [1.0]}), one_row(3, 60, 30)
    extended = Learnt(alive=TRUE).extended(features, cohort)
    assert list(extended) == ["drop", SILENCE]
    assert extended[SILENCE].tolist() == TRUE.of(cohort).tolist()
    assert Learnt().extended(features, cohort) is features
