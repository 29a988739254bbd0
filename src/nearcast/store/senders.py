"""How senders stand with the providers, and how the people do whom they write to."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, or_, select, update

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.message import MessageStatus
from nearcast.domain.reason import Reason
from nearcast.domain.recipient_state import UNREACHABLE_WITHIN, RecipientState
from nearcast.domain.sender_state import SenderState
from nearcast.domain.sending import Scope
from nearcast.services.sender_ports import Pair
from nearcast.store.dialect import insert_new, upsert
from nearcast.store.pruning import delete_some
from nearcast.store.sender_tables import recipient_state, sender_state
from nearcast.store.tables import message
from nearcast.store.theirs import rows_of, theirs

_SENDER = [each.name for each in fields(SenderState)]
_RECIPIENT = [each.name for each in fields(RecipientState)]
_STATE = select(sender_state).where(
    sender_state.c.channel == bindparam("channel"), sender_state.c.sender == bindparam("sender")
)
_HELD_STATE = _STATE.with_for_update()
_RECIPIENTS = select(recipient_state).where(theirs(recipient_state))


def stopped_by_channel() -> Select[str, int]:
    """How many senders are stopped, by channel."""
    c = sender_state.c
    return select(c.channel, func.count()).where(c.stopped_at.is_not(None)).group_by(c.channel).order_by(c.channel)


class Senders:
    """The senders of this installation, and the people of one tenant that they write to."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def all(self) -> list[SenderState]:
        """Those of which anything is known, by channel and name."""
        c = sender_state.c
        known = select(sender_state).order_by(c.channel, c.sender)
        return [_sender(row) for row in self._connection.execute(known)]

    def get(self, channel: str, sender: str) -> SenderState:
        """As it stands; one that nothing is known of stands well."""
        return self._read(channel, sender, hold=False)

    def hold(self, channel: str, sender: str) -> SenderState:
        """As `get`; nobody else holds it before the transaction ends."""
        fresh = {"channel": channel, "sender": sender, "factor": 1.0}
        insert_new(self._connection, sender_state, fresh)  # a row that is not there cannot be waited for
        return self._read(channel, sender, hold=True)

    def _read(self, channel: str, sender: str, *, hold: bool) -> SenderState:
        one = _HELD_STATE if hold else _STATE
        row = self._connection.execute(one, {"channel": channel, "sender": sender}).one_or_none()
        return SenderState(channel=channel, sender=sender) if row is None else _sender(row)

    def put(self, state: SenderState) -> None:
        """Write how it stands."""
        scope = None if state.scope is None else state.scope.value
        upsert(self._connection, sender_state, [{**asdict(state), "scope": scope}])

    def recipients(self, pairs: Collection[Pair]) -> dict[Pair, RecipientState]:
        """How these people stand; those of whom nothing is known are left out."""
        people = {customer_id for customer_id, _ in pairs}
        rows = rows_of(self._connection, _RECIPIENTS, self._tenant, people)
        found = {(CustomerId(row.customer_id), row.channel): _recipient(row) for row in rows}
        return {pair: found[pair] for pair in pairs if pair in found}

    def channels_of(self, customer_id: CustomerId) -> dict[str, RecipientState]:
        """How one person stands, by channel."""
        c = recipient_state.c
        theirs = select(recipient_state).where(c.tenant_id == self._tenant, c.customer_id == customer_id)
        return {row.channel: _recipient(row) for row in self._connection.execute(theirs.order_by(c.channel))}

    def put_recipients(self, states: Mapping[Pair, RecipientState], at: datetime) -> None:
        """Write how they stand; customers must be held."""
        rows = [
            {
                "tenant_id": self._tenant,
                "customer_id": customer_id,
                "channel": channel,
                "changed_at": at,
                **asdict(state),
            }
            for (customer_id, channel), state in sorted(states.items(), key=lambda item: item[0])
        ]
        upsert(self._connection, recipient_state, rows)

    def prune(self, before: datetime, now: datetime, *, limit: int) -> int:
        """Forget what was last changed before an instant and says nothing at `now`, at most `limit`; how many."""
        c = recipient_state.c
        ends = ((c.cooldown_until, now), (c.unreachable_at, now - UNREACHABLE_WITHIN))
        is_over = [or_(column.is_(None), column <= until) for column, until in ends]
        old = c.tenant_id == self._tenant, c.changed_at < before, c.given_up_at.is_(None), *is_over
        return delete_some(self._connection, recipient_state, *old, limit=limit)

    def release(self, channel: str, reasons: Collection[Reason], now: datetime, *, of_all: bool = False) -> int:
        """Let what waits on a channel for one of these reasons be asked for again, `of_all` tenants or of this one; how
        many messages.
        """
        c = message.c
        waiting = c.status == MessageStatus.QUEUED.value, c.channel == channel
        mine = () if of_all else (c.tenant_id == self._tenant,)
        held = update(message).where(
            *mine, *waiting, c.reason.in_([reason.value for reason in reasons]), c.not_before > now
        )
        return self._connection.execute(held.values(not_before=now)).rowcount


def _sender(row: Row[Any]) -> SenderState:
    said = {name: getattr(row, name) for name in _SENDER}
    return SenderState(**{**said, "scope": None if row.scope is None else Scope(row.scope)})


def _recipient(row: Row[Any]) -> RecipientState:
    return RecipientState(**{name: getattr(row, name) for name in _RECIPIENT})
