"""Addresses that are no more by the word of who gave them out: nothing is sent there again, and nobody asks."""

from collections.abc import Iterable

from nearcast.domain.sending import Attempt, Rejected, RetryClass
from nearcast.services.contacts import BROWSER
from nearcast.services.ports import UnitOfWork
from nearcast.services.sender_ports import Pair

_GIVEN_OUT = frozenset({BROWSER})
"""Channels whose addresses a provider gives out, and takes back for good: a number may only be away."""


def forget_gone(uow: UnitOfWork, tried: Iterable[tuple[Pair, Attempt]]) -> None:
    """Forget the addresses that the attempts found gone. Their customers must be held."""
    gone = {
        (customer_id, channel)
        for (customer_id, channel), attempt in tried
        if channel in _GIVEN_OUT and isinstance(attempt, Rejected)
        if attempt.error.retry is RetryClass.USER_UNREACHABLE
    }
    if gone:
        kept = uow.contacts.of(customer_id for customer_id, _ in gone)
        left = {key: [each for each in had if (key, each.channel) not in gone] for key, had in kept.items()}
        uow.contacts.replace(left)
