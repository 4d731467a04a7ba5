"""Where a reader of several pages stands: sealed, so that nobody can make one up or use it elsewhere."""

import base64
import binascii
import hmac
import json
from dataclasses import astuple, dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


@dataclass(frozen=True)
class Position:
    """The run that is read, told apart from the same run published anew, and how many rows were given."""

    run_id: str
    run_version: int
    given: int


class Cursors:
    """A position as text, and back, by AES-SIV (RFC 5297)."""

    def __init__(self, key: bytes) -> None:
        """``key`` is the audit log's; what serves here is derived from it."""
        self._cipher = AESSIV(hmac.digest(key, b"cursors", "sha512"))

    def text(self, position: Position, place: str) -> str:
        """``place`` is where alone the cursor holds: the address and whose customers are seen there."""
        sealed = self._cipher.encrypt(json.dumps(astuple(position)).encode(), [place.encode()])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def position(self, text: str, place: str) -> Position | None:
        """None for what is no cursor of this place."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            return Position(*json.loads(self._cipher.decrypt(sealed, [place.encode()])))
        except (binascii.Error, ValueError, InvalidTag):
            return None
