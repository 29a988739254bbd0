"""Senders are the providers', and tenants that share one share how it stands; work that one process does for all."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from nearcast.store.types import Id, UtcDateTime

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_WHEN = ("cooldown_until", "unreachable_at", "given_up_at")
_INSTANTS = ("stopped_at", "trial_at", "resumed_at", "slowed_at")
_OF_STATE: dict[str, Any] = {
    "channel": sa.String,
    "sender": sa.String,
    **dict.fromkeys(_INSTANTS, UtcDateTime),
    "code": sa.String,
    "factor": sa.Double,
    "people_a_day": sa.BigInteger,
}
_OF_PERSON: dict[str, Any] = {
    **dict.fromkeys(("tenant_id", "customer_id", "channel"), sa.String),
    **dict.fromkeys((*_WHEN, "changed_at"), UtcDateTime),
}
_OF_USE: dict[str, Any] = {
    **dict.fromkeys(("tenant_id", "channel", "sender", "customer_id", "message_id"), sa.String),
    "at": UtcDateTime,
    "before_at": UtcDateTime,
}


def upgrade() -> None:
    states = _rows("sender_state", _OF_STATE)
    uses = _rows("allowance_use", _OF_USE)
    people = _rows("recipient_state", _OF_PERSON)
    op.drop_table("recipient_state")
    op.drop_table("allowance_use")
    op.drop_table("sender_state")
    state = op.create_table(
        "sender_state",
        *_of_sender(),
        *(sa.Column(name, UtcDateTime) for name in ("stopped_at", "trial_at", "resumed_at", "slowed_at")),
        *(sa.Column(name, sa.String) for name in ("code", "scope")),
        sa.Column("factor", sa.Double, nullable=False),
        sa.Column("people_a_day", sa.BigInteger),
    )
    use = op.create_table(
        "allowance_use",
        *_of_sender("person"),
        sa.Column("message", Id, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("before_at", UtcDateTime),
    )
    for columns in (["channel", "sender", "at"], ["message"]):
        op.create_index(None, "allowance_use", columns)
    op.create_table(
        "pair_wait",
        *_of_sender("person"),
        sa.Column("wait_until", UtcDateTime),
        sa.Column("waits", sa.Integer, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
    )
    op.create_index(None, "pair_wait", ["changed_at"])
    op.create_table(
        "shared_duty",
        sa.Column("name", Id, primary_key=True),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("began_at", UtcDateTime),
        sa.Column("failures", sa.Integer, nullable=False),
    )
    _make_recipients(people)
    op.bulk_insert(state, _one_of_each(states))
    op.bulk_insert(use, [_blind(each) for each in uses])


def downgrade() -> None:
    """What is known of senders is forgotten: whose it was is not known any more."""
    for name in ("shared_duty", "pair_wait", "allowance_use", "sender_state"):
        op.drop_table(name)
    op.create_table(
        "sender_state",
        _of_tenant(),
        *_of_sender(),
        *(sa.Column(name, UtcDateTime) for name in ("stopped_at", "trial_at", "resumed_at", "slowed_at")),
        sa.Column("code", sa.String),
        sa.Column("factor", sa.Double, nullable=False),
        sa.Column("people_a_day", sa.BigInteger),
    )
    op.create_table(
        "allowance_use",
        _of_tenant(),
        *_of_sender("customer_id"),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("before_at", UtcDateTime),
    )
    for columns in (["channel", "sender", "at"], ["customer_id"], ["message_id"]):
        op.create_index(None, "allowance_use", ["tenant_id", *columns])
    people = _rows("recipient_state", _OF_PERSON)
    op.drop_table("recipient_state")
    waits = (sa.Column("wait_until", UtcDateTime), sa.Column("waits", sa.Integer, nullable=False))
    _make_recipients([{**each, "waits": 0} for each in people], *waits)


def _make_recipients(people: list[dict[str, Any]], *more: sa.Column[Any]) -> None:
    made = op.create_table(
        "recipient_state",
        _of_tenant(),
        sa.Column("customer_id", Id, primary_key=True),
        sa.Column("channel", Id, primary_key=True),
        *(sa.Column(name, UtcDateTime) for name in _WHEN),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        *more,
    )
    op.create_index(None, "recipient_state", ["tenant_id", "changed_at"])
    op.bulk_insert(made, people)


def _rows(table: str, columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    read = sa.select(*(sa.column(name, kind) for name, kind in columns.items())).select_from(sa.table(table))
    return [dict(row) for row in op.get_bind().execute(read).mappings()]


def _one_of_each(states: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of a sender that several tenants knew, what one knew: a stop before all else."""
    found = {(each["channel"], each["sender"]): {**each, "scope": None} for each in sorted(states, key=_weight)}
    return [{**each, "scope": "sender" if each["stopped_at"] else None} for each in found.values()]


def _weight(state: Mapping[str, Any]) -> tuple[bool, bool]:
    return state["stopped_at"] is not None, state["people_a_day"] is not None


def _blind(use: Mapping[str, Any]) -> dict[str, Any]:
    """Nobody can tell here which two are one person: each counts, until the day is over."""
    person = hashlib.sha256(f"{use['tenant_id']} {use['customer_id']}".encode()).hexdigest()[:32]
    message = hashlib.sha256(f"{len(use['tenant_id'])}:{use['tenant_id']}{use['message_id']}".encode()).hexdigest()[:32]
    kept = {name: use[name] for name in ("channel", "sender", "at", "before_at")}
    return {**kept, "person": person, "message": message}


def _of_tenant() -> sa.Column[str]:
    return sa.Column("tenant_id", Id, sa.ForeignKey("tenant.id"), primary_key=True, nullable=False)


def _of_sender(*more: str) -> list[sa.Column[str]]:
    return [sa.Column(name, Id, primary_key=True) for name in ("channel", "sender", *more)]
