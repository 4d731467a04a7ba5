"""The laws of every settings object."""

from collections.abc import Iterator
from copy import deepcopy
from math import inf, nan
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from configs.bank_folder import DEFAULTS, load_settings
from configs.errors import ConfigError
from configs.settings import Settings


def test_everything_is_frozen() -> None:
    settings = load_settings("demo")
    models = [value for _, value in settings if isinstance(value, BaseModel)]
    models += [settings, settings.tiers[0], settings.sources["txn"]]
    assert len(models) == 27
    for model in models:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(model, next(iter(type(model).model_fields)), None)
    for table in (settings.sources, settings.training.lightgbm):
        with pytest.raises(TypeError):
            table["new"] = 1  # type: ignore[index]
    assert isinstance(settings.tiers, tuple)


def test_a_copy_of_settings_is_equal_and_as_read_only() -> None:
    settings = load_settings("demo")
    sent = deepcopy(settings)
    assert sent == settings
    assert sent.model_dump_json() == settings.model_dump_json()
    with pytest.raises(TypeError):
        sent.sources["new"] = sent.sources["txn"]


def test_settings_survive_a_round_trip() -> None:
    """Bundles keep them as JSON."""
    settings = load_settings("demo")
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_every_default_stands_in_the_default_file_alone() -> None:
    """A field with a default in the code would stand in two places; sources have no other place."""
    for model in (Settings, *(field.annotation for field in Settings.model_fields.values())):
        if isinstance(model, type) and issubclass(model, BaseModel):
            assert [name for name, field in model.model_fields.items() if not field.is_required()] == []
    assert DEFAULTS.is_file()


def test_a_risk_is_in_the_band_whose_bound_it_reaches() -> None:
    bands = load_settings("demo", {"bands": {"high": 0.2, "medium": 0.08}}).bands
    reached = [bands.of(risk) for risk in (0.2, 0.1999, 0.08, 0.0799, 0.0)]
    assert reached == ["high", "medium", "medium", "low", "low"]


def numbers(settings: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """The path of every number in the settings, and its value."""
    for name, value in settings.items() if isinstance(settings, dict) else enumerate(settings):
        if isinstance(value, dict):
            yield from numbers(value, (*path, name))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield (*path, name), value


NUMBERS = dict(numbers(load_settings("demo").model_dump()))


def with_value(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    return value


@pytest.mark.parametrize("path", NUMBERS, ids=".".join)
def test_no_setting_takes_what_is_no_number_or_beyond_all_bounds(path: tuple[str, ...]) -> None:
    """Of the limits of gates ``inf`` is one: it switches the gate off."""
    whole = isinstance(NUMBERS[path], int)
    beyond: list[Any] = [nan, -inf, True, [1], 10**19 if whole else 1e19]
    beyond += [] if path[0] == "gates" else [inf]
    for value in beyond:
        if path[0] == "gates" and value == 1e19:
            continue
        with pytest.raises(ConfigError, match=rf"{'.'.join(path)}\W"):
            load_settings("demo", with_value(path, value))
