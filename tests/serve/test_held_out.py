"""The law of the trial: lists that react to calls, week after week, and still the difference is what calls do.

Everybody may leave in any week, the called at half the hazard for six weeks; and whoever was called looks half as
risky from then on, as contacts do to a score. Both arms of a first lot are followed for eight weeks.
"""

import random
from datetime import date, timedelta

import pytest

from configs.call_lists import Draw, Week
from configs.published import Helpfulness, Manager, Score
from pipeline.lists.choice import choose

FIRST, WEEKS, AFTER, CUSTOMERS = date(2026, 1, 5), 10, 8, 250
MANAGER = Manager("M1", "", "B1", 40)


def lived(seed, lists):
    """Per first lot: held out, left within eight weeks, and whether the same customer uncalled would have."""
    draw = random.Random(seed)
    hazard = [draw.betavariate(1, 12) for _ in range(CUSTOMERS)]
    fate = [[draw.random() for _ in range(CUSTOMERS)] for _ in range(WEEKS + AFTER)]
    called, gone, draws, asked = {}, {}, {}, frozenset()
    for number in range(WEEKS + AFTER):
        monday = FIRST + timedelta(weeks=number)
        if number < WEEKS:
            scores = [
                _score(name, hazard[name] * (0.5 if name in called else 1) * draw.uniform(0.7, 1.3))
                for name in range(CUSTOMERS)
                if name not in gone
            ]
            reached = {str(name): FIRST + timedelta(weeks=week, days=1) for name, week in called.items()}
            week = Week(monday, AFTER, Helpfulness(1.0), frozenset(), reached, asked, draws)
            (one,) = choose(scores, [MANAGER], lists, week)
            asked = frozenset(d.customer_id for d in one.decisions if d.decision in ("listed", "held_out"))
            draws |= {
                d.customer_id: Draw(monday, date.max, d.decision == "held_out")
                for d in one.decisions
                if d.drawn_on == monday
            }
            called |= {int(score.customer_id): number for score in one.listed}
        for name in range(CUSTOMERS):
            works = name in called and number - called[name] < 6
            if name not in gone and fate[number][name] < hazard[name] * (0.5 if works else 1):
                gone[name] = number
    for name, lot in draws.items():
        start = (lot.on - FIRST).days // 7
        window = range(start, start + AFTER)
        uncalled = any(fate[week][int(name)] < hazard[int(name)] for week in window)
        yield lot.held_out, gone.get(int(name)) in window, uncalled


def _score(name, risk):
    money = round(risk * 1_000_000)
    return Score(
        str(name), "B1", "M1", "affluent", "mature", False, 1, money, "high", (), risk_90d=min(risk, 1.0)
    )


def test_the_difference_between_first_lots_is_what_calls_do(settings):
    told, true = [], []
    for seed in range(24):
        lists = settings.lists.model_copy(update={"held_out": 0.4, "salt": str(seed)})
        lots = list(lived(seed, lists))
        held_out = [left for out, left, _ in lots if out]
        listed = [left for out, left, _ in lots if not out]
        assert all(left == uncalled for out, left, uncalled in lots if out)
        told.append(sum(held_out) / len(held_out) - sum(listed) / len(listed))
        true.append(sum(uncalled - left for out, left, uncalled in lots if not out) / len(listed))
    mean, truth = sum(told) / len(told), sum(true) / len(true)
    error = (sum((one - mean) ** 2 for one in told) / (len(told) - 1) / len(told)) ** 0.5
    assert truth > 0.05
    assert mean == pytest.approx(truth, abs=3 * error)
