"""Everything that is kept about one customer, for them to read and to take along (GDPR Art. 15 and 20)."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from nearcast.domain.case import Send
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.ping import Fix
from nearcast.domain.voucher import Voucher
from nearcast.services.audit_ports import Actor
from nearcast.services.auditing import of_customer
from nearcast.services.consent_lines import line_row
from nearcast.services.contacts import Contacts
from nearcast.services.customers import known, subject_of, whole
from nearcast.services.device_ports import Device
from nearcast.services.event_ports import Delivery
from nearcast.services.identities import Identities
from nearcast.services.inbound_ports import KeptEvent, Reply
from nearcast.services.paging import every
from nearcast.services.payments import payment_row
from nearcast.services.ports import MatchLogFilter, MessageFilter, Store, UnitOfWork
from nearcast.services.report import message_row, transition_row
from nearcast.services.reservations import reservation_row
from nearcast.services.reviews import shown_review
from nearcast.services.suppressing import pause_row, suppressed_on
from nearcast.services.vault import Vault

_AT_ONCE = 1_000


class PersonalData:
    """Tells customers of a tenant what is known of them."""

    def __init__(self, store: Store, contacts: Contacts, vault: Vault) -> None:
        self._store, self._contacts, self._vault = store, contacts, vault
        self._identities = Identities(vault, contacts)

    def of(self, tenant_id: TenantId, key: str, now: datetime, *, actor: Actor) -> dict[str, Any]:
        """All that is kept about a customer as of one instant; that it was told is written down. NotFound where there
        is none.
        """
        with self._store.reading(tenant_id) as uow:
            customer_id = known(uow, key)
            told = {"exported_at": now, **self._told(uow, tenant_id, customer_id, now)}
        with self._store.writing(tenant_id) as uow:
            uow.audit.append(of_customer(actor, "exported", told["subject"], now))
            uow.commit()
        return told

    def _told(self, uow: UnitOfWork, tenant_id: TenantId, customer_id: CustomerId, now: datetime) -> dict[str, Any]:
        contacts = self._contacts.read(uow, tenant_id, [customer_id]).get(customer_id, [])
        kept = uow.tracks.load([customer_id]).get(customer_id)
        return {
            "subject": subject_of(uow, customer_id),
            "customer": {"id": customer_id, **whole(uow.customers.get(customer_id) or {}), "contacts": contacts},
            "suppressed": sorted(suppressed_on(uow, customer_id)),
            "reached_on": [
                {"channel": name, **asdict(each)} for name, each in uow.senders.channels_of(customer_id).items()
            ],
            **self._heard(uow, tenant_id, customer_id),
            "consents": [line_row(line) for line in uow.consents.lines(customer_id)],
            "devices": [_device_row(device) for device in uow.devices.of(customer_id)],
            "decisions": list(_decisions(uow, customer_id)),
            "messages": list(_messages(uow, customer_id)),
            "reservations": [reservation_row(each, now) for each in uow.reservations.of(customer_id)],
            "vouchers": [_voucher_row(each) for each in uow.vouchers.of(customer_id)],
            "payments": [payment_row(each) for each in uow.payments.of(customer_id)],
            "other_sends": [_send_row(send) for send in uow.sends.of([customer_id]).get(customer_id, [])],
            "transitions": [transition_row(*each) for each in uow.transitions.every(customer_id=customer_id)],
            "events": [_event_row(each) for each in uow.events.of(customer_id)],
            "positions": [_fix_row(fix) for fix in kept.fixes] if kept else [],
            "pings": uow.pings.of(customer_id),
            "past_pings": uow.past_pings.of(customer_id),
            "last_zone": kept.last_zone.key if kept and kept.last_zone else None,
        }

    def _heard(self, uow: UnitOfWork, tenant_id: TenantId, customer_id: CustomerId) -> dict[str, Any]:
        """What came from them, or about them from providers, and what was answered."""
        keys = self._identities.known(uow, tenant_id, customer_id)
        return {
            "pauses": [pause_row(each) for each in uow.pauses.of([customer_id]).get(customer_id, [])],
            "contact_keys": [{"kind": each.kind, "key": each.key} for each in keys],
            "heard": [_heard_row(each) for each in uow.heard.of(customer_id)],
            "replies": [_reply_row(each) for each in uow.replies.of(customer_id)],
            "opt_out_reviews": [shown_review(self._vault, tenant_id, each) for each in uow.reviews.of(customer_id)],
        }


def _decisions(uow: UnitOfWork, customer_id: CustomerId) -> Iterator[dict[str, Any]]:
    wanted = MatchLogFilter(customer_id=customer_id)
    return every(lambda at: uow.match_log.page(wanted, cursor=at, limit=_AT_ONCE, newest_first=False))


def _messages(uow: UnitOfWork, customer_id: CustomerId) -> Iterator[dict[str, Any]]:
    wanted = MessageFilter(customer_id=customer_id)
    return map(message_row, every(lambda at: uow.outbox.page(wanted, cursor=at, limit=_AT_ONCE, newest_first=False)))


def _device_row(device: Device) -> dict[str, Any]:
    return {
        "device_id": device.id,
        "feed": device.feed,
        "created_at": device.created_at,
        "revoked_at": device.revoked_at,
        "last_seen_at": device.last_seen_at,
    }


def _voucher_row(voucher: Voucher) -> dict[str, Any]:
    return {
        "message_id": voucher.message_id,
        "shop_id": voucher.shop_id,
        "title": voucher.title,
        "terms": voucher.terms,
        "issued_at": voucher.issued_at,
        "expires_at": voucher.expires_at,
        "redeemed_at": voucher.redeemed_at,
    }


def _heard_row(event: KeptEvent) -> dict[str, Any]:
    return {
        "channel": event.channel,
        "kind": event.kind,
        "what": event.what,
        "at": event.at,
        "received_at": event.received_at,
        "status": event.status.value,
        "message_id": event.message_id,
    }


def _reply_row(reply: Reply) -> dict[str, Any]:
    return {
        "channel": reply.channel,
        "status": reply.status.value,
        "created_at": reply.created_at,
        "sent_at": reply.sent_at,
    }


def _send_row(send: Send) -> dict[str, Any]:
    return {
        "campaign_id": send.campaign_id,
        "at": send.at,
        "shop_id": send.shop_id,
        "geofence_id": send.geofence_id,
        "channel": send.channel,
        "is_ghost": send.is_ghost,
    }


def _event_row(event: Delivery) -> dict[str, Any]:
    return {
        "webhook_id": event.webhook_id,
        "event_id": event.event_id,
        "status": event.status.value,
        "at": event.created_at,
        "event": event.doc,
    }


def _fix_row(fix: Fix) -> dict[str, Any]:
    return {
        "at": fix.at,
        "lat": fix.position.lat_deg,
        "lon": fix.position.lon_deg,
        "accuracy_m": fix.accuracy_m,
        "device_id": fix.device_id,
        "geofence_ids": sorted(fix.inside),
    }
