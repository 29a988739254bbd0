"""Whether messages may leave as far as their senders and the providers are concerned, and what is learnt of that.

Asked in the transaction that marks messages as leaving, told in the one that writes what came of them.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from nearcast.domain.allowance import Allowance
from nearcast.domain.channel_event import UNLIMITED, SenderChange
from nearcast.domain.ids import CustomerId, MessageId
from nearcast.domain.pair_wait import PairWait
from nearcast.domain.reason import Reason
from nearcast.domain.recipient_state import RecipientState
from nearcast.domain.sender_state import DAY, Blocked, SenderState
from nearcast.domain.sending import Accepted, Attempt, NotSent, ProviderError, Purpose, Rejected, RetryClass, Scope
from nearcast.domain.template import MessageTemplate
from nearcast.domain.template_fit import Filling, misfit
from nearcast.domain.throttle import Throttle
from nearcast.domain.value import value
from nearcast.services.channel_ports import Limits
from nearcast.services.duty_ports import templates_of
from nearcast.services.gone_addresses import forget_gone
from nearcast.services.ports import UnitOfWork
from nearcast.services.sender_ports import Pair, Use
from nearcast.services.template_ports import TemplateKey

NOBODY_IN_PARTICULAR = "default"
"""The sender of a channel that has one and no name for it."""

_READS_APART_S = 60.0
_NOBODY, _NO_WAIT = RecipientState(), PairWait()
_log = logging.getLogger(__name__)


@value(kw_only=True)
class Leaving:
    """What senders need to know of a message, or of a reply; `template` where it is sent as one of the provider's, and
    then `filling` is what it brings for it. `person` is whom it goes to, by a name that says nothing and that is the
    same for all who share the sender; without one only our own name for the customer is known.
    """

    message_id: MessageId
    customer_id: CustomerId
    channel: str
    purpose: Purpose
    template: TemplateKey | None = None
    filling: Filling | None = None
    person: str = ""

    @property
    def pair(self) -> Pair:
        return self.customer_id, self.channel

    @property
    def whom(self) -> str:
        return self.person or self.customer_id


@value(kw_only=True)
class Tried:
    """An attempt that began at `began_at`, and what came of it, then or by a later receipt."""

    leaving: Leaving
    began_at: datetime
    attempt: Attempt


class SenderStates:
    """The senders of this installation: `accounts` are their names by channel, `limits` what providers let through."""

    def __init__(self, accounts: Mapping[str, str], limits: Mapping[str, Limits]) -> None:
        self.accounts, self._limits = accounts, limits

    def sender_of(self, channel: str) -> str:
        """The account that a channel sends from."""
        return self.accounts.get(channel, NOBODY_IN_PARTICULAR)

    def limits_of(self, channel: str) -> Limits | None:
        """What its provider lets through."""
        return self._limits.get(channel)

    def people_a_day(self, state: SenderState) -> int | None:
        """To how many people it may write in 24 hours: what the provider said last, else what is known of it."""
        if state.people_a_day is not None:
            return None if state.people_a_day >= UNLIMITED else state.people_a_day
        limits = self._limits.get(state.channel)
        return None if limits is None else limits.unique_recipients_24h

    def may_send(self, uow: UnitOfWork, leaving: Sequence[Leaving], now: datetime) -> dict[MessageId, Blocked]:
        """Those of the messages that may not leave at `now`. The others are counted as leaving: those that come first
        are let through first. Their customers must be held.
        """
        people = uow.senders.recipients({each.pair for each in leaving})
        templates = uow.templates.get({each.template for each in leaving if each.template is not None})
        blocked: dict[MessageId, Blocked] = {}
        for channel in sorted({each.channel for each in leaving}):  # held in one order by all who share them
            desk = _Desk(self, uow, channel, now, [each for each in leaving if each.channel == channel])
            for each in desk.leaving:
                person = people.get(each.pair, _NOBODY)
                found = _of_template(each, templates, now) or person.blocks(each.purpose, now) or desk.take(each)
                if found is not None:
                    blocked[each.message_id] = found
            desk.close()
        return blocked

    def note(self, uow: UnitOfWork, tried: Sequence[Tried], now: datetime) -> None:
        """Learn from what came of attempts. Whoever did not get a message is not counted as written to."""
        people = uow.senders.recipients({each.leaving.pair for each in tried})
        changed: dict[Pair, RecipientState] = {}
        for each in tried:
            pair = each.leaving.pair
            person = changed.get(pair) or people.get(pair, _NOBODY)
            after = _told(person, each.attempt, now)
            if after != person:
                changed[pair] = after
        uow.senders.put_recipients(changed, now)
        for channel in sorted({each.leaving.channel for each in tried}):
            theirs = [each for each in tried if each.leaving.channel == channel]
            self._note_sender(uow, channel, theirs, now)
            self._note_waits(uow, channel, theirs, now)
        for each in tried:
            match each.attempt:
                case Rejected(error=ProviderError(retry=RetryClass.TEMPLATE_STOP) as error):
                    _stop_template(uow, each.leaving.template, error.code, each.began_at)
                case _:
                    pass
        for channel in sorted({each.leaving.channel for each in tried if _is_news_of_template(each.attempt)}):
            uow.duties.hurry(templates_of(channel), now, apart_s=_READS_APART_S)
        forget_gone(uow, ((each.leaving.pair, each.attempt) for each in tried))
        missed = [each.leaving.message_id for each in tried if isinstance(each.attempt, Rejected | NotSent)]
        if missed:
            uow.allowances.give_back(missed)

    def heard_from(self, uow: UnitOfWork, customer_ids: Collection[CustomerId], channel: str, now: datetime) -> None:
        """They wrote on a channel: they can be reached there. They must be held."""
        people = uow.senders.recipients({(customer_id, channel) for customer_id in customer_ids})
        changed = {pair: person.heard_from() for pair, person in people.items()}
        uow.senders.put_recipients({pair: after for pair, after in changed.items() if after != people[pair]}, now)

    def blocks_answers(self, uow: UnitOfWork, channel: str, now: datetime) -> Blocked | None:
        """Whether an answer must wait, because nothing of the sender is taken."""
        return uow.senders.get(channel, self.sender_of(channel)).blocks(now, Purpose.SERVICE)

    def note_answer(self, uow: UnitOfWork, channel: str, attempt: Attempt, began_at: datetime, now: datetime) -> None:
        """Learn from what came of an answer, as far as it is about the sender."""
        answer = Leaving(message_id=MessageId(""), customer_id=CustomerId(""), channel=channel, purpose=Purpose.SERVICE)
        self._note_sender(uow, channel, [Tried(leaving=answer, began_at=began_at, attempt=attempt)], now)

    def change(self, uow: UnitOfWork, channel: str, change: SenderChange, now: datetime) -> None:
        """Take over what the provider says of a sender of ours."""
        state = uow.senders.hold(channel, self.sender_of(channel))
        after = state
        if change.unique_recipients_24h is not None:
            after = replace(after, people_a_day=change.unique_recipients_24h)
        if change.is_stopped:
            after = after.stopped(change.what, now, now, scope=change.scope)
        self._put(uow, state, after, now)

    def resume(self, uow: UnitOfWork, channel: str, sender: str, now: datetime) -> SenderState:
        """Somebody says that the cause of a stop is gone: what waits may leave."""
        state = uow.senders.hold(channel, sender)
        after = state.resumed(now)
        self._put(uow, state, after, now)
        return after

    def throttles(self, uow: UnitOfWork, throttles: Iterable[Throttle], now: datetime) -> tuple[Throttle, ...]:
        """Throttles as they hold at `now`: no faster than providers allow, and slower where they complained."""
        found = {(each.channel, each.sender): each for each in throttles}
        providers: list[Throttle] = []
        for channel, limits in self._limits.items():
            if limits.per_s is None:
                continue
            own = found.get((channel, None))
            if own is not None and own.per_s >= limits.per_s:  # it holds nothing back that the provider would not
                del found[channel, None]
            providers.append(Throttle(channel=channel, per_s=limits.per_s, is_providers=True))
        ours = [state for state in uow.senders.all() if state.sender == self.sender_of(state.channel)]
        slowed = {state.channel: state.rate(now) for state in ours}
        return tuple(
            replace(each, per_s=each.per_s * rate) if (rate := slowed.get(each.channel, 1.0)) < 1 else each
            for each in (*found.values(), *providers)
        )

    def _note_sender(self, uow: UnitOfWork, channel: str, tried: Sequence[Tried], now: datetime) -> None:
        sender = self.sender_of(channel)
        known = uow.senders.get(channel, sender)
        if _after(known, tried, now) == known:
            return
        held = uow.senders.hold(channel, sender)
        self._put(uow, held, _after(held, tried, now), now)

    def _note_waits(self, uow: UnitOfWork, channel: str, tried: Sequence[Tried], now: datetime) -> None:
        """Who was written to too soon is left alone for longer, whoever wrote; who was not written to after all, not at
        all.
        """
        told = [each for each in tried if _is_about_pace(each.attempt)]
        if not told:
            return
        sender = self.sender_of(channel)
        known = uow.allowances.waits(channel, sender, {each.leaving.whom for each in told})
        after = dict(known)
        for each in told:
            wait = after.get(each.leaving.whom, _NO_WAIT)
            match each.attempt:
                case Accepted():
                    wait = wait.succeeded()
                case NotSent():
                    wait = wait.stayed()
                case _:
                    wait = wait.complained(now)
            after[each.leaving.whom] = wait
        changed = {whom: wait for whom, wait in after.items() if wait != known.get(whom, _NO_WAIT)}
        uow.allowances.wait(channel, sender, changed, now)

    def _put(self, uow: UnitOfWork, before: SenderState, after: SenderState, now: datetime) -> None:
        if after != before:
            uow.senders.put(after)
        if after.is_stopped and not before.is_stopped:
            what = "no marketing" if after.scope is Scope.MARKETING else "nothing"
            _log.error(
                "channel %s: its provider has stopped the sender (%s): %s leaves", after.channel, after.code, what
            )
        if before.is_stopped and not after.is_stopped:
            _log.warning("channel %s: the sender is not stopped any more", after.channel)
            uow.senders.release(after.channel, [Reason.SENDER_STOPPED], now, of_all=True)


class _Desk:
    """One channel's sender while messages ask whether they may leave."""

    def __init__(
        self, states: SenderStates, uow: UnitOfWork, channel: str, now: datetime, leaving: Sequence[Leaving]
    ) -> None:
        self._uow, self._now, self.leaving = uow, now, leaving
        sender, limits = states.sender_of(channel), states.limits_of(channel)
        self._pair_interval_s = None if limits is None else limits.pair_interval_s
        self._before = uow.senders.get(channel, sender)
        is_shared_out = states.people_a_day(self._before) is not None or self._pair_interval_s is not None
        if self._before.is_stopped or is_shared_out:
            self._before = uow.senders.hold(channel, sender)
        self._state, self._uses = self._before, list[Use]()
        self._waits = uow.allowances.waits(channel, sender, {each.whom for each in leaving})
        self._waiting: dict[str, PairWait] = {}
        self._allowance = self._read_allowance(states.people_a_day(self._before))

    def _read_allowance(self, limit: int | None) -> Allowance | None:
        asked = {each.whom for each in self.leaving if each.purpose is not Purpose.SERVICE}
        if limit is None or not asked:
            return None
        account, since = (self._before.channel, self._before.sender), self._now - DAY
        counted, known = (
            self._uow.allowances.counted(*account, since),
            self._uow.allowances.among(*account, asked, since),
        )
        first_at = self._uow.allowances.first(*account, since) if counted >= limit else None
        return Allowance(limit, counted, known, first_at)

    def take(self, leaving: Leaving) -> Blocked | None:
        """Let one more through, or say why not."""
        wait = self._waiting.get(leaving.whom) or self._waits.get(leaving.whom, _NO_WAIT)
        blocked = wait.blocks(self._now) or self._state.blocks(self._now, leaving.purpose)
        if blocked is None and self._allowance is not None and leaving.purpose is not Purpose.SERVICE:
            blocked = self._allowance.take(leaving.whom)
            if blocked is None:
                use = Use(person=leaving.whom, message_id=leaving.message_id, at=self._now)
                self._uses.append(use)
        if blocked is not None:
            return blocked
        if self._state.stops(leaving.purpose):
            self._state = self._state.tried(self._now)
        if self._pair_interval_s is not None:
            self._waiting[leaving.whom] = wait.leaving(self._now, self._pair_interval_s)
        return None

    def close(self) -> None:
        """Write what was taken."""
        if self._state != self._before:
            self._uow.senders.put(self._state)
        self._uow.allowances.reserve(self._before.channel, self._before.sender, self._uses)
        self._uow.allowances.wait(self._before.channel, self._before.sender, self._waiting, self._now)


def _of_template(leaving: Leaving, templates: Mapping[TemplateKey, MessageTemplate], now: datetime) -> Blocked | None:
    if leaving.template is None:
        return None
    known = templates.get(leaving.template)
    if known is None:
        return Blocked(reason=Reason.TEMPLATE_NOT_APPROVED)
    is_misfit = leaving.filling is not None and misfit(known, leaving.filling) is not None
    return known.blocks(now) or (Blocked(reason=Reason.TEMPLATE_MISFIT) if is_misfit else None)


def _stop_template(uow: UnitOfWork, key: TemplateKey | None, code: str, began_at: datetime) -> None:
    template = None if key is None else uow.templates.hold(key)
    if template is None:
        return
    after = template.stopped(code, began_at)
    if after == template:
        return
    uow.templates.put([after])
    if template.stopped_at is None:
        _log.error("template %s (%s): its provider does not let it be used (%s)", *template.key, code)


def _told(person: RecipientState, attempt: Attempt, now: datetime) -> RecipientState:
    match attempt:
        case Rejected(error=ProviderError(retry=RetryClass.USER_COOLDOWN) as error):
            return person.cooled(now, error.retry_after_s)
        case Rejected(error=ProviderError(retry=RetryClass.USER_UNREACHABLE)):
            return person.unreachable(now)
        case _:
            return person


def _is_news_of_template(attempt: Attempt) -> bool:
    return isinstance(attempt, Rejected) and attempt.error.is_news_of_template


def _is_about_pace(attempt: Attempt) -> bool:
    match attempt:
        case Accepted() | NotSent() | Rejected(error=ProviderError(retry=RetryClass.PAIR_WAIT)):
            return True
        case _:
            return False


def _after(state: SenderState, tried: Iterable[Tried], now: datetime) -> SenderState:
    for each in tried:
        match each.attempt:
            case Accepted():
                state = state.succeeded(each.began_at, now, each.leaving.purpose)
            case Rejected(error=ProviderError(retry=RetryClass.SENDER_STOP) as error):
                state = state.stopped(error.code, each.began_at, now, scope=error.scope)
            case Rejected(error=ProviderError(retry=RetryClass.THROTTLE)):
                state = state.slowed(now)
            case _:
                pass
    return state
