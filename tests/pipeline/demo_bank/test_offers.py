"""A class that one branch does not sell is lacking there, until it is offered; then the gap closes."""

from datetime import date

import numpy as np
import pyarrow as pa

from configs.bank_folder import load_settings
from configs.settings import Settings
from features.structure import age_bands
from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.bank import Bank
from pipeline.demo_bank.market import CLASSES, MONTHS, SHELF
from pipeline.demo_bank.offers import closes_gap_from
from pipeline.structure.gaps import gaps_of

NAMES = ("demand", "term", "wealth", "structured", "fund", "insurance", "metal", "trust")  # as CLASSES


def wealth_gaps(bank: Bank, settings: Settings) -> tuple[float, float]:
    """Share of customers who could be offered wealth products: in the branch without them, and elsewhere."""
    customers, ledger = bank.customers, bank.ledger
    here = np.flatnonzero(bank.states.here)
    aum = ledger.aum(here) / 100
    band = np.searchsorted(settings.figures.age_bands, bank.monday.year - customers.birth_year[here], "right")
    held = {f"{name}_minor": pa.array(ledger.balance[list(slots)][:, here].sum(axis=0))
            for name, slots in zip(NAMES, CLASSES, strict=False)}  # fmt: skip
    table = pa.table(
        held
        | {
            "tier": pa.array(
                np.searchsorted([tier.min_aum for tier in settings.tiers], aum, "right").astype(str)
            ),
            "lifecycle_stage": pa.array(["mature"] * len(here)),
            "age_band": pa.array(np.array(age_bands(settings.figures.age_bands))[band]),
        }
    )
    gaps = gaps_of(settings, table, {"wealth": 2}, customers.risk_grade[here])
    place = gaps.classes.index("wealth")
    missing = gaps.missing[place] & gaps.allowed[place]
    planted = customers.branch[here] == p.GAP_BRANCH
    return missing[planted].mean(), missing[~planted].mean()


def test_the_offer_closes_the_gap() -> None:
    settings = load_settings("demo")
    bank = Bank(2500, p.GAP_OFFER_WEEKS + 1, 5, date(2026, 11, 16))
    bank.advance()
    assert bank.week == closes_gap_from(bank.weeks)
    before, elsewhere = wealth_gaps(bank, settings)
    assert before > elsewhere + 0.1
    while bank.week < bank.weeks:
        week = bank.advance()
    after, elsewhere_after = wealth_gaps(bank, settings)
    assert after < elsewhere_after
    assert abs(elsewhere_after - elsewhere) < 0.1  # it is that branch that changed
    assert week.tables["offers"].num_rows == 0


def test_offers_are_known_before_they_begin_and_pay_no_less_than_the_shelf() -> None:
    bank = Bank(40, p.GAP_OFFER_WEEKS + 14, 5, date(2026, 11, 16))
    weeks = [bank.advance() for _ in range(bank.weeks)]
    rows = [row | {"monday": week.monday} for week in weeks for row in week.tables["offers"].to_pylist()]
    assert {(row["BEG_DT"] - row["LOAD_DT"]).days for row in rows} == {3}
    assert all(row["BEG_DT"] == row["monday"] < row["END_DT"] for row in rows)
    shelf = {item.product_id: (item, months) for item, months in zip(SHELF, MONTHS.tolist(), strict=True)}
    for row in rows:
        item, months = shelf[row["OFR_NO"][5:]]
        assert float(row["RATE_PCT"]) >= 100 * item.yearly_rate - 1e-9
        assert row["TERM_M"] == months
    closing = {row["BEG_DT"] for row in rows if row["OFR_NO"].startswith("G")}
    assert closing == {weeks[closes_gap_from(bank.weeks)].monday}
    assert len({row["OFR_NO"] for row in rows}) == len(rows)
