"""Experiments: which arm a customer is in, by a hash that needs no store, and for ever once it was written down.

bucket = first 8 bytes of SHA-256("salt:customer"), big-endian, mod 10,000. A salt of its own keeps each experiment
independent of all others; the salt is its name. Source: campaigns reference §5.6.
"""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum

from nearcast.domain.value import value

BUCKETS = 10_000


class Arm(StrEnum):
    """The arms of a hold-out. An experiment with variants has theirs."""

    HELD_OUT = "held_out"
    TREATED = "treated"


@value(kw_only=True)
class Assignment:
    """A customer's first eligible instant in one arm of an experiment; `percent` was that arm's share then."""

    experiment: str
    arm: str
    percent: float
    at: datetime


def bucket(salt: str, customer_id: str) -> int:
    """Where a customer stands in an experiment, in 0…9,999."""
    digest = hashlib.sha256(f"{salt}:{customer_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def held_out_since(assignments: Iterable[Assignment], experiment: str) -> datetime | None:
    """When a customer was first held out, by assignments in their order; None for never."""
    held = (each.at for each in assignments if (each.experiment, each.arm) == (experiment, Arm.HELD_OUT))
    return next(held, None)


def first_arm(assignments: Iterable[Assignment], experiment: str, among: Collection[str]) -> str | None:
    """The first of these arms that a customer was assigned to, by assignments in their order; None for none of them."""
    mine = (each.arm for each in assignments if each.experiment == experiment)
    return next((arm for arm in mine if arm in among), None)
