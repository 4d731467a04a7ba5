"""Questionnaires as a Monday sees them, beside the cohort that could answer and what it did afterwards."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from configs.dates import WEEK
from configs.settings import Settings
from configs.survey import Survey
from features.engine.balances import MINOR
from models.weighting import raked
from pipeline.artefacts import Home
from pipeline.structure.facts import read_structure
from pipeline.tables import Ingested

OVERALL = "overall"
QUARTER = 13  # weeks after an answer in which it is seen who leaves
MARGINS = ("tier", "lifecycle_stage", "age_band")
_COHORT = ("customer_id", "exclusion", "branch_id", *MARGINS)
_FLOWS = ("customer_id", "opening_13w_minor", "inflow_13w_minor", "outflow_13w_minor")
_READ = ("customer_id", "answered_on", "item", "score", "known_on", "superseded_on")
_MONTHS = {"month": 1, "quarter": 3, "half_year": 6}


@dataclass(frozen=True)
class Wave:
    """A period of questionnaires; whose cohort could answer is that of ``monday``, its first."""

    name: str
    begins: date
    monday: date


@dataclass(frozen=True)
class Answers:
    """``rows``: one per customer and wave with a questionnaire, the newest of the wave; ``cohort``: one per
    customer who could answer and wave; ``outflow``: one per customer, whether they left in the quarter after.

    Items are columns, reversed ones turned, NaN where left out. ``weight`` of a row is within its wave.
    """

    waves: tuple[Wave, ...]
    rows: pd.DataFrame
    cohort: pd.DataFrame
    outflow: pd.DataFrame


def read_answers(settings: Settings, home: Home, tables: Ingested, mondays: Sequence[date]) -> Answers:
    """All that the last of these Mondays can see, of all of which the structure stands; by customer.

    Who left the bank within a wave still counts in it: the cohort is that of the wave's beginning.
    """
    snapshot_date = mondays[-1]
    waves = waves_until(settings.survey, mondays)
    since = min([wave.begins for wave in waves] + [mondays[0] - QUARTER * WEEK])
    whole = questionnaires(settings.survey, tables, since, snapshot_date)
    cohort = pd.concat([_cohort(home, wave, place) for place, wave in enumerate(waves)], ignore_index=True)
    place = np.searchsorted([wave.begins.toordinal() for wave in waves], _ordinals(whole), "right") - 1
    in_waves = whole.assign(wave=place)[place >= 0].drop_duplicates(["customer_id", "wave"], keep="last")
    rows = in_waves.merge(cohort, on=["customer_id", "wave"]).sort_values(["customer_id", "wave"])
    rows = rows.reset_index(drop=True)
    return Answers(
        waves, rows.assign(weight=_weights(rows, cohort)), cohort, _outflow(settings, home, whole, mondays)
    )


def levels_of(settings: Settings, rows: pd.DataFrame) -> pd.DataFrame:
    """Per row the mean of each factor's items, where half of them were answered, and of OVERALL."""
    survey, levels = settings.survey, {}
    for factor in survey.factors:
        items = rows[[item.name for item in survey.items_of(factor.name)]].to_numpy(np.float64)
        answered = (~np.isnan(items)).sum(axis=1)
        enough = (answered > 0) & (2 * answered >= items.shape[1])
        levels[factor.name] = np.divide(
            np.nansum(items, axis=1), answered, out=np.full(len(items), np.nan), where=enough
        )
    levels[OVERALL] = rows[survey.overall.name] if survey.overall else np.full(len(rows), np.nan)
    return pd.DataFrame(levels, dtype=np.float64)


def waves_until(survey: Survey, mondays: Sequence[date]) -> tuple[Wave, ...]:
    """The newest waves that have begun before the last of these Mondays, the oldest first."""
    months, waves = _MONTHS[survey.wave], []
    last = mondays[-1] - timedelta(days=1)
    begins = date(last.year, (last.month - 1) // months * months + 1, 1)
    for _ in range(survey.waves):
        place = bisect_left(mondays, begins)
        if place < len(mondays) and (place > 0 or mondays[0] == begins):
            waves.append(Wave(_name(begins, months), begins, mondays[place]))
        before = begins - timedelta(days=1)
        begins = date(before.year, (before.month - 1) // months * months + 1, 1)
    return tuple(waves[::-1])


def questionnaires(survey: Survey, tables: Ingested, since: date, snapshot_date: date) -> pd.DataFrame:
    """One row per customer and day with answers before the Monday, known by then; by customer and day."""
    names = [item.name for item in survey.items]
    parts = []
    for bucket in range(tables.buckets):
        rows = tables.read("surveys", bucket, [*_READ], since=since.year)
        if rows is not None:
            parts.append(_visible(rows, since, snapshot_date))
    empty = pd.DataFrame(columns=["customer_id", "answered_on", "item", "score"])
    answers = pd.concat([empty, *parts], ignore_index=True)
    answers = answers[answers["item"].isin(names)]
    score = answers["score"].to_numpy(np.float64)
    turned = answers["item"].isin([item.name for item in survey.items if item.reversed])
    score = np.where(turned, survey.lowest + survey.highest - score, score)
    by_item = answers.assign(score=score).groupby(["customer_id", "answered_on", "item"])["score"].mean()
    # Not as pivot_table with dropna=False, which first makes a row of each customer and day.
    table = by_item.unstack("item").reindex(columns=names).dropna(how="all").reset_index()
    return table.sort_values(["customer_id", "answered_on"], ignore_index=True)


def _visible(rows: pa.Table, since: date, snapshot_date: date) -> pd.DataFrame:
    superseded = pc.fill_null(pc.less(rows["superseded_on"], snapshot_date), False)
    seen = pc.and_(pc.less(rows["answered_on"], snapshot_date), pc.less(rows["known_on"], snapshot_date))
    seen = pc.and_(seen, pc.greater_equal(rows["answered_on"], since))
    chosen = rows.filter(pc.and_(seen, pc.invert(superseded))).select([*_READ[:4]])
    text = [name for name in chosen.column_names if pa.types.is_dictionary(chosen[name].type)]
    for name in text:
        chosen = chosen.set_column(chosen.column_names.index(name), name, chosen[name].cast(pa.string()))
    return chosen.to_pandas()


def _cohort(home: Home, wave: Wave, place: int) -> pd.DataFrame:
    structure = read_structure(home, [wave.monday], _COHORT)
    inside = structure.filter(pc.equal(structure["exclusion"].cast(pa.string()), ""))
    frame = inside.drop_columns("exclusion").to_pandas()
    return frame.astype(dict.fromkeys(frame, object)).fillna("").assign(wave=place)


def _weights(rows: pd.DataFrame, cohort: pd.DataFrame) -> NDArray[np.float64]:
    """By row the weight that makes the respondents of its wave resemble the wave's cohort in each margin."""
    weights = np.ones(len(rows))
    for wave in rows["wave"].unique():
        chosen = (rows["wave"] == wave).to_numpy()
        all_of_wave = cohort[cohort["wave"] == wave]
        categories, targets = [], []
        for margin in MARGINS:
            numbers = all_of_wave[margin].value_counts().sort_index()
            categories.append(numbers.index.get_indexer(rows.loc[chosen, margin]))
            targets.append(numbers.to_numpy(np.float64))
        weights[chosen] = raked(categories, targets)
    return weights


def _outflow(settings: Settings, home: Home, whole: pd.DataFrame, mondays: Sequence[date]) -> pd.DataFrame:
    """The newest questionnaire of each customer whose quarter after it is over, and whether they ``left``.

    Left: of the AUM on the first Monday after the answer, within the bounds of the cohort, at least
    ``label.min_drop`` went out in 13 weeks, net of what came in. Nobody without money.
    """
    day = _ordinals(whole)
    ends = day - (day - 1) % 7 + 7 * (QUARTER + 1)  # ordinal 1 is a Monday
    known = {day.toordinal(): day for day in mondays}
    closed = whole.assign(end=ends)[np.isin(ends, list(known))]
    closed = closed.drop_duplicates("customer_id", keep="last")
    if settings.counts != "money" or not len(closed):
        return closed.assign(left=np.zeros(len(closed)))[:0]
    endings = [closed[closed["end"] == end] for end in sorted(closed["end"].unique())]
    seen = pd.concat(
        [of_end.merge(_flows(home, known[of_end["end"].iloc[0]], of_end["customer_id"]), on="customer_id")
         for of_end in endings], ignore_index=True,
    )  # fmt: skip
    opening = seen["opening_13w_minor"]
    low, high = (bound * MINOR for bound in (settings.cohort.min_aum, settings.cohort.max_aum))
    seen = seen[(opening >= max(low, 1)) & (opening < high)]
    net = (seen["outflow_13w_minor"] - seen["inflow_13w_minor"]) / seen["opening_13w_minor"]
    seen = seen.assign(left=(net >= settings.label.min_drop).astype(np.float64))
    return seen.sort_values("customer_id", ignore_index=True)


def _flows(home: Home, monday: date, customers: "pd.Series[str]") -> pd.DataFrame:
    """One row per customer asked for whom the Monday knows: a year of whole Mondays would not fit memory."""
    rows = read_structure(home, [monday], _FLOWS)
    asked = pc.is_in(rows["customer_id"], pa.array(customers, pa.string()))
    return rows.filter(asked).to_pandas()


def _ordinals(whole: pd.DataFrame) -> NDArray[np.int64]:
    return np.array([day.toordinal() for day in whole["answered_on"]], np.int64)


def _name(begins: date, months: int) -> str:
    """A wave in words that sort: 2026-Q4, 2026-H2 or 2026-11."""
    if months == 1:
        return f"{begins:%Y-%m}"
    return f"{begins.year}-{'Q' if months == 3 else 'H'}{(begins.month - 1) // months + 1}"
