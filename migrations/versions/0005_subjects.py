# ruff: noqa: S608 - every name in these statements stands in this file
"""A customer has a subject; the ledger knows them by it, and keeps their lines when they are erased."""

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, JsonText, Serial, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_RANDOM = {"postgresql": "replace(gen_random_uuid()::text, '-', '')", "sqlite": "lower(hex(randomblob(16)))"}
_DOCUMENT = "doc, created_at, updated_at"
_LINE = "event_id, purpose, channel, sender, action, at, valid_until, recorded_at, notice, source"


def upgrade() -> None:
    _set_aside()
    _create_customer(sa.Column("subject", Id, nullable=False), sa.UniqueConstraint("tenant_id", "subject"))
    _create_ledger(sa.Column("subject", Id, nullable=False), sa.Index(None, "tenant_id", "subject"))
    of_its_own = _RANDOM[op.get_bind().dialect.name]
    op.execute(
        f"INSERT INTO customer (tenant_id, id, subject, {_DOCUMENT})"
        f" SELECT tenant_id, id, {of_its_own}, {_DOCUMENT} FROM kept_customer"
    )
    op.execute(
        f"INSERT INTO consent_event (tenant_id, subject, {_LINE})"
        f" SELECT kept.tenant_id, customer.subject, {_LINE} FROM kept_consent_event kept"
        " JOIN customer ON customer.tenant_id = kept.tenant_id AND customer.id = kept.customer_id ORDER BY kept.seq"
    )
    _clear_away()


def downgrade() -> None:
    """Lines of customers who are no more cannot stay."""
    _set_aside()
    of_customer = ["tenant_id", "customer_id"]
    _create_customer()
    _create_ledger(
        sa.Column("customer_id", Id, nullable=False),
        sa.ForeignKeyConstraint(of_customer, ["customer.tenant_id", "customer.id"]),
        sa.Index(None, *of_customer),
    )
    op.execute(
        f"INSERT INTO customer (tenant_id, id, {_DOCUMENT}) SELECT tenant_id, id, {_DOCUMENT} FROM kept_customer"
    )
    op.execute(
        f"INSERT INTO consent_event (tenant_id, customer_id, {_LINE})"
        f" SELECT kept.tenant_id, owner.id, {_LINE} FROM kept_consent_event kept"
        " JOIN kept_customer owner ON owner.tenant_id = kept.tenant_id AND owner.subject = kept.subject"
        " ORDER BY kept.seq"
    )
    _clear_away()


def _set_aside() -> None:
    for name in ("consent_event", "customer"):
        op.execute(f"CREATE TEMPORARY TABLE kept_{name} AS SELECT * FROM {name}")
        op.drop_table(name)


def _clear_away() -> None:
    for name in ("consent_event", "customer"):
        op.execute(f"DROP TABLE kept_{name}")


def _create_customer(*more: sa.schema.SchemaItem) -> None:
    op.create_table(
        "customer",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False),
        sa.Column("id", Id, primary_key=True),
        sa.Column("doc", JsonText, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        *more,
    )


def _create_ledger(*more: sa.schema.SchemaItem) -> None:
    op.create_table(
        "consent_event",
        sa.Column("seq", Serial, sa.Identity(), primary_key=True),
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("channel", sa.String),
        sa.Column("sender", sa.String),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("valid_until", UtcDateTime),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("notice", JsonText),
        sa.Column("source", sa.Text),
        sa.UniqueConstraint("tenant_id", "event_id"),
        sa.Index(None, "tenant_id", "at"),
        sa.Index(None, "tenant_id", "valid_until"),
        *more,
    )
