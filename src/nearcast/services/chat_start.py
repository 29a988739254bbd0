"""How a person's chat with a bot becomes an address of theirs: by a token from the page that they were invited to.

A bot cannot begin. Whoever presses START in the chat that the page opened has said twice that they want offers there.
"""

import hmac
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from nearcast.domain.channel_event import Inbound, InboundKind
from nearcast.domain.consent import NEARBY, ConsentAction, ConsentStatus, consent_state, in_ledger_order
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.sending import Text
from nearcast.services.consent_lines import (
    ConsentDocument,
    DoubleOptInShape,
    EvidenceShape,
    NoticeShape,
    ledger_line,
    named,
)
from nearcast.services.contacts import Contacts
from nearcast.services.conversation import Heard
from nearcast.services.customers import subject_of
from nearcast.services.device_ports import Device
from nearcast.services.identities import Identities
from nearcast.services.notices import language_of
from nearcast.services.ports import UnitOfWork
from nearcast.services.replies import Replies
from nearcast.services.suppressing import agreed_anew
from nearcast.services.taken_lines import take_line
from nearcast.services.terms import Terms
from nearcast.services.vault import Vault

CHAT = "telegram"
"""The channel whose addresses are chats with a bot."""
_VALID_FOR = timedelta(days=1)
_TOKEN = re.compile(r"([0-9a-f]{16})([0-9a-f]{8})([0-9a-f]{32})")
_START = "/start"
_ACTOR = "chat"
_WORDS = {
    "en": "You get offers here when you are near. Write STOP to end them.",
    "de": "Du bekommst hier Angebote, wenn du in der Nähe bist. Schreib STOP, um sie zu beenden.",
}


class StartTokens:
    """Tokens that tell a bot which device's customer writes. They have 56 characters: a link takes no more than 64."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def token(self, device_id: str, now: datetime) -> str:
        """One for that device, good for a day."""
        said = device_id.removeprefix("dev-") + format(int((now + _VALID_FOR).timestamp()), "08x")
        return said + self._proof(said)

    def device_id(self, token: str, now: datetime) -> str | None:
        """Whose it is; None for one that is not ours, or too old."""
        found = _TOKEN.fullmatch(token)
        if found is None or not hmac.compare_digest(found[3], self._proof(found[1] + found[2])):
            return None
        return f"dev-{found[1]}" if now < datetime.fromtimestamp(int(found[2], 16), UTC) else None

    def _proof(self, said: str) -> str:
        return self._vault.blind_index("", f"chat start|{said}")[:32]


class ChatStart:
    """Answers who comes to the bot by the link of their page: from then on the chat is theirs."""

    def __init__(
        self, terms: Terms, vault: Vault, contacts: Contacts, identities: Identities, replies: Replies
    ) -> None:
        self._terms, self._contacts, self._identities, self._replies = terms, contacts, identities, replies
        self._tokens = StartTokens(vault)

    def knows(self, uow: UnitOfWork, said: Inbound) -> bool:
        """Whether somebody begins with a token of this tenant's."""
        return _begins(said) and self._device(uow, said, said.at) is not None

    def handle(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """Whether somebody began with a token. One that is good binds the chat and confirms what they agreed to on the
        page; without that, or after they took it back, nothing is agreed to.
        """
        said, address = heard.inbound, heard.sender.address
        if heard.channel != CHAT or not _begins(said):
            return False
        device = self._device(uow, said, now)
        if device is None or address is None or not uow.customers.lock([device.customer_id]):
            return True
        customer_id = device.customer_id
        if self._confirm(uow, heard.tenant_id, customer_id, now):
            self._contacts.put(uow, heard.tenant_id, customer_id, CHAT, address)
            self._identities.learn(uow, heard.tenant_id, {customer_id: said.sender_keys}, now)
            agreed_anew(uow, customer_id, CHAT, now)
            language = language_of((uow.customers.get(customer_id) or {}).get("language"))
            theirs = replace(heard, customers=(customer_id,))
            self._replies.answer(uow, theirs, Text(body=_WORDS[language]), now, is_asked_for=True)
        return True

    def _device(self, uow: UnitOfWork, said: Inbound, now: datetime) -> Device | None:
        device_id = self._tokens.device_id(said.text.removeprefix(_START).strip(), now)
        device = None if device_id is None else uow.devices.get(device_id)
        return None if device is None or device.revoked_at is not None else device

    def _confirm(self, uow: UnitOfWork, tenant_id: TenantId, customer_id: CustomerId, now: datetime) -> bool:
        """Whether they want offers there."""
        lines = uow.consents.lines(customer_id)
        events = in_ledger_order(line.event for line in lines)
        state = consent_state(events, NEARBY, channel=CHAT, sender=tenant_id, now=now)
        if state.status is ConsentStatus.LIVE:
            return True
        granted = next((each for each in lines if state.event_ids == (each.event.event_id,)), None)
        if state.status is not ConsentStatus.UNCONFIRMED or granted is None:
            return False
        steps = DoubleOptInShape(sent_at=granted.event.at, clicked_at=now)
        confirmed = ConsentDocument(
            purpose=NEARBY,
            channel=CHAT,
            action=ConsentAction.CONFIRMED,
            notice=NoticeShape(**granted.notice) if granted.notice else None,
            source="chat with the bot",
            capture_method="double_opt_in",
            actor="self",
            lawful_basis="consent",
            evidence=EvidenceShape(double_opt_in=steps),
        )
        line = ledger_line(tenant_id, customer_id, confirmed, now)
        line = named(line, tenant_id, subject_of(uow, customer_id), actor_id=_ACTOR)
        take_line(uow, self._terms.of(tenant_id), line, now)
        return True


def _begins(said: Inbound) -> bool:
    return said.kind is InboundKind.TEXT and said.text.startswith(f"{_START} ")
