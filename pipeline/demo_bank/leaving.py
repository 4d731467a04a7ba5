"""How customers leave: they look elsewhere, the money drains, and it mostly stays away."""

import numpy as np

from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.chances import crossing_week, share_gone
from pipeline.demo_bank.customers import People
from pipeline.demo_bank.draws import Draws, Floats, Ints
from pipeline.demo_bank.hazards import LIFE_EVENT, Pressure, hazards_at
from pipeline.demo_bank.ledger import OTHER, REDEEM_LANE, Ledger
from pipeline.demo_bank.products import (
    BOND,
    DEMAND,
    DOLLAR_TERM,
    DOLLARS,
    EQUITY,
    LIQUIDATION_ORDER,
    WEALTH_LONG,
    WEALTH_SHORT,
)
from pipeline.demo_bank.states import AWAY, CLOSED, DRAINING, LOOKING, STAYING, Lives

TEST_LANE, DRAIN_LANE, SECOND_DRAIN_LANE, RETURN_LANE, CLOSE_LANE, CLOSE_DOLLAR_LANE = range(40, 46)
LOOKING_REDEEM_LANE = 46
# Where the money goes, by reason (rows follow REASONS): other account of the same person, other bank,
# broker, company, person.
_PLACES = ("same_name_elsewhere", "other_bank", "broker", "company", "person")
_DESTINATIONS = (
    (0.50, 0.25, 0.20, 0.03, 0.02),
    (0.60, 0.22, 0.18, 0.00, 0.00),
    (0.65, 0.25, 0.10, 0.00, 0.00),
    (0.45, 0.50, 0.05, 0.00, 0.00),
    (0.60, 0.35, 0.05, 0.00, 0.00),
    (0.80, 0.15, 0.05, 0.00, 0.00),
    (0.05, 0.10, 0.00, 0.60, 0.25),
)


def decide(lives: Lives, draws: Draws, who: Ints, pressure: Pressure, week: int, aum: Floats) -> None:
    """The Monday's changes of stage, for living customers ``who``, in whose order the rest stands."""
    # As it was on the Monday: nobody changes twice in a week.
    stage = lives.stage[who].copy()
    _settle(lives, who[stage == AWAY])
    _call_off(lives, draws, who, aum)
    _go_or_calm(lives, draws, who, aum, week, pressure.call_type)
    _start(lives, draws, who, stage, pressure, aum)


def _settle(lives: Lives, who: Ints) -> None:
    """After AWAY_WEEKS whoever did not close is a small customer who stays."""
    done = who[lives.away_weeks[who] > p.AWAY_WEEKS]
    lives.stage[done] = STAYING
    lives.gone[done] = 0


def _call_off(lives: Lives, draws: Draws, who: Ints, aum: Floats) -> None:
    """A drain stops half-way, after its first week at the earliest; what is left stays."""
    under_way = (lives.stage[who] == DRAINING) & (lives.done[who] > 0)
    stops = under_way & draws.chance("drain stops", who, p.ABORT_CHANCE)
    lives.stage[who[stops]] = STAYING
    lives.anchor[who[stops]] = aum[stops]


def _go_or_calm(lives: Lives, draws: Draws, who: Ints, aum: Floats, week: int, call_type: Ints) -> None:
    """Who is looking since an earlier week goes, or stays after all."""
    at = np.flatnonzero(lives.stage[who] == LOOKING)
    looking = who[at]
    called = lives.called_until[looking] > week
    factor = np.array(p.CALL_FACTOR)[call_type[lives.cause[looking], at]]
    go_chance = p.GO_CHANCE * np.where(called, factor, 1.0)
    place = draws.uniform("go or calm", looking)
    go, calm = place < go_chance, place >= 1 - p.CALM_CHANCE
    lives.stage[looking[calm]] = STAYING
    _begin_drain(lives, draws, looking[go], aum[at[go]], p.DRAIN_WEEKS)
    stops = draws.chance("looking salary", looking, p.LOOKING_SALARY_STOP_CHANCE)
    lives.paid_salary[looking[stops]] = False


def _start(lives: Lives, draws: Draws, who: Ints, stage: Ints, pressure: Pressure, aum: Floats) -> None:
    """Stayers start to look, for one of the reasons; a few leave at once, for a life event."""
    hazards = hazards_at(pressure, 0, expected=False)
    place = draws.uniform("start to look", who)
    levels = np.cumsum(hazards, axis=0)
    starts = (stage == STAYING) & (place < levels[-1])
    cause = (place[starts] >= levels[:, starts]).sum(axis=0)
    lives.stage[who[starts]] = LOOKING
    lives.cause[who[starts]] = cause
    sudden = (stage == STAYING) & ~starts & draws.chance("life event", who, p.LIFE_EVENT_HAZARD)
    lives.cause[who[sudden]] = LIFE_EVENT
    _begin_drain(lives, draws, who[sudden], aum[sudden], p.LIFE_EVENT_WEEKS)


def _begin_drain(
    lives: Lives, draws: Draws, who: Ints, aum: Floats, lengths: tuple[tuple[int, float], ...]
) -> None:
    choice = draws.one_of("drain length", who, tuple(share for _, share in lengths))
    lives.stage[who] = DRAINING
    lives.length[who] = np.array([weeks for weeks, _ in lengths], dtype=np.int64)[choice]
    lives.depth[who] = draws.between("drain depth", who, *p.DRAIN_DEPTH)
    lives.crossing[who] = crossing_week(lives.depth[who], lives.length[who])
    lives.done[who], lives.gone[who], lives.away_weeks[who] = 0, 0, 0
    lives.start_aum[who] = aum
    lives.anchor[who] = aum * (1 - lives.depth[who])
    follows = draws.chance("salary follows", who, p.SALARY_FOLLOWS_CHANCE)
    lives.paid_salary[who[follows]] = False


def move_money(people: People, lives: Lives, ledger: Ledger, draws: Draws) -> Ints:
    """The week's money of those who look, drain, return or close; yields whose account was closed."""
    alive = lives.alive
    _test_the_water(lives, ledger, draws, np.flatnonzero(alive & (lives.stage == LOOKING)))
    _drain(lives, ledger, draws, np.flatnonzero(alive & (lives.stage == DRAINING)))
    _return(lives, ledger, draws, np.flatnonzero(alive & (lives.stage == AWAY) & (lives.away_weeks > 0)))
    settled = alive & (lives.stage == AWAY) & (lives.away_weeks == p.AWAY_WEEKS)
    return _close(people, lives, ledger, draws, np.flatnonzero(settled))


def destination(lives: Lives, draws: Draws, who: Ints, purpose: str) -> Ints:
    """Counterparty code of money that leaves, by the customer's reason; the same in every week."""
    shares = np.cumsum(np.array(_DESTINATIONS), axis=1)[lives.cause[who]]
    place = (draws.uniform(purpose, who)[:, None] >= shares).sum(axis=1)
    codes = np.array([OTHER[name] for name in _PLACES], dtype=np.int64)
    chosen: Ints = codes[np.minimum(place, len(_PLACES) - 1)]
    return chosen


def _test_the_water(lives: Lives, ledger: Ledger, draws: Draws, who: Ints) -> None:
    """Small transfers out, and one product turned into cash now and then."""
    redeems = who[draws.chance("looking redeems", who, p.LOOKING_REDEEM_CHANCE)]
    slots = np.array((WEALTH_SHORT, BOND, EQUITY, WEALTH_LONG))
    first = (ledger.balance[slots][:, redeems] > 0).argmax(axis=0)
    for place, slot in enumerate(slots):
        chosen = redeems[first == place]
        ledger.redeem(LOOKING_REDEEM_LANE, int(slot), chosen, ledger.balance[slot, chosen])
    tests = who[draws.chance("test transfer", who, p.TEST_TRANSFER_CHANCE)]
    cents = ledger.aum(tests) * draws.between("test size", tests, 0.01, 0.05)
    other = destination(lives, draws, tests, "test destination")
    ledger.pay(TEST_LANE, tests, round_to(cents, 100_00), "transfer_out", other=other, channel="mobile")


def _drain(lives: Lives, ledger: Ledger, draws: Draws, who: Ints) -> None:
    """One more week of the drain, in two transfers; the last week ends the stage."""
    before = share_gone(lives.depth[who], lives.done[who], lives.length[who])
    lives.done[who] += 1
    after = share_gone(lives.depth[who], lives.done[who], lives.length[who])
    # What ordinary money did meanwhile is made good: the drain aims at a level, not at a flow.
    aim = lives.start_aum[who] * (1 - after)
    wanted = np.maximum(ledger.aum(who) - aim, lives.start_aum[who] * (after - before) * 0.5)
    raise_cash(ledger, who, wanted)
    first = wanted * draws.between("first part", who, 0.5, 1.0)
    other = destination(lives, draws, who, "drain destination")
    sent = ledger.pay(DRAIN_LANE, who, round_to(first, 100_00), "transfer_out", other=other, channel="mobile")
    other = destination(lives, draws, who, "second destination")
    rest = round_to(wanted - sent, 100)
    sent += ledger.pay(SECOND_DRAIN_LANE, who, rest, "transfer_out", other=other, channel="counter")
    lives.gone[who] += sent
    lives.stage[who[lives.done[who] >= lives.length[who]]] = AWAY


def _return(lives: Lives, ledger: Ledger, draws: Draws, who: Ints) -> None:
    """All the money comes back, and the customer stays."""
    back = who[draws.chance("returns", who, p.RETURN_CHANCE)]
    cents = lives.gone[back]
    ledger.book(RETURN_LANE, back, cents, "transfer_in", other="same_name_elsewhere", channel="online")
    lives.anchor[back] = lives.start_aum[back]
    lives.stage[back] = STAYING
    lives.gone[back] = 0


def _close(people: People, lives: Lives, ledger: Ledger, draws: Draws, settled: Ints) -> Ints:
    """Some of the settled close: every product is redeemed and every account paid out."""
    who = settled[draws.chance("closes", settled, p.CLOSE_CHANCE) & ~people.has_loan[settled]]
    raise_cash(ledger, who, np.full(len(who), np.inf))
    other = destination(lives, draws, who, "close destination")
    deposit = ledger.balance[DOLLAR_TERM, who].copy()
    ledger.balance[DOLLAR_TERM, who] = 0
    ledger.matures[DOLLAR_TERM, who] = 0
    ledger.book(REDEEM_LANE + DOLLAR_TERM, who, deposit, "redeem", other="own", day=4, dollars=True)
    for lane, slot in ((CLOSE_LANE, DEMAND), (CLOSE_DOLLAR_LANE, DOLLARS)):
        left = ledger.balance[slot, who].copy()
        ledger.book(
            lane, who, -left, "transfer_out", other=other, channel="counter", day=4, dollars=slot == DOLLARS
        )
    lives.status[who] = CLOSED
    return who


def raise_cash(ledger: Ledger, who: Ints, wanted: Floats) -> None:
    """Redeem products, the easiest first, until the demand account holds ``wanted`` cents or all is sold."""
    for slot in LIQUIDATION_ORDER:
        lacking = wanted - ledger.balance[DEMAND, who]
        held = ledger.balance[slot, who]
        at = np.flatnonzero((lacking > 0) & (held > 0))
        if len(at):
            # A few yuan more than needed, since units are sold in whole ten-thousandths.
            cents = np.minimum(held[at], lacking[at] * 1.02 + 10_000).astype(np.int64)
            cents = np.where(cents > 0.9 * held[at], held[at], cents)
            ledger.redeem(REDEEM_LANE + slot, slot, who[at], cents)


def round_to(cents: Floats, step: int) -> Floats:
    """Down to a multiple of ``step`` cents, as people write amounts."""
    return np.floor(cents / step) * step
