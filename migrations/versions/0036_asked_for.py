"""Answers that somebody asked for are called so: they leave whatever that person wants of offers."""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("reply") as batch:
        batch.alter_column("is_about_consent", new_column_name="is_asked_for")


def downgrade() -> None:
    with op.batch_alter_table("reply") as batch:
        batch.alter_column("is_asked_for", new_column_name="is_about_consent")
