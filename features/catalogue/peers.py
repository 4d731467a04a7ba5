"""The words of deviations from a group's mean: the model learns the means, so no family of tables yields
these."""

from collections.abc import Mapping
from dataclasses import replace

from configs.errors import ConfigError, did_you_mean
from configs.settings import PEER_GROUPS, Settings, deviation
from features.catalogue.entries import Entry
from features.catalogue.phrases import TEXTS

_DIFFERENCES = {"share": "change", "count": "difference"}  # units that are told with a sign


def peer_entries(settings: Settings, catalogue: Mapping[str, Entry]) -> dict[str, Entry]:
    """The catalogue's row of each deviation by its name, in the order of the model's columns.

    Unit, reason and worrying direction are those of the feature it is made of, which also shows it. Raises
    ConfigError for a feature that does not exist.
    """
    for feature in settings.training.peers:
        if feature not in catalogue:
            raise ConfigError(f"training.peers: no feature {feature!r}. {did_you_mean(feature, catalogue)}")
    return {
        deviation(feature, group): _entry(catalogue[feature], group)
        for group in PEER_GROUPS
        for feature in settings.training.peers
    }


def _entry(row: Entry, group: str) -> Entry:
    en, zh = (
        texts["peers"]["beside"].format(phrase=phrase, group=texts["peers"][group])
        for phrase, texts in ((row.en, TEXTS["en"]), (row.zh, TEXTS["zh"]))
    )
    return replace(
        row,
        name=deviation(row.name, group),
        en=en,
        zh=zh,
        unit=_DIFFERENCES.get(row.unit, row.unit),
        sentence_en=TEXTS["en"]["sentences"]["plain"].format(phrase=en, value="{value}"),
        sentence_zh=TEXTS["zh"]["sentences"]["plain"].format(phrase=zh, value="{value}"),
        family="peers",
        representative_feature=row.representative_feature or row.name,
        dated_by="",
        dated_as="",
    )
