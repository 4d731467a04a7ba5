"""Reasons in words: of a score, and of its change since the last published Monday.

Which columns are one reason, and the fact behind it with the customer's own figures.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.errors import DataError
from configs.published import LANGUAGES, Change, Maturity, Reason, Run
from configs.reason_groups import GROUPS
from configs.settings import Settings
from configs.tables import PRODUCT_CLASSES
from features.catalogue.facts import DUE_DAYS, Fact, Figures, facts_of, first_facts
from features.catalogue.sentences import sentence
from models.bundle import Bundle, Scored, load
from models.explain import Grouping, ScoreChange, contributions, score_change, top_reasons
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
Due = Mapping[
    str, NDArray[np.float64]
]  # due_count, … of features/catalogue/facts.py, one number per customer


@dataclass(frozen=True)
class Words:
    """Facts and groups of one bundle's columns; ``units`` follow amounts of money, by language."""

    columns: tuple[str, ...]
    grouping: Grouping
    medians: Mapping[str, float]
    facts: tuple[Fact, ...]
    windows: tuple[int, ...]
    units: Mapping[str, str]


def words_of(settings: Settings, bundle: Bundle) -> Words:
    """The words of the bundle's columns; occasions lead. Raises KeyError for a column that nobody knows."""
    catalogue, columns, names = columns_of(settings), bundle.model.columns, tuple(GROUPS)
    return Words(
        columns,
        Grouping(
            names,
            tuple(names.index(catalogue[name].group) for name in columns),
            tuple(group.occasion for group in GROUPS.values()),
        ),
        {name: median for name, median in zip(columns, bundle.medians, strict=True) if median is not None},
        facts_of(settings),
        settings.features.windows,
        {"en": "", "zh": "元" if settings.base_currency == "CNY" else ""},
    )


def due_figures(
    maturities: Mapping[str, Sequence[Maturity]], customers: Sequence[str], monday: date
) -> dict[str, NDArray[np.float64]]:
    """Figures of the money that falls due within DUE_DAYS, one per customer, by the names that facts use."""
    figures = {name: np.full(len(customers), np.nan) for name in ("due_amount", "due_days", "due_class")}
    figures |= {name: np.zeros(len(customers)) for name in ("due_count", "due_total", "due_last")}
    for k, customer in enumerate(customers):
        soon = [due for due in maturities.get(customer, ()) if (due.matures_on - monday).days <= DUE_DAYS]
        if soon:
            first, last = soon[0], max(due.matures_on for due in soon)
            figures["due_count"][k] = len(soon)
            figures["due_total"][k] = sum(due.balance_minor for due in soon) / 100
            figures["due_last"][k] = (last - monday).days
            figures["due_amount"][k] = first.balance_minor / 100
            figures["due_days"][k] = (first.matures_on - monday).days
            figures["due_class"][k] = PRODUCT_CLASSES.index(first.product_class)
    return figures


@dataclass(frozen=True)
class CustomerFacts:
    """The facts about some customers: ``fact`` is rows × groups, its place in ``words.facts`` or −1."""

    words: Words
    figures: Figures
    fact: NDArray[np.int64]

    @property
    def is_event(self) -> NDArray[np.bool_]:
        event = np.array([not fact.lasting for fact in self.words.facts] + [False])
        return event[self.fact]

    def sentences(
        self, wanted: Collection[tuple[int, int]], monday: date
    ) -> dict[tuple[int, int], list[str]]:
        """For each row and group that is wanted the fact in every language, in the order of LANGUAGES."""
        texts: dict[tuple[int, int], list[str]] = {}
        by_fact: dict[int, list[tuple[int, int]]] = {}
        for row, group in wanted:
            by_fact.setdefault(int(self.fact[row, group]), []).append((row, group))
        for place, cells in by_fact.items():
            fact, figure_of = self.words.facts[place], self.figures.at([row for row, _ in cells])
            values = {shown: fact.value(shown, figure_of) for shown in fact.values}
            for k, cell in enumerate(cells):
                of_customer = {shown: float(figures[k]) for shown, figures in values.items()}
                texts[cell] = [
                    sentence(
                        fact, of_customer, self.figures.windows, monday, language, self.words.units[language]
                    )
                    for language in LANGUAGES
                ]
        return texts


def facts_about(words: Words, values: NDArray[np.float64], due: Due | None = None) -> CustomerFacts:
    """The facts that hold of each row of ``values`` (rows × columns)."""
    features = dict(zip(words.columns, np.ascontiguousarray(values.T), strict=True)) | dict(due or {})
    figures = Figures(features, words.medians, words.windows, len(values))
    return CustomerFacts(words, figures, first_facts(words.facts, figures, len(values)))


def reasons_in_words(
    about: CustomerFacts, parts: NDArray[np.float64], monday: date, k: int
) -> list[tuple[Reason, ...]]:
    """Up to k reasons of each row; ``parts`` are the contributions, rows × columns."""
    words = about.words
    top = top_reasons(parts, words.grouping, k, about.fact >= 0, about.is_event)
    cells = [(int(row), int(top.group[row, at])) for row, at in np.argwhere(top.group >= 0)]
    texts, rows = about.sentences(cells, monday), list[tuple[Reason, ...]]()
    for row, ranked in enumerate(zip(top.group.tolist(), top.contribution.tolist(), strict=True)):
        reasons = list[Reason]()
        for group, weight in zip(*ranked, strict=True):
            if group >= 0:
                feature = about.figures.actual(words.facts[about.fact[row, group]].figure)
                value = float(about.figures(feature)[row])
                figure = None if math.isnan(value) else value
                reasons.append(
                    Reason(words.grouping.names[group], feature, figure, weight, *texts[row, group])
                )
        rows.append(tuple(reasons))
    return rows


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
    about: CustomerFacts, models: Models, frame: pd.DataFrame, scored: Scored, home: Home
) -> list[CustomerChange]:
    """One entry per row of ``frame``, the Monday's features as scored by the present model."""
    entries = [CustomerChange()] * len(frame)
    if models.earlier is None:
        return entries
    day = models.earlier[0].snapshot_date
    features, cohort = read_partition(home, "features", [day]), read_eligible(home, [day])
    place = pd.Index(features["customer_id"]).get_indexer(pd.Index(frame["customer_id"]))
    rows = np.flatnonzero(place >= 0)
    if len(rows):
        before = tuple(table.iloc[place[rows]].reset_index(drop=True) for table in (features, cohort))
        del features, cohort  # as large as what is compared
        change, risks = _compared(about, models, scored, rows, before)
        items = _items(about, rows, change, frame["snapshot_date"].iloc[0])
        for row, risk, of_row in zip(rows, risks, items, strict=True):
            entries[row] = CustomerChange(float(risk), of_row)
    return entries


def _compared(
    about: CustomerFacts,
    models: Models,
    scored: Scored,
    rows: NDArray[np.intp],
    before: tuple[pd.DataFrame, pd.DataFrame],
) -> tuple[ScoreChange, NDArray[np.float64]]:
    """The change of each of ``rows`` since the features and cohort rows ``before``, and that of its risk."""
    assert models.earlier is not None
    former, (features, cohort) = models.earlier[1], before

    def values(bundle: Bundle) -> NDArray[np.float64]:
        return feature_values(bundle.learnt.extended(features, cohort), bundle.model.columns)

    earlier = contributions(models.present.model, values(models.present))
    published = earlier.raw
    if former.model_id != models.present.model_id:
        published = former.model.raw(values(former))
    risks = scored.risks[rows, -1] - former.calibrator.risks(published)[:, -1]
    later = at_rows(scored.contributions, rows)
    return score_change(later, earlier, published, about.words.grouping), risks


def _items(
    about: CustomerFacts, places: NDArray[np.intp], change: ScoreChange, monday: date
) -> list[tuple[Change, ...]]:
    """The items of each row of ``change``, whose places among all customers are ``places``.

    Up to ``SHOWN`` groups that moved the score most in the direction in which it went are named, the
    strongest first; then what a new model does; then all else, so that the items add up to the total.
    """
    along = change.groups * np.sign(change.total)[:, None]
    strongest = np.argsort(-along, axis=1, kind="stable")[:, :SHOWN]
    named = np.take_along_axis(along, strongest, axis=1) > 0
    shown = named & np.take_along_axis((change.groups > 0) & about.is_event[places], strongest, axis=1)
    cells = [(int(places[row]), int(strongest[row, at])) for row, at in np.argwhere(shown)]
    texts = about.sentences(cells, monday)
    rows = list[tuple[Change, ...]]()
    for row, groups in enumerate(strongest.tolist()):
        items = [
            _named(
                about.words.grouping.names[group],
                change.groups[row, group],
                texts.get((int(places[row]), group)),
            )
            for group, shown in zip(groups, named[row], strict=True)
            if shown
        ]
        if change.model[row]:
            items.append(Change(MODEL[0], float(change.model[row]), *MODEL[1:]))
        rest = float(change.total[row]) - math.fsum(item.contribution for item in items)
        if rest:
            items.append(Change(OTHER[0], rest, *OTHER[1:]))
        rows.append(tuple(items))
    return rows


def _named(group: str, contribution: float, texts: Sequence[str] | None) -> Change:
    """The change with its fact where there is one; else with the group's title."""
    en, zh = texts or (GROUPS[group].en, GROUPS[group].zh)
    return Change(group, float(contribution), en, zh)
