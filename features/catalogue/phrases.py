"""The words that phrases are made of, per language, and what each measure and statistic means for a
reader."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from configs.errors import ConfigError

LANGUAGES = ("en", "zh")
Texts = Mapping[str, Mapping[str, Any]]  # by section and key


def load_texts(folder: Path) -> dict[str, Texts]:
    """The texts by language, from one TOML file each. Raises ConfigError for a key that one of them lacks."""
    texts = {name: _read(folder / f"{name}.toml") for name in LANGUAGES}
    keys = {
        name: {(section, key) for section, rows in texts[name].items() for key in rows if section != "pieces"}
        for name in LANGUAGES
    }
    for name, other in (LANGUAGES, reversed(LANGUAGES)):
        for section, key in sorted(keys[other] - keys[name]):
            raise ConfigError(
                f"{folder / name}.toml lacks {key!r} in [{section}]. {other}.toml has it: add it."
            )
    return texts


def _read(path: Path) -> Texts:
    return tomllib.loads(path.read_text("utf-8"))


TEXTS = load_texts(Path(__file__).parent)


class Noun(NamedTuple):
    """A measure: its reason group; ``worse`` +1 when more of it is worrying, -1 when less is, 0 when it
    depends."""

    group: str
    worse: int


class Pattern(NamedTuple):
    """A statistic: how a value is shown; ``worse`` turns the noun's direction (-1) or takes it away (0)."""

    unit: str
    worse: int


_MEANINGS = _read(Path(__file__).with_name("meanings.toml"))
NOUNS = {name: Noun(*meaning) for name, meaning in _MEANINGS["measures"].items()}
PATTERNS = {name: Pattern(*meaning) for name, meaning in _MEANINGS["statistics"].items()}
SUBSTITUTES: Mapping[str, list[str]] = _MEANINGS["stand_ins"]
