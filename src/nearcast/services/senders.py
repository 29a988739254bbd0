"""Senders as operators see them, and their word that a stopped one may go on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nearcast.domain.errors import NotFound
from nearcast.domain.sender_state import DAY, SenderState
from nearcast.services.access import Principal
from nearcast.services.audit_ports import AuditEntry
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.sender_states import SenderStates


class Senders:
    """The senders of a tenant: those of the channels that are set up here, and those that something is known of."""

    def __init__(self, store: Store, states: SenderStates) -> None:
        self._store, self._states = store, states

    def all(self, asker: Principal, now: datetime) -> list[Mapping[str, Any]]:
        """How each stands, by channel and name."""
        with self._store.reading(asker.tenant_id) as uow:
            return [self._shown(uow, state, now) for _, state in sorted(self._known(uow).items())]

    def resume(self, asker: Principal, channel: str, sender: str, now: datetime) -> Mapping[str, Any]:
        """The cause of a stop is gone: what waits may leave. NotFound for a sender that is none of ours."""
        with self._store.writing(asker.tenant_id) as uow:
            if (channel, sender) not in self._known(uow):
                raise NotFound(f"there is no sender {sender[:100]!r} of channel {channel[:100]!r}")
            before = uow.senders.get(channel, sender)
            shown = self._shown(uow, self._states.resume(uow, channel, sender, now), now)
            said = {"code": before.code, "stopped_at": before.stopped_at}
            uow.audit.append(
                AuditEntry(actor=asker.actor, action="resumed", kind="sender", id=channel, at=now, detail=said)
            )
            asker.keep(uow, shown)
            uow.commit()
        return shown

    def _known(self, uow: UnitOfWork) -> dict[tuple[str, str], SenderState]:
        fresh = {key: SenderState(channel=key[0], sender=key[1]) for key in self._states.accounts.items()}
        return fresh | {(each.channel, each.sender): each for each in uow.senders.all()}

    def _shown(self, uow: UnitOfWork, state: SenderState, now: datetime) -> Mapping[str, Any]:
        return {
            "channel": state.channel,
            "sender": state.sender,
            "stopped_at": state.stopped_at,
            "code": state.code,
            "trial_at": state.trial_at,
            "rate": state.rate(now),
            "people_a_day": self._states.people_a_day(state),
            "people_written_to": uow.allowances.counted(state.channel, state.sender, now - DAY),
        }
