"""The level of the predictions, put to the test each Monday: within noise, or more or fewer left than
predicted.

A group is everybody, a branch, a tier or a band. Each has e-processes (models/e_process.py) for both sides
and each horizon. Over all of them, and over all Mondays, the probability of a false alarm is at most
``monitoring.false_alarms``: half of it belongs to everybody, the other half in equal parts to branches, tiers
and bands, within these to the groups, and within a group to its horizons and sides.

``more`` looks at all scored customers: a call can only keep somebody. ``fewer`` looks at those without a
call, so that an alarm does not fire because calls help.

An alarm stands until a model trained since then has outcomes of its own; then the group begins anew.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from configs.dates import WEEK
from configs.settings import Settings
from models.e_process import SIDES, Flags, Floats, Offsets, Side
from pipeline.monitoring.matured import EVERYBODY, KINDS, Matured, week_of

# What each side compares: predicted, observed.
COMPARED: Mapping[Side, tuple[str, str]] = {
    "more": ("predicted", "observed"),
    "fewer": ("unlisted_predicted", "unlisted_at_most"),
}
# The verdicts, with their words.
VERDICTS = {
    "more": "more left than predicted",
    "fewer": "fewer left than predicted",
    "within_noise": "within noise",
    "waiting": "nothing has matured yet",
}
Group = tuple[str, str]


def calibration(settings: Settings, matured: Sequence[Matured], as_of: date) -> dict[str, Any]:
    """The verdict on each group on ``as_of``, from all that had matured, with the figures behind it.

    ``retrain_since`` is the Monday of the last alarm that asks for a new model, at most one in
    ``training.retrain_weeks``; None without one.
    """
    groups = _groups(matured)
    watch = Watch(settings, groups)
    looks: defaultdict[date, list[Matured]] = defaultdict(list)
    for each in matured:
        looks[_look(settings, each)].append(each)
    for day in sorted(looks):
        if day <= as_of:
            watch.look(day, looks[day])
    verdicts = [watch.verdict(number) for number in range(len(groups))]
    alarms = [verdict for verdict in verdicts if verdict in SIDES]
    return {
        "as_of": str(as_of),
        "slack": settings.monitoring.slack,
        "false_alarms": settings.monitoring.false_alarms,
        "verdict": alarms[0] if alarms else "within_noise" if groups else "waiting",
        "alarms": len(alarms),
        "retrain_since": str(watch.asked[-1]) if watch.asked else None,
        "groups": [watch.figures(number, _newest(matured, group)) for number, group in enumerate(groups)],
    }


def group_in_words(group: Mapping[str, Any]) -> str:
    """The kind and the name of a group of ``calibration``, such as ``branch B1``; ``all`` for everybody."""
    return " ".join(filter(None, (group["kind"], group["name"])))


def asks_for_training(figures: Mapping[str, Any], latest: date) -> bool:
    """True where an alarm asks for a new model and none was trained since ``latest``, the last training."""
    since = figures["retrain_since"]
    return since is not None and date.fromisoformat(since) > latest


class Watch:
    """The e-processes of all groups, and the alarms that they raised, from look to look."""

    def __init__(self, settings: Settings, groups: Sequence[Group]) -> None:
        label, slack = settings.label, settings.monitoring.slack
        self.settings, self.groups = settings, groups
        self.offsets = {
            (days, side): Offsets(len(groups), _weeks(settings, days), side, slack)
            for days in label.horizons
            for side in SIDES
        }
        self.needed = np.log(_needed(settings, groups))
        self.since: list[date | None] = [None] * len(groups)  # of an alarm that stands
        self.side: list[Side] = ["more"] * len(groups)
        self.fresh_from = [date.min] * len(groups)  # day of the last alarm: older models count no more
        self.asked: list[date] = []

    def look(self, day: date, matured: Sequence[Matured]) -> None:
        """Everything that matured for the look of one Monday, and the alarms that it raises."""
        for each in matured:
            counted = np.array([each.trained_as_of >= fresh_from for fresh_from in self.fresh_from])
            self._begin_anew(counted & np.array([since is not None for since in self.since]))
            for side, columns in COMPARED.items():
                predicted, observed = (self._column(each, column) for column in columns)
                process = self.offsets[each.days, side]
                process.update(week_of(each.snapshot_date), np.where(counted, predicted, 0.0), observed)
        self._raise(day)

    def verdict(self, number: int) -> str:
        return "within_noise" if self.since[number] is None else self.side[number]

    def figures(self, number: int, newest: Iterable[Matured]) -> dict[str, Any]:
        """One group's verdict, and per horizon the counts of the newest Monday and the evidence so far."""
        kind, name = self.groups[number]
        since = self.since[number]
        return {
            "kind": kind,
            "name": name,
            "verdict": self.verdict(number),
            "since": None if since is None else str(since),
            "needed": round(float(np.exp(self.needed[number])), 1),
            "horizons": [self._horizon(number, each) for each in newest],
        }

    def _horizon(self, number: int, newest: Matured) -> dict[str, Any]:
        counts = newest.groups[self.groups[number]]
        evidence = {side: float(self.offsets[newest.days, side].evidence()[number]) for side in SIDES}
        return {
            "days": newest.days,
            "snapshot_date": str(newest.snapshot_date),
            "customers": int(counts["customers"]),
            "predicted": round(counts["predicted"], 1),
            "observed": int(counts["observed"]),
            "unlisted_predicted": round(counts["unlisted_predicted"], 1),
            "unlisted_at_most": round(counts["unlisted_at_most"], 1),
            "evidence": float(f"{np.exp(min(max(evidence.values()), 700.0)):.4g}"),
        }

    def _column(self, matured: Matured, column: str) -> Floats:
        nothing: dict[str, float] = {}
        return np.array([matured.groups.get(group, nothing).get(column, 0.0) for group in self.groups])

    def _begin_anew(self, groups: Flags) -> None:
        if groups.any():
            for process in self.offsets.values():
                process.restart(groups)
            self.since = [None if anew else since for anew, since in zip(groups, self.since, strict=True)]

    def _raise(self, day: date) -> None:
        strongest = {
            side: np.max(
                [self.offsets[days, side].evidence() for days in self.settings.label.horizons], axis=0
            )
            for side in SIDES
        }
        for number, needed in enumerate(self.needed):
            evidence, side = max((strongest[side][number], side) for side in SIDES)
            if self.since[number] is None and evidence >= needed:
                self.since[number] = self.fresh_from[number] = day
                self.side[number] = side
                self._ask(day)

    def _ask(self, day: date) -> None:
        """A new model is asked for once in so many weeks; a second alarm meanwhile waits with the first."""
        if not self.asked or day - self.asked[-1] >= self.settings.training.retrain_weeks * WEEK:
            self.asked.append(day)


def _weeks(settings: Settings, days: int) -> int:
    """Whole weeks from a Monday until its window of so many days has closed."""
    return -(-(settings.label.lead_days + days) // WEEK.days)


def _look(settings: Settings, matured: Matured) -> date:
    """The first Monday on which the outcome was known."""
    return matured.snapshot_date + _weeks(settings, matured.days) * WEEK


def _groups(matured: Iterable[Matured]) -> list[Group]:
    """Everybody, then all groups there ever were, by kind and name."""
    names = {group for each in matured for group in each.groups}
    order = [EVERYBODY[0], *KINDS]
    return sorted(names, key=lambda group: (order.index(group[0]), group[1]))


def _needed(settings: Settings, groups: Sequence[Group]) -> Floats:
    """The evidence from which each group has an alarm: one over its part of the false alarms."""
    sizes = {kind: sum(group[0] == kind for group in groups) for kind, _ in groups}
    within = len(settings.label.horizons) * len(SIDES)
    parts = [2 if kind == EVERYBODY[0] else 2 * len(KINDS) * sizes[kind] for kind, _ in groups]
    return np.array(parts, np.float64) * within / settings.monitoring.false_alarms


def _newest(matured: Iterable[Matured], group: Group) -> Iterator[Matured]:
    """The newest Monday of each horizon that had customers of the group, the shortest horizon first."""
    newest = {each.days: each for each in matured if group in each.groups}
    return iter([newest[days] for days in sorted(newest)])
