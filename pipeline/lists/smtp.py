"""A session with the bank's mail server: encrypted or not at all; every failure is one of three kinds.

ConfigError: nothing can be sent until somebody mends something. LaterError: it may work in a while.
RefusedError: this message will never be accepted, others may.
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage

from configs.errors import ConfigError
from configs.service import MailServer


class LaterError(Exception):
    """The mail server cannot do it now: 4xx, no answer, connection lost."""


class RefusedError(Exception):
    """The mail server answered 5xx to one message."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


@contextmanager
def session(server: MailServer, timeout: float) -> Iterator[smtplib.SMTP]:
    """An encrypted session, logged in where there is a user. Raises LaterError and ConfigError."""
    try:
        trusted = ssl.create_default_context(cafile=server.ca or None)
    except OSError as error:
        raise ConfigError(
            f"the certificates in {server.ca!r} cannot be read: {error}. Mend ATTRITION_SMTP_CA."
        ) from None
    with _explained(server):
        smtp = smtplib.SMTP(server.host, server.port, timeout=timeout)
    try:
        with _explained(server):
            _secure(smtp, server, trusted)
        yield smtp
    finally:
        with suppress(smtplib.SMTPException, OSError):
            smtp.quit()
        smtp.close()


def hand_over(smtp: smtplib.SMTP, server: MailServer, message: EmailMessage) -> None:
    """Returns when the mail server has accepted the message.

    Raises RefusedError, LaterError and ConfigError.
    """
    with _explained(server):
        smtp.send_message(message)


def _secure(smtp: smtplib.SMTP, server: MailServer, trusted: ssl.SSLContext) -> None:
    smtp.ehlo_or_helo_if_needed()
    if not smtp.has_extn("starttls"):
        raise ConfigError(
            f"the mail server {server.host}:{server.port} offers no STARTTLS, so nothing was sent. Name "
            "one that does in ATTRITION_SMTP_HOST and ATTRITION_SMTP_PORT."
        )
    smtp.starttls(context=trusted)
    if server.user:
        smtp.login(server.user, server.password.get_secret_value())


@contextmanager
def _explained(server: MailServer) -> Iterator[None]:
    try:
        yield
    except (smtplib.SMTPException, OSError) as error:
        raise _fault(f"the mail server {server.host}:{server.port}", error) from None


def _fault(where: str, error: smtplib.SMTPException | OSError) -> Exception:
    """The error for a failure.

    It names only the code of an answer, whose words may repeat an address or a login.
    """
    match error:
        case ssl.SSLCertVerificationError():
            return ConfigError(
                f"{where} has a certificate that is not trusted: {error.verify_message}. Name the file of "
                "the authority that issued it in ATTRITION_SMTP_CA."
            )
        case smtplib.SMTPRecipientsRefused():
            ((code, _),) = error.recipients.values()
            return RefusedError(code) if code >= 500 else LaterError(f"{where} answered {code}")
        case smtplib.SMTPServerDisconnected():
            return LaterError(f"{where} ended the connection, or did not answer")
        case smtplib.SMTPResponseException(smtp_code=code) if code < 500:
            return LaterError(f"{where} answered {code}")
        case smtplib.SMTPDataError(smtp_code=code):
            return RefusedError(code)
        case smtplib.SMTPSenderRefused(smtp_code=code):
            return ConfigError(f"{where} refuses the sender with {code}. Mend sender in [mail].")
        case smtplib.SMTPResponseException(smtp_code=code):
            return ConfigError(f"{where} answered {code} to connection or login. Mend ATTRITION_SMTP_….")
        case smtplib.SMTPException():
            return ConfigError(
                f"{where} takes no login known here. Unset ATTRITION_SMTP_USER and "
                "ATTRITION_SMTP_PASSWORD, or name another port in ATTRITION_SMTP_PORT."
            )
    return LaterError(f"{where} cannot be reached: {error}")
