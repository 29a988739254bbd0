"""The way out to a provider, over HTTP to a process of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from urllib.request import urlopen

from nearcast.bench.servers import fake_whatsapp
from nearcast.bench.town import TENANT
from nearcast.channels.whatsapp.adapter import Account, WhatsApp
from nearcast.domain.ids import CustomerId
from nearcast.services.contacts import Contacts
from nearcast.services.outbound import PostRoom
from nearcast.services.sender_states import SenderStates
from nearcast.services.vault import Vault
from nearcast.store.sql_store import SqlStore

_CHANNEL = "sms"  # what the town's messages name; whom they go to is up to the way out
_CONTACTS = Contacts(Vault(["a key of the bench " * 2], "an index key of the bench " * 2))
_AT_ONCE = 1_000


class Cloud:
    """A fake WhatsApp and our adapter for it."""

    def __init__(self, url: str, now: datetime) -> None:
        account = Account(base_url=url, version="v23.0", phone_number_id="100000000000001", token="fake-token")  # noqa: S106
        self._url, self.channel = url, WhatsApp(account, now=lambda: now)

    def room(self, *, at_once: int, per_s: float | None) -> PostRoom:
        """With a throttle of so many a second; without limits otherwise."""
        limits = replace(self.channel.limits, per_s=per_s, unique_recipients_24h=None)
        states = SenderStates({_CHANNEL: "bench"}, {_CHANNEL: limits})
        return PostRoom(contacts=_CONTACTS, senders=states, at_once=at_once)

    def most_in_a_second(self) -> int:
        """How many it has taken in a second at most, by its own clock."""
        with urlopen(f"{self._url}/_control/counts", timeout=10) as answer:  # noqa: S310 - on this machine
            counted: dict[str, int] = json.load(answer)
        return counted["most_in_a_second"]


@contextmanager
def cloud(answer_ms: float, now: datetime) -> Iterator[Cloud]:
    """A fake that answers after so long, in a process of its own."""
    with fake_whatsapp(answer_ms=answer_ms) as url:
        made = Cloud(url, now)
        try:
            yield made
        finally:
            made.channel.close()


def give_numbers(store: SqlStore, customers: int, now: datetime) -> None:
    """Each of the first customers has a number that can be called."""
    for first in range(0, customers, _AT_ONCE):
        some = range(first, min(first + _AT_ONCE, customers))
        with store.writing(TENANT) as uow:
            addresses = {CustomerId(f"c{n}"): [{"channel": _CHANNEL, "address": f"+49151{n:08}"}] for n in some}
            _CONTACTS.write(uow, TENANT, addresses)
            uow.commit()
