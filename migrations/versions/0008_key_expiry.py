"""API keys that expire, and whose secrets can be replaced."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANTS = ("expires_at", "previous_until", "last_used_at")


def upgrade() -> None:
    with op.batch_alter_table("api_key", recreate="always") as table:
        for name in INSTANTS:
            table.add_column(sa.Column(name, UtcDateTime))
        table.add_column(sa.Column("previous_hash", sa.String))


def downgrade() -> None:
    with op.batch_alter_table("api_key", recreate="always") as table:
        for name in (*INSTANTS, "previous_hash"):
            table.drop_column(name)
