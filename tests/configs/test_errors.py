"""An error offers the nearest name, or all of them."""

import pytest

from configs.errors import ConfigError, DataError, did_you_mean


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("min_aumm", "Did you mean 'min_aum'?"),
        ("MIN_AUM", "Known: max_aum, min_aum."),
        ("zzz", "Known: max_aum, min_aum."),
        ("", "Known: max_aum, min_aum."),
    ],
)
def test_the_nearest_name_or_all(found: str, said: str) -> None:
    assert did_you_mean(found, ["min_aum", "max_aum"]) == said


def test_the_two_errors_are_told_apart() -> None:
    assert not issubclass(DataError, ConfigError)
    assert not issubclass(ConfigError, DataError)
