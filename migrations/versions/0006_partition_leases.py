"""Partitions of the ping log are leased to workers."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "partition_lease",
        sa.Column("partition", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("lease_owner", sa.String),
        sa.Column("lease_until", UtcDateTime),
        sa.Column("token", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "worker",
        sa.Column("owner", Id, primary_key=True),
        sa.Column("alive_until", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("worker")
    op.drop_table("partition_lease")
