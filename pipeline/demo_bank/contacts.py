"""Digital events and contacts of a week, as raw tables."""

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import DRAINING, LOOKING, Customers, States
from pipeline.demo_bank.draws import Draws, Floats, Ints
from pipeline.demo_bank.managers import NOBODY, Managers
from pipeline.demo_bank.raw_tables import DAY, MANAGER, RawWeek, codes, ids, moments

EVENT_CODES = {"login": "E01", "view_rates": "E02", "complaint": "E09"}
CONTACT_CHANNELS = {"phone": "1", "visit": "2", "message": "3"}
PURPOSES = {"service": "10", "sale": "20", "retention": "30", "complaint": "40"}
OUTCOMES = {"answered": "A", "no_answer": "N", "declined": "D"}
_SERVICE, _SALE, _RETENTION, _COMPLAINT = range(4)
_CONTACT_LANE = 120  # the first of two


def second_of(draws: Draws, purpose: str, who: Ints, days: int = 7) -> Ints:
    """A moment between 8 and 21 o'clock of some day of the week, in seconds since its Monday."""
    return draws.whole(purpose + " day", who, 0, days) * DAY + draws.whole(purpose, who, 28_800, 75_600)


def events(raw: RawWeek, customers: Customers, states: States) -> pa.Table:
    """One row per login, look at the rate page or complaint, in order of time."""
    draws, who = raw.draws, np.flatnonzero(states.alive)
    looking = states.stage[who] == LOOKING
    restless = looking | (states.stage[who] == DRAINING)
    digital = customers.digital[who]
    login = np.where(restless, np.maximum(digital, p.LOOKING_LOGIN_CHANCE), digital)
    again = np.where(restless, 0.6, digital * 0.3)
    ordinary = np.minimum(p.VIEW_RATES_RATE * customers.sensitivity[who], 0.3)
    view = np.where(looking, np.maximum(ordinary, p.LOOKING_VIEW_CHANCE), ordinary)
    parts = [
        (0, "login", draws.chosen("login", who, login)),
        (0, "second login", draws.chosen("second login", who, again)),
        (1, "view", draws.chosen("view", who, view)),
        (2, "complains", who[states.complaint[who] == 1.0]),
    ]
    customer = np.concatenate([rows for _, _, rows in parts])
    second = np.concatenate([second_of(draws, f"{name} at", rows) for _, name, rows in parts])
    kind = np.repeat([kind for kind, _, _ in parts], [len(rows) for _, _, rows in parts])
    order = np.argsort(second, kind="stable")
    customer, second, kind = customer[order], second[order], kind[order]
    rows = customer + (kind << 32) + (second << 34)
    return pa.table(
        {
            "CUST_NO": raw.numbers.customer(customer),
            "EVT_TM": moments(raw.monday * DAY + second),
            "EVT_CD": codes(kind, list(EVENT_CODES.values())),
            "LOAD_DT": raw.load_dates("event", rows, raw.monday + second // DAY),
        }
    )


def contacts(
    raw: RawWeek, customers: Customers, states: States, managers: Managers, called: Ints
) -> pa.Table:
    """One row per contact: the managers' own, more of them after a complaint, and the calls asked for."""
    who = np.flatnonzero(states.alive)
    chance = np.minimum(customers.contact_rate[who] * np.where(states.complaint[who] > 0.4, 3.0, 1.0), 0.6)
    ordinary = who[(managers.manager_of(who) != NOBODY) & raw.draws.chance("contact", who, chance)]
    purpose = raw.draws.one_of("purpose", ordinary, (0.6, 0.4))
    purpose = np.where(states.complaint[ordinary] > 0.4, _COMPLAINT, purpose)
    return pa.concat_tables(
        [
            _contact_rows(raw, states, managers, ordinary, purpose, 0),
            _contact_rows(raw, states, managers, called, np.full(len(called), _RETENTION), 1),
        ]
    )


def answer_chance(states: States, who: Ints) -> Floats:
    return np.where(states.stage[who] == DRAINING, 0.5, p.ANSWER_CHANCE)


def _contact_rows(
    raw: RawWeek, states: States, managers: Managers, who: Ints, purpose: Ints, called: int
) -> pa.Table:
    """One row per customer of ``who``; ``called`` is 1 for calls that a list asked for."""
    place = raw.draws.uniform(f"answer {called}", who)
    outcome = np.where(place < answer_chance(states, who), 0, np.where(place > 0.94, 2, 1))
    # A list of Monday is worked through by Friday.
    second = second_of(raw.draws, f"contact at {called}", who, days=5)
    channel = raw.draws.one_of(f"contact channel {called}", who, (0.6, 0.15, 0.25))
    return pa.table(
        {
            "CONT_NO": raw.serials(_CONTACT_LANE + called, who),
            "CUST_NO": raw.numbers.customer(who).dictionary_decode(),
            "RM_NO": ids(MANAGER, managers.caller_for(who)),
            "CONT_TM": moments(raw.monday * DAY + second),
            "CONT_CHNL": codes(channel, list(CONTACT_CHANNELS.values())),
            "CONT_PURP": codes(purpose, list(PURPOSES.values())),
            "CONT_RSLT": codes(outcome, list(OUTCOMES.values())),
            "LOAD_DT": raw.load_dates("contact", who, raw.monday + second // DAY, p.NEXT_DAY_SHARE),
        }
    )
