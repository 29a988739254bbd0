"""What comes after a track of somebody who stays outside every geofence stands beside it."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("track") as batch:
        batch.add_column(sa.Column("stayed", sa.Text()))


def downgrade() -> None:
    with op.batch_alter_table("track") as batch:
        batch.drop_column("stayed")
