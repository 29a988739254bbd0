"""How a customer comes to a phone that speaks for them: a link that shows what is asked, takes what they agree to, and
only then hands out the device's secrets.

The link holds these secrets, sealed, and is kept nowhere: whoever was given it can open it until it runs out or the
device is revoked.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from nearcast.domain.consent import (
    GIVEN,
    LOCATION,
    NEARBY,
    ConsentAction,
    ConsentStatus,
    consent_state,
    in_ledger_order,
)
from nearcast.domain.errors import Conflict, NotFound
from nearcast.domain.ids import TenantId
from nearcast.services.browsers import Browsers
from nearcast.services.chat_start import CHAT, StartTokens
from nearcast.services.consent_lines import (
    ConsentDocument,
    DoubleOptInShape,
    EvidenceShape,
    NoticeShape,
    ledger_line,
    named,
)
from nearcast.services.contacts import BROWSER, Contacts
from nearcast.services.customers import subject_of
from nearcast.services.device_ports import Device
from nearcast.services.devices import NewDevice
from nearcast.services.notices import Notice, language_of, notice
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.report import rfc3339
from nearcast.services.suppressing import agreed_anew
from nearcast.services.taken_lines import take_line
from nearcast.services.terms import Terms
from nearcast.services.vault import CannotOpen, Vault

_VALID_FOR = timedelta(days=7)
_OF = "onboarding link"
_ACTOR = "onboarding link"
_SOURCE = "onboarding page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One consent that the page asks for. `status` is how it stands."""

    channel: str | None
    notice: Notice
    status: ConsentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What a link leads to. `device` has the secrets, and is None until the customer may be located. `browser` and
    `chat` are asked for on the channels that begin on the page.
    """

    language: str
    controller: str
    feed: str
    location: Asked
    nearby: tuple[Asked, ...]
    browser: Asked
    chat: Asked
    device: NewDevice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    tenant_id: TenantId
    device: NewDevice


class Onboarding:
    """Invites customers to set up a device, and takes what they say to it."""

    def __init__(self, store: Store, terms: Terms, vault: Vault, contacts: Contacts) -> None:
        self._store, self._terms, self._seals, self._contacts = store, terms, vault, contacts
        self._tokens = StartTokens(vault)
        self.browsers = Browsers(store, vault, contacts)

    def link(self, tenant_id: TenantId, made: NewDevice, now: datetime) -> str:
        """The last part of a link for a new device; it holds for seven days."""
        said = [tenant_id, made.device_id, made.username, made.password, made.token, rfc3339(now + _VALID_FOR)]
        return self._seals.seal_text(json.dumps(said), of=_OF)

    def open(self, link: str, now: datetime) -> Invitation:
        """What the customer is to be shown. NotFound where the link is none, has run out, or its device is revoked."""
        opened = self._opened(link, now)
        with self._store.reading(opened.tenant_id) as uow:
            return _invitation(uow, opened, now)

    def agree(self, link: str, channels: frozenset[str], now: datetime) -> None:
        """Write into the ledger that the customer may be located, and that they want offers on these channels, as far
        as they have not said so before. NotFound as `open`.
        """
        opened = self._opened(link, now)
        with self._store.writing(opened.tenant_id) as uow:
            asked = _invitation(uow, opened, now)
            if asked.location.status is not ConsentStatus.LIVE:
                self._take(uow, opened, LOCATION, ConsentAction.GRANTED, asked.location, now)
            for each in asked.nearby:
                if each.channel in channels and each.status not in (ConsentStatus.LIVE, ConsentStatus.UNCONFIRMED):
                    self._take(uow, opened, NEARBY, ConsentAction.GRANTED, each, now)
            uow.commit()

    def withdraw(self, link: str, now: datetime) -> None:
        """Write into the ledger that the customer may not be located any more: their devices end in the same commit."""
        opened = self._opened(link, now)
        with self._store.writing(opened.tenant_id) as uow:
            asked = _invitation(uow, opened, now)
            self._take(uow, opened, LOCATION, ConsentAction.WITHDRAWN, asked.location, now)
            uow.commit()

    def subscribe(self, link: str, subscription: str, now: datetime) -> str:
        """Keep a browser as an address of the customer, and that they want offers there: they have said so on the page,
        and once more to the browser itself. A token for `Browsers.renew`. NotFound as `open`, Conflict where they may
        not be located.
        """
        opened = self._opened(link, now)
        with self._store.writing(opened.tenant_id) as uow:
            asked = _invitation(uow, opened, now)
            if asked.device is None:
                raise Conflict("nothing is shared yet")
            customer_id = _live_device(uow, opened).customer_id
            uow.customers.lock([customer_id])
            self._contacts.put(uow, opened.tenant_id, customer_id, BROWSER, subscription)
            if asked.browser.status is not ConsentStatus.LIVE:
                self._take(uow, opened, NEARBY, ConsentAction.GRANTED, asked.browser, now)
                self._take(uow, opened, NEARBY, ConsentAction.CONFIRMED, asked.browser, now)
                agreed_anew(uow, customer_id, BROWSER, now)
            uow.commit()
        return self.browsers.token(opened.tenant_id, customer_id, subscription)

    def unsubscribe(self, link: str, channel: str, now: datetime) -> None:
        """Write into the ledger that the customer wants no more offers on a channel that began on the page, and forget
        their address there. NotFound as `open`.
        """
        opened = self._opened(link, now)
        with self._store.writing(opened.tenant_id) as uow:
            asked = _invitation(uow, opened, now)
            said = next((each for each in (asked.browser, asked.chat) if each.channel == channel), None)
            if said is None:
                raise NotFound(f"offers by {channel[:40]} do not begin on this page")
            if said.status not in (ConsentStatus.MISSING, ConsentStatus.WITHDRAWN):
                self._take(uow, opened, NEARBY, ConsentAction.WITHDRAWN, said, now)
            customer_id = _live_device(uow, opened).customer_id
            uow.customers.lock([customer_id])
            self._contacts.put(uow, opened.tenant_id, customer_id, channel, None)
            uow.commit()

    def begin_chat(self, link: str, now: datetime) -> str:
        """Write into the ledger that the customer wants offers by a bot; the token by which they show it who they are,
        which confirms. NotFound and Conflict as `subscribe`.
        """
        opened = self._opened(link, now)
        with self._store.writing(opened.tenant_id) as uow:
            asked = _invitation(uow, opened, now)
            if asked.device is None:
                raise Conflict("nothing is shared yet")
            if asked.chat.status not in (ConsentStatus.LIVE, ConsentStatus.UNCONFIRMED):
                self._take(uow, opened, NEARBY, ConsentAction.GRANTED, asked.chat, now)
            uow.commit()
        return self._tokens.token(opened.device.device_id, now)

    def _take(
        self, uow: UnitOfWork, link: _Link, purpose: str, action: ConsentAction, asked: Asked, now: datetime
    ) -> None:
        is_given = action in GIVEN
        is_second = action is ConsentAction.CONFIRMED
        customer_id = _live_device(uow, link).customer_id
        said = ConsentDocument(
            purpose=purpose,
            channel=asked.channel,
            action=action,
            notice=NoticeShape(**asked.notice.kept) if is_given else None,
            source=_SOURCE,
            capture_method="double_opt_in" if is_second else "web_form",
            evidence=_both_steps(now) if is_second else None,
            actor="self",
            lawful_basis="consent" if is_given else None,
        )
        line = ledger_line(link.tenant_id, customer_id, said, now)
        subject = subject_of(uow, customer_id)
        take_line(uow, self._terms.of(link.tenant_id), named(line, link.tenant_id, subject, actor_id=_ACTOR), now)

    def _opened(self, link: str, now: datetime) -> _Link:
        try:
            tenant_id, device_id, username, password, token, expires = json.loads(self._seals.open_text(link, of=_OF))
        except (CannotOpen, ValueError):
            raise _over() from None
        if now >= datetime.fromisoformat(expires):
            raise _over()
        made = NewDevice(device_id=device_id, username=username, password=password, token=token)
        return _Link(tenant_id=TenantId(tenant_id), device=made)


def _both_steps(now: datetime) -> EvidenceShape:
    return EvidenceShape(double_opt_in=DoubleOptInShape(sent_at=now, clicked_at=now))


def _live_device(uow: UnitOfWork, link: _Link) -> Device:
    device = uow.devices.get(link.device.device_id)
    if device is None or device.revoked_at is not None:
        raise _over()
    return device


def _invitation(uow: UnitOfWork, link: _Link, now: datetime) -> Invitation:
    device = _live_device(uow, link)
    customer_id = device.customer_id
    doc = uow.customers.get(customer_id) or {}
    settings = uow.catalogue.settings()
    said = dict(settings.doc.get("controller") or {}) if settings else {}
    controller = said.get("name") or link.tenant_id
    contact, language = said.get("contact") or controller, language_of(doc.get("language"))
    events = in_ledger_order(uow.consents.of([customer_id]).get(customer_id, ()))

    def asked(purpose: str, about: str, channel: str | None) -> Asked:
        shown = notice(about, language, controller=controller, contact=contact, channel=channel or "")
        sender = link.tenant_id if channel else None
        state = consent_state(events, purpose, channel=channel, sender=sender, now=now)
        return Asked(channel=channel, notice=shown, status=state.status)

    location = asked(LOCATION, "location", None)
    known = {contact.channel for contact in uow.contacts.of([customer_id]).get(customer_id, ())}
    channels = sorted(known - {BROWSER, CHAT})
    return Invitation(
        language=language,
        controller=controller,
        feed=device.feed,
        location=location,
        nearby=tuple(asked(NEARBY, "nearby", channel) for channel in channels),
        browser=asked(NEARBY, BROWSER, BROWSER),
        chat=asked(NEARBY, CHAT, CHAT),
        device=link.device if location.status is ConsentStatus.LIVE else None,
    )


def _over() -> NotFound:
    return NotFound("this link leads nowhere: it is not whole, or too old, or its device was revoked")
