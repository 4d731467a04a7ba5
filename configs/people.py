"""Names of people who answer for something, and whether two of them are one person's."""

import unicodedata

from configs.errors import DataError


def name_of(by: str) -> str:
    """A person's name as it is written down and shown on terminals, without characters that nobody sees.

    Raises DataError for none.

    >>> name_of("Li\\u200bNa\\u202e \\x1b[2J")
    'LiNa [2J'
    """
    words = " ".join(unicodedata.normalize("NFKC", by).split())
    name = "".join(character for character in words if character.isprintable()).strip()
    if not name:
        raise DataError("somebody must stand for this. Say who with BY=<name>.")
    return name


def same_person(name: str, other: str) -> bool:
    """Whether two names are one person's: case, width, accents, spaces and punctuation tell nobody apart.

    >>> same_person("Li Na", "ＬＩ．ＮＡ"), same_person("Li Na", "Li Nan")
    (True, False)
    """
    return _letters(name) == _letters(other)


def _letters(name: str) -> str:
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    letters = "".join(character for character in folded if character.isalnum())
    return letters or " ".join(name.split())
