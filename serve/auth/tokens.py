"""Who calls: bearer tokens (JWT, RFC 7519) of the bank's identity provider, or the demo's own."""

import json
import logging
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

import jwt

from configs.service import ServiceSettings
from serve.auth.policy import Role

log = logging.getLogger("serve")

LEEWAY_SECONDS = 10  # how far the clocks of the issuer and the service may lie apart
REREAD_SECONDS = 60  # an unknown key is asked for at most once in this time
OLDEST_SECONDS = (
    3600  # after which keys are read again, so that one that was withdrawn is not trusted for ever
)
FETCH_SECONDS = 5
LONGEST = 8192  # characters of a token
LARGEST = 1_000_000  # bytes of a set of keys
REMEMBERED = 10_000  # tokens; a forgotten one is only verified again
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
    """What verifies a token, and the one algorithm it is for."""

    key: Any
    algorithm: str


class PublicKeys:
    """The identity provider's keys by kid, read when first needed and again when one is missing."""

    def __init__(self, source: str) -> None:
        """``source`` is an https address or a path. Nothing is read yet."""
        self._source = source
        self._keys: dict[str, Key] = {}
        self._reading = Lock()
        self._read_at = -float(OLDEST_SECONDS)

    def find(self, kid: str) -> Key:
        """Raises RefusedError for a key that the identity provider does not publish."""
        with self._reading:
            age = time.monotonic() - self._read_at
            if age >= OLDEST_SECONDS or (kid not in self._keys and age >= REREAD_SECONDS):
                self._read()
        if kid not in self._keys:
            raise RefusedError("it is signed by a key that the identity provider does not publish")
        return self._keys[kid]

    def _read(self) -> None:
        """Takes the place of all keys known. Where nothing can be read the old ones stay for now."""
        self._read_at = time.monotonic()
        try:
            self._keys = public_keys(_content(self._source))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("the identity provider's keys cannot be read: %s", type(error).__name__)


def _content(source: str) -> bytes:
    if not source.startswith("https://"):
        return Path(source).read_bytes()
    with urllib.request.urlopen(source, timeout=FETCH_SECONDS) as answer:
        content: bytes = answer.read(LARGEST)
    return content


def public_keys(content: bytes) -> dict[str, Key]:
    """The keys of a JSON Web Key Set (RFC 7517) that this service trusts, by kid: RSA of 2048 bits or more, P-256.

    Others are passed over, above all secrets ("oct"): a public key must never serve as one. Raises ValueError
    for what is no set of keys.
    """
    found: dict[str, Key] = {}
    for one in json.loads(content)["keys"]:
        algorithm = _ALGORITHMS.get(one.get("kty", ""))
        if algorithm and one.get("use", "sig") == "sig" and one.get("alg", algorithm) == algorithm:
            key = _trusted(one, algorithm)
            found |= {one["kid"]: Key(key, algorithm)} if key else {}
    return found


def _trusted(one: Mapping[str, Any], algorithm: str) -> Any:
    """The key, or None where it is too weak or not of the right curve."""
    try:
        key: Any = jwt.PyJWK(dict(one), algorithm).key
    except jwt.PyJWTError:
        return None
    strong = key.key_size >= 2048 if algorithm == "RS256" else key.curve.name == "secp256r1"
    return key if strong else None


class Tokens:
    """Verifies tokens; one that was accepted is remembered, by its hash, until it expires."""

    def __init__(self, settings: ServiceSettings) -> None:
        """Raises ConfigError for a weak secret."""
        self._issuer, self._audience = settings.issuer, settings.token_audience
        self._secret = Key(settings.token_secret, "HS256") if settings.demo else None
        self._public = PublicKeys(settings.token_jwks)
        self._accepted: dict[bytes, tuple[Caller, float]] = {}

    def remembered(self, token: str) -> Caller | None:
        """Who calls with a token that was verified before and has not expired."""
        caller, until = self._accepted.get(_hash(token), (None, 0.0))
        return caller if time.time() < until else None

    def verified(self, token: str) -> Caller:
        """Who calls. Raises RefusedError; may take seconds where keys have to be fetched."""
        if len(token) > LONGEST:
            raise RefusedError("it is too long")
        try:
            key = self._secret or self._public.find(_kid(token))
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
        until = min(claims["exp"] + LEEWAY_SECONDS, time.time() + OLDEST_SECONDS)
        self._accepted[_hash(token)] = (caller, until)
        return caller


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """Raises RefusedError unless the claims say what the role needs."""
    subject, role, manager_id, branch_id = (
        claims.get(name, "") for name in ("sub", "role", "manager_id", "branch_id")
    )
    if not all(isinstance(one, str) for one in (subject, role, manager_id, branch_id)) or not subject:
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
    now = int(time.time())
    standing = {"iss": settings.issuer, "aud": settings.token_audience, "nbf": now, "exp": now + seconds}
    return jwt.encode({**claims, **standing}, settings.token_secret, algorithm="HS256")


def _kid(token: str) -> str:
    kid = jwt.get_unverified_header(token).get("kid", "")
    if not isinstance(kid, str) or not kid:
        raise RefusedError("its header names no key (kid)")
    return kid


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
