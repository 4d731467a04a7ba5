"""The catalogue as a page: every feature by family, in both languages."""

from configs.reason_groups import GROUPS
from configs.settings import Settings
from features.build import catalogue
from features.catalogue.entries import Entry, peer_entries, silence_entry

_WORSE = {1: "more", -1: "less", 0: ""}


def features_doc(settings: Settings) -> str:
    """Markdown: one table per family, one row per feature, in the order of the columns."""
    features = catalogue(settings)
    families: dict[str, list[Entry]] = {}
    learnt = peer_entries(settings, features) | silence_entry(settings)
    for row in (*features.values(), *learnt.values()):
        families.setdefault(row.family, []).append(row)
    counts = "\n".join(f"| [{family}](#{family}) | {len(rows)} |" for family, rows in families.items())
    tables = "".join(_table(family, rows) for family, rows in families.items())
    return f"""# Features

The {sum(map(len, families.values()))} features of the bank `{settings.bank}`, by family (the function that \
yields them; what lies behind `peers` and `alive` is learnt in training). Made by \
`features/catalogue/document.py` from the same words that a manager reads; do not edit by hand.

Money is in base currency; shares, changes and ratios are plain numbers (0.1 = 10%); an unknown value is \
NaN. The last column says which direction is worrying, if either.

| family | features |
|---|---|
{counts}
{tables}"""


def _table(family: str, rows: list[Entry]) -> str:
    lines = ""
    for row in rows:
        reason, worrying = GROUPS[row.group].en, _WORSE[row.worse]
        phrases = f"{row.phrase['en']} | {row.phrase['zh']}"
        lines += f"| `{row.name}` | {phrases} | {row.unit} | {reason} | {worrying} |\n"
    return f"""
## {family}

| name | English | 中文 | unit | reason | worrying |
|---|---|---|---|---|---|
{lines}"""
