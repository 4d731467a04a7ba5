"""The law of the experiment: lists react to calls, week after week, and still the difference is the
effect of calls.

Everybody may leave in any week, the called at half the hazard for six weeks; and whoever was called looks
half as risky from then on, as contacts do to a score. In every other life some get a message, which does a
third of that, and some a visit, which takes two places. Both arms of a first assignment are followed for
eight weeks.
"""

import random
from datetime import date, timedelta

import pytest

from configs.call_lists import Assignment, Week
from configs.list_settings import Channel
from configs.published import Manager
from configs.response import Response
from pipeline.lists.decisions import choose
from tests.serve.conftest import a_score

FIRST, WEEKS, AFTER, CUSTOMERS = date(2026, 1, 5), 10, 8, 250
MANAGER = Manager("M1", "", "B1", 40)
HAZARD = {"phone": 0.5, "message": 0.83, "visit": 0.4}  # of a contacted customer, for six weeks
CHANNELS = (
    Channel(name="phone", response=1.0, places=1.0),
    Channel(name="message", response=0.33, places=0.2),
    Channel(name="visit", response=1.2, places=2.0),
)


def lived(seed, lists):
    """Per first assignment: control group, left within eight weeks, and whether uncalled would have left."""
    draw = random.Random(seed)
    hazard = [draw.betavariate(1, 12) for _ in range(CUSTOMERS)]
    fate = [[draw.random() for _ in range(CUSTOMERS)] for _ in range(WEEKS + AFTER)]
    called, gone, assignments, selected = {}, {}, {}, frozenset()
    for number in range(WEEKS + AFTER):
        monday = FIRST + timedelta(weeks=number)
        if number < WEEKS:
            risks = {
                name: hazard[name] * (0.5 if name in called else 1) * draw.uniform(0.7, 1.3)
                for name in range(CUSTOMERS)
                if name not in gone
            }
            scores = [
                a_score(str(name), round(risk * 1_000_000), risk_90d=min(risk, 1.0))
                for name, risk in risks.items()
            ]
            reached = {str(name): FIRST + timedelta(weeks=week, days=1) for name, (week, _) in called.items()}
            response = Response(1.0, channels=lists.responses)
            week = Week(monday, AFTER, response, frozenset(), reached, selected, assignments)
            (one,) = choose(scores, [MANAGER], lists, week)
            selected = frozenset(d.customer_id for d in one.decisions if d.decision in ("listed", "held_out"))
            assignments |= {
                d.customer_id: Assignment(monday, date.max, d.decision == "held_out")
                for d in one.decisions
                if d.assigned_on == monday
            }
            listed = (each for each in one.decisions if each.decision == "listed")
            called |= {int(each.customer_id): (number, HAZARD[each.channel]) for each in listed}
        for name in range(CUSTOMERS):
            since, works = called.get(name, (-6, 1.0))
            if name not in gone and fate[number][name] < hazard[name] * (works if number - since < 6 else 1):
                gone[name] = number
    for name, assignment in assignments.items():
        start = (assignment.assigned_on - FIRST).days // 7
        window = range(start, start + AFTER)
        uncalled = any(fate[week][int(name)] < hazard[int(name)] for week in window)
        yield assignment.control_group, gone.get(int(name)) in window, uncalled


def test_the_difference_between_first_assignments_is_the_effect_of_calls(settings):
    measured, true = [], []
    for seed in range(18):
        own = {"channels": CHANNELS} if seed % 2 else {}
        lists = settings.lists.model_copy(update={"control_group_share": 0.4, "salt": str(seed)} | own)
        rows = list(lived(seed, lists))
        control = [left for in_control, left, _ in rows if in_control]
        listed = [left for in_control, left, _ in rows if not in_control]
        assert all(left == uncalled for in_control, left, uncalled in rows if in_control)
        measured.append(sum(control) / len(control) - sum(listed) / len(listed))
        true.append(
            sum(uncalled - left for in_control, left, uncalled in rows if not in_control) / len(listed)
        )
    mean, truth = sum(measured) / len(measured), sum(true) / len(true)
    error = (
        sum((difference - mean) ** 2 for difference in measured) / (len(measured) - 1) / len(measured)
    ) ** 0.5
    assert truth > 0.05
    assert mean == pytest.approx(truth, abs=3 * error)
