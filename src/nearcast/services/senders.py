"""Senders as operators see them, and their word that a stopped one may go on."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from nearcast.domain.errors import NotFound
from nearcast.domain.ids import TenantId
from nearcast.domain.sender_state import DAY, SenderState
from nearcast.services.access import Principal
from nearcast.services.audit_ports import AuditEntry
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.sender_states import SenderStates


class Senders:
    """The senders of a tenant: those of the channels that are set up here, and those that something is known of, if
    they are its own or everybody's; `tenants_of` says whose one is. The store is the whole one: how a sender stands is
    no tenant's row.
    """

    def __init__(
        self, store: Store, states: SenderStates, tenants_of: Callable[[str, str], Collection[TenantId]]
    ) -> None:
        self._store, self._states, self._tenants_of = store, states, tenants_of

    def all(self, asker: Principal, now: datetime) -> list[Mapping[str, Any]]:
        """How each stands, by channel and name."""
        with self._store.reading(asker.tenant_id) as uow:
            return [self._shown(uow, state, now) for _, state in sorted(self._known(uow, asker).items())]

    def resume(self, asker: Principal, channel: str, sender: str, now: datetime) -> Mapping[str, Any]:
        """The cause of a stop is gone: what waits may leave. NotFound for a sender that is none of ours."""
        with self._store.writing(asker.tenant_id) as uow:
            if (channel, sender) not in self._known(uow, asker):
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

    def _known(self, uow: UnitOfWork, asker: Principal) -> dict[tuple[str, str], SenderState]:
        fresh = {key: SenderState(channel=key[0], sender=key[1]) for key in self._states.accounts.items()}
        found = fresh | {(each.channel, each.sender): each for each in uow.senders.all()}
        return {key: each for key, each in found.items() if asker.tenant_id in self._tenants_of(*key)}

    def _shown(self, uow: UnitOfWork, state: SenderState, now: datetime) -> Mapping[str, Any]:
        return {
            "channel": state.channel,
            "sender": state.sender,
            "stopped_at": state.stopped_at,
            "code": state.code,
            "scope": state.scope,
            "trial_at": state.trial_at,
            "rate": state.rate(now),
            "people_a_day": self._states.people_a_day(state),
            "people_written_to": uow.allowances.counted(state.channel, state.sender, now - DAY),
        }
