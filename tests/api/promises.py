"""A voucher without the day that led to it."""

from datetime import timedelta

from nearcast.domain.ids import CampaignId, CustomerId, MessageId, ShopId, TenantId
from nearcast.domain.voucher import Voucher
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
