import base64
import secrets

import pytest

from configs.errors import ConfigError
from configs.signing_keys import parse_key


def test_hex_and_both_kinds_of_base64_are_read():
    for _ in range(200):
        key = secrets.token_bytes(32)
        texts = [key.hex(), key.hex().upper(), f"{key.hex()}\n", secrets_url(key)]
        texts += [base64.b64encode(key).decode(), base64.urlsafe_b64encode(key).decode()]
        assert {parse_key(text, "KEY") for text in texts} == {key}


def secrets_url(key: bytes) -> str:
    """As secrets.token_urlsafe writes it: without padding."""
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "0 bytes"),
        pytest.param(secrets.token_hex(31), "31 bytes", id="31 random bytes"),
        ("ab" * 32, "repeats itself"),
        ("0123456789abcdef" * 4, "repeats itself"),
        (bytes(range(32)).hex(), "counts"),
        (bytes(range(64, 0, -1)).hex(), "counts"),
        (base64.b64encode(b"change me before you go live, please").decode(), "is text"),
        ("changeme!" * 8, "neither hex nor base64"),
        ("changeme" * 8, "repeats itself"),
    ],
)
def test_a_weak_key_is_refused_and_never_shown(text, reason):
    with pytest.raises(ConfigError, match=f"ATTRITION_BUNDLE_KEY is weak: it .*{reason}|{reason}") as refused:
        parse_key(text, "ATTRITION_BUNDLE_KEY")
    assert not text or text not in str(refused.value)
