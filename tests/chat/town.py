"""A street with shops, somebody who writes, and what they are answered."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from nearcast.domain.campaign import CampaignState
from nearcast.domain.channel_event import ChannelEvent, Inbound, InboundKind
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.position import Position
from nearcast.domain.sending import Accepted, Attempt, Choice, Content, LearntKey, Outbound, Recipient, Text
from nearcast.services.access import Principal, Role
from nearcast.services.channel_ports import Capability, ChannelHealth, Limits
from nearcast.services.chat import chat_handlers
from nearcast.services.conversation import Conversation, Heard
from nearcast.services.identities import Identities
from nearcast.services.replies import Replies
from nearcast.services.reservations import Booking
from nearcast.services.row_tokens import RowTokens
from nearcast.services.shops import Shops
from nearcast.services.staff import Staff
from nearcast.services.tap_ids import TapIds
from nearcast.services.terms import Terms
from nearcast.store.all_tables import metadata
from nearcast.store.sql_store import SqlStore
from tests.live.corner import LONG_AGO, NOON
from tests.sealing import CONTACTS, VAULT

STRANGER, COUNTER = "+4915100000001", "+4915100000002"
LAT, LON = 52.52, 13.405
T1 = TenantId("t1")


@dataclass
class Pen:
    """A channel that writes everything down."""

    name: str = "whatsapp"
    capabilities: Capability = Capability.TEXT | Capability.LIST | Capability.LOCATION_REQUEST
    limits: Limits = field(default_factory=lambda: Limits(body=4096, rows=10))
    sent: list[Outbound] = field(default_factory=list)

    def render(self, outbound: Outbound) -> bytes:
        return repr(outbound).encode()

    def send(self, outbound: Outbound) -> Attempt:
        self.sent.append(outbound)
        return Accepted(provider_id=f"wamid-{len(self.sent)}")

    def verify(self, headers: Mapping[str, str], raw: bytes) -> None:
        """Signed by nobody."""

    def parse(self, raw: bytes) -> Sequence[ChannelEvent]:
        return []

    def probe(self) -> ChannelHealth:
        return ChannelHealth(is_ready=True)


class Town:
    """A tenant with the shops `near`, `mid` and `far`, 100 m, 1 km and 5 km to the east of the square."""

    def __init__(self, store: SqlStore, booking: Booking | None = None) -> None:
        self.store, self.pen, self.now = store, Pen(), NOON
        self._numbers = count(1)
        store.add_tenant(T1, LONG_AGO)
        with store.writing(T1) as uow:
            uow.catalogue.put_settings({"tenant": {"timezone": "Europe/Berlin"}}, LONG_AGO)
            uow.commit()
        for shop, metres in (("near", 100), ("mid", 1_000), ("far", 5_000)):
            self.open_shop(shop, metres)
        tokens, terms = RowTokens("a secret of tests"), Terms()
        self.replies = Replies(store, VAULT, lambda name: self.pen, dice=lambda: 0.5)
        self.staff = Staff(store, Shops(store), VAULT)
        identities = Identities(VAULT, CONTACTS)
        self.taps, self.booking = TapIds(VAULT.tap_key), booking or Booking()
        handlers = chat_handlers(self.staff, identities, terms, tokens, self.taps, self.booking, lambda name: self.pen)
        self.conversation = Conversation(handlers(self.replies))

    def open_shop(self, shop: str, metres: float, **said: Any) -> None:
        lon = LON + metres / 67_780  # a degree of longitude there
        doc = {"id": shop, "name": f"Café {shop}", "lat": LAT, "lon": lon, "timezone": "Europe/Berlin", **said}
        with self.store.writing(T1) as uow:
            uow.catalogue.shops.put(shop, doc, LONG_AGO)
            uow.commit()
        self.run_campaign(f"{shop}-offer", shop)

    def run_campaign(self, key: str, shop: str, *, state: CampaignState = CampaignState.ACTIVE, **said: Any) -> None:
        doc = {
            "id": key,
            "shop_id": shop,
            "trigger": {"on": "enter"},
            "channel": "whatsapp",
            "offer": {"text": "Coffee at {shop.name}, {customer.first_name}"},
            **said,
        }
        with self.store.writing(T1) as uow:
            uow.catalogue.campaigns.put_campaign(key, doc, LONG_AGO, state=state)
            uow.commit()

    def owner(self, *shops: str) -> Principal:
        return Principal(tenant_id=T1, key_id="key", role=Role.OWNER, shop_ids=frozenset(shops) or None)  # type: ignore[arg-type]

    def hire(self, shop: str = "near", address: str = COUNTER, *, is_verified: bool = True) -> dict[str, Any]:
        """A number that is registered for a shop, and confirmed from there where it is to be."""
        said = [{"name": "Ada", "channel": "whatsapp", "address": address}]
        (member,) = self.staff.put(self.owner(), shop, said, self.now)
        if is_verified:
            self.say(member["code"], by=address)
            (member,) = self.staff.of(self.owner(), shop)
            self.pen.sent.clear()
        return member

    def say(self, text: str, *, by: str = STRANGER) -> list[Content]:
        return self.hear(InboundKind.TEXT, by=by, text=text)

    def tap(self, payload: str, *, by: str = STRANGER) -> list[Content]:
        return self.hear(InboundKind.CHOICE, by=by, payload=payload, text="a row")

    def pin(self, metres: float = 0, *, by: str = STRANGER) -> list[Content]:
        return self.hear(InboundKind.LOCATION, by=by, position=Position(LAT, LON + metres / 67_780))

    def hear(self, kind: InboundKind, *, by: str, **said: Any) -> list[Content]:
        """What somebody is answered; nothing where nobody takes it."""
        number = next(self._numbers)
        inbound = Inbound(
            key=f"m:{number}",
            at=self.now,
            kind=kind,
            sender_keys=(LearntKey(kind="wa_id", key=by.removeprefix("+")),),
            received_by="4711",
            provider_id=f"wamid-in-{number}",
            **said,
        )
        to, known = Recipient(address=by), self._customers(by)
        heard = Heard(tenant_id=T1, channel="whatsapp", inbound=inbound, customers=known, sender=to)
        before = len(self.pen.sent)
        with self.store.writing(T1) as uow:
            self.taken = self.conversation.handle(uow, heard, self.now)
            uow.commit()
        while self.replies.send_some(T1, self.now, lambda: self.now):
            pass
        return [each.content for each in self.pen.sent[before:]]

    def _customers(self, address: str) -> tuple[CustomerId, ...]:
        with self.store.reading(T1) as uow:
            return tuple(uow.contacts.holders(CONTACTS.index(address)))

    def states(self) -> dict[str, str | None]:
        with self.store.reading(T1) as uow:
            return {each.id: each.state for each in uow.catalogue.campaigns.all()}

    def dump(self) -> str:
        """Everything that the database holds."""
        with self.store.engine.connect() as connection:
            rows = [list(row) for table in metadata.sorted_tables for row in connection.execute(table.select())]
        return json.dumps(rows, default=repr)

    def at(self, instant: datetime) -> "Town":
        self.now = instant
        return self


def only(answers: list[Content]) -> Content:
    assert len(answers) == 1, answers
    return answers[0]


def body(answers: list[Content]) -> str:
    said = only(answers)
    assert isinstance(said, Text | Choice)
    return said.body
