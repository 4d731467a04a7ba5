"""What moved each score since the last published Monday: by how much, by which group, in words."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.errors import DataError
from configs.published import Change, Run
from configs.reason_groups import GROUPS
from models.bundle import Bundle, Scored, load
from models.explain import contributions, witnesses
from models.matrix import feature_values
from models.score_change import Parts, parts_of
from pipeline.artefacts import Home
from pipeline.context import Context
from pipeline.progress import log
from pipeline.scoring.reasons import Words, said, worrying
from pipeline.snapshots.build import read_eligible, read_partition
from serve.store.store import Store

RECENT = timedelta(weeks=4)  # an older run says nothing about what is new
SHOWN = 2  # groups that are named; the others are one item
MODEL, OTHER = ("model", "new model", "模型更新"), ("other", "other", "其他")


@dataclass(frozen=True)
class Before:
    """The run from which changes are counted, and the model that scored it."""

    run: Run
    bundle: Bundle


@dataclass(frozen=True)
class Models:
    """The model that scores a Monday, and the run before it, if there is one to compare with."""

    now: Bundle
    before: Before | None = None


@dataclass(frozen=True)
class Moved:
    """One customer's change: of the risk at the longest horizon, and its items in log-odds, which add up.

    Empty for who was not in the cohort then.
    """

    risk: float | None = None
    items: tuple[Change, ...] = ()


def last_published(bank: Context, bundle: Bundle, as_of: date) -> Before | None:
    """The latest run of the store before ``as_of``, if it is recent and its model can be asked again.

    That model must see the same columns and have learnt the same label. Of several runs of one Monday, which
    saw the same figures, the first by run_id counts.
    """
    try:
        with Store(bank.home.store) as store:
            runs = [run for run in store.history() if as_of - RECENT <= run.snapshot_date < as_of]
        then = load(bank.home.models / runs[0].model_id, bank.bundle_key) if runs else None
    except DataError as reason:
        log.info("no change is told: %s", reason)
        return None
    if then is None:
        return None
    if then.model.columns != bundle.model.columns or then.settings["label"] != bundle.settings["label"]:
        log.info("no change is told: run %s was scored on other columns or another label", runs[0].run_id)
        return None
    return Before(runs[0], then)


def changes(words: Words, models: Models, frame: pd.DataFrame, scored: Scored, home: Home) -> list[Moved]:
    """One entry per row of ``frame``, the Monday's features as scored by the model of now."""
    found, before = [Moved()] * len(frame), models.before
    if before is None:
        return found
    both, features, cohort = _then(home, before.run.snapshot_date, frame)
    if not len(both):
        return found
    then = contributions(models.now.model, _values(models.now, features, cohort))
    published = then.raw
    if before.bundle.model_id != models.now.model_id:
        published = before.bundle.model.raw(_values(before.bundle, features, cohort))
    now, risks = scored.contributions.of(both), before.bundle.calibrator.risks(published)
    parts = parts_of(now, then, published, words.grouping)
    told = _told(words, parts, now.values - then.values, frame.iloc[both])
    for row, risk, items in zip(both, scored.risks[both, -1] - risks[:, -1], told, strict=True):
        found[row] = Moved(float(risk), items)
    return found


def _told(
    words: Words, parts: Parts, rose: NDArray[np.float64], frame: pd.DataFrame
) -> Iterator[tuple[Change, ...]]:
    """The items of each row; ``rose`` is rows × columns, by how much each contribution did."""
    values = frame[[one.name for one in words.entries]].to_numpy(np.float64)
    witness = witnesses(rose, worrying(words, values), words.grouping)
    monday = frame["snapshot_date"].iloc[0]
    for row in range(len(values)):
        named = [
            _named(words, group, float(parts.groups[row, group]), witness[row, group], values[row], monday)
            for group in _leading(parts, row)
        ]
        yield _with_the_rest(named, float(parts.model[row]), float(parts.total[row]))


def _then(home: Home, day: date, frame: pd.DataFrame) -> tuple[NDArray[np.intp], pd.DataFrame, pd.DataFrame]:
    """Which rows of ``frame`` were in the cohort of ``day`` too, and their features and cohort rows of then."""
    features, cohort = read_partition(home, "features", [day]), read_eligible(home, [day])
    place = pd.Index(features["customer_id"]).get_indexer(pd.Index(frame["customer_id"]))
    both = np.flatnonzero(place >= 0)
    old = place[both]
    return both, features.iloc[old].reset_index(drop=True), cohort.iloc[old].reset_index(drop=True)


def _values(bundle: Bundle, features: pd.DataFrame, cohort: pd.DataFrame) -> NDArray[np.float64]:
    return feature_values(bundle.peers.extended(features, cohort), bundle.model.columns)


def _leading(parts: Parts, row: int) -> list[int]:
    """The groups that moved the score most in the direction in which it went, the strongest first."""
    along = parts.groups[row] * np.sign(parts.total[row])
    return [int(group) for group in np.argsort(-along, kind="stable")[:SHOWN] if along[group] > 0]


def _named(
    words: Words, group: int, moved: float, column: int, values: NDArray[np.float64], monday: date
) -> Change:
    """The group's title; where it rose, with the figure that rose most."""
    name = words.grouping.names[group]
    en, zh = GROUPS[name].en, GROUPS[name].zh
    if moved > 0 and column >= 0:
        en += f" ({said(words, column, values, monday, 'en')})"
        zh += f"（{said(words, column, values, monday, 'zh')}）"
    return Change(name, moved, en, zh)


def _with_the_rest(named: Sequence[Change], model: float, total: float) -> tuple[Change, ...]:
    """The named groups, what a new model does, and all else, so that the items add up to the total."""
    items = [*named, *([Change(MODEL[0], model, *MODEL[1:])] if model else [])]
    rest = total - math.fsum(one.contribution for one in items)
    return (*items, *([Change(OTHER[0], rest, *OTHER[1:])] if rest else []))
