"""Queued messages are claimed, decided again and sent; who does not come back loses the claim.

A few messages at a time are decided and marked in one transaction, and then sent: one after the other, as many as the
channel takes in a moment, or side by side, as many as may begin at once, while the next are decided. More would be
cheaper; but a withdrawal that comes within that moment comes too late, and all that are marked when a process dies are
unknown, though some had not left. What a slow channel does not come to within the moment goes back, and is decided
again; and so does what misses the turn that a throttle gave it.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from time import sleep

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.message import MessageStatus, next_attempt_at
from nearcast.domain.reason import Reason
from nearcast.domain.sending import Attempt, NotSent, Outbound, Rejected, RetryClass, Unknown
from nearcast.services.attempts import SideBySide
from nearcast.services.marking import Ended, Marking, Ready, on_next_channel, unended
from nearcast.services.outbound import Outlet
from nearcast.services.outcomes import settled
from nearcast.services.ports import Claim
from nearcast.services.steps import Steps
from nearcast.services.turns import AHEAD, Present, Turns, at_its_turn

_CLAIMED_AT_FIRST = 10  # what a slow channel takes within a lease
_CLAIMED_AT_MOST, _MARKED_AT_MOST = 200, 50
_TIMES_ROUND = 8  # so often each place is taken before others have their turn
_MOMENT = timedelta(seconds=0.1)
_LONG = timedelta(seconds=2)  # and so long does it last where throttles are slow
_FRESH = timedelta(seconds=0.5)  # for so long a mark holds
_NOWHERE = NotSent(reason=Reason.CHANNEL_UNAVAILABLE, is_final=True)
_TOO_LATE = NotSent(reason="too_late")
_log = logging.getLogger(__name__)


class Dispatcher:
    """Sends for one tenant under the name of `owner`; a claim holds for `lease_s` seconds. `dice` are from [0, 1): they
    part what would be tried again together. `rest` waits for so many seconds.

    `resumes_at` is when a throttle that held something back, when last asked, lets more through; None for none.
    """

    def __init__(
        self,
        steps: Steps,
        outlet: Outlet,
        *,
        owner: str,
        lease_s: float,
        dice: Callable[[], float],
        rest: Callable[[float], None] = sleep,
    ) -> None:
        self._steps, self._outlet, self._rest = steps, outlet, rest
        self._marking = Marking(steps, outlet, lease_s)
        self._owner, self._lease_s, self._dice = owner, lease_s, dice
        self._turns = Turns()
        self._pace = 1  # how many messages the channel takes in a moment, by what it took last
        self.resumes_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether anything may go at `now`, throttles aside."""
        with self._steps.reading() as uow:
            due_at = uow.outbox.next_due()
        return due_at is not None and due_at <= now

    def dispatch_some(self, now: datetime, present: Present | None) -> int:
        """Claim some of what may go at `now`, and deal with each when its turn comes, at the instant that it is then:
        still `now` where nobody tells the `present`. How many messages were taken in hand.

        What goes wrong with one message is raised when the others have gone.
        """
        self._steps.read_catalogue()
        hand = _Hand(self._outlet.at_once, now, present, self._turns)
        left = deque(self._claim(hand))
        taken = len(left)
        with hand.under_way:
            try:
                while left:
                    hand.collect(enough=min(len(left), max(1, self._outlet.at_once // 4)))
                    self._deliver([left.popleft() for _ in range(min(self._size(left[0], hand), len(left)))], hand)
                    if not left:
                        left.extend(self._more(hand, taken))
                        taken += len(left)
            finally:  # what has left is written down, whatever went wrong after it
                hand.collect(enough=self._outlet.at_once)
                if hand.ended:
                    self._marking.record(hand.ended, hand.present())
        self._marking.learn(hand.told, hand.present())
        if hand.failed:
            raise hand.failed[0]
        return taken

    def _size(self, claim: Claim, hand: "_Hand") -> int:
        """How many are marked together; those of a throttle have their turns one right after the other."""
        if self._outlet.at_once > 1:
            return hand.under_way.free
        return self._pace if claim.begins_at is None else _MARKED_AT_MOST

    def _more(self, hand: "_Hand", taken: int) -> list[Claim]:
        """What else is due, or a throttle lets through in a moment, while others are under way; nothing where they are
        sent one after the other, or enough were taken in hand.
        """
        at_once = self._outlet.at_once
        if at_once == 1 or taken >= _TIMES_ROUND * at_once or hand.lasts() >= _LONG:
            return []
        if self.resumes_at is not None:
            wait = self.resumes_at - hand.present()
            if wait > _MOMENT + AHEAD:
                return []
            self._rest(max(0.0, wait.total_seconds()))
        elif not hand.is_more:
            return []
        return self._claim(hand)

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

    def _claim(self, hand: "_Hand") -> list[Claim]:
        now, at_once, turns = hand.present(), self._outlet.at_once, hand.turns
        few = min(max(_CLAIMED_AT_FIRST, 4 * self._pace), _CLAIMED_AT_MOST)
        self.resumes_at = None
        with self._steps.writing() as uow:
            of_tenant = self._steps.catalogue.world(uow.catalogue).tenant.throttles
            throttles = turns.kept_by(self._outlet.throttles(uow, of_tenant, now))
            between = turns.between(now)
            # who has a turn needs a place to wait for it
            limit = few if at_once == 1 else max(1, hand.under_way.free) if throttles else 2 * at_once
            claims = uow.outbox.claim_due(
                now, owner=self._owner, lease_s=self._lease_s, limit=limit, throttles=throttles, between=between
            )
            hand.is_more = len(claims) == limit
            if not hand.is_more:  # what is over is in nobody's way before
                uow.outbox.expire(now)
                free_at = uow.outbox.free_at(throttles, between[1])
                self.resumes_at = None if free_at is None else max(now, free_at - turns.lead)
            uow.commit()
        turns.learn(hand.present() - now)
        return sorted(claims, key=lambda claim: claim.begins_at or now)

    def _deliver(self, claims: Sequence[Claim], hand: "_Hand") -> None:
        """Decided again in one transaction, which also writes what ended before; sent outside any."""
        ours = unended(claims, hand.present())
        if not ours:
            return
        hand.collect()
        began = hand.present()
        try:
            marked = self._marking.mark(ours, hand.ended, hand.present, hand.failed)
        except StoreUnavailable:
            raise
        except Exception as error:
            if len(ours) == 1:
                hand.failed.append(error)
            for claim in ours if len(ours) > 1 else ():  # one of them cannot be decided: not the others' fault
                self._deliver([claim], hand)
            return
        marked_at = hand.present()
        hand.turns.learn(marked_at - began)
        for ready in marked:
            hand.under_way.begin(partial(self._tried, ready, marked_at, hand.present))
        self._keep_pace(len(ours), len(marked), hand.present() - marked_at)

    def _tried(self, ready: Ready, marked_at: datetime, present: Present) -> Ended:
        """A claim with its message as it is after an attempt, or back in the queue where its turn came too late."""
        claim, message, began = (
            ready.claim,
            ready.claim.message,
            at_its_turn(ready.claim.begins_at, present, self._rest),
        )
        as_before = replace(message, repeat_until=ready.claimed.repeat_until)
        if began is None or began - marked_at > _FRESH or began >= message.expires_at:
            back = replace(claim, message=as_before.to(MessageStatus.QUEUED))
            return Ended(back, ready.outbound, present(), _TOO_LATE)
        attempt, at = self._send(message.channel, ready.outbound), present()
        tried = as_before if isinstance(attempt, NotSent | Rejected) else message
        if _is_unreachable(attempt) and ready.others:
            return Ended(replace(claim, message=on_next_channel(ready, at)), ready.outbound, began, attempt)
        again_at = next_attempt_at(at, claim.attempt, self._dice())
        after = replace(claim, message=settled(tried, attempt, at, again_at=again_at))
        return Ended(after, ready.outbound, began, attempt)

    def _keep_pace(self, decided: int, marked: int, took: timedelta) -> None:
        if took > _MOMENT:
            self._pace = max(1, int(marked * (_MOMENT / took)))
        elif decided == self._pace:  # of these some may have been cancelled
            self._pace = min(2 * decided, _MARKED_AT_MOST)

    def _send(self, channel: str, outbound: Outbound) -> Attempt:
        way = self._outlet.through(channel)
        try:
            return _NOWHERE if way is None else way.send(outbound)
        except Exception as error:
            # its text may hold an address or the message's own text
            _log.error("channel %s raised %s: message %s is unknown", channel, type(error).__name__, outbound.id)
            return Unknown(reason=type(error).__name__)


def _is_unreachable(attempt: Attempt) -> bool:
    return isinstance(attempt, Rejected) and attempt.error.retry is RetryClass.USER_UNREACHABLE


class _Hand:
    """What a dispatcher has in hand: attempts under way, what of them `ended` and is to be written, all that they
    `told`, and what `failed`. There `is_more` where as much was claimed as could be.
    """

    def __init__(self, at_once: int, now: datetime, present: Present | None, turns: Turns) -> None:
        self.under_way, self._now, self._present = SideBySide[Ended](at_once), now, present
        self.turns = turns if present is not None else Turns(still=True)
        self.is_more = False
        self.ended: list[Ended] = []
        self.told: list[Ended] = []
        self.failed: list[Exception] = []

    def present(self) -> datetime:
        """Never before it began: clocks of several machines differ."""
        return self._now if self._present is None else max(self._now, self._present())

    def lasts(self) -> timedelta:
        """For how long it has gone on."""
        return self.present() - self._now

    def collect(self, *, enough: int = 0) -> None:
        """Take what has ended; wait until `enough` more attempts may begin."""
        some = self.under_way.ended(enough=enough)
        self.ended += some
        self.told += some
