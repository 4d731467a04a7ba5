"""The catalogue as a page: every feature by family, in both languages."""

from collections.abc import Iterator

from configs.reason_groups import GROUPS
from configs.settings import Settings
from features.build import catalogue
from features.catalogue.entries import Entry
from features.catalogue.peers import peer_entries

_WORSE = {1: "more", -1: "less", 0: ""}


def features_doc(settings: Settings) -> str:
    """Markdown: one table per family, one row per feature, in the order of the columns."""
    features = catalogue(settings)
    entries = [*features.values(), *peer_entries(settings, features).values()]
    families = list(dict.fromkeys(row.family for row in entries))
    return "\n".join((*_head(settings, entries, families), *_tables(entries, families)))


def _head(settings: Settings, entries: list[Entry], families: list[str]) -> Iterator[str]:
    yield "# Features"
    yield ""
    yield (
        f"The {len(entries)} features of the bank `{settings.bank}`, by family (the file that yields them; "
        "the means behind `peers` are learnt in training). Made by `features/catalogue/document.py` from the "
        "same words that a manager reads; do not edit by hand."
    )
    yield ""
    yield (
        "Money is in base currency; shares, changes and ratios are plain numbers (0.1 = 10%); an unknown "
        "value is NaN. The last column says which direction is worrying, if either."
    )
    yield ""
    yield "| family | features |"
    yield "|---|---|"
    for family in families:
        count = sum(row.family == family for row in entries)
        yield f"| [{family}](#{family}) | {count} |"


def _tables(entries: list[Entry], families: list[str]) -> Iterator[str]:
    for family in families:
        yield ""
        yield f"## {family}"
        yield ""
        yield "| name | English | 中文 | unit | reason | worrying |"
        yield "|---|---|---|---|---|---|"
        for row in entries:
            if row.family == family:
                reason = GROUPS[row.group].en
                yield f"| `{row.name}` | {row.en} | {row.zh} | {row.unit} | {reason} | {_WORSE[row.worse]} |"
    yield ""
