import numpy as np

from pipeline.demo_bank.draws import Draws

WHO = np.arange(20_000, dtype=np.int64)


def test_a_row_gets_the_same_number_whoever_else_is_asked() -> None:
    draws = Draws(seed=7, week=3)
    everyone = draws.uniform("card", WHO)
    assert (draws.uniform("card", WHO[5:50:9]) == everyone[5:50:9]).all()


def test_seed_week_and_purpose_give_other_numbers() -> None:
    first = Draws(7, 3).uniform("card", WHO)
    for seed, week, purpose in ((8, 3, "card"), (7, 4, "card"), (7, 3, "fee")):
        other = Draws(seed, week).uniform(purpose, WHO)
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.03


def test_numbers_are_uniform_and_normal() -> None:
    draws = Draws(7, 3)
    shares = np.histogram(draws.uniform("card", WHO), bins=10, range=(0, 1))[0] / len(WHO)
    # 20,000 draws in ten bins: one standard error of a bin is 0.0021.
    assert np.abs(shares - 0.1).max() < 0.01
    normal = draws.normal("wealth", WHO)
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 1) < 0.02


def test_one_of_gives_the_rest_to_the_last() -> None:
    place = Draws(7, 3).one_of("segment", WHO, (0.2, 0.5, 0.1))
    shares = np.bincount(place, minlength=3) / len(WHO)
    assert np.abs(shares - [0.2, 0.5, 0.3]).max() < 0.015
