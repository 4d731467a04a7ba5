"""Sums and losses that executors send each other while they fit trees, over TLS; certificates name them.

LightGBM's own sockets listen on all addresses and let in whoever connects first. It leaves the exchange to a
program that brings two functions along: ``scatter_sums``, where each block is added up by one machine, and
``gather_blocks``, where all get the blocks of all.
"""

import ctypes
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from tempfile import NamedTemporaryFile
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lightgbm.basic import _LIB, _safe_call  # type: ignore[attr-defined]

from configs.errors import DataError

CONNECT_SECONDS = 120  # in which all executors of a stage, begun at once, must reach each other
SILENT_SECONDS = 5  # for so long a stranger who connects and is silent holds the others up
LAST_WORDS_SECONDS = 5  # in which the executor that failed first can say why before the others end
LENGTH = 8  # bytes in front of each message that hold its length

_P, _I = ctypes.c_void_p, ctypes.c_int32
_Numbers = ctypes.POINTER(_I)
_Add = ctypes.CFUNCTYPE(None, _P, _P, ctypes.c_int, _I)
_ScatterSums = ctypes.CFUNCTYPE(
    None, _P, _I, ctypes.c_int, _Numbers, _Numbers, ctypes.c_int, _P, _I, ctypes.POINTER(_Add)
)
_GatherBlocks = ctypes.CFUNCTYPE(None, _P, _I, _Numbers, _Numbers, ctypes.c_int, _P, _I)


@dataclass(frozen=True)
class Exchange:
    """The sockets of executor ``number``, by the number of the other: one to send, one to receive."""

    number: int
    to_others: Mapping[int, ssl.SSLSocket]
    from_others: Mapping[int, ssl.SSLSocket]
    senders: ThreadPoolExecutor

    def send_all(self, parts: Sequence[bytes]) -> list[bytes]:
        """Part k goes to executor k; what each sent to this one, in their order."""
        sent = [self.senders.submit(_send, other, parts[k]) for k, other in self.to_others.items()]
        received = [
            part if k == self.number else _receive(self.from_others[k]) for k, part in enumerate(parts)
        ]
        for each in sent:
            each.result()
        return received

    def gather(self, value: Any) -> list[Any]:
        """The values of all executors, in their order, as JSON has them; each waits for all."""
        text = json.dumps(value).encode()
        return [json.loads(each) for each in self.send_all([text] * (1 + len(self.to_others)))]

    @contextmanager
    def of_lightgbm(self) -> Iterator[None]:
        """Within the block LightGBM, on this thread, is one of as many machines as there are executors."""

        @_or_end
        def scatter_sums(
            source: int, _size: int, width: int, starts: Any, sizes: Any, count: int,
            target: int, _room: int, add: Any,
        ) -> None:  # fmt: skip
            first, *others = self.send_all(
                [ctypes.string_at(source + starts[k], sizes[k]) for k in range(count)]
            )
            ctypes.memmove(target, first, len(first))
            for block in others:
                add[0](block, target, width, len(block))

        @_or_end
        def gather_blocks(
            source: int, size: int, starts: Any, _sizes: Any, count: int, target: int, _room: int
        ) -> None:
            for k, block in enumerate(self.send_all([ctypes.string_at(source, size)] * count)):
                ctypes.memmove(target + starts[k], block, len(block))

        functions = (
            _ScatterSums(scatter_sums),
            _GatherBlocks(gather_blocks),
        )  # held as long as they are called
        _safe_call(_LIB.LGBM_NetworkInitWithFunctions(1 + len(self.to_others), self.number, *functions))
        try:
            yield
        finally:
            _safe_call(_LIB.LGBM_NetworkFree())


@contextmanager
def connected(host: str, number: int, gather: Callable[[Any], list[Any]]) -> Iterator[Exchange]:
    """Executor ``number`` at ``host``, connected with all that ``gather`` reaches; it takes the addresses and
    certificates around.

    Raises DataError where one is not reached in ``CONNECT_SECONDS``.
    """
    with ExitStack() as held:
        server = held.enter_context(socket.create_server((host, 0), backlog=128))
        certificate, accepting, connecting = _make_certificate()
        all_of_them = gather((host, server.getsockname()[1], certificate))
        places = {(address, port): k for k, (address, port, _) in enumerate(all_of_them) if k != number}
        certificates = [text for *_, text in all_of_them]
        for context in (accepting, connecting):
            context.load_verify_locations(cadata="".join(certificates))
        senders = held.enter_context(ThreadPoolExecutor(max(1, len(places))))
        until = time.monotonic() + CONNECT_SECONDS
        accepted = senders.submit(_accept, server, accepting, certificates, until, held)
        try:
            to_others = {
                k: _connect(place, connecting, certificates[k], until, held) for place, k in places.items()
            }
            from_others = accepted.result()
            server.close()
        except OSError as error:
            server.shutdown(socket.SHUT_RDWR)  # nobody is accepted any more
            raise DataError(
                f"executor {number} at {host} and the others ({', '.join(f'{a}:{p}' for a, p in places)}) do "
                f"not reach each other: {error}. Open the ports between the workers (from Linux's "
                "ip_local_port_range), or train with executors = 1."
            ) from None
        for each in (*to_others.values(), *from_others.values()):
            each.settimeout(None)  # the slowest may take its time: Spark knows who is lost
        yield Exchange(number, to_others, from_others, senders)


def _accept(
    server: socket.socket,
    context: ssl.SSLContext,
    certificates: Sequence[str],
    until: float,
    held: ExitStack,
) -> dict[int, ssl.SSLSocket]:
    """A socket from each other executor; whoever shows no certificate of theirs is sent away."""
    known = {ssl.PEM_cert_to_DER_cert(text): k for k, text in enumerate(certificates)}
    from_others = dict[int, ssl.SSLSocket]()
    while len(from_others) < len(certificates) - 1:
        server.settimeout(_left(until))
        plain, _ = server.accept()
        plain.settimeout(SILENT_SECONDS)
        try:
            secure = held.enter_context(context.wrap_socket(plain, server_side=True))
        except OSError:  # a stranger
            plain.close()
            continue
        from_others[known[secure.getpeercert(binary_form=True) or b""]] = secure
    return from_others


def _connect(
    place: tuple[str, int], context: ssl.SSLContext, certificate: str, until: float, held: ExitStack
) -> ssl.SSLSocket:
    plain = held.enter_context(socket.create_connection(place, _left(until)))
    secure = held.enter_context(context.wrap_socket(plain))
    if secure.getpeercert(binary_form=True) != ssl.PEM_cert_to_DER_cert(certificate):
        raise ConnectionError(f"another executor answers at {place}")
    return secure


def _left(until: float) -> float:
    if (left := until - time.monotonic()) <= 0:
        raise TimeoutError(f"not within {CONNECT_SECONDS} seconds")
    return left


def _make_certificate() -> tuple[str, ssl.SSLContext, ssl.SSLContext]:
    """A certificate for this fit alone, and with its key TLS 1.3 to accept others by it and to connect by it.

    The key lies on disk only until it is read.
    """
    key, number = ec.generate_private_key(ec.SECP256R1()), x509.random_serial_number()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(number))])
    since, until = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), number, since, until).sign(key, SHA256())
    text = made.public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    accepting, connecting = (
        ssl.SSLContext(kind) for kind in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT)
    )
    accepting.num_tickets = 0  # nobody comes back
    with NamedTemporaryFile() as file:
        file.write(secret + text)
        file.flush()
        for context in (accepting, connecting):
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.check_hostname = False  # the certificate itself is compared
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_cert_chain(file.name)
    return text.decode(), accepting, connecting


def _send(other: ssl.SSLSocket, message: bytes) -> None:
    other.sendall(len(message).to_bytes(LENGTH, "big") + message)


def _receive(other: ssl.SSLSocket) -> bytes:
    return _receive_bytes(other, int.from_bytes(_receive_bytes(other, LENGTH), "big"))


def _receive_bytes(other: ssl.SSLSocket, length: int) -> bytes:
    message = bytearray(length)
    place, view = 0, memoryview(message)
    while place < length:
        received = other.recv_into(view[place:])
        if not received:
            raise ConnectionError("another executor ended")
        place += received
    return bytes(message)


def _or_end(exchanged: Callable[..., None]) -> Callable[..., None]:
    """Ends the process where the exchange breaks: LightGBM knows no error here and would go on without it."""

    @wraps(exchanged)
    def call(*arguments: Any) -> None:
        try:
            exchanged(*arguments)
        except Exception as error:
            print(f"the exchange between executors broke: {error!r}", file=sys.stderr, flush=True)
            time.sleep(LAST_WORDS_SECONDS)
            os._exit(1)

    return call
