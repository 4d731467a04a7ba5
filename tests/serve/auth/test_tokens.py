"""Which tokens are accepted: 1,000 that are not what they claim to be, and the keys of an identity
provider."""

import base64
import json
import math
import random
import secrets
import time
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import HTTPException
from fastapi.testclient import TestClient
from pydantic import SecretStr

from configs.service import ServiceSettings
from serve.app import create_app
from serve.auth import tokens
from serve.auth.policy import Role
from serve.auth.tokens import Caller, PublicKeys, RefusedError, Tokens, public_keys

ISSUER, AUDIENCE = "https://login.bank.example", "attrition"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
OTHER = rsa.generate_private_key(65537, 2048)
MANAGER = {"sub": "li", "role": "manager", "manager_id": "M1"}


def jwk(key, kid, **more):
    algorithm = (
        jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    )
    return algorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid} | more


def claims(**changes):
    now = int(time.time())
    whole = MANAGER | {"iss": ISSUER, "aud": AUDIENCE, "nbf": now, "exp": now + 3600} | changes
    return {name: value for name, value in whole.items() if value is not None}


def signed(key=RSA, kid="r1", algorithm="RS256", **changes):
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": kid})


@pytest.fixture
def jwks(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [jwk(RSA, "r1"), jwk(EC, "e1", use="sig")]}))
    return path


@pytest.fixture
def bank(jwks):
    audit_key = SecretStr(secrets.token_hex(32))
    given = {"token_issuer": ISSUER, "token_audience": AUDIENCE, "token_jwks": str(jwks)}
    return Tokens(ServiceSettings(**given, audit_key=audit_key))


@pytest.mark.parametrize(
    "signing",
    [{}, {"key": EC, "kid": "e1", "algorithm": "ES256"}, {"nbf": None}, {"aud": ["other", AUDIENCE]}],
    ids=["RS256", "ES256", "without nbf", "several audiences"],
)
def test_a_good_token_is_accepted_and_remembered(bank, signing):
    token = signed(**signing)
    caller = Caller("li", Role.MANAGER, "M1", "")
    assert bank.remembered(token) is None
    assert bank.verified(token) == caller
    assert bank.remembered(token) == caller
    assert bank.remembered(token[:-1]) is None


def test_what_was_remembered_expires(bank, monkeypatch):
    token = signed(exp=int(time.time()) + 3600)
    bank.verified(token)
    later = time.time() + 3600 + tokens.LEEWAY_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert bank.remembered(token) is None


def raw(header, body, signature=b""):
    parts = [json.dumps(header).encode(), json.dumps(body).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def public_as_secret(content, **header):
    """Alg confusion: the public key, which everybody has, taken for the secret of an HMAC."""
    head = {"alg": "HS256", "typ": "JWT", "kid": "r1"} | header
    body = raw(head, claims()).rsplit(".", 1)[0]
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(body.encode(), content)
    return f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def forged() -> Iterator[str]:
    """One of each kind, then good ones with a bit flipped, to 1,000 in all."""
    past, now = int(time.time()) - 3600, int(time.time())
    yield from ("", "a", "a.b", "a.b.c", "....", "é" * 40, "x" * 9000)
    yield from (
        raw({"alg": alg, "kid": "r1"}, claims()) for alg in ("none", "None", "NONE", "nOnE", "", "HS256")
    )
    yield raw({"alg": "none"}, claims())
    yield raw({"kid": "r1"}, claims(), b"x" * 256)
    as_json = json.dumps(jwk(RSA, "r1")).encode()
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    yield from (public_as_secret(content) for content in (pem, pem.strip(), der, b"", as_json))
    yield from (signed(OTHER), signed(OTHER, "unknown"), signed(EC, "r1", "ES256"), signed(RSA, "e1"))
    yield from (signed(algorithm=alg) for alg in ("RS384", "RS512", "PS256"))
    yield jwt.encode(claims(), secrets.token_bytes(32), "HS256", headers={"kid": "r1"})
    yield jwt.encode(claims(), RSA, "RS256")
    yield jwt.encode(claims(), OTHER, "RS256", headers={"kid": "x", "jwk": jwk(OTHER, "x")})
    yield jwt.encode(claims(), OTHER, "RS256", headers={"kid": "x", "jku": "https://evil.example/keys"})
    for name, values in {
        "exp": (past, now - 11, "soon", None),
        "nbf": (now + 3600,),
        "iat": (now + 3600,),
        "iss": ("https://evil.example", ISSUER + "/", None),
        "aud": ("other", [], None),
        "sub": ("", 7, None),
        "role": ("root", "Admin", ["admin"], "branch_head", None),
        "manager_id": ("", ["M1"], None),
        "branch_id": (1,),
    }.items():
        yield from (signed(**{name: value}) for value in values)


def bit_flipped(count):
    """The signature's last character holds unused bits, so it is left alone."""
    chance = random.Random(20261116)
    good = [signed(), signed(EC, "e1", "ES256")]
    for at in range(count):
        token = bytearray(good[at % 2].encode())
        place = chance.randrange(len(token) - 1)
        token[place] ^= 1 << chance.randrange(7)
        yield token.decode("latin-1")


def test_of_a_thousand_forged_tokens_none_is_accepted(bank):
    kinds = list(forged())
    assert len(kinds) > 40
    for token in [*kinds, *bit_flipped(1000 - len(kinds))]:
        with pytest.raises(RefusedError) as raised:
            bank.verified(token)
        assert len(token) < 20 or token not in str(raised.value)


def test_keys_that_are_no_public_keys_or_too_weak_are_passed_over():
    weak = rsa.generate_private_key(65537, 1024)
    wrong_curve = ec.generate_private_key(ec.SECP384R1())
    secret = {"kty": "oct", "kid": "o", "k": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}
    offered = [jwk(RSA, "good"), jwk(weak, "weak"), jwk(wrong_curve, "curve"), secret]
    offered += [jwk(RSA, "enc", use="enc"), jwk(RSA, "alg", alg="RS512")]
    offered += [{"kty": "RSA", "kid": "broken", "n": "AQ", "e": "AQ"}, {"kty": "EC", "kid": "none"}]
    assert set(public_keys(json.dumps({"keys": offered}).encode())) == {"good"}


@pytest.fixture
def clock(monkeypatch):
    """Moves both clocks on by so many minutes."""
    now, wall = time.monotonic(), time.time()
    passed = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now + passed[0])
    monkeypatch.setattr(time, "time", lambda: wall + passed[0])

    def move(minutes):
        passed[0] += 60 * minutes

    return move


def test_an_unknown_key_makes_the_keys_read_again_once_a_minute(jwks, clock):
    keys = PublicKeys(str(jwks))
    assert keys.find("r1")[0].algorithm_name == "RS256"
    jwks.write_text(json.dumps({"keys": [jwk(OTHER, "r2")]}))
    clock(0.9)
    with pytest.raises(RefusedError):
        keys.find("r2")
    clock(0.1)
    assert keys.find("r2")
    with pytest.raises(RefusedError):
        keys.find("r1")


def accepted(bank, token):
    """As serve/auth/access.py asks: a token that is remembered is not verified."""
    try:
        return (bank.remembered(token) or bank.verified(token)).subject == "li"
    except RefusedError:
        return False


@pytest.mark.parametrize("minute", [0, 1, 5, 9, 10, 11, 15, 19])
def test_a_withdrawn_key_is_refused_after_twenty_minutes_at_the_latest(bank, jwks, clock, minute):
    """A token used once a minute; its key goes in the given minute after the keys were read."""
    token = signed(exp=int(time.time()) + 7200)
    for now in range(41):
        if now == minute:
            jwks.write_text(json.dumps({"keys": [jwk(EC, "e1")]}))
        if now <= minute - 1:
            assert accepted(bank, token)
        if now >= minute + 20:
            assert not accepted(bank, token)
        accepted(bank, token)
        clock(1)


@pytest.mark.parametrize("used", [0, 9])
def test_a_token_that_is_remembered_is_refused_with_its_key(bank, jwks, clock, used):
    """Verified once, in minute ``used``, when its key was about to be withdrawn; then asked with in minute
    20."""
    token = signed(exp=int(time.time()) + 7200)
    assert accepted(bank, signed())  # minute 0, in which the keys are read
    clock(used)
    assert accepted(bank, token)
    jwks.write_text(json.dumps({"keys": []}))
    assert accepted(bank, token)
    clock(20)
    assert not accepted(bank, token)


def test_keys_that_cannot_be_read_again_serve_for_twenty_minutes(bank, jwks, clock, caplog):
    token, keys = signed(exp=int(time.time()) + 7200), jwks.read_text()
    assert accepted(bank, token)
    jwks.unlink()
    clock(19)
    assert accepted(bank, token)
    assert "cannot be read: FileNotFoundError" in caplog.text
    clock(2)
    for asked_with in (token, signed(EC, "e1", "ES256")):
        with pytest.raises(HTTPException, match="keys cannot be read") as refused:
            accepted(bank, asked_with)
        assert refused.value.status_code == 503
    jwks.write_text(keys)
    clock(1)
    assert accepted(bank, token)


def test_keys_that_were_never_read_accept_no_token(bank, jwks):
    jwks.write_text("not keys")
    with pytest.raises(HTTPException, match="keys cannot be read"):
        bank.verified(signed())


TEXTS = ("iss", "aud", "sub", "role", "manager_id", "branch_id")
NUMBERS = ("exp", "nbf", "iat")
OF_NO_CLAIM = (
    None,
    True,
    False,
    [],
    [1],
    [[]],
    {},
    {"a": 1},
    "",
    "\ud800",
    "a\x00",
    "x" * 257,
    math.inf,
    math.nan,
)
AS_TEXT, AS_NUMBER = ("text", "9999999999", "1e999", "nan"), (0, -1, 1.5, 1e308, 10**400)


def signed_as_it_is(payload, **header):
    return jwt.api_jws.encode(json.dumps(payload).encode(), RSA, "RS256", headers={"kid": "r1"} | header)


@pytest.mark.parametrize("name", [*TEXTS, *NUMBERS])
def test_a_claim_of_another_type_is_refused_and_no_fault(bank, name):
    given = claims(iat=int(time.time()), branch_id="B1")
    assert bank.verified(signed_as_it_is(given))
    for value in (*OF_NO_CLAIM, *(AS_NUMBER if name in TEXTS else AS_TEXT)):
        if (name, value) != ("branch_id", ""):
            with pytest.raises(RefusedError):
                bank.verified(signed_as_it_is(given | {name: value}))


@pytest.mark.parametrize("payload", [None, True, 1, "text", [], ["exp"], {}])
def test_a_payload_that_is_no_set_of_claims_is_refused(bank, payload):
    with pytest.raises(RefusedError):
        bank.verified(signed_as_it_is(payload))


@pytest.mark.parametrize("kid", [None, True, 1, [], {}, "", "\x00"])
def test_a_kid_of_another_type_is_refused(bank, kid):
    with pytest.raises(RefusedError):
        bank.verified(raw({"alg": "RS256", "kid": kid}, claims()))


def test_a_claim_nested_without_end_is_refused(bank):
    """As long as a token may be: some 6,000 brackets."""
    content = base64.urlsafe_b64encode(b"[" * 5_900).rstrip(b"=").decode()
    head = base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"r1"}').rstrip(b"=").decode()
    for token in (f"{head}.{content}.", f"{content}.e30."):
        with pytest.raises(RefusedError):
            bank.verified(token)


@pytest.mark.usefixtures("published")
def test_a_page_that_began_with_a_withdrawn_key_ends_with_it(jwks, clock, store_url):
    """A session is only its token: it is verified anew with every page, as old as the keys may be."""
    service = ServiceSettings(
        store=store_url,
        token_issuer=ISSUER,
        token_audience=AUDIENCE,
        token_jwks=str(jwks),
        audit_key=SecretStr(secrets.token_hex(32)),
        hosts=("bank.example",),
    )
    cookie = {"Cookie": f"__Host-attrition-session={signed(exp=int(time.time()) + 7200)}"}
    with TestClient(create_app(service), base_url="https://bank.example", follow_redirects=False) as client:
        assert client.get("/lists/M1", headers=cookie).status_code == 200
        jwks.write_text(json.dumps({"keys": [jwk(OTHER, "r2")]}))
        statuses = {}
        for minute in range(21):
            statuses[minute] = client.get("/lists/M1", headers=cookie).status_code
            clock(1)
        assert statuses[0] == 200
        assert statuses[20] == 303  # to sign in again
