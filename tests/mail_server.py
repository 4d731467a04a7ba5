"""A real mail server on a loopback port, with a certificate of its own: it keeps what it accepts."""

import email
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from configs.service import MailServer
from tests.servers import PATIENCE, free_port

PASSWORD = "hunter2-geheim"
Start = Callable[..., MailServer]


class Post:
    """The accepted messages, and the answers to an address; ``answers`` are used up one by one."""

    def __init__(self) -> None:
        self.accepted: list[tuple[str, bytes]] = []
        self.answers: dict[str, list[str]] = {}
        self.encrypted: set[bool] = set()
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_MAIL(self, *given: Any) -> str:  # noqa: N802
        """``sender`` and ``content`` stand in ``answers`` for what follows MAIL FROM and DATA."""
        _, _, envelope, address, _ = given
        envelope.mail_from = address
        return self._next("sender")

    async def handle_RCPT(self, *given: Any) -> str:  # noqa: N802
        _, _, envelope, address, _ = given
        answer = self._next(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, *given: Any) -> str:  # noqa: N802
        _, session, envelope = given
        answer = self._next("content")
        if answer.startswith("250"):
            self.encrypted.add(session.ssl is not None)
            self.accepted += [(address, envelope.content) for address in envelope.rcpt_tos]
        return answer

    def login(self, *given: Any) -> AuthResult:
        told: LoginPassword = given[-1]
        self.logins.append((told.login, told.password))
        return AuthResult(success=told.password == PASSWORD.encode(), handled=False)

    @property
    def readers(self) -> list[str]:
        return sorted(address for address, _ in self.accepted)

    @property
    def messages(self) -> list[EmailMessage]:
        return [email.message_from_bytes(content, policy=policy.default) for _, content in self.accepted]

    def _next(self, what: str) -> str:
        return self.answers[what].pop(0) if self.answers.get(what) else "250 OK"


@pytest.fixture(scope="session")
def mail_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("mail") / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@pytest.fixture
def start_mail_server(mail_certificate: Path) -> Iterator[Start]:
    """Starts a mail server on a free port of loopback; returns how to reach it."""

    def started(post: Post, **options: Any) -> MailServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(mail_certificate)
        options = {"tls_context": context, "require_starttls": True} | options
        controller = Controller(
            post, hostname="127.0.0.1", port=free_port(), ready_timeout=PATIENCE, **options
        )
        running.callback(controller.stop, no_assert=True)
        controller.start()
        return MailServer(host="127.0.0.1", port=controller.port, ca=str(mail_certificate))

    with ExitStack() as running:
        yield started


@pytest.fixture
def mailbox() -> Post:
    return Post()


@pytest.fixture
def mail_server(start_mail_server: Start, mailbox: Post) -> MailServer:
    return start_mail_server(mailbox)
