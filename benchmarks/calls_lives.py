"""Quiet lives of made-up banks: what their systems recorded, and what a call would do to each customer.

Nobody is called. Three sets of effects are told of each Monday: none, those of docs/lists.md (``today``), and
``harm``: one customer in ten is harmed strongly, whatever the cause. These are the customers whose AUM has
fallen by more than a tenth in half a year, for reasons of their own: who is asked about it feels watched. The
product sees who they are (its stage ``declining``), and is not told that calls harm them.

As states are those of the quiet life, a policy is evaluated to first order: by the performance difference
lemma (Kakade and Langford 2002) the sum of what each contact changes is exact along a policy's own life, and
here that life is the quiet one but for the weeks in which an earlier answered contact still works.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.worlds import MARKET, NOBODY, Family, World, deliver, write_people
from pipeline.demo_bank import Bank
from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.draws import Bools, Floats
from pipeline.demo_bank.hazards import EARLY, LABEL
from pipeline.demo_bank.ledger import Ledger

HISTORY, LEARNT, EVALUATED = (
    91,
    52,
    26,
)  # weeks: before the lists, with lists that are learnt from, and evaluated
LAST = date(2026, 11, 16)
MONDAYS = tuple(LAST - timedelta(weeks=ahead) for ahead in range(LEARNT + EVALUATED, 0, -1))
LEFT = p.CALL_WEEKS + 1  # an earlier answered contact works for 0 … CALL_WEEKS more weeks
DEPTH = sum(p.DRAIN_DEPTH) / 2  # share of the AUM that leaves with a customer, on average
HALF_A_YEAR, FALLEN = 26, 0.9
KINDS = (
    "late",
    "early",
    "harm_late",
    "harm_early",
)  # tables of chances: of the label's 90 days and of its 30


def columns(kind: str) -> list[str]:
    """The columns of a table of chances, by the weeks for which an earlier answered contact still works."""
    return [f"{kind}_{left}" for left in range(LEFT)]


def live(seeds: Sequence[int], customers: int, raw: Path) -> pd.DataFrame:
    """Writes what the banks' systems recorded; the truth of MONDAYS, a row per customer in the AUM band.

    ``money`` would leave with the customer, base currency; KINDS are probabilities of leaving.
    """
    weeks = HISTORY + LEARNT + EVALUATED
    worlds = [World(seed, NOBODY, 2, Bank(customers, weeks, seed, LAST, MARKET)) for seed in seeds]
    truths: list[pd.DataFrame] = []

    def recorded() -> Iterator[list[Any]]:
        yield [world.tagged(world.bank.opening_week()) for world in worlds]
        aum: list[list[Floats]] = [[] for _ in worlds]
        for week in range(weeks):
            for world, own in zip(worlds, aum, strict=True):
                own.append(world.bank.ledger.aum())
                if week >= HISTORY:
                    truths.append(truth(world, _fallen(world.bank.ledger, own[-1 - HALF_A_YEAR])))
            yield [world.live() for world in worlds]

    raw.mkdir(parents=True, exist_ok=True)
    deliver(raw, recorded())
    write_people(raw, [(Family(world, (), (), ()), [world]) for world in worlds])
    return pd.concat(truths, ignore_index=True)


def _fallen(ledger: Ledger, before: Floats) -> Bools:
    return ledger.aum() <= FALLEN * before


def truth(world: World, fallen: Bools) -> pd.DataFrame:
    """The truth of one bank on its Monday; ``fallen``, per customer of the bank: who is harmed by calls."""
    bank, known = world.bank, world.bank.truth()
    assert known is not None, "the history is longer than the average AUM takes"
    who = known.customer
    harmed = fallen[who]
    tables = {}
    for window, late, early in ((LABEL, "late", "harm_late"), (EARLY, "early", "harm_early")):
        tables[late] = bank.chances(who, window)
        tables[early] = tables[late].copy()
        tables[early][:, harmed] = bank.chances(who[harmed], window, harmed=True)
    chances = {
        name: row.astype(np.float32)
        for kind in KINDS
        for name, row in zip(columns(kind), tables[kind], strict=True)
    }
    return pd.DataFrame(
        {
            "customer_id": [f"{world.tag}{bank.customers.customer_ids[place]}" for place in who],
            "snapshot_date": np.datetime64(bank.monday, "D"),
            "place": who,
            "money": bank.ledger.aum(who) * DEPTH / 100,
            "harmed": harmed,
            **chances,
        }
    )
