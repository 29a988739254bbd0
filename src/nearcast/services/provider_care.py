"""What is asked of providers without anybody's asking: how templates stand, and whether a sender is taken again.

One process at a time does each for all tenants. What fails is told by its kind, and tried again ever later.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from nearcast.domain.ids import TenantId
from nearcast.domain.sender_state import SenderState
from nearcast.domain.sending import Scope
from nearcast.services.audit_ports import SYSTEM, AuditEntry
from nearcast.services.channel_ports import Adapter
from nearcast.services.duty_ports import probe_of, templates_of
from nearcast.services.ports import Store
from nearcast.services.sender_states import SenderStates
from nearcast.services.template_ports import TemplateDirectory
from nearcast.services.templates import CHANNEL, Synced, read_back

_LEASE = timedelta(minutes=5)  # longer than any provider takes
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=5)
_FIRST_READ_AGAIN, _MOST_DOUBLINGS = timedelta(minutes=5), 12
_log = logging.getLogger(__name__)


class ProviderCare:
    """Works on the whole store. `directory` has the templates, read back every so often; None for never.
    `tenants_of` says whose a sender is.
    """

    def __init__(
        self,
        store: Store,
        states: SenderStates,
        adapters: Mapping[str, Adapter],
        directory: TemplateDirectory | None,
        tenants_of: Callable[[str, str], Collection[TenantId]],
        *,
        reads_every: timedelta | None,
    ) -> None:
        self._store, self._states, self._adapters, self._directory = store, states, adapters, directory
        self._tenants_of, self._reads_every = tenants_of, reads_every

    def work(self, now: datetime, present: Callable[[], datetime]) -> None:
        """Everything that is due at `now`."""
        somebody = next(iter(self._store.tenants()), None)  # in whose transactions everybody's work is done
        if somebody is None:
            return
        for state in self._refused(somebody):
            self._probe(somebody, state, now, present)
        if self._directory is not None and self._reads_every is not None:
            self._read_templates(somebody, self._directory, self._reads_every, now, present)

    def _refused(self, somebody: TenantId) -> list[SenderState]:
        if not self._adapters:
            return []
        with self._store.reading(somebody) as uow:
            known = uow.senders.all()
        return [each for each in known if each.scope is Scope.TOKEN and each.is_stopped and self._is_ours(each)]

    def _is_ours(self, state: SenderState) -> bool:
        return state.channel in self._adapters and self._states.sender_of(state.channel) == state.sender

    def _probe(self, somebody: TenantId, state: SenderState, now: datetime, present: Callable[[], datetime]) -> None:
        name = probe_of(state.channel, state.sender)
        failures = self._begun(somebody, name, now)
        if failures is None:
            return
        try:
            health = self._adapters[state.channel].probe()
        except Exception as error:
            # its text may hold what proves that we are ourselves
            _log.error("channel %s could not be asked: %s", state.channel, type(error).__name__)
            health = None
        at, is_ready = max(now, present()), health is not None and health.is_ready
        pause = _pause(_FIRST_PAUSE, failures, _LONGEST_PAUSE)
        with self._store.writing(somebody) as uow:
            held = uow.senders.hold(state.channel, state.sender)
            if is_ready and held.stopped_at == state.stopped_at:
                self._states.resume(uow, state.channel, state.sender, at)
            uow.duties.end(name, at if is_ready else at + pause, failed=not is_ready)
            uow.commit()

    def _read_templates(
        self,
        somebody: TenantId,
        directory: TemplateDirectory,
        every: timedelta,
        now: datetime,
        present: Callable[[], datetime],
    ) -> None:
        name = templates_of(CHANNEL)
        failures = self._begun(somebody, name, now)
        if failures is None:
            return
        try:
            listed = directory.all(now)
            for tenant_id in self._tenants_of(CHANNEL, self._states.sender_of(CHANNEL)):
                with self._store.writing(tenant_id) as uow:
                    synced = read_back(uow, listed, now)
                    if synced.changed or synced.gone:
                        uow.audit.append(_entry(tenant_id, synced, now))
                    uow.commit()
        except Exception as error:
            # its text may hold what proves that we are ourselves
            _log.warning("templates could not be read back: %s", type(error).__name__)
            due_at, failed = max(now, present()) + min(every, _pause(_FIRST_READ_AGAIN, failures, every)), True
        else:
            due_at, failed = now + every, False
        with self._store.writing(somebody) as uow:
            uow.duties.end(name, due_at, failed=failed)
            uow.commit()

    def _begun(self, somebody: TenantId, name: str, now: datetime) -> int | None:
        """How often a piece of work has failed that is ours now; None where it is not."""
        with self._store.reading(somebody) as uow:
            if not uow.duties.is_due(name, now):
                return None
        with self._store.writing(somebody) as uow:
            if not uow.duties.begin(name, now, now + _LEASE):
                return None
            failures = uow.duties.failures(name)
            uow.commit()
        return failures


def _pause(first: timedelta, failures: int, longest: timedelta) -> timedelta:
    doubled: timedelta = first * 2 ** min(failures, _MOST_DOUBLINGS)
    return min(longest, doubled)


def _entry(tenant_id: TenantId, synced: Synced, now: datetime) -> AuditEntry:
    said = {"changed": synced.changed, "gone": synced.gone}
    return AuditEntry(actor=SYSTEM, action="synced", kind="template", id=tenant_id, at=now, detail=said)
