"""A campaign's offer sent to the people of its own shop, to see how it looks. Nothing counts it, and no log has it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from nearcast.domain.campaign import Campaign
from nearcast.domain.customer import Shop
from nearcast.domain.errors import Conflict
from nearcast.domain.ids import CampaignId
from nearcast.domain.offer_template import placeholders
from nearcast.domain.sending import Recipient, Text
from nearcast.domain.voucher import CODE_BYTES, code_from, grouped
from nearcast.services.access import Principal
from nearcast.services.audit_ports import AuditEntry
from nearcast.services.campaigns import Campaigns
from nearcast.services.ports import Store
from nearcast.services.replies import Replies
from nearcast.services.staff import Staff
from nearcast.services.staff_ports import Member
from nearcast.services.terms import Terms
from nearcast.services.voucher_codes import VoucherCodes, until

MARK = "TEST · "
_WINDOW = timedelta(hours=24)  # for so long after they wrote, people may be written to freely


class NoTestNumber(Conflict):
    """Nobody of the shop has a confirmed number on that channel."""

    code = "no_test_number"


class SilentTestNumber(Conflict):
    """Nobody of the shop wrote lately, and channels let us write freely only to who did."""

    code = "test_number_silent"


class Trials:
    """Tests of campaigns."""

    def __init__(
        self, store: Store, campaigns: Campaigns, staff: Staff, terms: Terms, replies: Replies, codes: VoucherCodes
    ) -> None:
        self._store, self._campaigns, self._staff = store, campaigns, staff
        self._terms, self._replies, self._codes = terms, replies, codes

    def send(self, asker: Principal, key: str, channel: str | None, now: datetime) -> dict[str, Any]:
        """Send a campaign's offer to whoever of its shop has confirmed their number on a channel, by default its own,
        and wrote to us within 24 hours. NoTestNumber and SilentTestNumber where there is nobody.
        """
        with self._store.writing(asker.tenant_id) as uow:
            self._campaigns.seen(uow, asker, key)
            world = self._terms.of(asker.tenant_id).world(uow.catalogue)
            campaign = world.campaigns.by_id[CampaignId(key)]
            shop, channel = world.shops[campaign.shop_id], channel or campaign.channel
            reached = _reachable(uow.staff.of(shop.id), channel, now)
            text = MARK + self._sample(campaign, shop, now)
            for member, wrote_at in reached:
                self._replies.reply(
                    uow,
                    tenant_id=asker.tenant_id,
                    channel=channel,
                    to=Recipient(address=self._staff.address(asker.tenant_id, member)),
                    content=Text(body=text),
                    in_reply_to=None,
                    said_at=wrote_at,
                    now=now,
                    sender=member.heard_by,
                    name=f"test {key} {member.id} {now.isoformat()}",
                )
            said = {"channel": channel, "sent_to": len(reached)}
            entry = AuditEntry(actor=asker.actor, action="tested", kind="campaign", id=key, at=now, detail=said)
            uow.audit.append(entry)
            told = {**said, "text": text}
            asker.keep(uow, told)
            uow.commit()
        return told

    def _sample(self, campaign: Campaign, shop: Shop, now: datetime) -> str:
        """The offer as nobody in particular would get it now: what is a customer's own is named in brackets."""
        offer, here = campaign.offer, now.astimezone(shop.zone)
        ends_at = now + timedelta(seconds=offer.expires_after_s)
        terms, code = offer.voucher, code_from(bytes(CODE_BYTES))
        values = {name: f"[{name.partition('.')[2]}]" for name in placeholders(offer.text)}
        values |= {"shop.name": shop.name, "expires_at": until(ends_at.astimezone(shop.zone), here)}
        if terms is not None:
            voucher_ends_at = terms.expires_at(now, ends_at).astimezone(shop.zone)
            said = {"code": grouped(code), "url": self._codes.url(code), "until": until(voucher_ends_at, here)}
            values |= {f"voucher.{name}": each for name, each in said.items()}
        return offer.render(values)


def _reachable(members: Iterable[Member], channel: str, now: datetime) -> list[tuple[Member, datetime]]:
    known = [each for each in members if each.channel == channel and each.verified_at is not None]
    if not known:
        raise NoTestNumber(f"nobody of this shop has a confirmed number on the channel {channel!r}")
    found = [(each, each.heard_at) for each in known if each.heard_at is not None and now < each.heard_at + _WINDOW]
    if not found:
        raise SilentTestNumber(f"write to us on the channel {channel!r} first: then we may answer for 24 hours")
    return found
