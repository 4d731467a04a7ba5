"""Customers who have settled elsewhere and come back later: how likely, by first life and reason to leave."""

import numpy as np
import pyarrow as pa

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import STAYING, Customers, States
from pipeline.demo_bank.draws import Floats, Ints
from pipeline.demo_bank.hazards import REASONS
from pipeline.demo_bank.market import CLASSES
from pipeline.demo_bank.raw_tables import codes

TRUTH_WEEKS = 26
RETURNS = pa.schema(
    {
        "customer_id": pa.string(),
        "snapshot_date": pa.date32(),
        "probability": pa.float32(),
        "reason": pa.string(),
        "lost_minor": pa.int64(),
    }
)


def settled_elsewhere(states: States, who: Ints) -> None:
    """From now on what ``who`` took away may come back."""
    states.taken[who], states.left_for[who], states.settled_weeks[who] = (
        states.gone[who],
        states.cause[who],
        0,
    )


def former(states: States) -> Ints:
    """Who has settled elsewhere with money from here, and neither came back nor leaves again."""
    return np.flatnonzero(states.alive & (states.stage == STAYING) & (states.taken > 0))


def come_back_chance(customers: Customers, states: States, who: Ints, week: int, ahead: int = 0) -> Floats:
    """Chance to come back in the week ``ahead`` weeks after ``week``, per customer of ``who``.

    Nobody does in the first SETTLED_WEEKS, which the label of the first leaving may still see. An answered
    call helps while it works.
    """
    since = states.settled_weeks[who] + ahead
    classes = sum((customers.taste[list(slots)][:, who] > 0).any(axis=0) for slots in CLASSES)
    chance = p.COME_BACK_CHANCE * np.array(p.COME_BACK_REASON)[states.left_for[who]]
    chance = chance * np.exp(
        p.COME_BACK_SATISFACTION * customers.satisfaction[who] + p.COME_BACK_CLASSES * (classes - 3)
    )
    chance = chance * np.where(customers.opened_week[who] >= 0, p.COME_BACK_NEW, 1.0)
    chance = chance * np.where(states.called_until[who] > week + ahead, p.COME_BACK_CALLED, 1.0)
    fading = 0.5 ** ((since - p.SETTLED_WEEKS) / p.COME_BACK_HALF_LIFE)
    return np.where(since < p.SETTLED_WEEKS, 0.0, np.minimum(chance * fading, 1.0))


def returns_truth(customers: Customers, states: States, monday: int, week: int) -> pa.Table:
    """One row per former customer on the Monday, by number: chance to come back within TRUTH_WEEKS.

    Whoever leaves anew or dies meanwhile is not reckoned with.
    """
    who = former(states)
    stays = [1 - come_back_chance(customers, states, who, week, ahead) for ahead in range(TRUTH_WEEKS)]
    names = np.array(customers.customer_ids)[who]
    order = np.argsort(names)
    return pa.table(
        [
            pa.array(names[order], pa.string()),
            pa.array(np.full(len(who), monday, np.int32)).cast(pa.date32()),
            pa.array((1 - np.prod(stays, axis=0))[order].astype(np.float32)),
            codes(states.left_for[who[order]], REASONS).dictionary_decode(),
            pa.array(states.taken[who[order]]),
        ],
        schema=RETURNS,
    )
