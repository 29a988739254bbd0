"""Addresses stand in a table of their own, to be sealed there, and on a suppression list that outlives customers.

Those of before come as they are, without an index; nearcast seals them as soon as it has its keys.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_AT_ONCE = 1_000
_customer = sa.table("customer", sa.column("tenant_id"), sa.column("id"), sa.column("doc", sa.String))
_contact = sa.table(
    "contact", sa.column("tenant_id"), sa.column("customer_id"), sa.column("channel"), sa.column("sealed")
)


def upgrade() -> None:
    op.create_table(
        "suppressed_address",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False),
        sa.Column("address_index", Id, primary_key=True),
        sa.Column("channel", Id, primary_key=True),
        sa.Column("reason", sa.String),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "contact",
        sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False),
        sa.Column("customer_id", Id, primary_key=True),
        sa.Column("channel", Id, primary_key=True),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("address_index", Id),
        sa.ForeignKeyConstraint(["tenant_id", "customer_id"], ["customer.tenant_id", "customer.id"]),
    )
    op.create_index(None, "contact", ["tenant_id", "address_index"])
    _move_addresses()


def downgrade() -> None:
    """Addresses that are sealed cannot be opened here, and are given up."""
    op.drop_table("contact")
    op.drop_table("suppressed_address")


def _move_addresses() -> None:
    connection = op.get_bind()
    speaking = sa.select(_customer).where(_customer.c.doc.like('%"contacts"%'))
    rows = connection.execute(speaking.order_by(_customer.c.tenant_id, _customer.c.id)).all()
    for start in range(0, len(rows), _AT_ONCE):
        found = [(row, json.loads(row.doc)) for row in rows[start : start + _AT_ONCE]]
        contacts = [contact for row, doc in found for contact in _contacts(row, doc)]
        if contacts:
            connection.execute(sa.insert(_contact), contacts)
        of_customer = (_customer.c.tenant_id == sa.bindparam("whose")) & (_customer.c.id == sa.bindparam("who"))
        rest = [{"whose": row.tenant_id, "who": row.id, "said": json.dumps(_without(doc))} for row, doc in found]
        connection.execute(sa.update(_customer).where(of_customer).values(doc=sa.bindparam("said")), rest)


def _contacts(row: Any, doc: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"tenant_id": row.tenant_id, "customer_id": row.id, "channel": said["channel"], "sealed": said["address"]}
        for said in doc.get("contacts") or ()
        if said.get("address")
    ]


def _without(doc: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in doc.items() if name != "contacts"}
