"""Campaigns, their members and what they achieved. They outlive the runs."""

import sqlalchemy as sa

from configs.campaigns import ARMS, LEFT_OUT
from configs.list_settings import CHANNELS
from serve.store.columns import CONFIDENTIAL, INTERNAL, PERSONAL, Id, column, customer, table

# fmt: off
campaigns = table(
    "campaigns",
    "campaign; outlives the runs",
    column("campaign_id", Id, INTERNAL, "twelve characters, by author and key", primary_key=True),
    column("idempotency_key", sa.String, INTERNAL, "chosen by who sends; sent again, nothing is added"),
    column("title", sa.String, INTERNAL, "what its author calls it"),
    column("rule", sa.Text, INTERNAL, "JSON object: AudienceRule of configs/campaigns.py"),
    column("size", sa.Integer, INTERNAL, "customers to contact at most"),
    column("channel", sa.String, INTERNAL, f"one of {', '.join(CHANNELS)}",
           sa.CheckConstraint(f"channel IN {CHANNELS}")),
    column("starts_on", sa.Date, INTERNAL, "the Monday from which it may be sent"),
    column("ends_on", sa.Date, INTERNAL, "the first Monday on which nobody is contacted any more"),
    column("control_share", sa.Float, INTERNAL, "share of the audience that is kept back, to compare"),
    column("author", sa.String, PERSONAL, "who proposed it"),
    column("created_at", sa.DateTime, INTERNAL, "when, in UTC"),
    column("approved_by", sa.String, PERSONAL, "who else; empty until then", nullable=True),
    column("approved_at", sa.DateTime, INTERNAL, "when, in UTC; likewise", nullable=True),
    column("refused_by", sa.String, PERSONAL, "who else; empty unless it was refused", nullable=True),
    column("refused_at", sa.DateTime, INTERNAL, "when, in UTC; likewise", nullable=True),
    column("withdrawn_by", sa.String, PERSONAL, "who; empty unless it was withdrawn", nullable=True),
    column("withdrawn_at", sa.DateTime, INTERNAL, "when, in UTC; likewise", nullable=True),
    column("why", sa.Text, INTERNAL, "the words of who refused or withdrew it", nullable=True),
    column("sent_on", sa.Date, INTERNAL, "the Monday of its audience; empty until it is sent", nullable=True),
    column("run_id", Id, INTERNAL, "the run of that Monday; kept when the run itself is gone", nullable=True),
    column("sent", sa.Text, INTERNAL, "JSON object: members by arm, and who was left out, by why",
           nullable=True),
)

campaign_members = table(
    "campaign_members",
    "campaign and customer whom its rule fits; outlives the runs",
    column("campaign_id", Id, INTERNAL, "the campaign", sa.ForeignKey("campaigns.campaign_id"),
           primary_key=True),
    customer(primary_key=True),
    column("household_id", Id, PERSONAL, "the bank's number of the household; empty without one",
           nullable=True),
    column("branch_id", sa.String, INTERNAL, "branch in charge when it was sent", nullable=True),
    column("manager_id", Id, INTERNAL, "manager in charge when it was sent", nullable=True),
    column("arm", sa.String, CONFIDENTIAL, f"one of {', '.join(ARMS)}", sa.CheckConstraint(f"arm IN {ARMS}")),
    column("why", sa.String, CONFIDENTIAL,
           f"of who was left out: one of {', '.join(LEFT_OUT)}; else empty", nullable=True),
    column("rank", sa.Integer, INTERNAL, "place on the list, from 1; empty for who is not contacted",
           nullable=True),
    column("until", sa.Date, INTERNAL, "first Monday on which lists and campaigns may hold the customer"),
    column("tier", sa.String, CONFIDENTIAL, "the customer's class by wealth when it was sent"),
    column("lifecycle_stage", sa.String, CONFIDENTIAL, "likewise: new, growing, mature, declining, dormant"),
    column("reason_group", sa.String, CONFIDENTIAL,
           "what the first reason was about then; empty without one"),
    column("risk_band", sa.String, CONFIDENTIAL, "high, medium or low, then"),
    column("risk", sa.Float, CONFIDENTIAL, "at the longest horizon, then"),
    column("money_at_risk_minor", sa.BigInteger, CONFIDENTIAL, "amount expected to leave, then"),
    column("expected_value_minor", sa.BigInteger, CONFIDENTIAL, "money a contact is expected to keep, then"),
    column("attrited", sa.Boolean, CONFIDENTIAL, "the customer left; empty until it is known",
           nullable=True),
    column("base_minor", sa.BigInteger, CONFIDENTIAL, "average AUM before then, by the label; likewise",
           nullable=True),
    column("lost_minor", sa.BigInteger, CONFIDENTIAL, "the part of it that left, 0 for who stayed; likewise",
           nullable=True),
    column("reached", sa.Boolean, CONFIDENTIAL,
           "a contact within the outcome window in which the customer was reached; likewise", nullable=True),
    sa.Index("campaign_members_of_customer", "customer_id", "until"),
)

campaign_results = table(
    "campaign_results",
    "campaign and Monday on which its effect was estimated",
    column("campaign_id", Id, INTERNAL, "the campaign", sa.ForeignKey("campaigns.campaign_id"),
           primary_key=True),
    column("as_of", sa.Date, INTERNAL, "the Monday up to which outcomes were known", primary_key=True),
    column("figures", sa.Text, CONFIDENTIAL,
           "JSON object: the effect, estimated by pipeline/campaigns/effect.py"),
)
# fmt: on
