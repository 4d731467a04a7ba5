"""Managers' seats in the branches: who sits there, leaves and follows; and the customers' assignments."""

from dataclasses import dataclass

import numpy as np

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import People, branch_count
from pipeline.demo_bank.draws import Draws, Floats, Ints
from pipeline.demo_bank.names import person_name

NOBODY = -1


@dataclass(frozen=True)
class Assigned:
    """Assignment rows, one entry per row; manager −1 = vacant or none, ``to_on`` −1 = still running."""

    customer: Ints
    manager: Ints
    from_on: Ints
    to_on: Ints
    known_on: Ints


@dataclass(frozen=True)
class Hired:
    """One manager: name, branch and how many customers a week can be worked through."""

    name: str
    branch: int
    weekly_capacity: int


class Seats:
    """Seats are fixed, people on them change. Per customer: the seat (−1 = none) and since when."""

    def __init__(self, people: People, seed: int) -> None:
        self._people, self._seed = people, seed
        self.managers: list[Hired] = []
        branches = branch_count(people.count)
        wanted = np.bincount(people.branch[people.managed], minlength=branches)
        per_branch = np.maximum(1, np.rint(wanted / p.CUSTOMERS_PER_MANAGER).astype(np.int64))
        offset = np.concatenate([[0], np.cumsum(per_branch)[:-1]])
        place = Draws(seed, -1).uniform("seat", people.everyone) * per_branch[people.branch]
        seat = offset[people.branch] + np.floor(place).astype(np.int64)
        self.seat_of: Ints = np.where(people.managed, seat, NOBODY).astype(np.int64)
        self._branch_of_seat = np.repeat(np.arange(branches), per_branch)
        self.manager_on: Ints = np.array([self._hire(int(one)) for one in self._branch_of_seat])
        self._first_of_branch: Ints = self.manager_on[offset].copy()
        self.unrest: Floats = np.zeros(len(self.manager_on))
        self._filled_in = np.full(len(self.manager_on), -1, dtype=np.int64)
        self._since = people.opened_on.copy()

    def manager_of(self, who: Ints) -> Ints:
        """Manager in charge of each customer now; −1 = none."""
        seat = self.seat_of[who]
        return np.where(seat == NOBODY, NOBODY, self.manager_on[seat]).astype(np.int64)

    def caller_for(self, who: Ints) -> Ints:
        """Who makes a call: the manager in charge, else a colleague of the same branch."""
        seated = np.flatnonzero(self.manager_on != NOBODY)
        stand_in = self._first_of_branch.copy()
        # Written from the last seat to the first, so that the branch's first seated colleague remains.
        stand_in[self._branch_of_seat[seated][::-1]] = self.manager_on[seated][::-1]
        own = self.manager_of(who)
        return np.where(own == NOBODY, stand_in[self._people.branch[who]], own).astype(np.int64)

    def unrest_of(self, who: Ints) -> Floats:
        """1 in the week in which the customer's manager left, decaying from then on; 0 without a manager."""
        seat = self.seat_of[who]
        return np.where(seat == NOBODY, 0.0, self.unrest[seat])

    def take_in(self, who: Ints) -> Assigned:
        """First assignment of customers, on the day they opened."""
        day = self._people.opened_on[who]
        return Assigned(who, self.manager_of(who), day, np.full(len(who), -1, dtype=np.int64), day)

    def live(self, draws: Draws, week: int, monday: int, here: Ints) -> Assigned:
        """One week of leaving and hiring; yields the rows it writes for the customers who are ``here``."""
        self.unrest *= p.MANAGER_DECAY
        seats = np.arange(len(self.manager_on), dtype=np.int64)
        leaves = (self.manager_on != NOBODY) & draws.chance("manager leaves", seats, p.MANAGER_LEAVES_RATE)
        fills = (self.manager_on == NOBODY) & (self._filled_in == week)
        day = monday + draws.whole("seat day", seats, 0, 5)
        before = self.manager_on.copy()
        for seat in np.flatnonzero(fills):
            self.manager_on[seat] = self._hire(int(self._branch_of_seat[seat]))
        self.manager_on[leaves] = NOBODY
        self._filled_in[leaves] = week + draws.whole("vacancy", seats, *p.VACANCY_WEEKS)[leaves]
        self.unrest[leaves] = 1.0
        return self._reassign(here, leaves | fills, before, day)

    def _reassign(self, here: Ints, changed: Ints, before: Ints, day: Ints) -> Assigned:
        """Two rows per customer of a changed seat: the old period closed, the new one opened."""
        who = here[(self.seat_of[here] != NOBODY) & changed[self.seat_of[here]]]
        seat = self.seat_of[who]
        since, now = self._since[who], day[seat]
        self._since[who] = now
        open_end = np.full(len(who), -1, dtype=np.int64)
        return Assigned(
            customer=np.concatenate([who, who]),
            manager=np.concatenate([before[seat], self.manager_on[seat]]),
            from_on=np.concatenate([since, now]),
            to_on=np.concatenate([now, open_end]),
            known_on=np.concatenate([now + 1, now + 1]),
        )

    def _hire(self, branch: int) -> int:
        number = len(self.managers)
        row = np.array([number], dtype=np.int64)
        draws = Draws(self._seed, -3)
        name = person_name(int(draws.whole("name", row, 0, 10**9)[0]))
        self.managers.append(Hired(name, branch, int(draws.whole("capacity", row, 12, 27)[0])))
        return number
