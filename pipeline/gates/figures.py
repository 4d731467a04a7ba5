"""The figures of a run that its gates look at: of its sources, its cohort, its scores and its lists."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np

from configs.call_lists import CallList
from configs.dates import WEEK
from configs.errors import listed
from configs.gates import Gates
from configs.tables import EVENT_TABLES
from pipeline.gates.cohorts import NEAR, Cohort, Flow
from pipeline.gates.limits import Series
from pipeline.gates.sources import Rhythm, Sources
from pipeline.monitoring.calibration import VERDICTS, group_in_words
from pipeline.scoring.score import Publication

LEAST_LEAVERS = 10  # expected, from which on the hard limit of the mean risk counts
NAMED = 5  # branches that a sentence names
LEAST_SPREAD = 0.01  # of the mean risk: with less all have one risk, and lists no order
LEAST_OUTCOMES = 20  # predicted or observed leavers, from which on their ratio has hard limits
RUN_GATES = ("risk_mean", "risk_spread", "high_risk", "drifted", "listed", "managers")  # of scores and lists
OF_MONEY = ("aum", "unexplained", "moved")  # gates of nothing where a bank counts customers
WEEK_DAYS = 7  # a source may be silent for a week, whatever it did before


@dataclass(frozen=True)
class Figure:
    """One figure of this Monday, its history, and the hard limits, which hold without one.

    ``name`` is the gate's, with the table after a colon where there is one; ``detail`` is said with the
    figure. ``alarm`` is said of a figure that keeps its limits; empty for none.
    """

    name: str
    value: float
    series: Series | None = None
    low: float = -inf
    high: float = inf
    detail: str = ""
    alarm: str = ""

    @property
    def kind(self) -> str:
        return self.name.partition(":")[0]

    @property
    def table(self) -> str:
        return self.name.partition(":")[2].partition("/")[0]


@dataclass(frozen=True)
class EarlierRun:
    """The record of a published run: its Monday, its model, and its figures by name."""

    monday: date
    model_id: str
    values: Mapping[str, float]
    loaded: Mapping[str, int]


def file_figures(loaded: Mapping[str, int], monday: date, earlier: Sequence[EarlierRun]) -> Iterator[Figure]:
    """By ``table/source`` the rows a week loaded since the run before, where that is no more than ``NEAR``
    weeks ago.

    Which source a row came from is known of files alone, so the history is that of published runs.
    """
    for name, rows in loaded.items():
        known = [(run.monday, run.loaded[name]) for run in earlier if name in run.loaded] + [(monday, rows)]
        gains = [
            (day, (after - before) / ((day - since) / WEEK))
            for (since, before), (day, after) in pairwise(known)
            if after >= before and day - since <= NEAR * WEEK
        ]
        if gains and gains[-1][0] == monday:
            days, values = zip(*gains, strict=True)
            noise = _noise_of_count(float(np.median(values)))
            series = Series(days, values, "log", level=False, noise=noise)
            yield Figure(f"files:{name}", values[-1], series, detail=name.partition("/")[2])


def source_figures(gates: Gates, sources: Sources) -> Iterator[Figure]:
    """The lag and the rows of each table, branches without rows, and the largest step of an exchange rate."""
    for table, rhythm in sources.rhythms.items():
        yield _lag(gates, table, rhythm)
        filled = np.flatnonzero(rhythm.rows)
        # What is looked up comes in bursts, a portfolio or all records at once; without rows the lag says it.
        if table in EVENT_TABLES and rhythm.rows[-1]:
            values = rhythm.rows[filled].astype(float)
            series = Series(
                tuple(rhythm.mondays[k] for k in filled), tuple(values.tolist()), "log",
                noise=_noise_of_count(float(np.median(values))), weekly=True,
            )  # fmt: skip
            yield Figure(f"rows:{table}", float(rhythm.rows[-1]), series)
        missing = [branch for silent_in, branch in sources.silent if silent_in == table]
        named = ", ".join(missing[:NAMED]) + (", …" if len(missing) > NAMED else "")
        yield Figure(f"branches:{table}", len(missing), high=gates.max_silent_branches, detail=named)
    monday = next(iter(sources.rhythms.values())).mondays[-1]
    if monday in sources.unchanged:
        days, unchanged = zip(*sources.unchanged.items(), strict=True)
        shares = tuple(share for share, _ in unchanged)
        median, rows = float(np.median(shares)), unchanged[-1][1]
        noise = (rows * median * (1 - median) + 1) ** -0.5
        series = Series(days, shares, "logit", level=False, noise=noise)
        yield Figure("unchanged:holdings", shares[-1], series)
    if sources.rate_changes:
        rhythm, step = sources.rhythms["rates"], float(np.expm1(sources.rate_changes[-1]))
        steps = tuple(np.expm1(sources.rate_changes).tolist())
        yield Figure("rates", step, Series(rhythm.mondays, steps, level=False), high=gates.max_rate_change)


def _lag(gates: Gates, table: str, rhythm: Rhythm) -> Figure:
    """The lag beside those of Mondays before the present silence began: a silence is no excuse for itself."""
    past = [k for k, day in enumerate(rhythm.mondays[:-1]) if day <= rhythm.through]
    days = (*(rhythm.mondays[k] for k in past), rhythm.mondays[-1])
    lags = (*(float(rhythm.lags[k]) for k in past), float(rhythm.lags[-1]))
    high = max(WEEK_DAYS, gates.max_lag * max(lags[:-1], default=0))
    return Figure(f"lag:{table}", lags[-1], Series(days, lags, "lag"), high=high, detail=str(rhythm.through))


def cohort_figures(gates: Gates, cohorts: Sequence[Cohort], flows: Sequence[Flow]) -> Iterator[Figure]:
    """Size, shares and AUM of the cohort beside earlier ones; who came and left since the Monday before."""
    days, present = tuple(cohort.monday for cohort in cohorts), cohorts[-1]
    size = float(present.customers)

    def shares(name: str, values: list[float], units: float, high: float = inf) -> Figure:
        median = float(np.median(values))
        noise = (units * median * (1 - median) + 1) ** -0.5
        return Figure(name, values[-1], Series(days, tuple(values), "logit", noise=noise), high=high)

    sizes = tuple(float(cohort.customers) for cohort in cohorts)
    yield Figure("cohort", size, Series(days, sizes, "log", noise=_noise_of_count(size)), low=1)
    aum = tuple(cohort.aum_minor / 100 for cohort in cohorts)
    change = gates.max_aum_change
    low, high = ((1 - change) * aum[-2], (1 + change) * aum[-2]) if len(aum) > 1 else (-inf, inf)
    yield Figure("aum", aum[-1], Series(days, aum, "log", noise=0.002), low=low, high=high)
    yield shares("opted_out", [cohort.opted_out for cohort in cohorts], size, gates.max_opted_out)
    # A manager who leaves takes a whole portfolio along: managers are what varies, not customers.
    managers = float(np.median([cohort.managers for cohort in cohorts]))
    yield shares("without_manager", [cohort.without_manager for cohort in cohorts], managers)
    yield shares("largest_manager", [cohort.largest_manager for cohort in cohorts], managers)
    if flows and flows[-1].after == present.monday:
        yield from _flow_figures(gates, flows)


def _flow_figures(gates: Gates, flows: Sequence[Flow]) -> Iterator[Figure]:
    days, last = tuple(flow.after for flow in flows), flows[-1]
    weeks = [(flow.after - flow.before).days / 7 for flow in flows]
    for name, codes in (
        ("entered", [flow.entered for flow in flows]),
        ("left", [flow.left for flow in flows]),
    ):
        counts = tuple(code.total() / span for code, span in zip(codes, weeks, strict=True))
        noise = _noise_of_count(float(np.median(counts)))
        most = gates.max_left * last.customers if name == "left" else inf
        detail = ", ".join(f"{count} {code}" for code, count in sorted(codes[-1].items()))
        yield Figure(name, counts[-1], Series(days, counts, "log", level=False, noise=noise), high=most,
                     detail=detail)  # fmt: skip
    aum = [max(flow.aum_minor, 1) * span for flow, span in zip(flows, weeks, strict=True)]
    unexplained = tuple(flow.unexplained_minor / base for flow, base in zip(flows, aum, strict=True))
    moved = tuple(max(flow.moved_minor / base, 1e-5) for flow, base in zip(flows, aum, strict=True))
    most = gates.max_unexplained
    # The money of one customer may be booked in another week than it is valued.
    noise = max(0.001, last.largest_minor / max(last.aum_minor, 1) / 4)
    series = Series(days, unexplained, level=False, noise=noise)
    yield Figure("unexplained", unexplained[-1], series, low=-most, high=most)
    yield Figure("moved", moved[-1], Series(days, moved, "ratio", level=False, noise=0.1), high=most)


def calibration_figures(
    gates: Gates, calibration: Mapping[str, Any], earlier: Sequence[EarlierRun]
) -> Iterator[Figure]:
    """Observed leavers per predicted one, of the newest Monday that has matured at the shortest horizon.

    A level that is wrong is the model's fault or the world's, and no rerun mends it: it is said. What no
    level does within a week, beyond both the ratio of the run before and 1, is refused.
    """
    if not calibration["groups"]:
        return
    everybody = calibration["groups"][0]
    newest = everybody["horizons"][0]
    observed, predicted = newest["observed"], newest["predicted"]
    ratio = (observed + 1) / (predicted + 1)
    before = earlier[-1].values.get("calibration", 1.0) if earlier else 1.0
    low, high = min(before, 1) / gates.max_calibration_change, max(before, 1) * gates.max_calibration_change
    detail = (
        f"{observed:,} observed, {predicted:,.1f} predicted within {newest['days']} days of "
        f"{newest['snapshot_date']}"
    )
    if max(observed, predicted) < LEAST_OUTCOMES:
        low, high = -inf, inf
    yield Figure("calibration", ratio, None, low, high, detail, _alarms_in_words(calibration))


def _alarms_in_words(calibration: Mapping[str, Any]) -> str:
    groups = [group for group in calibration["groups"] if group["since"]]
    if not groups:
        return ""
    names = [group_in_words(group) for group in groups]
    since = min(group["since"] for group in groups)
    return (
        f"{VERDICTS[calibration['verdict']]}, beyond noise, since {since} ({listed(names, NAMED)}); look at "
        "the page of the model and approve the model that was trained since"
    )


def run_figures(
    gates: Gates,
    publication: Publication,
    lists: Sequence[CallList],
    drift: Mapping[str, Any] | None,
    earlier: Sequence[EarlierRun],
) -> Iterator[Figure]:
    """Mean, spread and high band of the risk, features that drifted, customers listed, managers with a
    list."""
    scores, model_id = publication.scores, publication.run.model_id
    risks = np.array([score.risk for score in scores])
    same = [run for run in earlier if run.model_id == model_id]
    last = earlier[-1].values if earlier else {}
    monday, size = publication.run.snapshot_date, max(len(scores), 1)

    def against(
        name: str, value: float, scale: Any, noise: float, runs: Sequence[EarlierRun], **hard: Any
    ) -> Figure:
        past = [(run.monday, run.values[name]) for run in runs if name in run.values]
        days, values = (*(day for day, _ in past), monday), (*(number for _, number in past), value)
        return Figure(name, value, Series(days, values, scale, noise=noise), **hard)

    if len(risks):
        mean, spread = float(risks.mean()), float(risks.std())
        past = [run.values["risk_mean"] for run in same if "risk_mean" in run.values]
        leavers = float(np.median([*past, mean])) * size
        noise = max(spread / max(mean, 1e-6) / size**0.5, (leavers + 1) ** -0.5)
        hard = {}
        if past and leavers >= LEAST_LEAVERS:
            hard = {"low": past[-1] / gates.max_risk_change, "high": past[-1] * gates.max_risk_change}
        yield against("risk_mean", mean, "ratio", noise, same, **hard)
        least = LEAST_SPREAD * mean if size >= LEAST_LEAVERS else -inf
        yield against("risk_spread", spread, "ratio", noise, same, low=least)
        high = float(np.mean([score.risk_band == "high" for score in scores]))
        yield against("high_risk", high, "logit", (size * high * (1 - high) + 1) ** -0.5, same)
    if drift and drift["features"]:
        share = drift["drifted"] / drift["features"]
        noise = (drift["features"] * share * (1 - share) + 1) ** -0.5
        yield against("drifted", share, "logit", noise, same, high=gates.max_drifted)
    for name, count in (
        ("listed", sum(len(call_list.listed) for call_list in lists)),
        ("managers", sum(bool(call_list.manager and call_list.listed) for call_list in lists)),
    ):
        least = min(gates.least_listed, last.get(name, 0))
        yield against(name, float(count), "log", _noise_of_count(count), earlier, low=least)


def _noise_of_count(median: float) -> float:
    """The standard deviation of the logarithm of a Poisson count."""
    return float((median + 1) ** -0.5)
