"""Reasons in words: which columns are one reason, which value is worrying, and the customer's own figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from configs.published import Reason
from configs.reason_groups import GROUPS
from configs.settings import Settings
from features.catalogue.entries import Entry
from features.catalogue.sentences import sentence
from models.bundle import Bundle
from models.explain import Grouping, Reasons, make_grouping, top_reasons
from pipeline.training.train import columns_of


@dataclass(frozen=True)
class Words:
    """How the columns of one bundle are grouped and said. ``medians`` and ``worse`` in the order of the columns."""

    entries: tuple[Entry, ...]
    grouping: Grouping
    medians: NDArray[np.float64]
    worse: NDArray[np.int64]
    dated_by: tuple[int | None, ...]


def words_of(settings: Settings, bundle: Bundle) -> Words:
    """The words of the bundle's columns. Raises KeyError for a column that nobody knows."""
    listed, columns = columns_of(settings), bundle.model.columns
    entries = tuple(listed[name] for name in columns)
    place = {name: k for k, name in enumerate(columns)}
    return Words(
        entries,
        grouping_of(columns, listed),
        np.array([np.nan if one is None else one for one in bundle.medians]),
        np.array([row.worse for row in entries]),
        tuple(place.get(row.dated_by) for row in entries),
    )


def grouping_of(columns: Sequence[str], entries: Mapping[str, Entry]) -> Grouping:
    """The groups of the catalogue; occasions lead."""
    return make_grouping(
        columns,
        {name: entries[name].group for name in columns},
        tuple(GROUPS),
        [name for name, group in GROUPS.items() if group.occasion],
        {name: entries[name].shown_by for name in columns if entries[name].shown_by},
    )


def worrying(words: Words, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each value lies on the worrying side of the training median; never where neither side is.

    The median lies in the bundle, so a customer's reasons do not depend on who else is scored.
    """
    return np.asarray((values - words.medians) * words.worse > 0)


def reasons_in_words(
    words: Words, values: NDArray[np.float64], parts: NDArray[np.float64], monday: date, k: int
) -> list[tuple[Reason, ...]]:
    """Up to k reasons of each row; ``values`` and ``parts`` (contributions) are rows × columns."""
    found = top_reasons(parts, words.grouping, k, worrying(words, values))
    return [_of_row(words, found, row, values[row], monday) for row in range(len(values))]


def said(words: Words, column: int, values: NDArray[np.float64], monday: date, language: str) -> str:
    """One column of one customer as a sentence."""
    value, dated = float(values[column]), words.dated_by[column]
    days = None if dated is None else float(values[dated])
    return sentence(words.entries[column], None if np.isnan(value) else value, monday, language, days)


def _of_row(
    words: Words, found: Reasons, row: int, values: NDArray[np.float64], monday: date
) -> tuple[Reason, ...]:
    chosen = zip(found.group[row], found.witness[row], found.contribution[row], strict=True)
    return tuple(
        Reason(
            group=found.groups[group],
            feature=words.entries[column].name,
            value=None if np.isnan(values[column]) else float(values[column]),
            contribution=float(weight),
            text_en=said(words, column, values, monday, "en"),
            text_zh=said(words, column, values, monday, "zh"),
        )
        for group, column, weight in chosen
        if group >= 0
    )
