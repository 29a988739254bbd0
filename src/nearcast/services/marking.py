"""The transaction before messages leave: they are decided again, senders are asked, and they are marked as leaving.

It also writes down what came of those that left before.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from nearcast.domain.ids import CustomerId, MessageId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.reason import Reason
from nearcast.domain.sender_state import Blocked
from nearcast.domain.sending import Accepted, Attempt, LearntKey, Outbound, Rejected, RetryClass, Template
from nearcast.domain.template_fit import filling_of
from nearcast.domain.value import value
from nearcast.services.channel_ports import repeatable_s
from nearcast.services.costs import expect
from nearcast.services.delivery import decide_again
from nearcast.services.fallbacks import fall_back
from nearcast.services.figures import Figure
from nearcast.services.inbound_ports import Origin
from nearcast.services.markets import market_of_recipient
from nearcast.services.outbound import Kept, Outlet
from nearcast.services.ports import Claim, UnitOfWork
from nearcast.services.sender_states import Leaving, Tried
from nearcast.services.steps import Steps
from nearcast.services.turns import Present
from nearcast.services.working_set import WorkingSet
from nearcast.services.world import World


@value
class Ready:
    """A claim whose message is marked as leaving, and what leaves of it; `claimed` is the message as it was before, and
    `others` are the channels that it may leave through if nobody can be reached on its own.
    """

    claim: Claim
    outbound: Outbound
    claimed: Message
    others: tuple[str, ...] = ()


@value
class Ended:
    """A claim with its message as it is after an attempt that began at `began_at`, and what that came to."""

    claim: Claim
    outbound: Outbound
    began_at: datetime
    attempt: Attempt


class Marking:
    """One tenant's. A claim that is marked holds for `lease_s` seconds from then on."""

    def __init__(self, steps: Steps, outlet: Outlet, lease_s: float) -> None:
        self._steps, self._outlet, self._lease = steps, outlet, timedelta(seconds=lease_s)

    def mark(
        self, claims: Sequence[Claim], ended: list[Ended], present: Present, failed: list[Exception]
    ) -> list[Ready]:
        """Those of the claims whose messages are to be sent, and are marked so from now on. What ended is written, and
        `ended` is empty then.
        """
        customer_ids = {claim.message.customer_id for claim in claims}
        with self._steps.writing() as uow:
            is_free = len(uow.customers.lock(customer_ids, waits=not ended)) == len(customer_ids)
            if is_free or not ended:
                return self._marked(uow, claims, ended, present(), failed)
            self._write(uow, ended, present())  # who knows how long one waits: what has left is written before
        with self._steps.writing() as uow:
            uow.customers.lock(customer_ids)
            return self._marked(uow, claims, ended, present(), failed)

    def record(self, ended: list[Ended], now: datetime) -> None:
        """Write what ended; `ended` is empty then."""
        with self._steps.writing() as uow:
            self._write(uow, ended, now)

    def learn(self, ended: Iterable[Ended], now: datetime) -> None:
        """Keep what providers have told of what they call the recipients."""
        learnt: dict[CustomerId, list[LearntKey]] = {}
        for each in ended:
            if isinstance(each.attempt, Accepted) and each.attempt.learnt:
                learnt.setdefault(each.claim.message.customer_id, []).extend(each.attempt.learnt)
        if learnt and self._outlet.identities is not None:
            with self._steps.writing() as uow:
                self._outlet.identities.learn(uow, self._steps.tenant_id, learnt, now)
                uow.commit()

    def _marked(
        self, uow: UnitOfWork, claims: Sequence[Claim], ended: list[Ended], now: datetime, failed: list[Exception]
    ) -> list[Ready]:
        """As `mark`, in a transaction that has held the customers since before `now`. Each claim begins again, so that
        its message has left or is back before it ends.
        """
        customer_ids, until = [claim.message.customer_id for claim in claims], now + self._lease
        world = WorkingSet(uow, self._steps.catalogue, customer_ids, now).world
        self._learn_of_senders(uow, ended, now)  # whoever leaves next has heard of it
        kept = self._outlet.kept(uow, [claim.message for claim in claims])
        leaving, staying = list[Ready](), list[Claim]()
        for claim in unended(claims, now):
            message = world.messages.get(claim.message.id)
            if message is None or message.status is not MessageStatus.CLAIMED:
                continue
            others = world.campaigns.by_id[message.campaign_id].channels_after(message.channel)
            try:
                decided, outbound = self._by_channel(world, message, others, kept, now)
            except Exception as error:
                failed.append(error)
                continue
            goes_on = replace(claim, message=decided, until=until)
            if outbound is None:
                staying.append(goes_on)
            else:
                rest = others[others.index(decided.channel) + 1 :] if decided.channel in others else others
                leaving.append(Ready(goes_on, outbound, message, rest))
        leaving, held_back = self._let_through(uow, leaving, now)
        staying += held_back
        for each in (*(ready.claim for ready in leaving), *staying):
            world.keep(each.message)
        in_their_place = partial(_fall_back, uow, world, staying, now)
        marked = self._record(uow, [*(ready.claim for ready in leaving), *staying], ended, in_their_place)
        return [ready for ready in leaving if ready.claim.message.id in marked]

    def _by_channel(
        self, world: World, message: Message, others: Sequence[str], kept: Kept, now: datetime
    ) -> tuple[Message, Outbound | None]:
        """What becomes of a message on its channel; where nobody can be reached on that, on the first of the `others`
        on which somebody can, and agrees to be. It says then why it leaves there.
        """
        first, outbound = self._decided(world, message, kept, now)
        for channel in others if _is_no_way(first) or self._outlet.through(message.channel) is None else ():
            elsewhere, leaving = self._decided(world, replace(message, channel=channel), kept, now)
            if leaving is not None and self._outlet.through(channel) is not None:
                return replace(elsewhere, reason=first.reason or Reason.CHANNEL_UNAVAILABLE), leaving
        has_moved = message.reason == Reason.USER_UNREACHABLE and message.channel != self._first_channel(world, message)
        ends = first.status in (MessageStatus.SENDING, MessageStatus.CANCELLED)
        return replace(first, reason=message.reason) if has_moved and ends else first, outbound

    def _first_channel(self, world: World, message: Message) -> str:
        return world.campaigns.by_id[message.campaign_id].channel

    def _decided(self, world: World, message: Message, kept: Kept, now: datetime) -> tuple[Message, Outbound | None]:
        decided = self._leaving(decide_again(world, message, now), now)
        if decided.status is not MessageStatus.SENDING:
            return decided, None
        outbound = self._outlet.outbound(decided, kept, now)
        if outbound is None:
            return message.to(MessageStatus.CANCELLED, reason=Reason.NO_ADDRESS, freed_at=now), None
        return decided, outbound

    def _let_through(self, uow: UnitOfWork, leaving: Sequence[Ready], now: datetime) -> tuple[list[Ready], list[Claim]]:
        """Those that their senders let leave now, and the claims on the others, which wait or end."""
        senders = self._outlet.senders
        asking = [ready for ready in leaving if self._outlet.is_providers(ready.outbound.channel)]
        if senders is None or not asking:
            return list(leaving), []
        blocked = senders.may_send(uow, [leaving_of(each, self._outlet) for each in asking], now)
        through = [ready for ready in leaving if ready.claim.message.id not in blocked]
        held = [(ready, blocked[ready.claim.message.id]) for ready in leaving if ready.claim.message.id in blocked]
        return through, [_held_back(ready, why, now) for ready, why in held]

    def _write(self, uow: UnitOfWork, ended: list[Ended], now: datetime) -> None:
        self._learn_of_senders(uow, ended, now)
        self._record(uow, (), ended)

    def _record(
        self,
        uow: UnitOfWork,
        decided: Sequence[Claim],
        ended: list[Ended],
        then: Callable[[Collection[MessageId]], None] = lambda ours: None,
    ) -> set[MessageId]:
        """Write how those go on that were decided, and what came of those that were tried, and commit; whose claims
        were not gone. `then` is called with these before the commit.
        """
        after = [each.claim for each in ended]
        ours = uow.outbox.proceed([*decided, *after])
        then(ours)
        for claim in (*decided, *after):
            if claim.message.id in ours:
                uow.tell(Figure.MESSAGES, claim.message.channel, claim.message.status.value)
        uow.commit()
        ended.clear()
        return ours

    def _learn_of_senders(self, uow: UnitOfWork, ended: Sequence[Ended], now: datetime) -> None:
        """What providers said counts, though the claims were gone by then."""
        of_providers = [each for each in ended if self._outlet.is_providers(each.outbound.channel)]
        if self._outlet.senders is not None and of_providers:
            tried = [
                Tried(leaving=leaving_of(each, self._outlet), began_at=each.began_at, attempt=each.attempt)
                for each in of_providers
            ]
            self._outlet.senders.note(uow, tried, now)
        taken = [each for each in of_providers if isinstance(each.attempt, Accepted)]
        counts = {each.claim.message.id: each.attempt.prices for each in taken if isinstance(each.attempt, Accepted)}
        markets = [(each.claim.message, market_of_recipient(each.outbound.to)) for each in taken]
        expect(uow, markets, now, counts=counts)
        for each in of_providers:
            if isinstance(each.attempt, Rejected) and each.attempt.error.retry is RetryClass.USER_OPTOUT:
                of = each.claim.message
                uow.pauses.note([of.customer_id], of.channel, Origin.PLATFORM, now)

    def _leaving(self, message: Message, now: datetime) -> Message:
        """A message that is about to leave says until when it may leave again; one that may have left before, and would
        not be recognised any more, does not leave.
        """
        if message.status is not MessageStatus.SENDING:
            return message
        if message.repeat_until is not None:
            return message if now < message.repeat_until else message.to(MessageStatus.UNKNOWN)
        span_s = repeatable_s(self._outlet.through(message.channel), message)
        return replace(message, repeat_until=now + timedelta(seconds=span_s)) if span_s > 0 else message


def unended(claims: Sequence[Claim], now: datetime) -> list[Claim]:
    """Who waited for long has lost the others: they go back to the queue, or have gone already."""
    return [claim for claim in claims if now < claim.until]


def leaving_of(each: Ready | Ended, outlet: Outlet) -> Leaving:
    """What senders need to know of a message."""
    message, content = each.claim.message, each.outbound.content
    return Leaving(
        message_id=message.id,
        customer_id=message.customer_id,
        channel=message.channel,
        purpose=each.outbound.purpose,
        template=(content.name, content.language) if isinstance(content, Template) else None,
        person=outlet.person(each.outbound.to),
        filling=None if message.template is None else filling_of(message.template),
    )


def on_next_channel(ready: Ready, now: datetime) -> Message:
    """A message that reached nobody on its channel, queued for the next one: there it is decided again."""
    waiting = ready.claimed.to(MessageStatus.QUEUED, reason=Reason.USER_UNREACHABLE)
    return replace(waiting, channel=ready.others[0], not_before=now)


def _is_no_way(message: Message) -> bool:
    return message.status is MessageStatus.CANCELLED and message.reason == Reason.NO_ADDRESS


def _held_back(ready: Ready, why: Blocked, now: datetime) -> Claim:
    """Somebody may end what holds it back before: so it waits, though its offer may be over then."""
    if why.reason is Reason.USER_UNREACHABLE and ready.others:
        return replace(ready.claim, message=on_next_channel(ready, now))
    if why.until is None:
        ended = ready.claimed.to(MessageStatus.CANCELLED, reason=why.reason, freed_at=now)
        return replace(ready.claim, message=ended)
    waiting = ready.claimed.to(MessageStatus.QUEUED, reason=why.reason)
    return replace(ready.claim, message=replace(waiting, not_before=why.until))


def _fall_back(
    uow: UnitOfWork, world: World, ended: Sequence[Claim], now: datetime, ours: Collection[MessageId]
) -> None:
    """Queue what takes the place of the messages that were cancelled by us."""
    for message in (claim.message for claim in ended if claim.message.id in ours):
        arms, sends = world.assignments[message.customer_id], world.other_sends[message.customer_id]
        known_arms, known_sends = len(arms), len(sends)
        other = fall_back(world, message, now)
        uow.assignments.append((message.customer_id, each) for each in arms[known_arms:])
        uow.sends.append((message.customer_id, each) for each in sends[known_sends:])
        uow.outbox.insert([other] if other is not None else [])
