"""How senders, and the people they write to, stand with the providers."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sender_state",
        _of_tenant(),
        sa.Column("channel", Id, primary_key=True),
        sa.Column("sender", Id, primary_key=True),
        *(sa.Column(name, UtcDateTime) for name in ("stopped_at", "trial_at", "resumed_at", "slowed_at")),
        sa.Column("code", sa.String),
        sa.Column("factor", sa.Double, nullable=False),
        sa.Column("people_a_day", sa.BigInteger),
    )
    op.create_table(
        "recipient_state",
        _of_tenant(),
        sa.Column("customer_id", Id, primary_key=True),
        sa.Column("channel", Id, primary_key=True),
        *(sa.Column(name, UtcDateTime) for name in ("wait_until", "cooldown_until", "unreachable_at", "given_up_at")),
        sa.Column("waits", sa.Integer, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
    )
    op.create_index(None, "recipient_state", ["tenant_id", "changed_at"])
    op.create_table(
        "allowance_use",
        _of_tenant(),
        sa.Column("channel", Id, primary_key=True),
        sa.Column("sender", Id, primary_key=True),
        sa.Column("customer_id", Id, primary_key=True),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("before_at", UtcDateTime),
    )
    for columns in (["channel", "sender", "at"], ["customer_id"], ["message_id"]):
        op.create_index(None, "allowance_use", ["tenant_id", *columns])


def downgrade() -> None:
    for name in ("allowance_use", "recipient_state", "sender_state"):
        op.drop_table(name)


def _of_tenant() -> sa.Column[str]:
    return sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False)
