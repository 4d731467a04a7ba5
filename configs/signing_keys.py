"""Keys that sign bundles and the audit log: read from hex or base64, refused when they can be guessed."""

import base64
import binascii
import secrets
from itertools import pairwise
from pathlib import Path

from configs.errors import ConfigError

SHORTEST = 32  # bytes; as long as the hash that is signed
_FEWEST = 16  # different bytes; 32 random ones hold 30 on average and practically never fewer than 16


def parse_key(text: str, name: str) -> bytes:
    """The bytes of a key of at least 32 random bytes. Raises ConfigError naming ``name``, never the key.

    Refused are short keys, few bytes again and again, numbers that count up or down, and words.

    >>> parse_key("00" * 32, "THE_KEY")
    Traceback (most recent call last):
    configs.errors.ConfigError: THE_KEY is weak: it repeats itself. Make one with `openssl rand -hex 32`.
    """
    key = _decoded(text.strip())
    weak = "it is neither hex nor base64" if key is None else _weakness(key)
    if key is None or weak:
        raise ConfigError(f"{name} is weak: {weak}. Make one with `openssl rand -hex 32`.")
    return key


def parse_keys(text: str, name: str) -> tuple[bytes, ...]:
    """One key or several, with blanks between them: a new one and the one that it replaces.

    After ``whsec_``, as Standard Webhooks writes keys, stands base64 alone. Raises ConfigError as above.
    """
    return tuple(parse_key(part, name) for part in text.split() or [""])


def kept_key(path: Path) -> str:
    """The text of the key in a file, which is made for its owner alone if it is not there.

    Raises ConfigError where others may read it.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600, exist_ok=False)
        path.write_text(f"{secrets.token_hex(SHORTEST)}\n", "utf-8")
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path} can be read by others. Run `chmod 600 {path}`.")
    return path.read_text("utf-8")


def _decoded(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        text = text.removeprefix("whsec_")
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _weakness(key: bytes) -> str:
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    if len(key) < SHORTEST:
        return f"it has {len(key)} bytes of at least {SHORTEST}"
    if len(set(key)) < _FEWEST:
        return "it repeats itself"
    if len(steps) == 1:
        return "it counts"
    if all(32 <= byte < 127 for byte in key):
        return "it is text, not random bytes"
    return ""
