"""Chains of the ledger whose time is over may go; what they came to stays."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.insert_only import keep_rows_of, let_purged_go
from nearcast.store.types import Id, UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "purged_chain",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False),
        sa.Column("subject", Id, primary_key=True),
        sa.Column("purged_at", UtcDateTime, nullable=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
    )
    keep_rows_of(op.get_bind(), "purged_chain")
    let_purged_go(op.get_bind(), "consent_event")


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    kinds = ("is_not_changed", "is_not_deleted") if is_sqlite else ("stays", "stays_until_purged", "stays_whole")
    for kind in kinds:
        op.execute(f"DROP TRIGGER consent_event_{kind}" + ("" if is_sqlite else " ON consent_event"))
    keep_rows_of(op.get_bind(), "consent_event")
    op.drop_table("purged_chain")
