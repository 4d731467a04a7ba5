"""Why customers start to look elsewhere: the weekly hazard by reason, for simulation and truth alike."""

from dataclasses import dataclass

import numpy as np

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.chances import AHEAD
from pipeline.demo_bank.customers import People
from pipeline.demo_bank.draws import Bools, Floats, Ints
from pipeline.demo_bank.ledger import Ledger
from pipeline.demo_bank.products import CLASSES, DATED_SLOTS, RATE_SLOTS

REASONS = ("", "maturity", "better_rate", "manager_left", "complaint", "salary_moved", "life_event")
LIFE_EVENT = REASONS.index("life_event")


@dataclass(frozen=True)
class Pressure:
    """Everything the hazard of some customers depends on, as it stands on a Monday; one entry per customer.

    ``maturing`` is (weeks ahead, customer): share of AUM that falls due in that week.
    ``call_type`` is (reason, customer): what a call does to who leaves for that reason; 0 nothing, 1 it helps, 2 it
    harms. ``call_weeks`` is how long an answered call still works.
    """

    maturing: Floats
    rate_pull: Floats
    manager: Floats
    has_manager: Bools
    complaint: Floats
    salary: Floats
    salaried: Bools
    sensitivity: Floats
    multiplier: Floats
    call_type: Ints
    call_weeks: Ints


def hazards_at(pressure: Pressure, ahead: int, expected: bool) -> Floats:
    """(reason, customer): chance to start looking in the week that lies ``ahead`` weeks after the Monday.

    Rows follow REASONS without life_event. ``expected`` adds the mean of shocks that have not happened yet.
    """
    shocks = _shocks(ahead) if expected else (0.0, 0.0, 0.0)
    types = np.array(p.CALL_FACTOR)[pressure.call_type[:LIFE_EVENT]]
    rows = np.stack(
        [
            np.full(len(pressure.multiplier), p.BASE_HAZARD),
            p.MATURITY_HAZARD * pressure.maturing[ahead] ** 1.5 * pressure.sensitivity,
            p.RATE_HAZARD * pressure.rate_pull,
            p.MANAGER_HAZARD * (pressure.manager * p.MANAGER_DECAY**ahead + pressure.has_manager * shocks[0]),
            p.COMPLAINT_HAZARD * (pressure.complaint * p.COMPLAINT_DECAY**ahead + shocks[1]),
            p.SALARY_HAZARD * (pressure.salary * p.SALARY_DECAY**ahead + pressure.salaried * shocks[2]),
        ]
    )
    rows *= pressure.multiplier * np.where(pressure.call_weeks > ahead, types, 1.0)
    capped: Floats = rows * np.minimum(1.0, p.HAZARD_CAP / np.maximum(rows.sum(axis=0), 1e-12))
    return capped


def call_types(place: Floats) -> Ints:
    """(reason, customer): what a call does, from where the customers stand between the easily helped and the touchy."""
    helps, harms = (np.array(shares)[:, None] for shares in (p.CALL_HELPS, p.CALL_HARMS))
    return np.where(place < helps, 1, np.where(place >= 1 - harms, 2, 0)).astype(np.int64)


def _shocks(ahead: int) -> tuple[float, float, float]:
    """Mean level by then of shocks that happen from the Monday on: manager, complaint, salary."""
    pairs = (
        (p.MANAGER_LEAVES_RATE, p.MANAGER_DECAY),
        (p.COMPLAINT_RATE, p.COMPLAINT_DECAY),
        (p.SALARY_STOP_RATE, p.SALARY_DECAY),
    )
    levels = [rate * sum(decay**k for k in range(ahead + 1)) for rate, decay in pairs]
    return levels[0], levels[1], levels[2]


def maturing_shares(ledger: Ledger, who: Ints, aum: Floats, monday: int) -> Floats:
    """(weeks ahead, customer): share of AUM that falls due in each of the coming weeks."""
    shares = np.zeros((AHEAD, len(who)))
    safe = np.maximum(aum, 1.0)
    for slot in DATED_SLOTS:
        ahead = (ledger.matures[slot, who] - monday) // 7
        due = np.flatnonzero((ahead >= 0) & (ahead < AHEAD) & (ledger.balance[slot, who] > 0))
        shares[ahead[due], due] += ledger.balance[slot, who[due]] / safe[due]
    return shares


def rate_pull(people: People, ledger: Ledger, who: Ints, aum: Floats, gap: float) -> Floats:
    """Rate gap × rate sensitivity × share of AUM in term and wealth products."""
    exposed: Floats = ledger.balance[list(RATE_SLOTS)][:, who].sum(axis=0) / np.maximum(aum, 1.0)
    pull: Floats = np.maximum(gap, 0.0) * people.sensitivity[who] * exposed
    return pull


def multiplier(people: People, ledger: Ledger, who: Ints) -> Floats:
    """The customer's own factor: satisfaction, how many classes are held, how well looked after."""
    classes = np.zeros(len(who), dtype=np.int64)
    for slots in CLASSES:
        classes += (ledger.balance[list(slots)][:, who] > 0).any(axis=0)
    tie = np.array(p.TIE_MULTIPLIER)[np.minimum(classes, len(p.TIE_MULTIPLIER) - 1)]
    covered = np.array(p.COVERAGE_MULTIPLIER)[people.well_covered[who].astype(np.int64)]
    factor: Floats = np.exp(p.SATISFACTION_EFFECT * people.satisfaction[who]) * tie * covered
    return factor
