"""Tables about branches: figures of their customers, tiers about to fall, who left, whom to hand over."""

import sqlalchemy as sa

from configs.branch_figures.contents import CONTENT_NAMES
from serve.store.columns import CONFIDENTIAL, INTERNAL, PERSONAL, Id, column, customer, of_run, table

# fmt: off
branch_figures = table(
    "branch_figures",
    "run, branch and content",
    of_run(sa.ForeignKey("runs.run_version")),
    column("branch_id", Id, INTERNAL, "the branch; empty for the whole bank", primary_key=True),
    column("name", sa.String, INTERNAL, f"one of {', '.join(CONTENT_NAMES)}", primary_key=True),
    column("content", sa.Text, CONFIDENTIAL, "JSON object: a dataclass of configs/branch_figures"),
)

tier_watches = table(
    "tier_watches",
    "run and customer whose tier falls on a known day",
    of_run(sa.ForeignKey("runs.run_version")),
    customer(primary_key=True),
    column("branch_id", sa.String, INTERNAL, "branch in charge", nullable=True),
    column("manager_id", sa.String, INTERNAL, "manager in charge", nullable=True),
    column("tier", sa.String, CONFIDENTIAL, "the tier that the customer still has"),
    column("falls_to", sa.String, CONFIDENTIAL, "the tier that follows"),
    column("watched_since", sa.Date, CONFIDENTIAL, "the end of the month from which the customer is watched"),
    column("falls_on", sa.Date, CONFIDENTIAL, "the end of the month at which the tier falls"),
    column("days", sa.Integer, CONFIDENTIAL, "left of the running month, the Monday included"),
    column("average_minor", sa.BigInteger, CONFIDENTIAL, "average AUM of the month if nothing moves"),
    column("needed_minor", sa.BigInteger, CONFIDENTIAL, "what that average lacks"),
    column("saved_by_minor", sa.BigInteger, CONFIDENTIAL, "the sum that saves it if it comes and stays"),
    sa.Index("tier_watches_of_branch", "run_version", "branch_id", "manager_id"),
)

former_customers = table(
    "former_customers",
    "run and customer who left and may be asked to come back",
    of_run(sa.ForeignKey("runs.run_version")),
    customer(primary_key=True),
    column("branch_id", sa.String, INTERNAL, "branch in charge, or last in charge", nullable=True),
    column("manager_id", sa.String, INTERNAL, "manager in charge, or last in charge", nullable=True),
    column("left_on", sa.Date, CONFIDENTIAL, "the Monday that found most of the money gone"),
    column("lost_minor", sa.BigInteger, CONFIDENTIAL, "what left"),
    column("aum_minor", sa.BigInteger, CONFIDENTIAL, "what is still here"),
    column("reason", sa.String, CONFIDENTIAL, "group of reasons; empty for no sign of one"),
    column("destination", sa.String, CONFIDENTIAL, "counterparty to which most went"),
    column("chance", sa.Float, CONFIDENTIAL, "probability of coming back within the horizon"),
    column("value_minor", sa.BigInteger, CONFIDENTIAL, "money then expected to come back"),
    column("waits_until", sa.Date, CONFIDENTIAL, "nobody asks before; empty: now", nullable=True),
    sa.Index("former_customers_of_branch", "run_version", "branch_id", "manager_id"),
)

handovers = table(
    "handovers",
    "run and customer of a manager who leaves, with who should take the customer",
    of_run(sa.ForeignKey("runs.run_version")),
    customer(primary_key=True),
    column("branch_id", sa.String, INTERNAL, "branch in charge"),
    column("from_manager_id", Id, INTERNAL, "the manager who leaves"),
    column("to_manager_id", Id, INTERNAL, "who should take the customer; empty: nobody has room",
           nullable=True),
    sa.Index("handovers_of_branch", "run_version", "branch_id", "from_manager_id"),
)

handover_acceptances = table(
    "handover_acceptances",
    "handover that a branch head accepted, for the bank to deliver; outlives the runs",
    column("branch_id", Id, INTERNAL, "branch in charge", primary_key=True),
    column("from_manager_id", Id, INTERNAL, "the manager who leaves", primary_key=True),
    column("run_id", Id, INTERNAL, "the run that proposed it; kept when the run itself is gone",
           primary_key=True),
    column("accepted_by", sa.String, PERSONAL, "who"),
    column("accepted_at", sa.DateTime, INTERNAL, "when, in UTC"),
)
# fmt: on
