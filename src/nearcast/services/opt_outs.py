"""Ways out of offers that take one click, taken: by a press of the person, or of their mail program (RFC 8058)."""

from datetime import datetime

from nearcast.domain.consent import NEARBY, ConsentAction, ConsentStatus, consent_state, in_ledger_order
from nearcast.services.audit_ports import Actor
from nearcast.services.auditing import recorded
from nearcast.services.consent_lines import ConsentDocument, ledger_line, named
from nearcast.services.customers import subject_of
from nearcast.services.notices import language_of
from nearcast.services.opt_out_links import opened
from nearcast.services.ports import Store
from nearcast.services.taken_lines import take_line
from nearcast.services.terms import Terms
from nearcast.services.vault import Seals

_ACTOR = "opt-out link"


class OptOuts:
    """Takes them."""

    def __init__(self, store: Store, terms: Terms, seals: Seals) -> None:
        self._store, self._terms, self._seals = store, terms, seals

    def language(self, token: str) -> str:
        """The language to answer in; changes nothing. NotFound for what is no token of ours."""
        way = opened(self._seals, token)
        with self._store.reading(way.tenant_id) as uow:
            return language_of((uow.customers.get(way.customer_id) or {}).get("language"))

    def withdraw(self, token: str, now: datetime) -> None:
        """Write into the ledger that the customer wants no more of these offers, and cancel what is queued of them, in
        one commit. Said again, or of a customer who is gone, it changes nothing. NotFound as `language`.
        """
        way = opened(self._seals, token)
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
