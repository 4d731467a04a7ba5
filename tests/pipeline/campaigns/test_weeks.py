"""A campaign through the weekly runs of a small bank: from rule to effect."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from configs.bank_folder import load_settings
from configs.campaigns import Plan
from pipeline.context import Context
from pipeline.demo_bank import write_demo_bank
from pipeline.snapshots.build import read_partition
from pipeline.weekly import run_weekly
from serve.store import campaign_members, campaigns, contacts, tables
from serve.store.contacts import Author
from serve.store.store import Store

AS_OF, WEEK = date(2026, 11, 16), timedelta(weeks=1)
SMALL = {
    "label": {"horizon_days": 30, "settle_days": 7},
    "profit": {"call_cost": 1.0},
    "training": {"first_after_weeks": 26, "judged_snapshots": 4, "tuned_snapshots": 4, "rounds": 20,
                 "patience": 20, "lightgbm": {"min_data_in_leaf": 50}},
}  # fmt: skip


@pytest.mark.long
def test_the_weekly_run_sends_and_a_later_one_measures(tmp_path):
    raw, before = tmp_path / "raw", AS_OF - 8 * WEEK
    write_demo_bank(raw, 1200, 62, 11, AS_OF)
    bank = Context(load_settings("demo", SMALL), tmp_path / "data")
    run_weekly(bank, raw, before)
    rule = {"product_gaps": ["fund", "wealth", "insurance"], "risk_bands": ["high", "medium", "low"]}
    plan = Plan(title="t", rule=rule, size=20, channel="phone", starts_on=before, ends_on=AS_OF + WEEK,
                control_share=0.4)  # fmt: skip
    with Store(bank.home.store) as store:
        with store.append() as connection:
            name = campaigns.create(connection, plan, "key", Author("Wang", bank.audit_key)).campaign_id
            campaigns.approve(connection, name, Author("Li", bank.audit_key))
        published, _ = run_weekly(bank, raw, before)
        kept = tables.campaign_members
        with store.read() as connection:
            rows = connection.execute(select(kept).where(kept.c.campaign_id == name)).all()
            assert campaigns.campaign_of(connection, name).run_id == published.run.run_id
        arms = {row.customer_id: row.arm for row in rows}
        assert list(arms.values()).count("contact") == 20
        with store.at_run() as session:
            contact = campaign_members.members(session, name)[0].customer_id
        with store.append() as connection:
            contacts.opt_out(connection, contact, bank.clock(), Author("Li", bank.audit_key))
        _, lists = run_weekly(bank, raw, AS_OF)
        with store.at_run() as session:
            assert contact not in {each.customer_id for each in campaign_members.members(session, name)}
            figures = campaign_members.latest_result(session.connection, name)
            filled = session.connection.execute(select(kept).where(kept.c.campaign_id == name)).all()
    assert figures["known"] == figures["contacts"] + figures["control"] > 25
    assert figures["state"] in ("shown", "inconclusive")
    assert len(figures["net"]) == 3
    left = read_partition(bank.home, "labels", [before]).set_index("customer_id")["attrited"]
    assert all(row.attrited == (left[row.customer_id] == 1) for row in filled if row.arm != "left_out")
    # Thirty days of outcome and a week's lead have passed: lists may hold the members again.
    assert not [each for of in lists for each in of.decisions if each.decision == "in_campaign"]
    files = {path.name for path in (bank.home.campaigns / name).glob("*.xlsx")}
    assert any(file.startswith("manager_") for file in files)
