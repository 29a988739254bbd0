"""Messages know what their providers report of them, and are found by the providers' names; what they say is sealed."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import UtcDateTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_BARE, _NAMED = sa.text("text <> ''"), sa.text("provider_index IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("message") as batch:
        batch.add_column(sa.Column("content", sa.Text()))
        batch.add_column(sa.Column("provider_index", sa.String()))
        batch.add_column(sa.Column("error_code", sa.String()))
        batch.add_column(sa.Column("error_class", sa.String()))
        batch.add_column(sa.Column("delivered_at", UtcDateTime()))
        batch.add_column(sa.Column("read_at", UtcDateTime()))
    for name, column, only in (
        ("ix_message_bare", "seq", _BARE),
        ("ix_message_provider", "provider_index", _NAMED),
    ):
        op.create_index(name, "message", ["tenant_id", column], sqlite_where=only, postgresql_where=only)


def downgrade() -> None:
    for name in ("ix_message_provider", "ix_message_bare"):
        op.drop_index(name, "message")
    with op.batch_alter_table("message") as batch:
        for name in ("content", "provider_index", "error_code", "error_class", "delivered_at", "read_at"):
            batch.drop_column(name)
