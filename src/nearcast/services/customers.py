"""Customers: who they are, what they can be reached by, and on which channels they must not be.

An address never gets into the text of an error: those are logged and written into reports.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from nearcast.domain.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from nearcast.domain.ids import CampaignId, CustomerId
from nearcast.services.access import Principal
from nearcast.services.auditing import of_customer
from nearcast.services.contacts import BROWSER, Addresses, Contacts
from nearcast.services.engine import note_other_send
from nearcast.services.inbound_ports import Origin
from nearcast.services.ports import Page, Store, UnitOfWork
from nearcast.services.prior_sends import prior_send
from nearcast.services.quiet_hours import customers_quiet_hours
from nearcast.services.scalars import Day, Instant
from nearcast.services.scenario import QuietWindowShape, SendShape, Shape
from nearcast.services.suppressing import suppress, suppressed_on
from nearcast.services.terms import Terms
from nearcast.services.texts import ChannelName, KeptId, LanguageTag, Printable, ZoneName
from nearcast.services.working_set import WorkingSet

_TELEPHONE = ("sms", "whatsapp")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LONGEST, _LONGEST_OF_BROWSERS = 320, 2_000  # a push subscription is as long as that
_MAX_AHEAD = timedelta(seconds=60)  # clocks differ


Tag = Annotated[str, StringConstraints(min_length=1, max_length=64), Printable]
Attribute = Annotated[str, StringConstraints(max_length=500), Printable]


class ContactShape(Shape):
    """What a customer can be reached by. A telephone number is E.164: + and 7 to 15 digits."""

    channel: ChannelName
    address: Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_OF_BROWSERS), Printable]

    @field_validator("address")
    @classmethod
    def _is_one_of_its_channel(cls, address: str, about: ValidationInfo) -> str:
        if about.data.get("channel") in _TELEPHONE and not _E164.fullmatch(address):
            raise ValueError("is not a telephone number like +4915112345678: + and 7 to 15 digits")
        if about.data.get("channel") != BROWSER and len(address) > _LONGEST:
            raise ValueError(f"has more than {_LONGEST} characters")
        return address


class CustomerDocument(Shape):
    """A customer as the API shows it. Channels in `suppressed` are put on the suppression list; none is taken off.

    `quiet_hours` and `paused_until`, the first day on which they want to hear something again, hold beside everybody
    else's.
    """

    id: KeptId
    timezone: ZoneName | None = None
    language: LanguageTag | None = None
    tags: list[Tag] = Field(default=[], max_length=100)
    attributes: dict[Tag, Attribute] = Field(default={}, max_length=50)
    contacts: list[ContactShape] = Field(default=[], max_length=20)
    suppressed: list[ChannelName] = Field(default=[], max_length=20)
    quiet_hours: list[QuietWindowShape] = Field(default=[], max_length=50)
    paused_until: Day | None = None

    def document(self) -> dict[str, Any]:
        """What is kept as it is said; InvalidInput where quiet hours are none."""
        customers_quiet_hours(self.quiet_hours)
        hours = [window.model_dump(mode="json", by_alias=True, exclude_none=True) for window in self.quiet_hours]
        return {**self.model_dump(mode="json", exclude={"id", "suppressed", "contacts"}), "quiet_hours": hours}

    def addresses(self) -> Addresses:
        """What is kept sealed, by channel; InvalidInput where a channel has two addresses."""
        channels: list[str] = []
        for n, contact in enumerate(self.contacts):
            if contact.channel in channels:
                raise InvalidInput(f"has an address on {contact.channel} already", place=f"contacts[{n}].channel")
            channels.append(contact.channel)
        return [contact.model_dump() for contact in sorted(self.contacts, key=lambda contact: contact.channel)]


class NewSend(SendShape):
    """A message that somebody else sent, now unless it says when."""

    at: Instant | None = None
    campaign_id: KeptId
    shop_id: KeptId | None = None
    geofence_id: KeptId | None = None


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """A customer as kept, `contacts` opened. `is_new` where this call made it."""

    id: CustomerId
    doc: Mapping[str, Any]
    contacts: Addresses
    suppressed: frozenset[str]
    is_new: bool = False

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {"id": self.id, **whole(self.doc), "contacts": self.contacts, "suppressed": sorted(self.suppressed)}


class Customers:
    """The customers of a tenant."""

    def __init__(self, store: Store, terms: Terms, contacts: Contacts) -> None:
        self._store, self._terms, self._contacts = store, terms, contacts

    def page(
        self, asker: Principal, *, cursor: str | None, limit: int, address: str | None = None
    ) -> Page[KnownCustomer]:
        """Customers by id; the cursor is the last id. With an address only those who have it, on whichever channel."""
        with self._store.reading(asker.tenant_id) as uow:
            if address is None:
                page = uow.customers.page(cursor=cursor, limit=limit)
            else:
                held = uow.contacts.holders(self._contacts.index(address))
                page = Page(list(uow.customers.documents(held).items()))
            keys = [key for key, _ in page.items]
            contacts, listed = self._contacts.read(uow, asker.tenant_id, keys), uow.suppressions.of(keys)
        items = [
            KnownCustomer(key, doc, contacts.get(key, []), listed.get(key, frozenset())) for key, doc in page.items
        ]
        return Page(items, page.next_cursor)

    def get(self, asker: Principal, key: str) -> KnownCustomer:
        """NotFound where there is none."""
        with self._store.reading(asker.tenant_id) as uow:
            customer_id = known(uow, key)
            contacts = self._contacts.read(uow, asker.tenant_id, [customer_id]).get(customer_id, [])
            listed = suppressed_on(uow, customer_id)
            return KnownCustomer(customer_id, uow.customers.get(customer_id) or {}, contacts, listed)

    def put(
        self, asker: Principal, customer: CustomerDocument, now: datetime, *, is_new: bool = False
    ) -> KnownCustomer:
        """Write a customer, new or changed; AlreadyExists where `is_new` and the id is taken."""
        key, doc, addresses = CustomerId(customer.id), customer.document(), customer.addresses()
        with self._store.writing(asker.tenant_id) as uow:
            is_first = uow.customers.insert(key, doc, now)
            if is_new and not is_first:
                raise AlreadyExists(f"there is a customer {key!r} already")
            working = WorkingSet(uow, self._terms.of(asker.tenant_id), [key])
            had = self._contacts.read(uow, asker.tenant_id, [key]).get(key, [])
            is_changed = whole(uow.customers.get(key) or {}) != doc or had != addresses
            if is_changed:
                uow.customers.upsert({key: doc}, now)
                self._contacts.write(uow, asker.tenant_id, {key: addresses})
            if is_first or is_changed:
                _tell(uow, asker, "created" if is_first else "changed", key, now)
            for channel in customer.suppressed:
                if suppress(uow, working, key, channel, now) is not None:
                    _tell(uow, asker, "suppressed", key, now, channel=channel)
            working.save()
            suppressed = suppressed_on(uow, key)
            written = KnownCustomer(key, doc, addresses, suppressed, is_new=is_first)
            asker.keep(uow, written)
            uow.commit()
        return written

    def suppress(
        self, asker: Principal, key: str, channel: str, now: datetime, *, reason: str | None = None
    ) -> tuple[frozenset[str], int | None]:
        """Put a customer's address on a channel's suppression list and cancel what is queued there, in one commit.
        Where they stand then, and how many messages; None where it stood there already.
        """
        with self._store.writing(asker.tenant_id) as uow:
            working = WorkingSet(uow, self._terms.of(asker.tenant_id), [CustomerId(key)])
            customer_id = known(uow, key)
            cancelled = suppress(uow, working, customer_id, channel, now, reason=reason)
            if cancelled is not None:
                _tell(uow, asker, "suppressed", customer_id, now, channel=channel)
            working.save()
            listed = suppressed_on(uow, customer_id)
            done = listed, None if cancelled is None else len(cancelled)
            asker.keep(uow, done)
            uow.commit()
        return done

    def unsuppress(self, asker: Principal, key: str, channel: str, reason: str, now: datetime) -> frozenset[str]:
        """Take a customer and their address off a channel's suppression list, end what waits there for a review or for
        their new number, and write down who did, and why. Where they stand then; NotFound where they do not stand
        there, Conflict where it is the provider who says that they want nothing. Consent is another matter, and as it
        was.
        """
        with self._store.writing(asker.tenant_id) as uow:
            uow.customers.lock([CustomerId(key)])
            customer_id = known(uow, key)
            is_off = uow.suppressions.remove(customer_id, channel)
            is_off |= uow.pauses.lift([customer_id], channel, [Origin.REVIEW, Origin.IDENTITY], now)
            if not is_off and channel in suppressed_on(uow, customer_id):
                raise Conflict(f"the provider of {channel} says that this customer wants none: only they can lift that")
            if not is_off:
                raise NotFound(f"customer {key!r} does not stand on the suppression list of {channel}")
            _tell(uow, asker, "unsuppressed", customer_id, now, channel=channel, reason=reason)
            listed = suppressed_on(uow, customer_id)
            asker.keep(uow, listed)
            uow.commit()
        return listed

    def note_send(self, asker: Principal, key: str, said: NewSend, now: datetime) -> tuple[datetime, bool]:
        """Count a message that somebody else sent; when that was, and whether it counts at all."""
        at = said.at or now
        if at > now + _MAX_AHEAD:
            raise InvalidInput("is in the future", place="at")
        with self._store.writing(asker.tenant_id) as uow:
            working = WorkingSet(uow, self._terms.of(asker.tenant_id), [CustomerId(key)])
            customer_id = known(uow, key)
            campaign = working.world.campaigns.by_id.get(CampaignId(said.campaign_id))
            shop_id, channel = (campaign.shop_id, campaign.channel) if campaign else (None, None)
            send = prior_send(said, at, shop_id=shop_id, channel=channel)
            if send is not None:
                note_other_send(working.world, customer_id, send)
                working.save()
                _tell(uow, asker, "noted", customer_id, now, what="send", campaign_id=said.campaign_id)
                asker.keep(uow, (at, True))
                uow.commit()
        return at, send is not None


def known(uow: UnitOfWork, key: str) -> CustomerId:
    """A customer in a transaction that is under way; NotFound where there is none."""
    if uow.customers.get(CustomerId(key)) is None:
        raise NotFound(f"there is no customer {key!r}")
    return CustomerId(key)


def subject_of(uow: UnitOfWork, customer_id: CustomerId) -> str:
    """The name by which figures and the ledger know a customer who is there."""
    return uow.customers.subjects([customer_id])[customer_id]


def _tell(
    uow: UnitOfWork, asker: Principal, action: str, customer_id: CustomerId, now: datetime, **detail: str
) -> None:
    """Write into the audit trail what was done to a customer."""
    uow.audit.append(of_customer(asker.actor, action, subject_of(uow, customer_id), now, detail or None))


def whole(doc: Mapping[str, Any]) -> dict[str, Any]:
    """A kept document with all its keys."""
    return {
        "timezone": doc.get("timezone"),
        "language": doc.get("language"),
        "tags": doc.get("tags") or [],
        "attributes": doc.get("attributes") or {},
        "quiet_hours": doc.get("quiet_hours") or [],
        "paused_until": doc.get("paused_until"),
    }
