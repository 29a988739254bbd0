"""An index by which the newest lines of a tenant's ledger are found."""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_INDEX = "ix_consent_event_tenant_id_seq"


def upgrade() -> None:
    op.create_index(_INDEX, "consent_event", ["tenant_id", "seq"])


def downgrade() -> None:
    op.drop_index(_INDEX, "consent_event")
