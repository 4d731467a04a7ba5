"""Settings of the score service, from the environment: ATTRITION_STORE, ATTRITION_API_KEY, …"""

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from configs.errors import ConfigError


class StoreSettings(BaseSettings):
    """Where the score store lies, as SQLAlchemy writes addresses; empty: a file among the bank's artefacts."""

    model_config = SettingsConfigDict(env_prefix="ATTRITION_", frozen=True)

    store: str = ""


class ServiceSettings(StoreSettings):
    """Read once, by the app factory."""

    store: str = "sqlite:///data/demo/store.db"
    api_key: SecretStr = Field(min_length=16)


def load_store_address() -> str:
    """What ATTRITION_STORE says; empty where it is not set."""
    return StoreSettings().store


def load_service_settings() -> ServiceSettings:
    """Raises ConfigError naming each missing or refused variable, never its value."""
    try:
        return ServiceSettings()  # type: ignore[call-arg]
    except ValidationError as error:
        what = "; ".join(f"ATTRITION_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"the service cannot start: {what}. Set it in the environment.") from None
