"""An index by which a shop's vouchers are counted that were taken in a month."""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_INDEX = "ix_voucher_tenant_id_shop_id_redeemed_at"


def upgrade() -> None:
    op.create_index(_INDEX, "voucher", ["tenant_id", "shop_id", "redeemed_at"])


def downgrade() -> None:
    op.drop_index(_INDEX, "voucher")
