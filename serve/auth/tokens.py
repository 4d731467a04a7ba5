"""Bearer tokens (JWT, RFC 7519) of the bank's identity provider or of the demo, and the callers they name."""

import json
import logging
import math
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

import jwt
from fastapi import HTTPException

from configs.service import ServiceSettings
from serve.auth.policy import Role

log = logging.getLogger("serve")

LEEWAY_SECONDS = 10  # how far the clocks of the issuer and the service may lie apart
REREAD_SECONDS = 60  # keys are asked for at most once in this time
FRESH_SECONDS = 600  # after which keys in use are read again, and tokens verified again
OLDEST_SECONDS = 1200  # after which keys that cannot be read again verify nothing: they may be withdrawn
FETCH_SECONDS = 5
LONGEST = 8192  # characters of a token
LARGEST = 1_000_000  # bytes of a set of keys
REMEMBERED = 10_000  # tokens; a forgotten one is only verified again
UNREACHABLE = "The identity provider's keys cannot be read, so no token is accepted."
_CLAIMS = ["exp", "iss", "aud", "sub"]
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}


class RefusedError(Exception):
    """A token that is not accepted. The reason is for the log and never holds the token."""


@dataclass(frozen=True)
class Caller:
    """Whom a token speaks for. The ids are empty where the role needs none."""

    subject: str
    role: Role
    manager_id: str
    branch_id: str


@dataclass(frozen=True)
class Key:
    """A key that verifies tokens, and the one algorithm it is for."""

    key: Any
    algorithm: str


class PublicKeys:
    """The identity provider's keys by kid, read when needed: at first, when old, or when one is missing."""

    def __init__(self, source: str) -> None:
        """``source`` is an https address or a path. Nothing is read yet."""
        self._source = source
        self._keys: dict[str, Key] = {}
        self._reading = Lock()
        self._read_at = self._tried_at = -math.inf

    def find(self, kid: str) -> tuple[Key, float]:
        """The key, and until when by ``time.monotonic`` a token that it verified may be remembered.

        Raises RefusedError for a key that the identity provider does not publish, HTTPException 503 where its
        keys could not be read for ``OLDEST_SECONDS``.
        """
        with self._reading:
            clock = time.monotonic()
            wanted = kid not in self._keys or clock - self._read_at >= FRESH_SECONDS
            if wanted and clock - self._tried_at >= REREAD_SECONDS:
                self._read(clock)
            if clock - self._read_at >= OLDEST_SECONDS:
                raise HTTPException(503, UNREACHABLE)
            if kid not in self._keys:
                raise RefusedError("it is signed by a key that the identity provider does not publish")
            return self._keys[kid], self._read_at + FRESH_SECONDS

    def _read(self, clock: float) -> None:
        """Replaces all keys. Where nothing can be read the old ones stay until they are too old."""
        self._tried_at = clock
        try:
            self._keys = public_keys(_content(self._source))
            self._read_at = clock
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("the identity provider's keys cannot be read: %s", type(error).__name__)


def _content(source: str) -> bytes:
    if not source.startswith("https://"):
        return Path(source).read_bytes()
    with urllib.request.urlopen(source, timeout=FETCH_SECONDS) as answer:
        content: bytes = answer.read(LARGEST)
    return content


def public_keys(content: bytes) -> dict[str, Key]:
    """The trusted keys of a JSON Web Key Set (RFC 7517), by kid: RSA of 2048 bits or more, P-256.

    Others are passed over, above all secrets ("oct"): a public key must never serve as one. Raises ValueError
    for what is no set of keys.
    """
    keys: dict[str, Key] = {}
    for web_key in json.loads(content)["keys"]:
        algorithm = _ALGORITHMS.get(web_key.get("kty", ""))
        if algorithm and web_key.get("use", "sig") == "sig" and web_key.get("alg", algorithm) == algorithm:
            key = _trusted(web_key, algorithm)
            keys |= {web_key["kid"]: Key(key, algorithm)} if key else {}
    return keys


def _trusted(web_key: Mapping[str, Any], algorithm: str) -> Any:
    """The key, or None where it is too weak or not of the right curve."""
    try:
        key: Any = jwt.PyJWK(dict(web_key), algorithm).key
    except jwt.PyJWTError:
        return None
    strong = key.key_size >= 2048 if algorithm == "RS256" else key.curve.name == "secp256r1"
    return key if strong else None


class Tokens:
    """Verifies tokens; an accepted one is remembered by its hash until it expires or its key may be old."""

    def __init__(self, settings: ServiceSettings) -> None:
        """Raises ConfigError for a weak secret."""
        self._issuer, self._audience = settings.issuer, settings.token_audience
        self._secret = Key(settings.token_secret, "HS256") if settings.demo else None
        self._public = PublicKeys(settings.token_jwks)
        self._accepted: dict[bytes, tuple[Caller, float, float]] = {}

    def remembered(self, token: str) -> Caller | None:
        """The caller of a token that was verified lately and has not expired."""
        caller, expires, trusted_until = self._accepted.get(_hash(token), (None, 0.0, 0.0))
        return caller if time.time() < expires and time.monotonic() < trusted_until else None

    def verified(self, token: str) -> Caller:
        """The caller. Raises RefusedError and HTTPException 503; fetching keys takes seconds."""
        if len(token) > LONGEST:
            raise RefusedError("it is too long")
        try:
            key, trusted_until = (self._secret, math.inf) if self._secret else self._public.find(_kid(token))
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": _CLAIMS},
            )
        except jwt.PyJWTError as error:
            raise RefusedError(type(error).__name__) from None
        caller = caller_of(claims)
        if len(self._accepted) >= REMEMBERED:
            self._accepted.clear()
        self._accepted[_hash(token)] = (caller, claims["exp"] + LEEWAY_SECONDS, trusted_until)
        return caller


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """Raises RefusedError unless the claims say what the role needs."""
    subject, role, manager_id, branch_id = (
        claims.get(name, "") for name in ("sub", "role", "manager_id", "branch_id")
    )
    if not all(isinstance(claim, str) for claim in (subject, role, manager_id, branch_id)) or not subject:
        raise RefusedError("sub, role, manager_id and branch_id have to be text, and sub must not be empty")
    if role not in set(Role):
        raise RefusedError(f"the claim role is none of {', '.join(Role)}")
    if (role == Role.MANAGER and not manager_id) or (role == Role.BRANCH_HEAD and not branch_id):
        raise RefusedError(
            f"a {role} needs the claim {'manager_id' if role == Role.MANAGER else 'branch_id'}"
        )
    return Caller(subject, Role(role), manager_id, branch_id)


def issue(settings: ServiceSettings, claims: Mapping[str, Any], seconds: int) -> str:
    """A token of the demo that expires after ``seconds``. Raises ConfigError where the bank issues them."""
    issued = int(time.time())
    standing: dict[str, Any] = {"iss": settings.issuer, "aud": settings.token_audience}
    standing |= {"nbf": issued, "exp": issued + seconds}
    return jwt.encode({**claims, **standing}, settings.token_secret, algorithm="HS256")


def _kid(token: str) -> str:
    kid = jwt.get_unverified_header(token).get("kid", "")
    if not isinstance(kid, str) or not kid:
        raise RefusedError("its header names no key (kid)")
    return kid


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
