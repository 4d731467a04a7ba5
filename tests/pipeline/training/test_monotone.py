import pytest

from configs.bank_folder import load_settings
from configs.errors import ConfigError
from configs.settings import Settings, Training
from pipeline.training.monotone import constrained
from pipeline.training.train import columns_of

COLUMNS = ("outflow_sum_4w", "aum_slope_26w", "login_count_13w", "not_of_this_bank")


def made_with(settings: Settings) -> Training:
    return constrained(settings.training, columns_of(settings), COLUMNS)


def settings(*words: str) -> Settings:
    return load_settings("demo", {"training": {"monotone": list(words)}})


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        (["outflow"], "1,0,0,0,0"),  # a group of reasons
        (["aum_slope_26w"], "0,-1,0,0,0"),  # a name: less is worrying
        (["outflow_sum_*", "balance"], "1,-1,0,0,0"),
        (["*"], "1,-1,0,0,0"),  # logins are worrying in no direction; the period is always free
    ],
)
def test_names_patterns_and_groups_become_signs(words: list[str], listed: str) -> None:
    made = made_with(settings(*words))
    assert made.lightgbm["monotone_constraints"] == listed
    assert (
        made.model_copy(update={"lightgbm": settings(*words).training.lightgbm}) == settings(*words).training
    )


def test_nothing_named_nothing_changed() -> None:
    assert made_with(settings()) == settings().training


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
        made_with(settings(word))
