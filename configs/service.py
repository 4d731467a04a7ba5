"""Settings of the score service, from the environment: ATTRITION_STORE, ATTRITION_TOKEN_JWKS, …"""

from typing import Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from configs.errors import ConfigError
from configs.keys import parse_key

DEMO_ISSUER = "attrition-demo"


class StoreSettings(BaseSettings):
    """Where the score store lies, as SQLAlchemy writes addresses; empty: a file among the bank's artefacts."""

    model_config = SettingsConfigDict(env_prefix="ATTRITION_", frozen=True)

    store: str = ""


class ServiceSettings(StoreSettings):
    """Read once, by the app factory.

    Tokens come from the bank's identity provider, whose keys ``token_jwks`` names. Only the demo
    (``ATTRITION_DEMO=true``) signs its own, with a secret.
    """

    store: str = "sqlite:///data/demo/store.db"
    demo: bool = False
    token_issuer: str = ""  # the claim iss
    token_audience: str = "attrition"  # the claim aud
    token_jwks: str = ""  # https address or path of the identity provider's public keys (RFC 7517)
    token_key: SecretStr = SecretStr("")  # the demo's secret: at least 32 random bytes, as hex or base64
    audit_key: SecretStr = SecretStr("")  # seals the access log, and turns numbers into pseudonyms; as long
    stale_days: int = Field(default=10, ge=7)  # a served Monday older than this is answered with a warning

    @model_validator(mode="after")
    def _one_source_of_tokens(self) -> Self:
        """Raises ConfigError unless tokens can be trusted."""
        problem = _demo_problem(self) if self.demo else _bank_problem(self)
        if problem:
            raise ConfigError(
                f"the service cannot start: {problem} docs/access.md says how tokens are set up."
            )
        _ = self.audit_secret
        return self

    @property
    def issuer(self) -> str:
        return DEMO_ISSUER if self.demo else self.token_issuer

    @property
    def audit_secret(self) -> bytes:
        """The key of the audit log. Raises ConfigError if it is weak or missing."""
        return parse_key(self.audit_key.get_secret_value(), "ATTRITION_AUDIT_KEY")

    @property
    def token_secret(self) -> bytes:
        """What signs the demo's tokens. Raises ConfigError if it is weak or missing, or outside of the demo."""
        if not self.demo:
            raise ConfigError("only the demo signs tokens; the bank's identity provider issues them.")
        return parse_key(self.token_key.get_secret_value(), "ATTRITION_TOKEN_KEY")


def _demo_problem(settings: ServiceSettings) -> str:
    if settings.token_jwks or settings.token_issuer:
        return "ATTRITION_DEMO is set beside an identity provider. Unset one of the two."
    _ = settings.token_secret
    return ""


def _bank_problem(settings: ServiceSettings) -> str:
    if settings.token_key.get_secret_value():
        return "ATTRITION_TOKEN_KEY is for the demo only. Unset it, or set ATTRITION_DEMO=true."
    missing = [
        f"ATTRITION_{name.upper()}"
        for name in ("token_issuer", "token_audience", "token_jwks")
        if not getattr(settings, name)
    ]
    if missing:
        return f"{', '.join(missing)} not set. Name the bank's identity provider."
    if "://" in settings.token_jwks and not settings.token_jwks.startswith("https://"):
        return "ATTRITION_TOKEN_JWKS is neither an https address nor a path. Use one of them."
    return ""


def load_store_address() -> str:
    """What ATTRITION_STORE says; empty where it is not set."""
    return StoreSettings().store


def load_service_settings() -> ServiceSettings:
    """Raises ConfigError naming each missing or refused variable, never its value."""
    try:
        return ServiceSettings()
    except ValidationError as error:
        what = "; ".join(f"ATTRITION_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"the service cannot start: {what}. Set it in the environment.") from None
