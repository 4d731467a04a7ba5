"""The figures of satisfaction of a run, of every branch and of the bank."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from configs.branch_figures.contents import WHOLE_BANK
from configs.branch_figures.satisfaction import (
    CERTAIN,
    AnsweringGroup,
    FactorFigures,
    ItemFigures,
    Message,
    Satisfaction,
    WaveFigures,
)
from configs.branch_rows import BranchFigures
from configs.settings import Settings
from models.questionnaires import Reliability, reliability
from models.weighting import Mean, effective_n, holm, weighted_mean
from pipeline.artefacts import Home
from pipeline.satisfaction.answers import MARGINS, OVERALL, Answers, levels_of, read_answers, waves_until
from pipeline.satisfaction.drivers import Drivers, drivers_of
from pipeline.satisfaction.shown import shown
from pipeline.structure.cells import by_branch
from pipeline.tables import Ingested


class Compared(NamedTuple):
    """Of one place and factor: the difference to something else, and its probability of error."""

    difference: float
    p: float


def satisfaction_figures(
    settings: Settings, home: Home, tables: Ingested, mondays: Sequence[date]
) -> Iterator[BranchFigures]:
    """Satisfaction up to the last of these Mondays, of all of which the structure stands.

    Nothing where nobody of the cohort answered, or the history begins within the first wave.
    """
    if waves_until(settings.survey, mondays):
        yield from figures_of(settings, read_answers(settings, home, tables, mondays), mondays[-1])


def figures_of(settings: Settings, answers: Answers, snapshot_date: date) -> Iterator[BranchFigures]:
    """The figures of every branch and of the bank by these answers.

    What drives satisfaction and outflow is of the whole bank: a branch has too few answers for an order of
    its own.
    """
    if not len(answers.rows):
        return
    levels = levels_of(settings, answers.rows)
    drivers = drivers_of(settings, answers, levels)
    branches = sorted(set(answers.cohort["branch_id"]) - {""})
    gaps, changes = _gaps(settings, answers, levels, branches), _changes(settings, answers, levels, branches)
    rows, cohort = (by_branch(frame, frame["branch_id"]) for frame in (answers.rows, answers.cohort))
    of_bank = _OfBank(drivers, _bank_mean(settings, answers, levels))
    for branch in (WHOLE_BANK, *branches):
        of_branch = replace(answers, rows=rows(branch), cohort=cohort(branch))
        place = _Place(settings, of_branch, levels.loc[of_branch.rows.index], branch, of_bank)
        yield BranchFigures(branch, "satisfaction", place.content(snapshot_date, gaps, changes))


class _OfBank(NamedTuple):
    """Figures of the whole bank alone: the drivers, and the mean level of the factors."""

    drivers: Drivers
    mean: float


class _Place:
    """The figures of one branch, or of the whole bank, by the answers and levels there."""

    def __init__(
        self, settings: Settings, answers: Answers, levels: pd.DataFrame, branch: str, of_bank: _OfBank
    ) -> None:
        self.settings, self.survey, self.branch = settings, settings.survey, branch
        self.drivers, self.bank_mean = of_bank
        self.least, self.waves = settings.figures.least_customers, answers.waves
        self.rows, self.levels, self.cohort = answers.rows, levels, answers.cohort
        self.weights = self.rows["weight"].to_numpy(np.float64)
        self.customers = numbered(self.rows)
        self.scales = {factor.name: self._reliability(factor.name) for factor in self.survey.factors}

    def content(
        self,
        snapshot_date: date,
        gaps: dict[tuple[str, str], Compared],
        changes: dict[tuple[str, str], Compared],
    ) -> Satisfaction:
        factors = tuple(self._factor(factor.name, gaps, changes) for factor in self.survey.factors)
        overall, respondents = self._mean(self.levels[OVERALL]), len(self.rows)
        return Satisfaction(
            str(snapshot_date), str(self.waves[0].begins), self.survey.lowest, self.survey.highest,
            len(self.cohort), respondents, self._share(respondents, len(self.cohort)),
            round(effective_n(self.weights), 1), self._messages(factors), shown(overall.mean),
            shown(overall.low), shown(overall.high), shown(self.bank_mean), factors,
            self._groups(), self._items(), self._trend(),
            self.drivers.structure, self.drivers.derived, self.drivers.outflow,
        )  # fmt: skip

    def _mean(self, values: "pd.Series[float]") -> Mean:
        return _mean(values, self.weights, self.customers, self.least)

    def _share(self, part: int, whole: int) -> float | None:
        return round(part / whole, 6) if whole >= self.least else None

    def _reliability(self, factor: str) -> Reliability:
        newest = self.rows.drop_duplicates("customer_id", keep="last")
        items = newest[[item.name for item in self.survey.items_of(factor)]].to_numpy(np.float64)
        return reliability(items if len(items) >= self.least else items[:0])

    def _factor(
        self, name: str, gaps: dict[tuple[str, str], Compared], changes: dict[tuple[str, str], Compared]
    ) -> FactorFigures:
        words = next(factor for factor in self.survey.factors if factor.name == name)
        mean, scale, driver = self._mean(self.levels[name]), self.scales[name], self.drivers.of(name)
        nothing = Compared(np.nan, np.nan)
        gap, change = (compared.get((self.branch, name), nothing) for compared in (gaps, changes))
        stated = self.survey.items_of(name, "importance")
        low, high = driver.left
        return FactorFigures(
            name, words.en, words.zh, int(self.levels[name].notna().sum()), shown(mean.mean),
            shown(mean.low), shown(mean.high), shown(gap.difference), shown(gap.p),
            shown(change.difference), shown(change.p), self._field(driver.share, mean.mean),
            shown(scale.cronbach_alpha), shown(scale.low), shown(scale.high),
            shown(self._mean(self.rows[stated[0].name]).mean) if stated else None,
            driver.derived, driver.outflow, shown(low), shown(high),
        )  # fmt: skip

    def _field(self, share: float, mean: float) -> str:
        """Importance against that of an average factor, performance against the bank's average level.

        The four fields of importance-performance analysis (Martilla, James 1977, Journal of Marketing 41).
        """
        if np.isnan(share) or np.isnan(mean):
            return ""
        if share * len(self.survey.factors) >= 1:
            return "improve" if mean < self.bank_mean else "keep"
        return "later" if mean < self.bank_mean else "enough"

    def _messages(self, factors: Sequence[FactorFigures]) -> tuple[Message, ...]:
        """What matters most, the gravest first; never what noise may have made."""
        if self.rows["customer_id"].nunique() < self.least:
            return (Message("few", ""),)
        below = [figures for figures in factors if _clearly_below(figures)]
        below.sort(key=lambda figures: figures.gap or 0)
        messages = [Message("below", figures.factor) for figures in below]
        if self.branch and not below:
            messages.append(Message("level", ""))
        drives = {figures.factor: figures.derived.share for figures in factors if figures.derived}
        if drives and self.drivers.derived and self.drivers.derived.p < CERTAIN:
            messages.append(Message("driver", max(drives, key=drives.__getitem__)))
        leaving = {
            figures.factor: figures.outflow.share
            for figures in factors
            if figures.outflow and figures.outflow.clear and figures.outflow.step < 0
        }
        if leaving:
            messages.append(Message("outflow", max(leaving, key=leaving.__getitem__)))
        elif self.drivers.outflow:
            messages.append(Message("no_outflow", ""))
        return tuple(messages)

    def _groups(self) -> tuple[AnsweringGroup, ...]:
        groups = []
        for margin in MARGINS:
            numbers = self.cohort[margin].value_counts()
            for group in sorted(numbers.index):
                answered = (self.rows[margin] == group).to_numpy()
                weight = float(self.weights[answered].mean()) if answered.sum() >= self.least else np.nan
                cohort, number = int(numbers[group]), int(answered.sum())
                groups.append(
                    AnsweringGroup(margin, group, cohort, number, self._share(number, cohort), shown(weight))
                )
        return tuple(groups)

    def _items(self) -> tuple[ItemFigures, ...]:
        figures = []
        for factor in self.survey.factors:
            scale = self.scales[factor.name]
            for place, item in enumerate(self.survey.items_of(factor.name)):
                known, mean = int(self.rows[item.name].notna().sum()), self._mean(self.rows[item.name]).mean
                figures.append(
                    ItemFigures(
                        item.name, factor.name, item.reversed, known, shown(mean),
                        shown(scale.item_total[place]), shown(scale.without[place]),
                        item.name in self.drivers.against,
                    )
                )  # fmt: skip
        return tuple(figures)

    def _trend(self) -> tuple[WaveFigures, ...]:
        trend = []
        for place, wave in enumerate(self.waves):
            of_wave = self.rows["wave"] == place
            cohort, number = int((self.cohort["wave"] == place).sum()), int(of_wave.sum())
            overall = self._mean(self.levels[OVERALL].where(of_wave))
            levels = (self.levels[factor.name].where(of_wave) for factor in self.survey.factors)
            means = tuple(shown(self._mean(level).mean) for level in levels)
            trend.append(
                WaveFigures(wave.name, cohort, number, shown(overall.mean), shown(overall.low),
                            shown(overall.high), means)
            )  # fmt: skip
        return tuple(trend)


def _bank_mean(settings: Settings, answers: Answers, levels: pd.DataFrame) -> float:
    """The mean level of the factors, of all who answered; NaN of too few."""
    everybody = answers.rows["weight"].to_numpy(np.float64), numbered(answers.rows)
    least = settings.figures.least_customers
    means = [_mean(levels[factor.name], *everybody, least).mean for factor in settings.survey.factors]
    return np.nan if np.isnan(means).all() else float(np.nanmean(means))


def _mean(
    values: "pd.Series[float]", weights: NDArray[np.float64], customers: NDArray[np.int64], least: int
) -> Mean:
    """Nothing of fewer than ``least`` customers."""
    if _distinct(customers[values.notna()]) < least:
        return Mean(np.nan, np.nan, np.nan, np.nan)
    return weighted_mean(values.to_numpy(np.float64), weights, customers)


def numbered(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Per row the number of its customer."""
    return pd.factorize(rows["customer_id"])[0].astype(np.int64)


def _distinct(numbers: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(np.bincount(numbers)))


def _clearly_below(figures: FactorFigures) -> bool:
    return (
        figures.gap is not None and figures.gap < 0 and figures.gap_p is not None and figures.gap_p < CERTAIN
    )


def _gaps(
    settings: Settings, answers: Answers, levels: pd.DataFrame, branches: Sequence[str]
) -> dict[tuple[str, str], Compared]:
    """By branch and factor the distance to all other branches."""
    of = answers.rows["branch_id"].to_numpy()
    inside = {branch: of == branch for branch in branches}
    return _compare(settings, answers, levels, {branch: (flags, ~flags) for branch, flags in inside.items()})


def _changes(
    settings: Settings, answers: Answers, levels: pd.DataFrame, branches: Sequence[str]
) -> dict[tuple[str, str], Compared]:
    """By branch, or the bank, and factor the change from the last wave but one to the newest."""
    wave, newest = answers.rows["wave"].to_numpy(), len(answers.waves) - 1
    of, pairs = answers.rows["branch_id"].to_numpy(), {}
    for branch in (WHOLE_BANK, *branches):
        inside = of == branch if branch else np.ones(len(of), bool)
        pairs[branch] = (inside & (wave == newest), inside & (wave == newest - 1))
    return _compare(settings, answers, levels, pairs)


def _compare(
    settings: Settings,
    answers: Answers,
    levels: pd.DataFrame,
    pairs: dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]],
) -> dict[tuple[str, str], Compared]:
    """By key and factor the difference of two weighted means, by a normal test, corrected for all at once."""
    weights, least = answers.rows["weight"].to_numpy(np.float64), settings.figures.least_customers
    customers = numbered(answers.rows)
    keys, differences, errors = [], [], []
    for key, sides in pairs.items():
        for factor in settings.survey.factors:
            values = levels[factor.name].to_numpy(np.float64)
            known = [side & ~np.isnan(values) for side in sides]
            if min(_distinct(customers[side]) for side in known) < max(least, 2):
                continue
            first, second = (weighted_mean(values[side], weights[side], customers[side]) for side in known)
            keys.append((key, factor.name))
            differences.append(first.mean - second.mean)
            errors.append(float(np.hypot(first.error, second.error)))
    p = holm(2 * stats.norm.sf(np.abs(differences) / np.maximum(errors, 1e-12))) if keys else np.zeros(0)
    return {key: Compared(*pair) for key, pair in zip(keys, zip(differences, p, strict=True), strict=True)}
