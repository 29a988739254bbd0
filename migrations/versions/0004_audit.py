"""The audit trail: who changed what."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.insert_only import keep_rows_of
from nearcast.store.types import Id, JsonText, Serial, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", Serial, sa.Identity(), primary_key=True),
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("actor", Id, nullable=False),
        sa.Column("role", sa.String),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("kind", Id, nullable=False),
        sa.Column("object_id", Id, nullable=False),
        sa.Column("before_sha256", sa.String),
        sa.Column("after_sha256", sa.String),
        sa.Column("detail", JsonText),
    )
    for columns in (["seq"], ["kind", "object_id", "seq"], ["actor", "seq"]):
        op.create_index(None, "audit", ["tenant_id", *columns])
    keep_rows_of(op.get_bind(), "audit")


def downgrade() -> None:
    op.drop_table("audit")
