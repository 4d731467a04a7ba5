"""Bearer tokens (JWT, RFC 7519) of the bank's identity provider or of the demo, and the callers they name."""

import base64
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
LONGEST_CLAIM = 256  # characters of a name or a number
LARGEST = 1_000_000  # bytes of a set of keys
DAY_SECONDS = 86_400.0
REMEMBERED = 10_000  # tokens; a forgotten one is only verified again
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}


class RefusedError(Exception):
    """A token that is not accepted. The reason is for the log and never holds the token."""


@dataclass(frozen=True)
class Caller:
    """The person or system that a token names. The ids are empty where the role needs none."""

    subject: str
    role: Role
    manager_id: str
    branch_id: str


class PublicKeys:
    """The identity provider's keys by kid, read when needed: at first, when old, or when one is missing.

    ``source`` is an https address or a path.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._keys: dict[str, jwt.PyJWK] = {}
        self._reading = Lock()
        self._read_at = self._tried_at = -math.inf

    def find(self, kid: str) -> tuple[jwt.PyJWK, float]:
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
                raise HTTPException(
                    503, "The identity provider's keys cannot be read, so no token is accepted."
                )
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
        return answer.read(LARGEST)


def public_keys(content: bytes) -> dict[str, jwt.PyJWK]:
    """The trusted keys of a JSON Web Key Set (RFC 7517), by kid: RSA of 2048 bits or more, P-256.

    Others are passed over, above all secrets ("oct"): a public key must never serve as one. Raises ValueError
    for what is no set of keys.
    """
    keys: dict[str, jwt.PyJWK] = {}
    for web_key in json.loads(content)["keys"]:
        algorithm = _ALGORITHMS.get(web_key.get("kty", ""))
        if algorithm and web_key.get("use", "sig") == "sig" and web_key.get("alg", algorithm) == algorithm:
            key = _trusted(web_key, algorithm)
            keys |= {web_key["kid"]: key} if key else {}
    return keys


def _trusted(web_key: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """The key, or None where it is too weak or not of the right curve."""
    try:
        key = jwt.PyJWK(web_key, algorithm)
    except jwt.PyJWTError:
        return None
    strong = key.key.key_size >= 2048 if algorithm == "RS256" else key.key.curve.name == "secp256r1"
    return key if strong else None


class Tokens:
    """Verifies tokens; an accepted one is remembered by its hash until it expires or its key may be old.

    Raises ConfigError for a weak secret.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._issuer, self._audience = settings.issuer, settings.token_audience
        self._secret: jwt.PyJWK | None = None
        if settings.demo:
            secret = base64.urlsafe_b64encode(settings.token_secret).decode()
            self._secret = jwt.PyJWK({"kty": "oct", "k": secret}, "HS256")
        self._public = PublicKeys(settings.token_jwks)
        self._accepted: dict[bytes, tuple[Caller, float, float]] = {}
        self.ended: frozenset[str] = frozenset()  # hashes of tokens whose sessions ended by signing out

    def remembered(self, token: str) -> Caller | None:
        """The caller of a token that was verified lately and has not expired."""
        digest = hash_of(token)
        caller, expires, trusted_until = self._accepted.get(digest, (None, 0.0, 0.0))
        if self.ended and digest.hex() in self.ended:
            return None
        return caller if time.time() < expires and time.monotonic() < trusted_until else None

    def session(self, token: str) -> dict[str, str | float]:
        """Of an accepted token: its hash, and when it expires in seconds since 1970."""
        _, expires, _ = self._accepted.get(hash_of(token), (None, time.time() + DAY_SECONDS, 0.0))
        return {"token_hash": hash_of(token).hex(), "expires": expires}

    def verified(self, token: str) -> Caller:
        """The caller. Raises RefusedError and HTTPException 503; fetching keys takes seconds."""
        if len(token) > LONGEST:
            raise RefusedError("it is too long")
        if hash_of(token).hex() in self.ended:
            raise RefusedError("its session ended by signing out")
        try:
            key, trusted_until = (self._secret, math.inf) if self._secret else self._public.find(_kid(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise RefusedError(type(error).__name__) from None
        for name in ("exp", "nbf", "iat"):
            if not _is_number(claims.get(name, 0)):
                raise RefusedError(f"the claim {name} is no number of seconds")
        caller = caller_of(claims)
        if len(self._accepted) >= REMEMBERED:
            self._accepted.clear()
        self._accepted[hash_of(token)] = (caller, claims["exp"] + LEEWAY_SECONDS, trusted_until)
        return caller


def caller_of(claims: Mapping[str, Any]) -> Caller:
    """The caller whom claims name. Raises RefusedError unless they say what the role needs."""
    named = {name: claims.get(name, "") for name in ("sub", "role", "manager_id", "branch_id")}
    if not all(map(_is_text, named.values())) or not named["sub"]:
        raise RefusedError(
            f"sub, role, manager_id and branch_id have to be text of at most {LONGEST_CLAIM} characters, "
            "none of them a control character, and sub must not be empty"
        )
    if named["role"] not in set(Role):
        raise RefusedError(f"the claim role is none of {', '.join(Role)}")
    needed = {Role.MANAGER: "manager_id", Role.BRANCH_HEAD: "branch_id"}.get(Role(named["role"]), "sub")
    if not named[needed]:
        raise RefusedError(f"a {named['role']} needs the claim {needed}")
    return Caller(named["sub"], Role(named["role"]), named["manager_id"], named["branch_id"])


def issue(settings: ServiceSettings, claims: Mapping[str, Any], seconds: int) -> str:
    """A token of the demo that expires after ``seconds``. Raises ConfigError where the bank issues them."""
    issued = int(time.time())
    standing = {
        "iss": settings.issuer,
        "aud": settings.token_audience,
        "nbf": issued,
        "exp": issued + seconds,
    }
    return jwt.encode({**claims, **standing}, settings.token_secret, algorithm="HS256")


def _is_text(claim: Any) -> bool:
    """True for text that a database and a log can hold: no control character, no half of a pair (UTF-16)."""
    return isinstance(claim, str) and len(claim) <= LONGEST_CLAIM and (claim.isprintable() or not claim)


def _is_number(claim: Any) -> bool:
    return type(claim) in (int, float) and math.isfinite(claim)


def _kid(token: str) -> str:
    kid = jwt.get_unverified_header(token).get("kid", "")
    if not isinstance(kid, str) or not kid:
        raise RefusedError("its header names no key (kid)")
    return kid


def hash_of(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
