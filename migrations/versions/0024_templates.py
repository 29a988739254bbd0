"""Templates as they were last seen at the provider."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, JsonText, UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "message_template",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False),
        sa.Column("name", Id, primary_key=True),
        sa.Column("language", Id, primary_key=True),
        sa.Column("provider_id", sa.String),
        *(sa.Column(name, sa.String, nullable=False) for name in ("status", "category")),
        sa.Column("quality", sa.String),
        sa.Column("components", JsonText, nullable=False),
        sa.Column("ttl_s", sa.Integer),
        *(sa.Column(name, UtcDateTime, nullable=False) for name in ("status_at", "category_at")),
        *(sa.Column(name, UtcDateTime) for name in ("quality_at", "stopped_at")),
        sa.Column("stop_code", sa.String),
    )


def downgrade() -> None:
    op.drop_table("message_template")
