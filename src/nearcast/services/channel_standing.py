"""What stands in the way of a channel for everybody: that it is not set up here, or that its sender is stopped."""

from collections.abc import Callable
from datetime import datetime

from nearcast.domain.ids import TenantId
from nearcast.domain.reason import Reason
from nearcast.domain.sending import Purpose
from nearcast.services.channel_ports import WayOut
from nearcast.services.ports import Store
from nearcast.services.sender_states import SenderStates


class ChannelStanding:
    """Tells it of offers, as it is now. The store is the whole one: how a sender stands is no tenant's row."""

    def __init__(self, store: Store, through: Callable[[str], WayOut | None], senders: SenderStates) -> None:
        self._store, self._through, self._senders = store, through, senders

    def against(self, tenant_id: TenantId, channel: str, at: datetime) -> Reason | None:
        """A stop that began after `at` stood in nobody's way then."""
        if self._through(channel) is None:
            return Reason.CHANNEL_UNAVAILABLE
        with self._store.reading(tenant_id) as uow:
            state = uow.senders.get(channel, self._senders.sender_of(channel))
        is_stopped = state.stops(Purpose.MARKETING) and state.stopped_at is not None and state.stopped_at <= at
        return Reason.SENDER_STOPPED if is_stopped else None
