"""Sealed texts that only the service can make or read; cursors of pages are such texts."""

import base64
import binascii
import hmac
import json
from dataclasses import astuple, dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


class Sealer:
    """A content and its sealed text, by AES-SIV (RFC 5297): one content always has the same text.

    The text is letters and digits (base32), so no URL or spreadsheet changes it: a leading ``-`` would make
    it a formula.
    """

    def __init__(self, key: bytes, purpose: bytes) -> None:
        """``key`` is the audit log's; the key of a purpose is derived from it."""
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
        except (binascii.Error, ValueError, InvalidTag):
            return None


@dataclass(frozen=True)
class Position:
    """The run that is read, told apart from the same run published anew, and how many rows were given."""

    run_id: str
    run_version: int
    offset: int


class Cursors:
    """A position as text, and back."""

    def __init__(self, key: bytes) -> None:
        self._sealer = Sealer(key, b"cursors")

    def text(self, position: Position, place: str) -> str:
        """``place`` is where alone the cursor holds: the address and whose customers are seen there."""
        return self._sealer.seal(json.dumps(astuple(position)), place)

    def position(self, text: str, place: str) -> Position | None:
        """None for what is no cursor of this place."""
        content = self._sealer.open(text, place)
        return Position(*json.loads(content)) if content else None
