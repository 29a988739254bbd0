"""Queued messages are claimed, decided again and sent; who does not come back loses the claim.

A few messages at a time are decided and marked in one transaction, and then sent one after the other: as many as the
channel takes in a moment. More would be cheaper; but a withdrawal that comes within that moment comes too late, and all
that are marked when a process dies are unknown, though some had not left. What a slow channel does not come to within
the moment goes back, and is decided again.
"""

import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import MessageId
from nearcast.domain.message import Message, MessageStatus, next_attempt_at
from nearcast.domain.reason import Reason
from nearcast.domain.sending import Attempt, NotSent, Outbound, Unknown
from nearcast.domain.value import value
from nearcast.services.channel_ports import repeatable_s
from nearcast.services.delivery import decide_again, settled
from nearcast.services.fallbacks import fall_back
from nearcast.services.figures import Figure
from nearcast.services.outbound import Outlet
from nearcast.services.ports import Claim, UnitOfWork
from nearcast.services.steps import Steps
from nearcast.services.working_set import WorkingSet
from nearcast.services.world import World

_CLAIMED_AT_FIRST = 10  # what a slow channel takes within a lease
_CLAIMED_AT_MOST, _MARKED_AT_MOST = 200, 50
_MOMENT = timedelta(seconds=0.1)
_FRESH = timedelta(seconds=0.5)  # for so long a mark holds
_log = logging.getLogger(__name__)
Present: TypeAlias = Callable[[], datetime]
"""Tells the present instant."""


_NOWHERE = NotSent(reason=Reason.CHANNEL_UNAVAILABLE, is_final=True)


@value
class Ready:
    """A claim whose message is marked as being sent, and what leaves of it. `known_until` is what the message said
    before of how long it may be repeated: so it says again if nothing has left.
    """

    claim: Claim
    outbound: Outbound
    known_until: datetime | None


class Dispatcher:
    """Sends for one tenant under the name of `owner`; a claim holds for `lease_s` seconds. `dice` are from [0, 1): they
    part what would be tried again together.

    `resumes_at` is when a throttle that held something back, when last asked, lets more through; None for none.
    """

    def __init__(self, steps: Steps, outlet: Outlet, *, owner: str, lease_s: float, dice: Callable[[], float]) -> None:
        self._steps, self._outlet = steps, outlet
        self._owner, self._lease_s, self._dice = owner, lease_s, dice
        self._pace = 1  # how many messages the channel takes in a moment, by what it took last
        self.resumes_at: datetime | None = None

    def dispatch_some(self, now: datetime, present: Present) -> int:
        """Claim some of what may go at `now`, and deal with each when its turn comes, at the instant that it is then.
        How many messages were taken in hand.

        What goes wrong with one message is raised when the others have gone.
        """
        self.resumes_at = None
        if not self._is_due(now):
            return 0
        claims = self._claim(now)
        failed: list[Exception] = []
        left, tried = deque(claims), list[Claim]()
        try:
            while left:
                some = [left.popleft() for _ in range(min(self._pace, len(left)))]
                self._deliver(some, tried, lambda: max(now, present()), failed)
        finally:  # what has left is written down, whatever went wrong after it
            if tried:
                with self._steps.writing() as uow:
                    self._record(uow, (), tried)
        if failed:
            raise failed[0]
        return len(claims)

    def rescue(self, now: datetime) -> None:
        """End the leases of dispatchers that did not come back: claimed goes back to the queue, sending is unknown
        unless the channel would recognise it.
        """
        with self._steps.writing() as uow:
            uow.outbox.rescue(now)
            uow.commit()

    def expire(self, now: datetime) -> None:
        """End the messages whose offers are over, however many others are always there to be sent."""
        with self._steps.writing() as uow:
            while uow.outbox.expire(now):
                pass
            uow.commit()

    def _is_due(self, now: datetime) -> bool:
        with self._steps.reading() as uow:
            due_at = uow.outbox.next_due()
        return due_at is not None and due_at <= now

    def _claim(self, now: datetime) -> list[Claim]:
        limit = min(max(_CLAIMED_AT_FIRST, 4 * self._pace), _CLAIMED_AT_MOST)
        with self._steps.writing() as uow:
            throttles = self._steps.catalogue.world(uow.catalogue).tenant.throttles
            claims = uow.outbox.claim_due(
                now, owner=self._owner, lease_s=self._lease_s, limit=limit, throttles=throttles
            )
            if len(claims) < limit:  # what is over is in nobody's way before
                uow.outbox.expire(now)
                self.resumes_at = uow.outbox.free_at(throttles, now)
            uow.commit()
        return claims

    def _deliver(self, claims: Sequence[Claim], tried: list[Claim], present: Present, failed: list[Exception]) -> None:
        """Decided again in one transaction, which also writes what came of those `tried` before; sent outside any."""
        ours = _unended(claims, present())
        if not ours:
            return
        try:
            marked = self._mark(ours, tried, present, failed)
        except StoreUnavailable:
            raise
        except Exception as error:
            if len(ours) == 1:
                failed.append(error)
            for claim in ours if len(ours) > 1 else ():  # one of them cannot be decided: not the others' fault
                self._deliver([claim], tried, present, failed)
            return
        began = present()
        for ready in marked:
            tried.append(self._tried(ready, began, present))
        self._keep_pace(len(ours), len(marked), present() - began)

    def _mark(
        self, claims: Sequence[Claim], tried: list[Claim], present: Present, failed: list[Exception]
    ) -> list[Ready]:
        """Those of the claims whose messages are to be sent, and are marked so from now on."""
        customer_ids = {claim.message.customer_id for claim in claims}
        with self._steps.writing() as uow:
            is_free = len(uow.customers.lock(customer_ids, waits=not tried)) == len(customer_ids)
            if is_free or not tried:
                return self._marked(uow, claims, tried, present(), failed)
            self._record(uow, (), tried)  # who knows how long one waits: what has left is written down before
        with self._steps.writing() as uow:
            uow.customers.lock(customer_ids)
            return self._marked(uow, claims, tried, present(), failed)

    def _marked(
        self, uow: UnitOfWork, claims: Sequence[Claim], tried: list[Claim], now: datetime, failed: list[Exception]
    ) -> list[Ready]:
        """As `_mark`, in a transaction that has held the customers since before `now`. Each claim begins again, so that
        its message has left or is back before it ends.
        """
        customer_ids, until = [claim.message.customer_id for claim in claims], now + timedelta(seconds=self._lease_s)
        world = WorkingSet(uow, self._steps.catalogue, customer_ids, now).world
        kept = self._outlet.kept(uow, [claim.message for claim in claims])
        leaving, staying = list[Ready](), list[Claim]()
        for claim in _unended(claims, now):
            message = world.messages.get(claim.message.id)
            if message is None or message.status is not MessageStatus.CLAIMED:
                continue
            try:
                decided = self._leaving(decide_again(world, message, now), now)
                leaves = decided.status is MessageStatus.SENDING
                outbound = self._outlet.outbound(decided, kept, now) if leaves else None
            except Exception as error:
                failed.append(error)
                continue
            if leaves and outbound is None:
                decided = message.to(MessageStatus.CANCELLED, reason=Reason.NO_ADDRESS, freed_at=now)
            world.keep(decided)
            goes_on = replace(claim, message=decided, until=until)
            if outbound is not None:
                leaving.append(Ready(goes_on, outbound, message.repeat_until))
            else:
                staying.append(goes_on)
        others = partial(_fall_back, uow, world, staying, now)
        marked = self._record(uow, [*(ready.claim for ready in leaving), *staying], tried, others)
        return [ready for ready in leaving if ready.claim.message.id in marked]

    def _record(
        self,
        uow: UnitOfWork,
        decided: Sequence[Claim],
        tried: list[Claim],
        then: Callable[[Collection[MessageId]], None] = lambda ours: None,
    ) -> set[MessageId]:
        """Write how those go on that were decided, and what came of those that were tried, and commit; whose claims
        were not gone. `then` is called with these before the commit.
        """
        ours = uow.outbox.proceed([*decided, *tried])
        then(ours)
        _tell(uow, [claim for claim in (*decided, *tried) if claim.message.id in ours])
        uow.commit()
        tried.clear()
        return ours

    def _tried(self, ready: Ready, marked_at: datetime, present: Present) -> Claim:
        """A claim with its message as it is after an attempt, or back in the queue where its turn came too late."""
        claim, message, now = ready.claim, ready.claim.message, present()
        as_before = replace(message, repeat_until=ready.known_until)
        if now - marked_at > _FRESH or now >= message.expires_at:
            return replace(claim, message=as_before.to(MessageStatus.QUEUED))
        attempt, at = self._send(message.channel, ready.outbound), present()
        tried = as_before if isinstance(attempt, NotSent) else message
        again_at = next_attempt_at(at, claim.attempt, self._dice())
        return replace(claim, message=settled(tried, attempt, at, again_at=again_at))

    def _keep_pace(self, decided: int, marked: int, took: timedelta) -> None:
        if took > _MOMENT:
            self._pace = max(1, int(marked * (_MOMENT / took)))
        elif decided == self._pace:  # of these some may have been cancelled
            self._pace = min(2 * decided, _MARKED_AT_MOST)

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

    def _send(self, channel: str, outbound: Outbound) -> Attempt:
        way = self._outlet.through(channel)
        try:
            return _NOWHERE if way is None else way.send(outbound)
        except Exception as error:
            # its text may hold an address or the message's own text
            _log.error("channel %s raised %s: message %s is unknown", channel, type(error).__name__, outbound.id)
            return Unknown(reason=type(error).__name__)


def _tell(uow: UnitOfWork, claims: Sequence[Claim]) -> None:
    for claim in claims:
        uow.tell(Figure.MESSAGES, claim.message.channel, claim.message.status.value)


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
    uow.vouchers.insert(world.vouchers)


def _unended(claims: Sequence[Claim], now: datetime) -> list[Claim]:
    """Who waited for long has lost the others: they go back to the queue, or have gone already."""
    return [claim for claim in claims if now < claim.until]
