"""The texts of both languages by key, read once from ``en.toml`` and ``zh.toml``."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from configs.published import LANGUAGES, Language

FILES = {language: Path(__file__).with_name(f"{language}.toml") for language in LANGUAGES}


def _read(path: Path) -> Mapping[str, str]:
    """Text by key. The sections of a file group its texts for readers; a key stands in one of them."""
    sections = tomllib.loads(path.read_text("utf-8")).values()
    return MappingProxyType({key: text for section in sections for key, text in section.items()})


TEXTS: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {language: _read(path) for language, path in FILES.items()}
)
