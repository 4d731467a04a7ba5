"""Mail to readers of lists: the words of a bank's settings, and the mail server of the
environment."""

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from configs.errors import ConfigError
from configs.strict import Named, Strict

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def is_address(text: str) -> bool:
    """True for a mail address: ``local@domain`` in ASCII, without quotes, comments and blanks (RFC 5321).

    >>> is_address("li.lei@bank.example"), is_address("Li Lei <li.lei@bank.example>")
    (True, False)
    """
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def _address(text: str) -> str:
    if not is_address(text):
        raise ValueError(f"{text!r} is no mail address. Write it like branch01@bank.example.")
    return text


class Mail(Strict):
    """The sender of notices, the link in them, and the readers of branch lists.

    ``branches``: the address of whoever reads a branch's own list, by branch_id. Nothing is sent while
    ``sender`` or ``link`` is empty.
    """

    sender: str
    link: str
    branches: Named[Annotated[str, AfterValidator(_address)]]

    @field_validator("sender")
    @classmethod
    def _from(cls, sender: str) -> str:
        return _address(sender) if sender else sender

    @field_validator("link")
    @classmethod
    def _encrypted(cls, link: str) -> str:
        """Loopback is for trying things out."""
        parts = urlsplit(link)
        local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
        plain = link.isascii() and link.isprintable() and " " not in link
        if link and not (plain and parts.hostname and (parts.scheme == "https" or local)):
            raise ValueError(f"{link!r} is no https address. Write the one at which the service is reached.")
        return link


class MailServer(BaseSettings):
    """The bank's mail server, as ATTRITION_SMTP_HOST, _PORT, _USER, _PASSWORD and _CA; no mail without a
    host.

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


def load_mail_server() -> MailServer | None:
    """None where no mail server is named. Raises ConfigError naming each refused variable, never its
    value."""
    try:
        server = MailServer()
    except ValidationError as error:
        what = "; ".join(
            f"ATTRITION_SMTP_{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors()
        )
        raise ConfigError(f"no mail can be sent: {what}. Set it in the environment.") from None
    return server if server.host else None
