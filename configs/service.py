"""Settings from the environment: of the score service (ATTRITION_STORE, …) and of the mail server."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Self, TypeVar
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from configs.errors import ConfigError
from configs.mail import is_encrypted
from configs.published import Language
from configs.signing_keys import parse_key

Loaded = TypeVar("Loaded", bound=BaseSettings)
DEMO_ISSUER = "attrition-demo"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_CRM_LINK = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]+)?[/?#][!-z|~]*\{customer_id\}[!-z|~]*")
Rate = Annotated[str, Field(pattern=r"^[1-9][0-9]*/(second|minute|hour|day)$")]
_zones = cache(available_timezones)  # reads the head of every file that the machine has of them


class ServiceSettings(BaseSettings):
    """Read once, by the app factory.

    Tokens come from the bank's identity provider, whose keys ``token_jwks`` names. Only the demo
    (``ATTRITION_DEMO=true``) signs its own, with a secret.
    """

    model_config = SettingsConfigDict(env_prefix="ATTRITION_", frozen=True)

    store: str = "sqlite:///data/demo/store.db"
    demo: bool = False
    token_issuer: str = ""  # the claim iss
    token_audience: str = "attrition"  # the claim aud
    token_jwks: str = ""  # https address or path of the identity provider's public keys (RFC 7517)
    token_key: SecretStr = SecretStr("")  # the demo's secret: at least 32 random bytes, as hex or base64
    audit_key: SecretStr = SecretStr("")  # seals the access log, and turns numbers into pseudonyms; as long
    stale_days: int = Field(default=10, ge=7)  # a served Monday older than this is answered with a warning
    # The customer's page in the bank's CRM: https://crm.bank.example/customers/{customer_id}
    crm_link: str = ""
    # Of the times that people type and read on pages, as time_zone of bank.toml: Asia/Shanghai
    time_zone: str = "UTC"

    # Each number says how much, and what it is for; docs/service.md tells more.
    host: str = "127.0.0.1"  # where the service listens; behind a proxy that speaks TLS, the loopback
    port: int = Field(default=8000, ge=0, le=65535)
    # Where a proxy serves it below a path that it takes away: /attrition
    prefix: str = Field(default="", pattern=r"^(/[A-Za-z0-9._~-]+)*$")
    workers: int = Field(default=1, ge=1, le=64)  # processes; one per core that may be busy
    hosts: tuple[str, ...] = LOOPBACK  # the names callers may use in Host, as JSON: ["scores.bank.example"]
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=9000, ge=0, le=65535)  # Prometheus reads here; 0: nowhere

    rate: Rate = "600/minute"  # requests of one caller in each worker; a person clicking needs far fewer
    rate_crm: Rate = "60000/minute"  # the same for the CRM system, which asks for everybody
    exports: int = Field(default=2, ge=1)  # of one caller at once in each worker; more are answered 429
    exports_of_all: int = Field(default=8, ge=1)  # callers at once in each worker; each takes some 5 MB
    alarm_answers: int = Field(default=200, ge=1)  # about customers a day; who gets fewer raises no alarm
    alarm_factor: float = Field(default=3, ge=1)  # as often as on a caller's busiest of 28 days: the alarm

    largest_body: int = Field(default=1_000_000, ge=1)  # bytes; 1,000 ids take 25,000
    body_seconds: float = Field(default=10, gt=0)  # for the whole body
    answer_seconds: float = Field(default=30, gt=0)  # until the answer begins; an export ends later
    idle_seconds: int = Field(default=30, gt=0)  # that a connection stays open without a request
    connections: int = Field(default=2_000, ge=1)  # at once in each worker; others are answered 503
    drain_seconds: float = Field(default=2, ge=0)  # of answers as ever after SIGTERM; /readyz says 503
    stop_seconds: int = Field(default=20, ge=1)  # that answers under way then have to end

    @field_validator("crm_link")
    @classmethod
    def _leads_to_a_customer(cls, template: str) -> str:
        """The number of a customer stands in the path, the query or the fragment, never in the host."""
        if template and not _CRM_LINK.fullmatch(template):
            raise ConfigError(
                "the service cannot start: ATTRITION_CRM_LINK is no https address with {customer_id} once "
                "behind the host. Write it as https://crm.bank.example/customers/{customer_id}, or unset it."
            )
        return template

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        if name not in _zones():
            raise ConfigError(
                "the service cannot start: ATTRITION_TIME_ZONE is no time zone that this machine knows. "
                "Write it as Asia/Shanghai, or unset it for UTC."
            )
        return name

    @model_validator(mode="after")
    def _one_source_of_tokens(self) -> Self:
        problem = self._problem()
        if problem:
            raise ConfigError(
                f"the service cannot start: {problem} docs/access.md says how tokens are set up."
            )
        if self.demo:
            _ = self.token_secret
        _ = self.audit_secret
        return self

    def _problem(self) -> str:
        if self.demo:
            both = self.token_jwks or self.token_issuer
            return "ATTRITION_DEMO is set beside an identity provider. Unset one of the two." if both else ""
        if self.token_key.get_secret_value():
            return "ATTRITION_TOKEN_KEY is for the demo only. Unset it, or set ATTRITION_DEMO=true."
        needed = ("token_issuer", "token_audience", "token_jwks")
        missing = [f"ATTRITION_{name.upper()}" for name in needed if not getattr(self, name)]
        if missing:
            return f"{', '.join(missing)} not set. Name the bank's identity provider."
        if "://" in self.token_jwks and not self.token_jwks.startswith("https://"):
            return "ATTRITION_TOKEN_JWKS is neither an https address nor a path. Use one of them."
        return ""

    @property
    def issuer(self) -> str:
        return DEMO_ISSUER if self.demo else self.token_issuer

    @property
    def audit_secret(self) -> bytes:
        """The key of the audit log. Raises ConfigError if it is weak or missing."""
        return parse_key(self.audit_key.get_secret_value(), "ATTRITION_AUDIT_KEY")

    @property
    def token_secret(self) -> bytes:
        """The key that signs the demo's tokens. ConfigError outside of the demo, and for a weak key."""
        if not self.demo:
            raise ConfigError("only the demo signs tokens; the bank's identity provider issues them.")
        return parse_key(self.token_key.get_secret_value(), "ATTRITION_TOKEN_KEY")


class MailServer(BaseSettings):
    """The bank's mail server: ATTRITION_SMTP_HOST, _PORT, _USER, _PASSWORD, _CA; no mail without a host.

    It must offer STARTTLS, with a certificate for ``host`` of an authority that the machine trusts, or of one
    in the file ``ca`` (PEM). Without ``user`` nobody logs in.
    """

    model_config = SettingsConfigDict(env_prefix="ATTRITION_SMTP_", frozen=True, hide_input_in_errors=True)

    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    user: str = ""
    password: SecretStr = SecretStr("")
    ca: str = ""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.user) != bool(self.password.get_secret_value()):
            raise ConfigError(
                "ATTRITION_SMTP_USER and ATTRITION_SMTP_PASSWORD go together. Set both or none."
            )
        return self


class AssistantSettings(BaseSettings):
    """Of a person's assistant: the service's ATTRITION_ADDRESS, and a token in ATTRITION_TOKEN or in a file.

    ``token_file`` is read for each question, so that whoever renews the token only writes it anew.
    """

    model_config = SettingsConfigDict(env_prefix="ATTRITION_", frozen=True, hide_input_in_errors=True)

    address: str = "http://127.0.0.1:8000"
    token: SecretStr = SecretStr("")
    token_file: str = ""
    language: Language = "en"  # of descriptions, and of answers unless a question names one

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if not is_encrypted(self.address):
            raise ConfigError("ATTRITION_ADDRESS is no https address. Write the one of the service.")
        if bool(self.token_file) == bool(self.token.get_secret_value()):
            raise ConfigError("ATTRITION_TOKEN or ATTRITION_TOKEN_FILE has the token. Set one of the two.")
        return self

    def read_token(self) -> str:
        """The token as it is now. Raises ConfigError where its file cannot be read."""
        if not self.token_file:
            return self.token.get_secret_value()
        try:
            return Path(self.token_file).read_text("ascii").strip()
        except (OSError, ValueError):
            raise ConfigError("ATTRITION_TOKEN_FILE cannot be read. Write the token there.") from None


def load_service_settings() -> ServiceSettings:
    """Raises ConfigError naming each missing or refused variable, never its value."""
    return _load(ServiceSettings, "the service cannot start")


def load_assistant_settings() -> AssistantSettings:
    """Raises ConfigError naming each missing or refused variable, never its value."""
    return _load(AssistantSettings, "the assistant cannot start")


def load_mail_server() -> MailServer | None:
    """None where no mail server is named. A ConfigError names each refused variable, never its value."""
    server = _load(MailServer, "no mail can be sent")
    return server if server.host else None


def _load(kind: type[Loaded], refusal: str) -> Loaded:
    try:
        return kind()
    except ValidationError as error:
        prefix = kind.model_config["env_prefix"]
        what = "; ".join(
            f"{prefix}{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors()
        )
        raise ConfigError(f"{refusal}: {what}. Set it in the environment.") from None
