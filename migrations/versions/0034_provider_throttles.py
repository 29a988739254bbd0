"""How full the throttles of providers are, for all who send there."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, UtcDateTime

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_throttle",
        *(sa.Column(name, Id, primary_key=True) for name in ("channel", "sender")),
        sa.Column("full_until", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("provider_throttle")
