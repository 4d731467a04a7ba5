"""Reasons in words: which columns are one reason, which value is worrying, and the customer's own figures."""

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
from models.explain import Grouping, top_reasons
from pipeline.training.training_rows import columns_of


@dataclass(frozen=True)
class Words:
    """The groups and phrases of one bundle's columns; all but ``grouping`` in the order of the columns.

    ``worse`` is the worrying direction (1, −1 or 0), ``dated_by`` the place of the column that dates another.
    """

    entries: tuple[Entry, ...]
    grouping: Grouping
    medians: NDArray[np.float64]
    worse: NDArray[np.int64]
    dated_by: tuple[int | None, ...]


def words_of(settings: Settings, bundle: Bundle) -> Words:
    """The words of the bundle's columns; occasions lead. Raises KeyError for a column that nobody knows."""
    catalogue, columns = columns_of(settings), bundle.model.columns
    entries = tuple(catalogue[name] for name in columns)
    place, names = {name: k for k, name in enumerate(columns)}, tuple(GROUPS)
    return Words(
        entries,
        Grouping(
            names,
            tuple(names.index(entry.group) for entry in entries),
            tuple(place.get(entry.representative_feature, k) for k, entry in enumerate(entries)),
            tuple(group.occasion for group in GROUPS.values()),
        ),
        np.array(bundle.medians, dtype=np.float64),
        np.array([entry.worse for entry in entries]),
        tuple(place.get(entry.dated_by) for entry in entries),
    )


def worrying(words: Words, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Rows × columns: true where a value lies on the worrying side of the training median, if a side is.

    The median lies in the bundle, so a customer's reasons do not depend on who else is scored.
    """
    return np.asarray((values - words.medians) * words.worse > 0)


def reasons_in_words(
    words: Words, values: NDArray[np.float64], parts: NDArray[np.float64], monday: date, k: int
) -> list[tuple[Reason, ...]]:
    """Up to k reasons of each row; ``values`` and ``parts`` (contributions) are rows × columns."""
    top = top_reasons(parts, words.grouping, k, worrying(words, values))
    return [
        tuple(
            Reason(
                group=words.grouping.names[group],
                feature=words.entries[column].name,
                value=None if np.isnan(row[column]) else float(row[column]),
                contribution=float(weight),
                text_en=in_words(words, column, row, monday, "en"),
                text_zh=in_words(words, column, row, monday, "zh"),
            )
            for group, column, weight in zip(*ranked, strict=True)
            if group >= 0
        )
        for row, *ranked in zip(values, top.group, top.representative, top.contribution, strict=True)
    ]


def in_words(words: Words, column: int, values: NDArray[np.float64], monday: date, language: str) -> str:
    """One column of one customer as a sentence."""
    value, dated = float(values[column]), words.dated_by[column]
    days = None if dated is None else float(values[dated])
    return sentence(words.entries[column], None if np.isnan(value) else value, monday, language, days)
