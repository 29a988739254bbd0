"""Queued messages are claimed, decided again and sent, one at a time; who does not come back loses the claim."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.message import Message, MessageStatus
from nearcast.services.delivery import decide_again, settled
from nearcast.services.ports import Channel, Claim, SendOutcome
from nearcast.services.steps import Steps
from nearcast.services.working_set import WorkingSet

_MESSAGES_AT_ONCE = 10  # what a slow channel takes within a lease
_log = logging.getLogger(__name__)
Present: TypeAlias = Callable[[], datetime]
"""Tells the present instant."""


class Dispatcher:
    """Sends for one tenant under the name of `owner`; a claim holds for `lease_s` seconds."""

    def __init__(self, steps: Steps, channel: Channel, *, owner: str, lease_s: float) -> None:
        self._steps, self._channel = steps, channel
        self._owner, self._lease_s = owner, lease_s

    def dispatch_some(self, now: datetime, present: Present) -> int:
        """Claim some of what may go at `now`, and deal with each when its turn comes, at the instant that it is then.
        How many messages were taken in hand.

        What goes wrong with one message is raised when the others have gone.
        """
        if not self._is_due(now):
            return 0
        with self._steps.writing() as uow:
            claims = uow.outbox.claim_due(now, owner=self._owner, lease_s=self._lease_s, limit=_MESSAGES_AT_ONCE)
            uow.commit()
        failed: list[Exception] = []
        for claim in claims:
            try:
                self._deliver(claim, now, present)
            except StoreUnavailable:
                raise
            except Exception as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return len(claims)

    def rescue(self, now: datetime) -> None:
        """End the leases of dispatchers that did not come back: claimed goes back to the queue, sending is unknown."""
        with self._steps.writing() as uow:
            uow.outbox.rescue(now)
            uow.commit()

    def _is_due(self, now: datetime) -> bool:
        with self._steps.reading() as uow:
            due_at = uow.outbox.next_due()
        return due_at is not None and due_at <= now

    def _deliver(self, claim: Claim, claimed_at: datetime, present: Present) -> None:
        """Decided again in one transaction, sent outside any, recorded in another."""
        now = max(claimed_at, present())
        if now >= claim.until:  # the messages before it took long: it goes back to the queue, or has gone already
            return
        with self._steps.writing() as uow:
            working = WorkingSet(uow, self._steps.catalogue, [claim.message.customer_id], now)
            message = working.world.messages.get(claim.message.id)
            if message is None or message.status is not MessageStatus.CLAIMED:
                return
            ready = decide_again(working.world, message, now)
            if ready.status is MessageStatus.SENDING:
                if not uow.outbox.start([replace(claim, message=ready)]):
                    return
            elif not uow.outbox.finish([replace(claim, message=ready)]):
                return
            uow.commit()
        if ready.status is MessageStatus.SENDING:
            outcome = self._send(ready)
            sent = settled(ready, outcome, max(now, present()))
            with self._steps.writing() as uow:
                uow.outbox.finish([replace(claim, message=sent)])
                uow.commit()

    def _send(self, message: Message) -> SendOutcome:
        try:
            return self._channel.send(message)
        except Exception as error:
            # its text may hold an address or the message's own text
            _log.error("channel %s raised %s: message %s is unknown", message.channel, type(error).__name__, message.id)
            return SendOutcome.UNKNOWN
