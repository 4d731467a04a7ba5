"""Sealed texts that only the service can make or read: cursors, pseudonyms of customers, seals of forms."""

import base64
import hmac
import json
from collections.abc import Collection
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


class Sealer:
    """A content and its sealed text, by AES-SIV (RFC 5297): one content always has the same text.

    The text is letters and digits (base32), so no URL or spreadsheet changes it: a leading ``-`` would make
    it a formula. ``key`` is the audit log's; the key of a purpose is derived from it.
    """

    def __init__(self, key: bytes, purpose: bytes) -> None:
        self._cipher = AESSIV(hmac.digest(key, purpose, "sha512"))

    def seal(self, content: str, *place: str) -> str:
        """The text can be opened in the same place only."""
        sealed = self._cipher.encrypt(content.encode(), [part.encode() for part in place])
        return base64.b32encode(sealed).rstrip(b"=").decode()

    def open(self, text: str, *place: str) -> str | None:
        """None for a text that was not sealed for this place."""
        try:
            sealed = base64.b32decode(text + "=" * (-len(text) % 8))
            return self._cipher.decrypt(sealed, [part.encode() for part in place]).decode()
        except (ValueError, InvalidTag):
            return None


def mask(body: bytes, fields: Collection[str], pseudonyms: Sealer) -> bytes:
    """A JSON answer with these fields masked, however deep: a number by its pseudonym, all else emptied."""

    def masked(value: Any, name: str = "") -> Any:
        if name in fields:
            if not isinstance(value, str):
                return None
            return pseudonyms.seal(value) if name == "customer_id" else ""
        if isinstance(value, list):
            return [masked(part) for part in value]
        if isinstance(value, dict):
            return {name: masked(part, name) for name, part in value.items()}
        return value

    return json.dumps(masked(json.loads(body)), ensure_ascii=False).encode()
