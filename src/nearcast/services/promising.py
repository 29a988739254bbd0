"""What a message promises beside its text: the voucher that goes with it, and what its text says of that."""

from collections.abc import Mapping
from datetime import datetime

from nearcast.domain.decision import Verdict
from nearcast.domain.ids import CustomerId, MessageId
from nearcast.domain.voucher import Voucher, grouped
from nearcast.services.voucher_codes import until
from nearcast.services.world import World


def promised(
    world: World,
    customer_id: CustomerId,
    message_id: MessageId,
    verdict: Verdict,
    *,
    leaves_at: datetime,
    now: datetime,
) -> Mapping[str, str]:
    """The places of an offer's text that speak of its voucher, by name; none for an offer without one. The voucher is
    kept with its world.
    """
    terms = verdict.offer.voucher
    if terms is None:
        return {}
    shop, is_copied = verdict.candidate.shop, verdict.offer.template is not None
    code = world.codes.of(world.tenant.id, message_id, is_copied=is_copied)
    expires_at = terms.expires_at(leaves_at, verdict.expires_at)
    voucher = Voucher(
        id=world.codes.index(code),
        message_id=message_id,
        customer_id=customer_id,
        campaign_id=verdict.candidate.campaign.id,
        shop_id=shop.id,
        title=terms.title,
        terms=terms.terms,
        issued_at=now,
        expires_at=expires_at,
    )
    world.vouchers.append(voucher)
    return {
        "voucher.code": grouped(code),
        "voucher.url": world.codes.url(code),
        "voucher.until": until(expires_at.astimezone(shop.zone), now.astimezone(shop.zone)),
    }
