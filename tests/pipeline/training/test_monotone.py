import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError
from models.boosting import monotone
from models.hazard import PERIOD
from pipeline.training.train import signs_of

COLUMNS = ("outflow_sum_4w", "aum_slope_26w", "login_count_13w")


def signs(*words: str) -> dict[str, int]:
    return signs_of(load_settings("demo", {"training": {"monotone": list(words)}}))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["outflow"], [1, None, None]),  # a group of reasons
        (["aum_slope_26w"], [None, -1, None]),  # a name: less is worrying
        (["outflow_sum_*", "balance"], [1, -1, None]),
        (["*"], [1, -1, None]),  # logins are worrying in no direction
        ([], [None, None, None]),
    ],
)
def test_names_patterns_and_groups_become_signs(words: list[str], expected: list[int | None]) -> None:
    found = signs(*words)
    assert [found.get(column) for column in COLUMNS] == expected
    assert bool(found) == bool(words)


def test_the_signs_become_one_constraint_per_column_and_the_period_stays_free() -> None:
    assert monotone(signs("outflow_sum_*", "balance"), [*COLUMNS, "not_of_this_bank", PERIOD]) == {
        "monotone_constraints": "1,-1,0,0,0"
    }
    assert monotone({}, [*COLUMNS, PERIOD]) == {}


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("outflow_sum_4", r"'outflow_sum_4' names no feature. Did you mean 'outflow_sum_4w'"),
        ("outflo", r"'outflo' names no feature. Did you mean 'outflow'"),
        ("login_count_*", r"names \d+ features, none of which is worrying"),
    ],
)
def test_a_word_that_constrains_nothing_is_refused(word: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        signs(word)
