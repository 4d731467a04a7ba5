"""What customers and managers say and click: contacts, digital events, survey answers."""

from dataclasses import dataclass

import numpy as np

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import People
from pipeline.demo_bank.draws import Draws, Floats, Ints
from pipeline.demo_bank.managers import NOBODY, Seats
from pipeline.demo_bank.states import DRAINING, LOOKING, Lives

EVENT_CODES = {"login": "E01", "view_rates": "E02", "complaint": "E09"}
CONTACT_CHANNELS = {"phone": "1", "visit": "2", "message": "3"}
PURPOSES = {"service": "10", "sale": "20", "retention": "30", "complaint": "40"}
OUTCOMES = {"answered": "A", "no_answer": "N", "declined": "D"}
ITEMS = {"service": "Q1", "environment": "Q2", "products": "Q3", "brand": "Q4", "manager": "Q5"}
_SERVICE, _SALE, _RETENTION, _COMPLAINT = range(4)


@dataclass(frozen=True)
class Events:
    """Digital events: customer, seconds since the Monday's midnight, and position in EVENT_CODES."""

    customer: Ints
    second: Ints
    kind: Ints


@dataclass(frozen=True)
class Contacts:
    """Contacts: ``called`` 1 = asked for by a list; codes are positions in the tables above."""

    customer: Ints
    manager: Ints
    called: Ints
    second: Ints
    channel: Ints
    purpose: Ints
    outcome: Ints


@dataclass(frozen=True)
class Answers:
    """Survey answers: one entry per answered item; ``day`` 0 = Monday."""

    customer: Ints
    item: Ints
    day: Ints
    score: Ints


def second_of(draws: Draws, purpose: str, who: Ints, days: int = 7) -> Ints:
    """A moment between 8 and 21 o'clock of some day of the week, in seconds since its Monday."""
    return draws.whole(purpose + " day", who, 0, days) * 86_400 + draws.whole(purpose, who, 28_800, 75_600)


def click(people: People, lives: Lives, draws: Draws) -> Events:
    """Logins, looks at the rate page and complaints; whoever looks elsewhere clicks more."""
    who = np.flatnonzero(lives.alive).astype(np.int64)
    looking = lives.stage[who] == LOOKING
    restless = looking | (lives.stage[who] == DRAINING)
    digital = people.digital[who]
    login = np.where(restless, np.maximum(digital, p.LOOKING_LOGIN_CHANCE), digital)
    again = np.where(restless, 0.6, digital * 0.3)
    ordinary = np.minimum(p.VIEW_RATES_RATE * people.sensitivity[who], 0.3)
    view = np.where(looking, np.maximum(ordinary, p.LOOKING_VIEW_CHANCE), ordinary)
    parts = [
        (0, "login", who[draws.chance("login", who, login)]),
        (0, "second login", who[draws.chance("second login", who, again)]),
        (1, "view", who[draws.chance("view", who, view)]),
        (2, "complains", who[lives.complaint[who] == 1.0]),
    ]
    return Events(
        customer=np.concatenate([rows for _, _, rows in parts]),
        second=np.concatenate([second_of(draws, f"{name} at", rows) for _, name, rows in parts]),
        kind=np.concatenate([np.full(len(rows), kind) for kind, _, rows in parts]),
    )


def answer_chance(lives: Lives, who: Ints) -> Floats:
    return np.where(lives.stage[who] == DRAINING, 0.5, p.ANSWER_CHANCE)


def contact(people: People, lives: Lives, seats: Seats, draws: Draws, called: Ints) -> Contacts:
    """The managers' own contacts, and the calls asked for. Managers call more after a complaint."""
    who = np.flatnonzero(lives.alive).astype(np.int64)
    upset = lives.complaint[who] > 0.4
    chance = people.contact_rate[who] * np.where(upset, 3.0, 1.0)
    own = who[(seats.manager_of(who) != NOBODY) & draws.chance("contact", who, np.minimum(chance, 0.6))]
    kinds = draws.one_of("purpose", own, (0.6, 0.4))
    kinds = np.where(lives.complaint[own] > 0.4, _COMPLAINT, kinds)
    parts = [_contacts(lives, seats, draws, own, kinds, 0)]
    parts.append(_contacts(lives, seats, draws, called, np.full(len(called), _RETENTION), 1))
    names = Contacts.__dataclass_fields__
    return Contacts(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def answered(lives: Lives, draws: Draws, called: Ints) -> Ints:
    """Of those who were called, the ones who picked up."""
    return called[draws.uniform("answer 1", called) < answer_chance(lives, called)]


def _contacts(lives: Lives, seats: Seats, draws: Draws, who: Ints, purpose: Ints, called: int) -> Contacts:
    place = draws.uniform(f"answer {called}", who)
    picked_up = place < answer_chance(lives, who)
    declined = place > 0.94
    return Contacts(
        customer=who,
        manager=seats.caller_for(who),
        called=np.full(len(who), called, dtype=np.int64),
        # A list of Monday is worked through by Friday.
        second=second_of(draws, f"contact at {called}", who, days=5),
        channel=draws.one_of(f"contact channel {called}", who, (0.6, 0.15, 0.25)),
        purpose=purpose,
        outcome=np.where(picked_up, 0, np.where(declined, 2, 1)),
    )


def ask(people: People, lives: Lives, draws: Draws) -> Answers:
    """Questionnaires: five items a time, scores 1 to 10 around the customer's satisfaction."""
    who = np.flatnonzero(lives.alive & people.answers_surveys).astype(np.int64)
    who = who[draws.chance("survey", who, p.SURVEY_RATE)]
    level = 7.3 + 1.5 * people.satisfaction[who] - 2.5 * lives.complaint[who]
    moods = [level + 0.9 * draws.normal(f"score {item}", who) for item in range(len(ITEMS))]
    scores = [np.clip(np.rint(mood), 1, 10) for mood in moods]
    return Answers(
        customer=np.tile(who, len(ITEMS)),
        item=np.repeat(np.arange(len(ITEMS), dtype=np.int64), len(who)),
        day=np.tile(draws.whole("survey day", who, 0, 7), len(ITEMS)),
        score=np.concatenate(scores).astype(np.int64),
    )
