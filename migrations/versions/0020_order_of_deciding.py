"""The match log is read in the order of deciding, through an index for each of its filters."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_NOT_SUPPRESSED = sa.text("outcome <> 'suppress'")
_PLACE = ["decided_at", "seq"]
_AFTER = {
    "ix_match_log_at": _PLACE,
    "ix_match_log_campaign": ["campaign_id", *_PLACE, "outcome", "reason"],
    "ix_match_log_shop": ["shop_id", *_PLACE, "outcome", "reason"],
    "ix_match_log_customer": ["customer_id", *_PLACE],
    "ix_match_log_geofence": ["geofence_id", *_PLACE, "campaign_id", "shop_id", "outcome", "reason"],
    "ix_match_log_reason": ["reason", *_PLACE],
    "ix_match_log_outcome": ["outcome", *_PLACE],
}
_BEFORE = {
    "ix_match_log_tenant_id_seq": ["seq"],
    "ix_match_log_tenant_id_campaign_id_seq": ["campaign_id", "seq"],
    "ix_match_log_tenant_id_shop_id_seq": ["shop_id", "seq"],
    "ix_match_log_tenant_id_customer_id_seq": ["customer_id", "seq"],
    "ix_match_log_tenant_id_outcome_seq": ["outcome", "seq"],
    "ix_match_log_tenant_id_reason_seq": ["reason", "seq"],
    "ix_match_log_tenant_id_decided_at": ["decided_at"],
}


def upgrade() -> None:
    _replace(_BEFORE, _AFTER)


def downgrade() -> None:
    _replace(_AFTER, _BEFORE)


def _replace(old: dict[str, list[str]], new: dict[str, list[str]]) -> None:
    for name in old:
        op.drop_index(name, "match_log")
    for name, columns in new.items():
        only = _NOT_SUPPRESSED if name == "ix_match_log_outcome" else None
        op.create_index(name, "match_log", ["tenant_id", *columns], sqlite_where=only, postgresql_where=only)
