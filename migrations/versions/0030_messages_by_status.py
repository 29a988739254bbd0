"""An index by which messages of one status are found in their order."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_INDEX = "ix_message_tenant_id_status_seq"


def upgrade() -> None:
    op.create_index(_INDEX, "message", ["tenant_id", "status", "seq"])


def downgrade() -> None:
    op.drop_index(_INDEX, "message")
