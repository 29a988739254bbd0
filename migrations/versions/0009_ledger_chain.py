"""The ledger as chains that are only added to; messages name the lines they rest on; tokens of double opt-ins."""

from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from nearcast.domain.chain import NOTHING, Head, link_hash
from nearcast.services.report import rfc3339
from nearcast.store.insert_only import keep_rows_of
from nearcast.store.types import Id, JsonText, Serial, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def _line_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("subject", Id, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("channel", sa.String),
        sa.Column("sender", sa.String),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("valid_until", UtcDateTime),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("notice", JsonText),
        sa.Column("source", sa.Text),
    ]


def upgrade() -> None:
    op.execute("CREATE TEMPORARY TABLE kept_line AS SELECT * FROM consent_event")
    op.drop_table("consent_event")
    lines = _create_ledger(
        sa.Column("proof", JsonText),
        sa.Column("address_index", sa.String),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("prev_hash", sa.String, nullable=False),
        sa.Column("row_hash", sa.String, nullable=False),
        sa.UniqueConstraint("tenant_id", "subject", "position"),
    )
    heads = op.create_table(
        "ledger_head",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False),
        sa.Column("subject", Id, primary_key=True),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
    )
    _chain_all(lines, heads)
    op.execute("DROP TABLE kept_line")
    keep_rows_of(op.get_bind(), "consent_event")
    op.create_table(
        "confirmation",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False),
        sa.Column("token_sha256", sa.String, primary_key=True),
        sa.Column("subject", Id, nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("sent_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("clicked_at", UtcDateTime),
        sa.Index(None, "tenant_id", "expires_at"),
    )
    _alter_message(lambda message: message.add_column(sa.Column("consent_event_ids", JsonText)))


def downgrade() -> None:
    _alter_message(lambda message: message.drop_column("consent_event_ids"))
    op.drop_table("confirmation")
    op.drop_table("ledger_head")
    op.execute("CREATE TEMPORARY TABLE kept_line AS SELECT * FROM consent_event")
    op.drop_table("consent_event")
    lines = _create_ledger(sa.Index(None, "tenant_id", "subject"))
    names = [column.name for column in _line_columns()]
    kept = sa.table("kept_line", *map(sa.column, ["seq", *names]))
    op.execute(lines.insert().from_select(names, sa.select(*(kept.c[name] for name in names)).order_by(kept.c.seq)))
    op.execute("DROP TABLE kept_line")


def _create_ledger(*more: sa.schema.SchemaItem) -> sa.Table:
    return op.create_table(
        "consent_event",
        sa.Column("seq", Serial, sa.Identity(), primary_key=True),
        *_line_columns(),
        sa.UniqueConstraint("tenant_id", "event_id"),
        sa.Index(None, "tenant_id", "at"),
        sa.Index(None, "tenant_id", "valid_until"),
        *more,
    )


def _chain_all(lines: sa.Table, heads: sa.Table) -> None:
    """Each subject's lines as a chain, in the order in which they were written."""
    names = [column.name for column in _line_columns()]
    columns = [sa.column(name, lines.c[name].type) for name in names]
    kept = sa.table("kept_line", *columns, sa.column("seq"))
    connection = op.get_bind()
    found = connection.execute(
        sa.select(*(kept.c[name] for name in names)).order_by(kept.c.tenant_id, kept.c.subject, kept.c.seq)
    )
    written: list[dict[str, Any]] = []
    ends: list[dict[str, Any]] = []
    for (tenant_id, subject), group in groupby(found.mappings(), key=lambda row: (row["tenant_id"], row["subject"])):
        head = NOTHING
        for row in group:
            whole = {**row, "proof": None, "address_index": None}
            content = {name: rfc3339(value) if hasattr(value, "tzinfo") else value for name, value in whole.items()}
            position, prev_hash = head.count + 1, head.hash
            head = Head(position, link_hash(content, position, prev_hash))
            written.append({**whole, "position": position, "prev_hash": prev_hash, "row_hash": head.hash})
        ends.append({"tenant_id": tenant_id, "subject": subject, "lines": head.count, "hash": head.hash})
    for start in range(0, len(written), _AT_ONCE):
        connection.execute(lines.insert(), written[start : start + _AT_ONCE])
    for start in range(0, len(ends), _AT_ONCE):
        connection.execute(heads.insert(), ends[start : start + _AT_ONCE])


def _alter_message(change: Any) -> None:
    recreate = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("message", recreate=recreate) as message:
        change(message)
