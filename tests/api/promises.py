"""A voucher, a place in a slot, and words to be reviewed, without the day that led to them."""

from datetime import timedelta

from nearcast.domain.ids import CampaignId, CustomerId, MessageId, ReservationId, ShopId, TenantId
from nearcast.domain.reservation import Reservation
from nearcast.domain.voucher import Voucher
from nearcast.services.vault_keys import open_vault
from tests.api.service import Service


def voucher(service: Service, message: str = "m-1", *, shop: str = "cafe", tenant: str = "t1") -> str:
    """The code of a voucher of that shop, which holds for an hour."""
    tenant_id, message_id, now = TenantId(tenant), MessageId(message), service.clock.now()
    codes = service.app.vouchers.codes
    code = codes.of(tenant_id, message_id)
    made = Voucher(
        id=codes.index(code),
        message_id=message_id,
        customer_id=CustomerId("ada"),
        campaign_id=CampaignId(f"{shop}-offer"),
        shop_id=ShopId(shop),
        title="One espresso",
        terms="Not with other offers.",
        issued_at=now,
        expires_at=now + timedelta(hours=1),
    )
    with service.store.writing(tenant_id) as uow:
        uow.vouchers.insert([made])
        uow.commit()
    return code


def reservation(service: Service, *, customer: str = "ada", tenant: str = "t1") -> Reservation:
    """A place that is held in the next slot of any shop."""
    now = service.clock.now()
    with service.store.writing(TenantId(tenant)) as uow:
        shops = [ShopId(each.id) for each in uow.catalogue.shops.all()]
        slot = next(slot for shop in shops for slot in uow.slots.free(shop, now, limit=1))
        made = Reservation.held(slot, ReservationId(f"of-{customer}"), CustomerId(customer), "whatsapp", now)
        assert uow.reservations.insert(made)
        uow.commit()
    return made


def review(service: Service, customer: str, *, tenant: str = "t1") -> str:
    """Words of a customer that wait to be read by somebody."""
    tenant_id, customer_id, now = TenantId(tenant), CustomerId(customer), service.clock.now()
    sealed = open_vault(service.store, (), now).seal(tenant_id, customer_id, "opt-out review", "does the bus stop?")
    with service.store.writing(tenant_id) as uow:
        uow.reviews.insert(customer_id, "whatsapp", sealed, now)
        found, _ = uow.reviews.page(None, cursor=None, limit=1)
        uow.commit()
    return found[0].id
