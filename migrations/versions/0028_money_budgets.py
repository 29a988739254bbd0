"""What was booked of campaigns' messages, for budgets in money."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_NEW_COLUMNS = ("booked", "booked_micros")


def upgrade() -> None:
    for name in _NEW_COLUMNS:
        op.add_column("campaign_budget", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    for name in _NEW_COLUMNS:
        op.drop_column("campaign_budget", name)
