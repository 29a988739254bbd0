"""Messages leave by priority, one of a customer at a time, no faster than throttles let them."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_QUEUED = sa.text("status = 'queued'")
_IN_FLIGHT = sa.text("status IN ('claimed', 'sending')")
_NEW_COLUMNS = ("sender", "priority", "repeat_until")


def upgrade() -> None:
    # whoever had these in hand is gone, and two of one customer may be among them
    no_lease = "lease_owner = NULL, lease_until = NULL"
    op.execute(f"UPDATE message SET status = 'queued', {no_lease} WHERE status = 'claimed'")  # noqa: S608
    op.execute(f"UPDATE message SET status = 'unknown', {no_lease} WHERE status = 'sending'")  # noqa: S608
    op.add_column("message", sa.Column("sender", sa.String))
    op.add_column("message", sa.Column("priority", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("message", sa.Column("repeat_until", UtcDateTime))
    next_ones = ["tenant_id", sa.text("priority DESC"), "not_before", "seq"]
    _index("ix_message_next", next_ones, _QUEUED)
    _index("ix_message_expiring", ["tenant_id", "expires_at"], _QUEUED)
    _index("uq_message_in_flight", ["tenant_id", "customer_id"], _IN_FLIGHT, unique=True)
    op.create_table(
        "throttle",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True),
        sa.Column("channel", Id, primary_key=True),
        sa.Column("sender", Id, primary_key=True),
        sa.Column("full_until", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("throttle")
    for name in ("uq_message_in_flight", "ix_message_expiring", "ix_message_next"):
        op.drop_index(name, "message")
    for name in _NEW_COLUMNS:
        op.drop_column("message", name)


def _index(name: str, columns: list[str | sa.TextClause], where: sa.TextClause, *, unique: bool = False) -> None:
    op.create_index(name, "message", columns, unique=unique, sqlite_where=where, postgresql_where=where)
