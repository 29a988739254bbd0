"""A till that asks for payments: a town, a customer who wrote, and a payment provider that is told what to do."""

from datetime import datetime, timedelta
from itertools import count
from random import Random
from time import monotonic
from typing import Any

from nearcast.channels.provider_http import Limit, Provider
from nearcast.channels.stripe.checkout import StripeAccount, StripeCheckout
from nearcast.domain.ids import CustomerId
from nearcast.domain.sending import Text
from nearcast.services.cursors import Cursors
from nearcast.services.deposits import Deposits
from nearcast.services.inbound_ports import EventStatus, NewEvent
from nearcast.services.paying import PayingParts, make_paying
from nearcast.services.payments import PaymentRequestShape
from nearcast.services.pseudonyms import Pseudonyms
from nearcast.services.reservations import Booking
from nearcast.services.terms import Terms
from nearcast.store.sql_store import SqlStore
from tests.chat.town import T1, Town
from tests.payments.fake_stripe import KEY, OLD_SECRET, RETURN_URL, SECRET, FakeStripe
from tests.sealing import CONTACTS, VAULT, put_customers

ADA, NUMBER = CustomerId("ada"), "+4915112345678"
PRICE = {"minor": 1_250, "currency": "EUR"}


class Desk:
    """Ada, who wrote just now, and the café `near`, which wants 12.50 EUR of her."""

    def __init__(self, store: SqlStore, fake: FakeStripe) -> None:
        booking = Booking([Deposits(Terms(), is_set_up=True)])
        self.store, self.fake, self.town = store, fake, Town(store, booking)
        account = StripeAccount(secrets=(SECRET, OLD_SECRET), return_url=RETURN_URL)
        provider = Provider(fake.url, monotonic_s=monotonic, bearer=KEY, limit=Limit(timeout_s=5))
        self.port = StripeCheckout(account, provider)
        parts = PayingParts(
            port=self.port,
            vault=VAULT,
            contacts=CONTACTS,
            terms=Terms(),
            replies=self.town.replies,
            pseudonyms=Pseudonyms("a secret of tests"),
            cursors=Cursors("a secret of tests"),
        )
        self.paying = make_paying(store, store, parts)
        self._numbers = count(1)
        with store.writing(T1) as uow:
            contacts = [{"channel": "whatsapp", "address": NUMBER}]
            put_customers(uow, T1, {ADA: {"contacts": contacts}}, self.now)
            uow.commit()
        self.writes()

    @property
    def now(self) -> datetime:
        return self.town.now

    def passes(self, **time: float) -> None:
        self.town.now += timedelta(**time)

    def writes(self) -> None:
        """Ada writes something."""
        index = f"m-{next(self._numbers)}"
        heard = NewEvent(
            event_index=index,
            channel="whatsapp",
            kind="inbound",
            what="text",
            at=self.now,
            status=EventStatus.PENDING,
            sealed="",
        )
        with self.store.writing(T1) as uow:
            uow.heard.insert([heard], self.now)
            uow.heard.close({index: ADA})
            uow.commit()

    def ask(self, **said: Any) -> str:
        """The reference of what the café asks for."""
        whole = {"customer_id": ADA, "shop_id": "near", "amount": PRICE, "description": "Deposit", **said}
        shape = PaymentRequestShape.model_validate(whole)
        reference: str = self.paying.requests.request(self.town.owner(), shape, self.now)["reference"]
        return reference

    def linked(self, **said: Any) -> tuple[str, dict[str, Any]]:
        """As `ask`, with the provider's session after the link has left."""
        reference = self.ask(**said)
        self.works()
        (session,) = [each for each in self.fake.sessions.values() if each["client_reference_id"] == reference]
        return reference, session

    def works(self) -> None:
        """What a worker does at this instant."""
        while self.paying.work.work_some(T1, self.now, lambda: self.now):
            pass
        while self.town.replies.send_some(T1, self.now, lambda: self.now):
            pass

    def hears(self, *events: bytes, seed: int | None = None) -> None:
        """The provider tells these; with a `seed` each twice, and shuffled."""
        told = list(events)
        if seed is not None:
            told *= 2
            Random(seed).shuffle(told)  # noqa: S311 - the same for every run
        for raw in told:
            self.paying.events.take(self.fake.signed(raw, at=self.now), raw, self.now)
        self.works()

    def shown(self, reference: str) -> dict[str, Any]:
        return self.paying.requests.get(self.town.owner(), reference)

    def said(self) -> list[str]:
        """What Ada has read."""
        return [
            f"{each.content.body} {each.content.url or ''}".rstrip()
            for each in self.town.pen.sent
            if isinstance(each.content, Text)
        ]
