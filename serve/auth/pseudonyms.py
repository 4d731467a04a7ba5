"""Customers without their numbers: for who works with the figures and need not know whose they are."""

import base64
import binascii
import hmac
import json
from collections.abc import Collection
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


class Pseudonyms:
    """A number and its pseudonym, either way, by AES-SIV (RFC 5297): one number always has the same pseudonym, and
    nobody without the key can make one from a number or a number from one."""

    def __init__(self, key: bytes) -> None:
        """``key`` is the audit log's; what serves here is derived from it."""
        self._cipher = AESSIV(hmac.digest(key, b"pseudonyms of customers", "sha512"))

    def of(self, number: str) -> str:
        sealed = self._cipher.encrypt(number.encode(), None)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def number(self, pseudonym: str) -> str | None:
        """None for what is no pseudonym, a customer's number above all."""
        try:
            sealed = base64.b64decode(pseudonym + "=" * (-len(pseudonym) % 4), b"-_", validate=True)
            return self._cipher.decrypt(sealed, None).decode()
        except (binascii.Error, ValueError, InvalidTag):
            return None

    def mask(self, body: bytes, fields: Collection[str]) -> bytes:
        """An answer in JSON with these fields masked, however deep: a number by its pseudonym, all else emptied."""
        return json.dumps(self._masked(json.loads(body), fields), ensure_ascii=False).encode()

    def _masked(self, value: Any, fields: Collection[str]) -> Any:
        if isinstance(value, list):
            return [self._masked(one, fields) for one in value]
        if not isinstance(value, dict):
            return value
        return {
            name: self._mask(name, one) if name in fields else self._masked(one, fields)
            for name, one in value.items()
        }

    def _mask(self, name: str, value: Any) -> Any:
        if name == "customer_id" and isinstance(value, str):
            return self.of(value)
        return "" if isinstance(value, str) else None
