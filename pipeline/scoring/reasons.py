"""Reasons in words: of a score, and of its change since the last published Monday.

Which columns are one reason, which value is worrying, and the customer's own figures.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.errors import DataError
from configs.published import Change, Reason, Run
from configs.reason_groups import GROUPS
from configs.settings import Settings
from features.catalogue.entries import Entry
from features.catalogue.sentences import sentence
from models.bundle import Bundle, Scored, load
from models.explain import Grouping, ScoreChange, contributions, representatives, score_change, top_reasons
from models.matrix import at_rows, feature_values
from pipeline.artefacts import Home
from pipeline.context import Context
from pipeline.progress import log
from pipeline.snapshots.build import read_eligible, read_partition
from pipeline.training.train import columns_of
from serve.store.store import Store

RECENT = timedelta(weeks=4)  # an older run says nothing about what is new
SHOWN = 2  # groups that are named; the others are one item
MODEL, OTHER = ("model", "new model", "模型更新"), ("other", "other", "其他")


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


@dataclass(frozen=True)
class Models:
    """The model that scores a Monday; the run to compare with and its model, if there is one."""

    present: Bundle
    earlier: tuple[Run, Bundle] | None = None


@dataclass(frozen=True)
class CustomerChange:
    """One customer's change: of the risk at the longest horizon, and its items in log-odds, which add up.

    Empty for who was not in the cohort of the earlier Monday.
    """

    risk: float | None = None
    items: tuple[Change, ...] = ()


def last_published(bank: Context, bundle: Bundle, as_of: date) -> tuple[Run, Bundle] | None:
    """The latest run of the store before ``as_of``, if it is recent and its model can be asked again.

    That model must see the same columns and have learnt the same label. Of several runs of one Monday, which
    saw the same figures, the first by run_id counts.
    """
    try:
        with Store(bank.home.store) as store:
            runs = [run for run in store.history() if as_of - RECENT <= run.snapshot_date < as_of]
        if not runs:
            return None
        earlier = load(bank.home.models / runs[0].model_id, bank.bundle_key)
    except DataError as reason:
        log.info("no change: %s", reason)
        return None
    if earlier.model.columns != bundle.model.columns or earlier.settings["label"] != bundle.settings["label"]:
        log.info("no change: run %s was scored on other columns or another label", runs[0].run_id)
        return None
    return runs[0], earlier


def changes(
    words: Words, models: Models, frame: pd.DataFrame, scored: Scored, home: Home
) -> list[CustomerChange]:
    """One entry per row of ``frame``, the Monday's features as scored by the present model."""
    entries = [CustomerChange()] * len(frame)
    if models.earlier is None:
        return entries
    run, former = models.earlier
    rows, features, cohort = _earlier_rows(home, run.snapshot_date, frame)
    if not len(rows):
        return entries

    def values(bundle: Bundle) -> NDArray[np.float64]:
        return feature_values(bundle.learnt.extended(features, cohort), bundle.model.columns)

    before, after = (
        contributions(models.present.model, values(models.present)),
        at_rows(scored.contributions, rows),
    )
    published = before.raw
    if former.model_id != models.present.model_id:
        published = former.model.raw(values(former))
    risks = scored.risks[rows, -1] - former.calibrator.risks(published)[:, -1]
    change = score_change(after, before, published, words.grouping)
    items = _items(words, change, after.values - before.values, frame.iloc[rows])
    for row, risk, of_row in zip(rows, risks, items, strict=True):
        entries[row] = CustomerChange(float(risk), of_row)
    return entries


def _earlier_rows(
    home: Home, day: date, frame: pd.DataFrame
) -> tuple[NDArray[np.intp], pd.DataFrame, pd.DataFrame]:
    """The rows of ``frame`` in the cohort of ``day`` too; their features and cohort rows of that day."""
    features, cohort = read_partition(home, "features", [day]), read_eligible(home, [day])
    place = pd.Index(features["customer_id"]).get_indexer(pd.Index(frame["customer_id"]))
    rows = np.flatnonzero(place >= 0)
    features, cohort = (table.iloc[place[rows]].reset_index(drop=True) for table in (features, cohort))
    return rows, features, cohort


def _items(
    words: Words, change: ScoreChange, rise: NDArray[np.float64], frame: pd.DataFrame
) -> list[tuple[Change, ...]]:
    """The items of each row; ``rise`` is rows × columns, by how much each contribution rose.

    Up to ``SHOWN`` groups that moved the score most in the direction in which it went are named, the
    strongest first; then what a new model does; then all else, so that the items add up to the total.
    """
    values = frame[[entry.name for entry in words.entries]].to_numpy(np.float64)
    representative = representatives(rise, worrying(words, values), words.grouping)
    monday, rows = frame["snapshot_date"].iloc[0], list[tuple[Change, ...]]()
    along = change.groups * np.sign(change.total)[:, None]
    strongest = np.argsort(-along, axis=1, kind="stable")[:, :SHOWN]
    for row, groups in enumerate(strongest):
        items = [
            _named(words, group, change.groups[row, group], representative[row, group], values[row], monday)
            for group in groups[along[row, groups] > 0]
        ]
        if change.model[row]:
            items.append(Change(MODEL[0], float(change.model[row]), *MODEL[1:]))
        rest = float(change.total[row]) - math.fsum(item.contribution for item in items)
        if rest:
            items.append(Change(OTHER[0], rest, *OTHER[1:]))
        rows.append(tuple(items))
    return rows


def _named(
    words: Words, group: int, contribution: float, column: int, values: NDArray[np.float64], monday: date
) -> Change:
    """The group's title; where it rose, with the figure that rose most."""
    name = words.grouping.names[group]
    en, zh = GROUPS[name].en, GROUPS[name].zh
    if contribution > 0 and column >= 0:
        en += f" ({in_words(words, column, values, monday, 'en')})"
        zh += f"（{in_words(words, column, values, monday, 'zh')}）"
    return Change(name, float(contribution), en, zh)
