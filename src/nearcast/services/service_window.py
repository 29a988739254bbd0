"""Where somebody wrote to us lately, and may be answered freely."""

from datetime import datetime, timedelta

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.sending import Recipient
from nearcast.domain.value import value
from nearcast.services.contacts import Contacts
from nearcast.services.ports import UnitOfWork
from nearcast.services.suppressing import suppressed_on

WINDOW = timedelta(hours=24)
"""For so long after they wrote, people may be answered freely."""


@value(kw_only=True)
class Window:
    """A channel on which somebody may be answered, until `WINDOW` after they wrote there."""

    channel: str
    to: Recipient
    said_at: datetime


def open_window(
    uow: UnitOfWork, contacts: Contacts, tenant_id: TenantId, customer_id: CustomerId, now: datetime
) -> Window | None:
    """The channel on which a customer wrote last within a day and has an address, if they want anything there; None
    where there is none.
    """
    silent = suppressed_on(uow, customer_id)
    written = {
        channel: at
        for channel, at in uow.heard.last_written(customer_id).items()
        if now < at + WINDOW and channel not in silent
    }
    if not written:
        return None
    addresses = contacts.read(uow, tenant_id, [customer_id]).get(customer_id, [])
    found = [
        Window(channel=each["channel"], to=Recipient(address=each["address"]), said_at=written[each["channel"]])
        for each in addresses
        if each["channel"] in written
    ]
    return max(found, key=lambda window: window.said_at, default=None)
