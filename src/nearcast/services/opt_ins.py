"""Who writes that they want offers is asked once more, and has agreed when they say so again; who asks is told."""

from datetime import datetime

from nearcast.domain.consent import NEARBY, ConsentAction, consent_state, in_ledger_order
from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CustomerId
from nearcast.domain.sending import Button, Text
from nearcast.services.audit_ports import Actor
from nearcast.services.auditing import of_customer, recorded
from nearcast.services.confirmations import Confirmations
from nearcast.services.consent_lines import ConsentDocument, ledger_line, named
from nearcast.services.conversation import Heard
from nearcast.services.customers import subject_of
from nearcast.services.identities import Identities
from nearcast.services.inbound_ports import Origin, ReviewStatus
from nearcast.services.keywords import Meaning, Word
from nearcast.services.ports import UnitOfWork
from nearcast.services.replies import Replies
from nearcast.services.reply_words import ReplyWords
from nearcast.services.stops import KEEP_TAP, said_of_messages
from nearcast.services.taken_lines import take_line
from nearcast.services.terms import Terms

_YES_TAP = "nc1:yes:"
_SAID_START = "start by message"


class OptIns:
    """Answers START, the YES after it, HELP, and the buttons by which offers begin or go on."""

    def __init__(self, terms: Terms, confirmations: Confirmations, identities: Identities, replies: Replies) -> None:
        self._terms, self._confirmations = terms, confirmations
        self._identities, self._replies = identities, replies

    def handle(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """Whether it was about getting messages."""
        payload = heard.inbound.payload or ""
        if payload == KEEP_TAP:
            self._keep(uow, heard, now)
            return True
        if payload.startswith(_YES_TAP):
            self._confirm(uow, heard, payload.removeprefix(_YES_TAP), now)
            return True
        said = said_of_messages(heard.inbound)
        if said is not None and said.word is Word.YES:
            return self._agree(uow, heard, said, now)
        if said is None or said.word not in (Word.START, Word.HELP):
            return False
        words = ReplyWords(uow, heard.tenant_id, heard.customers, spoken=said.language)
        if said.word is Word.START and len(heard.customers) == 1:  # of several nobody knows which one it is
            self._begin(uow, heard, heard.customers[0], words, now)
        else:
            self._answer(uow, heard, Text(body=words["help"]), now)
        return True

    def _begin(self, uow: UnitOfWork, heard: Heard, customer_id: CustomerId, words: ReplyWords, now: datetime) -> None:
        """Write down that they want offers, which is not yet to agree to them, and ask."""
        uow.customers.lock([customer_id])
        events = in_ledger_order(uow.consents.of([customer_id]).get(customer_id, ()))
        sender = str(heard.tenant_id)
        state = consent_state(events, NEARBY, channel=heard.channel, sender=sender, now=now)
        is_paused = heard.channel in uow.suppressions.of([customer_id]).get(customer_id, ())
        if state.is_live and not is_paused:
            self._answer(uow, heard, Text(body=words["begun"]), now)
            return
        said = ConsentDocument(
            purpose=NEARBY,
            channel=heard.channel,
            action=ConsentAction.GRANTED,
            at=min(heard.inbound.at, now),
            source=f"{_SAID_START} ({heard.channel})",
            capture_method="sms_keyword",
            actor="self",
        )
        subject = subject_of(uow, customer_id)
        line = named(
            ledger_line(heard.tenant_id, customer_id, said, now), heard.tenant_id, subject, actor_id=_SAID_START
        )
        if take_line(uow, self._terms.of(heard.tenant_id), line, now):
            uow.audit.append(recorded(Actor(_SAID_START), line, subject, now))
        asked = self._confirmations.ask_within(
            uow, heard.tenant_id, customer_id, line.event.event_id, now, by=Actor(_SAID_START)
        )
        if asked is not None:
            button = Button(id=f"{_YES_TAP}{asked.token}", title=words["yes"])
            self._answer(uow, heard, Text(body=words["begin"], buttons=(button,)), now)

    def _agree(self, uow: UnitOfWork, heard: Heard, said: Meaning, now: datetime) -> bool:
        """Take a yes for the answer to what they were asked; to whom nothing was, it is about something else."""
        if len(heard.customers) != 1:
            return False
        (customer_id,) = heard.customers
        uow.customers.lock([customer_id])
        indexes = self._identities.address_indexes(heard.inbound.sender_keys)
        tenant_id, channel = heard.tenant_id, heard.channel
        if not self._confirmations.confirm_said(uow, tenant_id, customer_id, channel, indexes, now):
            return False
        words = ReplyWords(uow, tenant_id, heard.customers, spoken=said.language)
        self._answer(uow, heard, Text(body=words["begun"]), now)
        return True

    def _confirm(self, uow: UnitOfWork, heard: Heard, token: str, now: datetime) -> None:
        try:
            customer_id = self._confirmations.confirm_within(uow, heard.tenant_id, token, now, by=heard.customers)
        except NotFound:
            return  # too old, or withdrawn meanwhile: silence is the safe answer
        words = ReplyWords(uow, heard.tenant_id, [customer_id])
        self._answer(uow, heard, Text(body=words["begun"]), now)

    def _keep(self, uow: UnitOfWork, heard: Heard, now: datetime) -> None:
        uow.customers.lock(heard.customers)
        is_lifted = uow.pauses.lift(heard.customers, heard.channel, [Origin.REVIEW], heard.inbound.at)
        for customer_id in heard.customers if is_lifted else ():
            uow.reviews.decide(customer_id, heard.channel, ReviewStatus.KEPT, now)
            subject = subject_of(uow, customer_id)
            uow.audit.append(of_customer(Actor(KEEP_TAP), "resumed", subject, now, {"channel": heard.channel}))
        if is_lifted:
            words = ReplyWords(uow, heard.tenant_id, heard.customers)
            self._answer(uow, heard, Text(body=words["kept"]), now)

    def _answer(self, uow: UnitOfWork, heard: Heard, content: Text, now: datetime) -> None:
        self._replies.answer(uow, heard, content, now, is_asked_for=True)
