"""What changes about the customers from week to week, money apart. One entry per customer in every array."""

from dataclasses import dataclass

import numpy as np

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import People
from pipeline.demo_bank.draws import Bools, Draws, Floats, Ints

ACTIVE, FROZEN, DECEASED, CLOSED = range(4)
STAYING, LOOKING, DRAINING, AWAY = range(4)


@dataclass
class Lives:
    """The changing state; ``anchor`` is the AUM in cents to which ordinary money flows return.

    A drain: ``length`` weeks of which ``done`` are behind, taking ``depth`` of ``start_aum``; ``gone`` cents
    have left. A detour and a rush hold cents that left for, or came from, another bank for a while.
    """

    here: Bools
    status: Ints
    opted_out: Bools
    paid_salary: Bools
    anchor: Floats
    stage: Ints
    cause: Ints
    length: Ints
    done: Ints
    crossing: Ints
    depth: Floats
    start_aum: Floats
    gone: Ints
    away_weeks: Ints
    complaint: Floats
    salary_unrest: Floats
    called_until: Ints
    detour: Ints
    detour_weeks: Ints
    rush: Ints

    @classmethod
    def before(cls, people: People, draws: Draws) -> "Lives":
        """Everybody as of the Sunday before the first week."""
        count = people.count

        def zeros() -> Ints:
            return np.zeros(count, dtype=np.int64)

        return cls(
            here=people.opened_week < 0,
            status=zeros(),
            opted_out=draws.chance("opted out", people.everyone, p.OPT_OUT_SHARE),
            paid_salary=people.salary > 0,
            anchor=people.anchor.copy(),
            stage=zeros(), cause=zeros(), length=zeros(), done=zeros(), crossing=zeros(),
            depth=np.zeros(count), start_aum=np.zeros(count), gone=zeros(), away_weeks=zeros(),
            complaint=np.zeros(count), salary_unrest=np.zeros(count),
            called_until=np.full(count, -1, dtype=np.int64),
            detour=zeros(), detour_weeks=zeros(), rush=zeros(),
        )  # fmt: skip

    @property
    def alive(self) -> Bools:
        """Whose account moves: here, and neither frozen nor deceased nor closed."""
        alive: Bools = self.here & (self.status == ACTIVE)
        return alive

    def fade(self) -> None:
        """A week passes: old complaints and a moved salary weigh less."""
        self.complaint *= p.COMPLAINT_DECAY
        self.salary_unrest *= p.SALARY_DECAY
        self.detour_weeks[self.detour > 0] += 1
        self.away_weeks[self.stage == AWAY] += 1


def suffer_shocks(people: People, lives: Lives, draws: Draws) -> Ints:
    """Complaints, salaries that stop, deaths, freezes, opt-outs; yields whose bank record changed."""
    who = np.flatnonzero(lives.alive).astype(np.int64)
    lives.complaint[who[draws.chance("complaint", who, p.COMPLAINT_RATE)]] = 1.0
    stops = draws.chance("salary stops", who, p.SALARY_STOP_RATE) & lives.paid_salary[who]
    lives.paid_salary[who[stops]] = False
    lives.salary_unrest[who[stops]] = 1.0
    starts = draws.chance("salary starts", who, p.SALARY_START_RATE) & (people.salary[who] > 0)
    lives.paid_salary[who[starts & (lives.stage[who] == STAYING) & ~stops]] = True
    frozen = who[draws.chance("frozen", who, p.FROZEN_RATE)]
    deceased = who[draws.chance("deceased", who, p.DECEASED_RATE)]
    opts = who[draws.chance("opts out", who, p.OPT_OUT_RATE) & ~lives.opted_out[who]]
    lives.status[frozen], lives.status[deceased] = FROZEN, DECEASED
    lives.opted_out[opts] = True
    return np.unique(np.concatenate([frozen, deceased, opts]))
