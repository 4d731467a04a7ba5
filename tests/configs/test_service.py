"""The service starts with a key of its own or not at all, and never tells the key."""

import pytest
from pydantic import ValidationError

from configs.errors import ConfigError
from configs.service import load_service_settings, load_store_address

KEY = "a-key-of-its-own-of-32-characters"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ATTRITION_API_KEY", "ATTRITION_STORE"):
        monkeypatch.delenv(name, raising=False)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRITION_API_KEY", KEY)
    monkeypatch.setenv("ATTRITION_STORE", "sqlite:///elsewhere.db")
    settings = load_service_settings()
    assert (settings.api_key.get_secret_value(), settings.store) == (KEY, "sqlite:///elsewhere.db")
    assert KEY not in repr(settings) + str(settings) + settings.model_dump_json()
    with pytest.raises(ValidationError, match="frozen"):
        settings.store = "other"


def test_without_a_key_the_error_names_the_variable() -> None:
    with pytest.raises(ConfigError) as raised:
        load_service_settings()
    assert str(raised.value) == (
        "the service cannot start: ATTRITION_API_KEY: Field required. Set it in the environment."
    )


@pytest.mark.parametrize("key", ["", "fifteen-letters"])
def test_a_short_key_is_refused_without_being_told(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("ATTRITION_API_KEY", key)
    with pytest.raises(ConfigError, match="ATTRITION_API_KEY: Value should have at least 16 items") as raised:
        load_service_settings()
    assert not key or key not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_the_address_of_the_store_is_empty_where_none_is_set(monkeypatch):
    assert load_store_address() == ""
    monkeypatch.setenv("ATTRITION_STORE", "postgresql+psycopg://reader@host/scores")
    assert load_store_address() == "postgresql+psycopg://reader@host/scores"
