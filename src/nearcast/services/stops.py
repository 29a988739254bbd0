"""Who wants no more gets no more: the customer's own word, by which everything ends before the provider is answered."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from nearcast.domain.channel_event import Inbound, InboundKind
from nearcast.domain.consent import NEARBY, ConsentAction, ConsentEvent, consent_state, in_ledger_order
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.sending import Button, Text
from nearcast.services.audit_ports import Actor
from nearcast.services.auditing import recorded
from nearcast.services.consent_lines import ConsentDocument, ledger_line, named
from nearcast.services.conversation import Conversation, Heard
from nearcast.services.customers import subject_of
from nearcast.services.identities import Identities
from nearcast.services.inbound_ports import Origin, ReviewStatus
from nearcast.services.keywords import Meaning, Word, meaning
from nearcast.services.ports import UnitOfWork
from nearcast.services.replies import Replies
from nearcast.services.reply_words import ReplyWords
from nearcast.services.row_tokens import is_for
from nearcast.services.sealed_names import REVIEWED
from nearcast.services.suppressing import SAID_STOP, cancel_suppressed, suppress
from nearcast.services.taken_lines import take_line
from nearcast.services.terms import Terms
from nearcast.services.vault import Vault
from nearcast.services.working_set import WorkingSet

STOP_TAP, KEEP_TAP = "nc1:stop", "nc1:keep"
"""What the buttons say by which offers end, or go on after all."""


def said_of_messages(inbound: Inbound) -> Meaning | None:
    """What somebody said of getting messages, in words or by a button."""
    if inbound.payload == STOP_TAP or is_for("stop", inbound.payload):  # nobody has to prove that they want no more
        return Meaning(Word.STOP, "")
    if inbound.payload is not None and inbound.payload.startswith("nc1:"):
        return None  # a button of ours that is about something else, whatever stands on it
    return meaning(inbound.text) if inbound.kind in (InboundKind.TEXT, InboundKind.BUTTON) else None


class Stops:
    """Ends messages to who wants none, in transactions of others."""

    def __init__(
        self, terms: Terms, vault: Vault, identities: Identities, replies: Replies, conversation: Conversation
    ) -> None:
        self._terms, self._vault = terms, vault
        self._identities, self._replies, self._conversation = identities, replies, conversation

    def hear(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """Do what follows at once from a message that may be an end; whether it was one, and nobody else's to answer.
        Its customers must be held.
        """
        said = said_of_messages(heard.inbound)
        if said is None:
            return False
        if said.word is Word.AMBIGUOUS:
            is_answer = self._conversation.waits(uow, heard, now)
            said = Meaning(Word.MAYBE_STOP if is_answer else Word.STOP, said.language)
            if is_answer:
                self._ask(uow, heard, said, now)
                return False
        if said.word is Word.STOP:
            self._end(uow, heard, said, now)
            return True
        if said.word is Word.MAYBE_STOP and heard.customers:
            self._ask(uow, heard, said, now)
            return True
        return False

    def end(
        self, uow: UnitOfWork, tenant_id: TenantId, customer_id: CustomerId, channel: str, at: datetime, now: datetime
    ) -> bool:
        """Withdraw, for a customer who is held, what they agreed to get on a channel, and put them on its suppression
        list unless they have agreed anew after `at`; whether anything changed. What waits is cancelled.
        """
        before = in_ledger_order(uow.consents.of([customer_id]).get(customer_id, ()))
        subject, rules = subject_of(uow, customer_id), self._terms.of(tenant_id)
        for purpose in _marketing(before):
            said = ConsentDocument(
                purpose=purpose,
                channel=channel,
                action=ConsentAction.WITHDRAWN,
                at=min(at, now),
                source=f"{SAID_STOP} ({channel})",
                capture_method="sms_keyword",
                actor="self",
            )
            line = named(ledger_line(tenant_id, customer_id, said, now), tenant_id, subject, actor_id=SAID_STOP)
            if take_line(uow, rules, line, now):
                uow.audit.append(recorded(Actor(SAID_STOP), line, subject, now))
        uow.reviews.decide(customer_id, channel, ReviewStatus.OPTED_OUT, now)
        after = in_ledger_order(uow.consents.of([customer_id]).get(customer_id, ()))
        if _agrees(after, channel, now):
            return False
        working = WorkingSet(uow, rules, [customer_id], now)
        cancelled = suppress(uow, working, customer_id, channel, now, reason=SAID_STOP)
        working.save()
        return cancelled is not None

    def pause(
        self, uow: UnitOfWork, tenant_id: TenantId, customers: Sequence[CustomerId], channel: str, now: datetime
    ) -> None:
        """Cancel what waits for customers, who are held, on a channel on which they are paused."""
        working = WorkingSet(uow, self._terms.of(tenant_id), customers, now)
        for customer_id in customers:
            cancel_suppressed(working, customer_id, channel, now)
        working.save()

    def _end(self, uow: UnitOfWork, heard: Heard, said: Meaning, now: datetime) -> None:
        at, channel = heard.inbound.at, heard.channel
        ended = [self.end(uow, heard.tenant_id, key, channel, at, now) for key in heard.customers]
        if not heard.customers:  # whoever comes with this number later has said it already
            indexes = self._identities.address_indexes(heard.inbound.sender_keys)
            ended = [uow.suppressions.list_index(index, channel, now, reason=SAID_STOP) for index in indexes]
        if any(ended):
            words = ReplyWords(uow, heard.tenant_id, heard.customers, spoken=said.language)
            self._answer(uow, heard, Text(body=words["stopped"]), now)

    def _ask(self, uow: UnitOfWork, heard: Heard, said: Meaning, now: datetime) -> None:
        channel, inbound = heard.channel, heard.inbound
        uow.pauses.note(heard.customers, channel, Origin.REVIEW, min(inbound.at, now))
        self.pause(uow, heard.tenant_id, heard.customers, channel, now)
        if not heard.customers or uow.reviews.has_open(heard.customers, channel):
            return
        for customer_id in heard.customers:
            sealed = self._vault.seal(heard.tenant_id, customer_id, REVIEWED, inbound.text)
            uow.reviews.insert(customer_id, channel, sealed, now)
        words = ReplyWords(uow, heard.tenant_id, heard.customers, spoken=said.language)
        buttons = (Button(id=STOP_TAP, title=words["stop"]), Button(id=KEEP_TAP, title=words["keep"]))
        self._answer(uow, heard, Text(body=words["asked"], buttons=buttons), now)

    def _answer(self, uow: UnitOfWork, heard: Heard, content: Text, now: datetime) -> None:
        self._replies.answer(uow, heard, content, now, is_asked_for=True)


def _marketing(events: Iterable[ConsentEvent]) -> list[str]:
    return sorted({NEARBY, *(event.purpose for event in events if event.purpose.startswith("marketing."))})


def _agrees(events: Sequence[ConsentEvent], channel: str, now: datetime) -> bool:
    """Whether a consent to anything on that channel is live."""
    asked = {(event.purpose, event.sender) for event in events if event.channel == channel}
    return any(
        consent_state(events, purpose, channel=channel, sender=sender, now=now).is_live
        for purpose, sender in asked
        if purpose.startswith("marketing.")
    )
