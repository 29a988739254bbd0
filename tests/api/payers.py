"""A service where payments are set up, a customer who wrote, and a payment as if it had been paid."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from nearcast.bootstrap import application
from nearcast.domain.ids import CustomerId, ShopId, TenantId
from nearcast.domain.payment import Amount, PaymentEvent, Told
from nearcast.services.inbound_ports import EventStatus, NewEvent
from nearcast.services.payments import begin
from nearcast.settings import Settings
from tests.api.service import Service
from tests.payments.fake_stripe import KEY, RETURN_URL, SECRET

T1 = TenantId("t1")


def with_payments(service: Service, url: str = "http://127.0.0.1:9", **said: Any) -> None:
    """Until the service begins anew: payments are asked of whatever listens there."""
    settings = Settings(
        payments_base_url=url,
        payments_secret_key=SecretStr(KEY),
        payments_webhook_secrets=SecretStr(SECRET),
        payments_return_url=RETURN_URL,
        **said,
    )
    service.server.state.application = application(settings, service.store, clock=service.clock, is_narrow=True)


def writes(service: Service, customer: str, channel: str = "whatsapp") -> None:
    """A customer, who has an address there, wrote just now."""
    now, customer_id = service.clock.now(), CustomerId(customer)
    index = f"{customer} {now.isoformat()}"
    heard = NewEvent(
        event_index=index, channel=channel, kind="inbound", what="text", at=now, status=EventStatus.PENDING, sealed=""
    )
    with service.store.writing(T1) as uow:
        service.app.contacts.put(uow, T1, customer_id, channel, "+4915112345678")
        uow.heard.insert([heard], now)
        uow.heard.close({index: customer_id})
        uow.commit()


def owed(service: Service, customer: str = "ada", shop: str = "cafe") -> str:
    """The reference of a payment that a shop asks somebody for."""
    now = service.clock.now()
    with service.store.writing(T1) as uow:
        asked = begin(
            uow,
            shop_id=ShopId(shop),
            customer_id=CustomerId(customer),
            amount=Amount(1_250, "EUR"),
            description="Deposit",
            expires_at=now + timedelta(hours=1),
            now=now,
        )
        uow.commit()
    return asked.reference


def paid(service: Service, reference: str) -> str:
    """The reference of another payment like that one, which was paid a minute later."""
    with service.store.writing(T1) as uow:
        asked = uow.payments.get(reference)
        assert asked is not None
        fresh = replace(asked, reference=f"{reference}-paid", state=type(asked.state).REQUESTED, provider_id="cs_1")
        at = asked.created_at + timedelta(minutes=1)
        event = PaymentEvent(id="evt", reference=fresh.reference, what=Told.SUCCEEDED, at=at, amount=fresh.amount)
        uow.payments.insert(fresh.told(event, at))
        uow.commit()
    return fresh.reference
