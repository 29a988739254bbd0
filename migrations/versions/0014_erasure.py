"""Kept answers say whom they are about, and are sealed; those of before are forgotten."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM idempotency")
    with op.batch_alter_table("idempotency", recreate="always") as table:
        table.add_column(sa.Column("customer_id", Id))
    op.create_index(None, "idempotency", ["tenant_id", "customer_id"])


def downgrade() -> None:
    op.execute("DELETE FROM idempotency")
    op.drop_index("ix_idempotency_tenant_id_customer_id", "idempotency")
    with op.batch_alter_table("idempotency", recreate="always") as table:
        table.drop_column("customer_id")
