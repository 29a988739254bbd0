"""The suppression list: channels on which a customer gets nothing, whatever was agreed to."""

from datetime import datetime
from typing import Any

from nearcast.domain.ids import CustomerId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.reason import Reason, at_dispatch
from nearcast.services.inbound_ports import Origin, Pause
from nearcast.services.ports import UnitOfWork
from nearcast.services.working_set import WorkingSet

SAID_STOP = "stop by message"
"""Why somebody stands on the suppression list who wrote that they want no more."""


def suppressed_on(uow: UnitOfWork, customer_id: CustomerId) -> frozenset[str]:
    """The channels on which a customer gets nothing, by their own word or anybody else's."""
    return uow.suppressions.of([customer_id]).get(customer_id, frozenset())


def suppress(
    uow: UnitOfWork,
    working: WorkingSet,
    customer_id: CustomerId,
    channel: str,
    now: datetime,
    *,
    reason: str | None = None,
) -> list[Message] | None:
    """Put a customer of the working set on a channel's list and cancel what is queued there; the cancelled messages.
    None where the customer stood on it already, which is left as it is. Saving is the caller's.
    """
    if channel in uow.suppressions.own(customer_id):
        return None
    uow.suppressions.add(customer_id, channel, now, reason=reason)
    return cancel_suppressed(working, customer_id, channel, now)


def pause_row(pause: Pause) -> dict[str, Any]:
    """Who gets nothing on a channel for another reason than their own word, as it is shown."""
    return {"channel": pause.channel, "origin": pause.origin.value, "at": pause.at}


def agreed_anew(uow: UnitOfWork, customer_id: CustomerId, channel: str, at: datetime) -> None:
    """End what a customer, who is held, had stopped there by their own words before they agreed anew at `at`, and what
    waited for that: what an operator or the provider stopped stays so.
    """
    uow.suppressions.remove_said(customer_id, channel, reason=SAID_STOP, before=at)
    uow.pauses.lift([customer_id], channel, [Origin.REVIEW, Origin.IDENTITY], at)


def cancel_suppressed(working: WorkingSet, customer_id: CustomerId, channel: str, now: datetime) -> list[Message]:
    """Cancel what is queued for a customer of the working set on a channel; the cancelled messages. Saving is the
    caller's.
    """
    cancelled = [
        message.to(MessageStatus.CANCELLED, reason=at_dispatch(Reason.SUPPRESSED_ADDRESS), freed_at=now)
        for message in working.world.queued(customer_id)
        if message.channel == channel
    ]
    for message in cancelled:
        working.world.keep(message)
    return cancelled
