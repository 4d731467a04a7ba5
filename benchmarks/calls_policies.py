"""Lists filled by one policy after another on the panel of one bank, and what their contacts keep.

A policy has each list's places, the cool-down and the opt-outs; it goes through the product's own ``choose``.
Ours alone hold out a control group and learn from outcomes. The value of a contact is the money that it is
expected to keep by the truth, whether answered or not, less its cost: ``profit.call_cost / profit.margin`` of
money kept, as the lists reckon it.

Whether a call is answered is drawn with one number per customer and Monday, the same over all policies and
worlds, and so are outcomes (benchmarks/calls_effect.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.calls_effect import EARLY_DAYS, NEVER_CALLED, STRAY, Assigned, counted, outcomes
from benchmarks.calls_lives import LEARNT
from benchmarks.calls_mondays import Chances, Monday, Panel, World
from configs.call_lists import Assignment, CallList, Week
from configs.dates import WEEK
from configs.published import Score
from configs.response import Response, movable_share
from configs.settings import Settings
from pipeline.demo_bank import parameters as p
from pipeline.lists.call_lists import costs_of
from pipeline.lists.decisions import choose
from pipeline.lists.responses import learnt_response
from pipeline.monitoring.matured import Matured

Floats = NDArray[np.float64]
WARM_UP = p.CALL_WEEKS + 1  # weeks before the evaluated ones in which lists that do not learn begin
CALL_DAY = 2  # days after the Monday
LEARN_EVERY = 4  # weeks; the weekly run learns each week
CHANNEL = "phone"  # of others the truth does not tell
CERTAIN = Response(1.0)  # keeps all that is at risk: the order alone says whom to call


@dataclass(frozen=True)
class Policy:
    """``order``: what fills the lists; ``knows``: one more thing of the truth that ours are told.

    ``learns``: from outcomes; ``early``: of 30 days too.
    """

    name: str
    order: str
    learns: bool = False
    early: bool = True
    knows: str = ""


OURS = Policy("ours", "ours", learns=True)
PRIOR = Policy("prior", "ours")
BY_PROBABILITY, BY_MONEY = Policy("probability", "probability"), Policy("probability_times_money", "money")
ORACLE, BEST_SEEN = Policy("oracle", "oracle"), Policy("best_seen", "seen")
MATURED = Policy("matured", "ours", learns=True, early=False)
POLICIES = (
    OURS, PRIOR, MATURED, BY_PROBABILITY, BY_MONEY, Policy("drop", "drop"), Policy("random", "random"),
    ORACLE, BEST_SEEN,
    Policy("with_true_risk", "ours", learns=True, knows="risk"),
    Policy("with_true_response", "ours", knows="response"),
    Policy("with_true_money", "ours", learns=True, knows="money"),
)  # fmt: skip
ELSEWHERE = {  # in worlds other than today's
    "none": (OURS,),
    "harm": (OURS, PRIOR, BY_PROBABILITY, BY_MONEY, ORACLE, BEST_SEEN),
    "contaminated": (OURS,),
    "fades": (OURS, PRIOR, BY_MONEY, ORACLE),
}


@dataclass
class Lived:
    """One policy's way through a world: the value of its contacts by Monday, and its assignments.

    ``spared`` counts the harmed whom the prior would have called on evaluated Mondays, and those of them whom
    the lists left alone.
    """

    value: Floats
    calls: Floats
    assigned: list[Assigned] = field(default_factory=list)
    responses: list[float] = field(default_factory=list)
    spared: tuple[int, int] = (0, 0)

    def evaluated(self) -> float:
        return float(self.value[LEARNT:].sum())


class Life:
    """One bank, one world, one policy, so many calls a week and list."""

    def __init__(self, settings: Settings, panel: Panel, world: World, policy: Policy, calls: int) -> None:
        share = settings.lists.control_group_share if policy.learns else 0.0
        terms = {
            "control_group_share": share,
            "default_capacity": calls,
            "salt": f"bank {panel.seed}",
            "channels": tuple(one for one in settings.lists.channels if one.name == CHANNEL),
        }
        self._settings, self._lists = settings, settings.lists.model_copy(update=terms)
        self._panel, self._world, self._policy = panel, world, policy
        self._cost = settings.profit.call_cost / settings.profit.margin
        self._reached: dict[str, date] = {}
        self._works_until = np.full(panel.fate.shape[1], -1)
        self._selected: frozenset[str] = frozenset()
        self._holding: dict[str, Assignment] = {}
        self._open: dict[str, Assigned] = {}
        self._response = learnt_response(settings, [], panel.mondays[0].day)
        weeks = len(panel.mondays)
        self._uncalled = list[NDArray[np.bool_]]()
        self._answered = np.zeros(panel.fate.shape, dtype=bool)
        self._matured = list[Matured]()
        self.lived = Lived(np.zeros(weeks), np.zeros(weeks))

    def live(self) -> Lived:
        first = 0 if self._policy.learns else LEARNT - WARM_UP
        for monday in self._panel.mondays[first:]:
            self._live(monday)
        return self.lived

    def _live(self, monday: Monday) -> None:
        chances = monday.under(self._world)
        left = np.clip(self._works_until[monday.place] - monday.week, 0, p.CALL_WEEKS)
        at = np.arange(len(left))
        now, called = chances.late[left, at], chances.late[-1]
        gain = p.ANSWER_CHANCE * (now - called) * monday.money
        if self._policy.learns:
            self._mature(monday.week)
            if monday.week % LEARN_EVERY == 0:
                self._learn(monday)
        self.lived.responses.append(self._response.overall.share)
        week = self._week(monday.day)
        scores, week = self._wanted(monday, week, chances, left, gain)
        lists = choose(scores, [], self._lists, week)
        listed = self._follow(monday, lists, chances, left)
        holding = self._holding.items()
        may_be_called = {name for name, assignment in holding if not assignment.control_group}
        self._uncalled.append(np.array([score.customer_id not in may_be_called for score in monday.scores]))
        if self._world.effects == "harm" and self._policy.learns and monday.week >= LEARNT:
            self._count_spared(monday, week, listed, now < called)
        self.lived.value[monday.week] = float((gain - self._cost)[listed].sum())
        self.lived.calls[monday.week] = len(listed)

    def _week(self, day: date) -> Week:
        """What ours know on a Monday, occasions, households and campaigns apart."""
        self._holding = {name: one for name, one in self._holding.items() if one.until > day}
        return Week(
            day,
            self._settings.label.weeks_to_close,
            self._response,
            reached=dict(self._reached),
            selected=self._selected,
            assignments=self._holding,
            costs_minor=costs_of(self._settings),
        )

    def _wanted(
        self, monday: Monday, week: Week, chances: Chances, left: NDArray[np.int64], gain: Floats
    ) -> tuple[Sequence[Score], Week]:
        """Scores, and a week, by which ``choose`` fills the lists in the policy's order."""
        ours, knows = self._policy.order == "ours", self._policy.knows
        if ours and not knows:
            return monday.scores, week
        if ours and knows != "response":
            return self._with_truth(monday, chances, left), week
        at_risk = np.array([one.money_at_risk_minor for one in monday.scores], dtype=np.float64)
        if ours:  # their money at risk × the share of it that a contact truly keeps
            truly = chances.late[left, np.arange(len(left))]
            share = gain / np.maximum(monday.money * truly, 1e-9)
            return _ordered(monday.scores, at_risk * share), replace(week, response=CERTAIN)
        risk = np.array([one.risk for one in monday.scores])
        chance = np.random.default_rng([self._panel.seed, 3, monday.week])
        seen = monday.seen["harm" if self._world.effects == "harm" else "today"]
        order = {
            "probability": lambda: 1e9 * risk,
            "money": lambda: at_risk,
            "drop": lambda: 1e9 * (1 + monday.fell),
            "random": lambda: 1e9 * chance.random(len(risk)),
            "oracle": lambda: 100 * (gain - self._cost),
            "seen": lambda: 100 * (seen * (1 - left / p.CALL_WEEKS) * monday.money - self._cost),
        }[self._policy.order]()
        return _ordered(monday.scores, order), replace(week, response=CERTAIN, costs_minor={})

    def _with_truth(self, monday: Monday, chances: Chances, left: NDArray[np.int64]) -> list[Score]:
        """Our scores with the true risk, or with the true money, in place of the predicted one."""
        at = np.arange(len(left))
        late, early, bands = chances.late[left, at], chances.early[left, at], self._settings.bands
        scores = []
        for k, one in enumerate(monday.scores):
            if self._policy.knows == "money":
                scores.append(replace(one, money_at_risk_minor=round(100 * one.risk * monday.money[k])))
            else:
                risk = float(late[k])
                at_risk = round(one.money_at_risk_minor / max(one.risk, 1e-9) * risk)
                known = self._true_risks(one, min(float(early[k]), risk), risk)
                scores.append(replace(one, money_at_risk_minor=at_risk, risk_band=bands.of(risk), **known))
        return scores

    def _true_risks(self, one: Score, early: float, late: float) -> dict[str, float]:
        """The true risks, that of 60 days between the others where ours is, and what is movable then."""
        predicted, timing = one.risks(90), self._settings.response.timing
        later = max(predicted[90] - predicted[30], 1e-9)
        middle = early + (late - early) * (predicted[60] - predicted[30]) / later
        risks = {30: early, 60: middle, 90: late}
        true = {"risk_30d": early, "risk_60d": middle, "risk_90d": late}
        if one.movable is None:
            return true
        still = one.movable / max(movable_share(predicted, timing, 0.0), 1e-9)  # of money on its way
        return true | {"movable": still * movable_share(risks, timing, 0.0)}

    def _follow(
        self, monday: Monday, lists: Sequence[CallList], chances: Chances, left: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Calls as the lists say, and what follows from them; the rows of the customers called."""
        row = {one.customer_id: k for k, one in enumerate(monday.scores)}
        decisions = [one for part in lists for one in part.decisions]
        chosen = [one for one in decisions if one.decision in ("listed", "held_out")]
        self._selected = frozenset(one.customer_id for one in chosen)
        called: list[int] = []
        for one in chosen:
            k, control = row[one.customer_id], one.decision == "held_out"
            if one.assigned_on == monday.day and self._policy.learns:
                self._assign(monday, k, one.until, control, chances, int(left[k]))
            stray = self._stray(one.customer_id, monday, k, control)
            if stray if control else not stray:
                if not control:
                    called.append(k)
                self._call(one.customer_id, monday, k, chances, int(left[k]))
        return np.array(called, dtype=np.int64)

    def _stray(self, name: str, monday: Monday, k: int, control: bool) -> bool:
        """Whether managers of the contaminated world do otherwise than the lists say.

        A control customer is called in the week of the assignment alone; of the listed some never are.
        """
        if not self._world.contaminated:
            return False
        assigned = self._open.get(name)
        week = assigned.week if assigned else monday.week
        place = float(self._panel.stray[week, monday.place[k]])
        return place < STRAY and week == monday.week if control else place < NEVER_CALLED

    def _assign(
        self, monday: Monday, k: int, until: date | None, control: bool, chances: Chances, left: int
    ) -> None:
        one = monday.scores[k]
        assert until is not None
        self._holding[one.customer_id] = Assignment(monday.day, until, control)
        assigned = Assigned(
            one.customer_id,
            monday.week,
            int(monday.place[k]),
            monday.day,
            control,
            one.risk,
            one.risk_30d,
            one.reasons[0].group if one.reasons else "",
            one.lifecycle_stage,
            one.risk_band,
            one.manager_id,
            one.aum_minor,
            movable=one.movable,
            chance=float(chances.late[left, k]),
            early=float(chances.early[left, k]),
            without=float(chances.late[left, k]),
            answered_now=float(chances.late[-1, k]),
        )
        self._open[one.customer_id] = assigned
        self.lived.assigned.append(assigned)

    def _call(self, name: str, monday: Monday, k: int, chances: Chances, left: int) -> None:
        """One call; whoever answers is under its effect, has quiet, and leaves or stays accordingly."""
        place = monday.place[k]
        if self._panel.answer[monday.week, place] >= p.ANSWER_CHANCE:
            return
        self._reached[name] = monday.day + timedelta(days=CALL_DAY)
        self._works_until[place] = monday.week + p.CALL_WEEKS
        self._answered[monday.week, place] = True
        assigned = self._open.get(name)
        if assigned is None or assigned.reached or monday.week >= assigned.week + self._weeks_open:
            return
        assigned.reached = True
        change = float(chances.late[-1, k] - chances.late[left, k])
        assigned.chance = float(np.clip(assigned.chance + change, 0, 1))
        if assigned.week == monday.week:
            assigned.early = float(chances.early[-1, k])

    @property
    def _weeks_open(self) -> int:
        return self._settings.label.weeks_to_close - 1

    def _mature(self, now: int) -> None:
        """Count the Mondays whose outcome is known by now; whoever answered a later call is counted as if it
        had worked from the Monday on."""
        label = self._settings.label
        for days in (label.horizon_days, EARLY_DAYS):
            weeks = -(-(label.lead_days + days) // WEEK.days)
            if now < weeks:
                continue
            past = self._panel.mondays[now - weeks]
            chances, early = past.under(self._world), days == EARLY_DAYS
            table = chances.early if early else chances.late
            later = self._answered[past.week : now, past.place].any(axis=0)
            left = self._panel.fate[past.week, past.place] < np.where(later, table[-1], table[0])
            uncalled = self._uncalled[past.week]
            if (self._policy.early or not early) and self._policy.knows != "risk":
                self._matured.append(counted(self._settings, past, days, left, uncalled))

    def _learn(self, monday: Monday) -> None:
        rows = outcomes(self.lived.assigned, self._panel, self._settings, monday.week, self._policy.early)
        self._response = learnt_response(self._settings, rows, monday.day, self._matured)

    def _count_spared(
        self, monday: Monday, week: Week, listed: NDArray[np.int64], harmed: NDArray[np.bool_]
    ) -> None:
        prior = learnt_response(self._settings, [], monday.day)
        lists = self._lists.model_copy(update={"control_group_share": 0.0})
        row = {one.customer_id: k for k, one in enumerate(monday.scores)}
        else_called = [
            row[one.customer_id]
            for part in choose(monday.scores, [], lists, replace(week, response=prior))
            for one in part.listed
        ]
        concerned = {k for k in else_called if harmed[k] and monday.harmed[k]}
        would, alone = self.lived.spared
        self.lived.spared = would + len(concerned), alone + len(concerned - set(listed.tolist()))


def _ordered(scores: Sequence[Score], value: Floats) -> list[Score]:
    """Scores with ``value`` as money at risk and no risk, so that a list is filled in its order alone."""
    bare = {"risk_30d": None, "risk_60d": None, "risk_90d": 0.0, "movable": None}
    minor = np.rint(value).astype(np.int64).tolist()
    return [replace(one, money_at_risk_minor=money, **bare) for one, money in zip(scores, minor, strict=True)]
