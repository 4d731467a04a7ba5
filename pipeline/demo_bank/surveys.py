"""Questionnaires of the made-up bank: how satisfied its customers are, and who answers how."""

from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import Customers, States
from pipeline.demo_bank.draws import Draws, Floats, Ints
from pipeline.demo_bank.raw_tables import BRANCH, RawWeek, codes, dates

# Two items per factor, one about everything, and of each factor how important it is: Q1 to Q16.
OVERALL, FIRST_IMPORTANCE = 2 * len(p.FACTORS), 2 * len(p.FACTORS) + 1
ITEM_CODES = [f"Q{number + 1}" for number in range(FIRST_IMPORTANCE + len(p.FACTORS))]
WAITING = len(p.FACTORS)  # the second item about service asks the other way round
_LANES = np.array([*range(110, 120), *range(122, 128)])
_LOWEST, _HIGHEST = 1, 10


def answer_levels(customers: Customers) -> Floats:
    """(factor, customer): answers without a complaint, before chance and rounding, on the scale."""
    old = customers.birth_year < p.OLD_BORN_BEFORE
    return p.ANSWER_LEVEL + p.ANSWER_SPREAD * customers.factors + p.OLD_ANSWER * old


def surveys(raw: RawWeek, customers: Customers, states: States) -> pa.Table:
    """One row per answered item, in order of items; some items are left out."""
    draws, who = raw.draws, np.flatnonzero(states.alive & customers.answers_surveys)
    who = draws.chosen("survey", who, p.SURVEY_RATE)
    day = raw.monday + draws.whole("survey day", who, 0, 7)
    scores = np.clip(np.rint(_moods(draws, customers, states, who)), _LOWEST, _HIGHEST).astype(np.int64)
    scores[WAITING] = _LOWEST + _HIGHEST - scores[WAITING]
    answered = np.stack(
        [~draws.chance(f"skips item {item}", who, p.ITEM_SKIPPED) for item in range(len(scores))]
    )
    item, place = np.nonzero(answered)
    return pa.table(
        {
            "RESP_NO": raw.serials(_LANES[item], who[place]),
            "CUST_NO": raw.numbers.customer(who[place]).dictionary_decode(),
            "ANS_DT": dates(day[place]),
            "ITEM_CD": codes(item, ITEM_CODES),
            "SCORE": pa.array(scores[item, place]).cast(pa.string()),
            "LOAD_DT": raw.load_dates("survey", who[place], day[place], p.NEXT_DAY_SHARE),
        }
    )


def _moods(draws: Draws, customers: Customers, states: States, who: Ints) -> Floats:
    """(item, respondent): answers before they are rounded to the scale."""
    levels = answer_levels(customers)[:, who] - 2.5 * states.complaint[who]
    weights = np.array(p.OVERALL_WEIGHTS)
    overall = weights @ levels / weights.sum()
    stated = np.repeat(np.array(p.STATED_IMPORTANCE)[:, None], len(who), axis=1)
    means = np.vstack([levels, levels, overall, stated])
    noise = [draws.normal(f"score {item}", who) for item in range(len(means))]
    return means + p.ANSWER_NOISE * np.stack(noise)


def satisfaction_truth(customers: Customers) -> dict[str, Any]:
    """What drives satisfaction and outflow, where service is bad, and the mean level of all customers."""
    levels = answer_levels(customers).mean(axis=1).round(4).tolist()
    return {
        "drives_overall": dict(zip(p.FACTORS, p.OVERALL_WEIGHTS, strict=True)),
        "stated_importance": dict(zip(p.FACTORS, p.STATED_IMPORTANCE, strict=True)),
        "drives_outflow": {"service": p.SERVICE_EFFECT},
        "bad_service_branch": BRANCH.format(p.BAD_SERVICE_BRANCH + 1),
        "mean_levels": dict(zip(p.FACTORS, levels, strict=True)),
    }
