"""What a campaign's budget has lost is a number, and not counted every time."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TAKEN = """
    INSERT INTO campaign_budget (tenant_id, campaign_id, used)
    SELECT tenant_id, campaign_id, count(*) FROM (
        SELECT tenant_id, campaign_id FROM message
        WHERE status NOT IN ('cancelled', 'expired', 'failed') OR (status = 'failed' AND sent_at IS NOT NULL)
        UNION ALL
        SELECT tenant_id, campaign_id FROM other_send WHERE NOT is_ghost
    ) AS taken GROUP BY tenant_id, campaign_id
"""


def upgrade() -> None:
    op.create_table(
        "campaign_budget",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True),
        sa.Column("campaign_id", Id, primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
    )
    op.execute(_TAKEN)


def downgrade() -> None:
    op.drop_table("campaign_budget")
