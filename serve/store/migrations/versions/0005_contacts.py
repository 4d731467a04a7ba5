"""Channel, time, follow-up and correction of a contact; verdicts on alerts. A new store has them already.

A withdrawal has no outcome. SQLite cannot make a column optional in place, so that the outcomes move to a
new one.
"""

import sqlalchemy as sa
from alembic import op

from configs.published import OUTCOMES
from configs.tables import CONTACT_CHANNELS
from serve.store import tables

revision, down_revision = "0005", "0004"

_STEPS = (
    f"ALTER TABLE contacts ADD COLUMN new_outcome VARCHAR CHECK (new_outcome IN {OUTCOMES})",
    "UPDATE contacts SET new_outcome = outcome",
    "ALTER TABLE contacts DROP COLUMN outcome",
    "ALTER TABLE contacts RENAME COLUMN new_outcome TO outcome",
    f"ALTER TABLE contacts ADD COLUMN channel VARCHAR CHECK (channel IN {CONTACT_CHANNELS})",
    "ALTER TABLE contacts ADD COLUMN follow_up_on DATE",
    "ALTER TABLE contacts ADD COLUMN corrects INTEGER REFERENCES contacts (contact_id)",
    "CREATE UNIQUE INDEX contacts_corrects ON contacts (corrects)",
)


def upgrade() -> None:
    columns = sa.inspect(op.get_bind()).get_columns("contacts")
    if "corrects" not in {column["name"] for column in columns}:
        for step in _STEPS:
            op.execute(step)
        op.add_column("contacts", sa.Column("contacted_at", sa.DateTime))
    tables.metadata.create_all(op.get_bind())
