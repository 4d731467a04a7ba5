"""Who settled elsewhere comes back as often as the truth says, and not before the label has seen them go."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np

from pipeline.demo_bank import Bank
from pipeline.demo_bank import parameters as p
from pipeline.demo_bank.customers import STAYING
from pipeline.demo_bank.hazards import REASONS
from pipeline.demo_bank.returning import TRUTH_WEEKS, come_back_chance, former, settled_elsewhere

LAST_MONDAY = date(2026, 11, 16)


def test_as_many_come_back_as_the_truth_says(raw: Path) -> None:
    monday = LAST_MONDAY - timedelta(weeks=TRUTH_WEEKS)
    # What comes back is the largest online payment of one's own from elsewhere, at least 0.7 of what left.
    rows = duckdb.sql(
        f"""
        WITH truth AS (SELECT * FROM '{raw}/truth/returns.parquet'),
        paid AS (
            SELECT CUST_NO, any_value(lost_minor) AS lost, max(TXN_AMT) * 100 AS came
            FROM '{raw}/txn_*.parquet' JOIN truth ON CUST_NO = customer_id AND snapshot_date = DATE '{monday}'
            WHERE DC_FLAG = 'C' AND OPP_TYP = '02' AND CHNL_CD = 'W' AND TXN_TM >= TIMESTAMP '{monday}'
            GROUP BY CUST_NO)
        SELECT probability, coalesce(came >= 0.69 * lost, false)
        FROM truth LEFT JOIN paid ON CUST_NO = customer_id WHERE snapshot_date = DATE '{monday}'
        """
    ).fetchall()
    probability, back = np.array(rows, dtype=float).T
    spread = np.sqrt((probability * (1 - probability)).sum())
    assert len(rows) > 150
    assert abs(back.sum() - probability.sum()) < 3 * spread
    assert probability[back == 1].mean() > probability[back == 0].mean()


def test_reason_first_life_time_and_a_call_move_the_chance() -> None:
    bank = Bank(400, 8, 7, LAST_MONDAY)
    customers, states = bank.customers, bank.states
    who = np.flatnonzero(states.alive & (customers.opened_week < 0))[:2]
    states.gone[who], states.cause[who] = 500_000_00, REASONS.index("better_rate")
    settled_elsewhere(states, who)
    assert former(states).tolist() == who.tolist()
    assert come_back_chance(customers, states, who, week=0, ahead=p.SETTLED_WEEKS - 1).tolist() == [0, 0]
    first = come_back_chance(customers, states, who, week=0, ahead=p.SETTLED_WEEKS)
    later = come_back_chance(customers, states, who, week=0, ahead=p.SETTLED_WEEKS + 40)
    np.testing.assert_allclose(later, first * 0.5 ** (40 / p.COME_BACK_HALF_LIFE))
    states.called_until[who] = p.SETTLED_WEEKS + 1
    called = come_back_chance(customers, states, who, week=0, ahead=p.SETTLED_WEEKS)
    np.testing.assert_allclose(called, first * p.COME_BACK_CALLED)
    states.left_for[who] = REASONS.index("life_event")
    assert (come_back_chance(customers, states, who, 0, p.SETTLED_WEEKS) < called / 5).all()
    states.stage[who] = STAYING + 1  # who looks elsewhere again is no former customer
    assert not len(former(states))
