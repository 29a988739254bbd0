"""A way out that takes one click: a token in every offer that ends offers of its sender on its channel, and does
nothing else.

It is sealed, kept nowhere, and never too old: whoever finds an old offer can still end it all (RFC 8058; GDPR, Art. 7).
"""

import json
from dataclasses import dataclass
from datetime import datetime

from nearcast.domain.consent import NEARBY, ConsentAction, ConsentStatus, consent_state, in_ledger_order
from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.audit_ports import Actor
from nearcast.services.auditing import recorded
from nearcast.services.consent_lines import ConsentDocument, ledger_line, named
from nearcast.services.customers import subject_of
from nearcast.services.notices import language_of
from nearcast.services.ports import Store
from nearcast.services.taken_lines import take_line
from nearcast.services.terms import Terms
from nearcast.services.vault import CannotOpen, Seals

_OF = "opt-out link"
_ACTOR = "opt-out link"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """Which offers a token ends."""

    tenant_id: TenantId
    customer_id: CustomerId
    channel: str
    sender: str


class OptOuts:
    """Makes ways out and takes them."""

    def __init__(self, store: Store, terms: Terms, seals: Seals) -> None:
        self._store, self._terms, self._seals = store, terms, seals

    def token(self, way: OptOut) -> str:
        """The last part of a link that ends these offers."""
        return self._seals.seal_text(json.dumps([way.tenant_id, way.customer_id, way.channel, way.sender]), of=_OF)

    def language(self, token: str) -> str:
        """The language to answer in; changes nothing. NotFound for what is no token of ours."""
        way = self._opened(token)
        with self._store.reading(way.tenant_id) as uow:
            return language_of((uow.customers.get(way.customer_id) or {}).get("language"))

    def withdraw(self, token: str, now: datetime) -> None:
        """Write into the ledger that the customer wants no more of these offers, and cancel what is queued of them, in
        one commit. Said again, or of a customer who is gone, it changes nothing. NotFound as `language`.
        """
        way = self._opened(token)
        said = ConsentDocument(
            purpose=NEARBY,
            channel=way.channel,
            sender=way.sender,
            action=ConsentAction.WITHDRAWN,
            source="opt-out link",
            capture_method="web_form",
            actor="self",
        )
        with self._store.writing(way.tenant_id) as uow:
            if not uow.customers.lock([way.customer_id]):
                return
            events = in_ledger_order(uow.consents.of([way.customer_id]).get(way.customer_id, ()))
            state = consent_state(events, NEARBY, channel=way.channel, sender=way.sender, now=now)
            if state.status is ConsentStatus.WITHDRAWN:
                return
            subject = subject_of(uow, way.customer_id)
            line = ledger_line(way.tenant_id, way.customer_id, said, now)
            line = named(line, way.tenant_id, subject, actor_id=_ACTOR)
            if take_line(uow, self._terms.of(way.tenant_id), line, now):
                uow.audit.append(recorded(Actor(_ACTOR), line, subject, now))
            uow.commit()

    def _opened(self, token: str) -> OptOut:
        try:
            tenant_id, customer_id, channel, sender = json.loads(self._seals.open_text(token, of=_OF))
        except (CannotOpen, ValueError):
            raise NotFound("this link leads nowhere: it is not whole") from None
        return OptOut(
            tenant_id=TenantId(tenant_id), customer_id=CustomerId(customer_id), channel=channel, sender=sender
        )
