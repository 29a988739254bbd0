"""The ping log knows until where tracks are written down, and a track which pings it has."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("log_position") as batch:
        batch.add_column(sa.Column("settled", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE log_position SET settled = position")
    with op.batch_alter_table("log_position") as batch:
        batch.alter_column("settled", server_default=None)
    with op.batch_alter_table("track") as batch:
        batch.add_column(sa.Column("upto", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    for table, column in (("track", "upto"), ("log_position", "settled")):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column)
