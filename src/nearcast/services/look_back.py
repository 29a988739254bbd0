"""How far back the rules of a tenant look at what was sent, and whether they ask for experiments."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import chain

from nearcast.domain.campaign import Campaign
from nearcast.domain.policy import CalendarUnit, FrequencyCap, Policy

# a unit and the clock change within it
_CALENDAR = {
    CalendarUnit.DAY: timedelta(days=2),
    CalendarUnit.WEEK: timedelta(days=8),
    CalendarUnit.MONTH: timedelta(days=32),
}


def look_back(policy: Policy, campaigns: Iterable[Campaign]) -> timedelta:
    """The longest time for which any rule counts messages. Cooldown, re-eligibility and rotation ask for the last one,
    however long ago it was: they need no other.
    """
    caps = chain(policy.caps, *(campaign.caps for campaign in campaigns))
    return max(map(_span, caps), default=timedelta())


def has_experiments(policy: Policy, campaigns: Iterable[Campaign]) -> bool:
    """Whether any rule asks which arm of an experiment a customer is in."""
    return policy.holdout is not None or any(each.holdout or each.split for each in campaigns)


def _span(cap: FrequencyCap) -> timedelta:
    return timedelta(seconds=cap.window_s or 0) if cap.unit is None else _CALENDAR[cap.unit]
