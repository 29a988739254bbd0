"""Which arm of an experiment a customer is in, for ever; which variant a message is; where nobody may advertise."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, JsonText, UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assignment",
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("experiment", Id, nullable=False),
        sa.Column("arm", Id, nullable=False),
        sa.Column("percent", sa.Double, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id", "experiment", "arm", name="pk_assignment"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_assignment_tenant_id"),
    )
    op.create_table(
        "sensitive_place_revision",
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("catalogue_revision", sa.BigInteger, nullable=False),
        sa.Column("doc", JsonText, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("is_deleted", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", "revision", name="pk_sensitive_place_revision"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_sensitive_place_revision_tenant_id"),
    )
    op.add_column("message", sa.Column("variant", sa.String))


def downgrade() -> None:
    with op.batch_alter_table("message") as message:
        message.drop_column("variant")
    op.drop_table("sensitive_place_revision")
    op.drop_table("assignment")
