"""Features by whose worrying direction risk may only rise: names from the settings, signs from the catalogue."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from configs.errors import ConfigError, did_you_mean
from features.catalogue.entries import Entry


def monotone_signs(words: Sequence[str], entries: Mapping[str, Entry]) -> dict[str, int]:
    """1 where more of a feature may only raise the risk, -1 where less may; the others are not named.

    ``words`` are those of ``training.monotone``; ``entries`` are all columns that a model of this bank may have.
    Raises ConfigError for a word that is no feature, pattern or group of reasons, or names only features that
    are worrying in no direction.
    """
    signs: dict[str, int] = {}
    for word in words:
        named = [one for one in entries.values() if word == one.group or fnmatchcase(one.name, word)]
        if not named:
            known = {*entries, *(one.group for one in entries.values())}
            raise ConfigError(f"training.monotone: {word!r} names no feature. {did_you_mean(word, known)}")
        found = {one.name: one.worse for one in named if one.worse}
        if not found:
            raise ConfigError(
                f"training.monotone: {word!r} names {len(named)} features, none of which is worrying in one "
                "direction only. Leave it out."
            )
        signs |= found
    return signs
