"""How far back the rules of a tenant look at what was sent."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from nearcast.domain.campaign import Campaign
from nearcast.domain.policy import CalendarUnit, FrequencyCap, Policy

# a unit and the clock change within it
_CALENDAR = {
    CalendarUnit.DAY: timedelta(days=2),
    CalendarUnit.WEEK: timedelta(days=8),
    CalendarUnit.MONTH: timedelta(days=32),
}


def look_back(policy: Policy, campaigns: Iterable[Campaign]) -> timedelta:
    """The longest time for which any rule counts messages. The rules that ask for the last one look back further: they
    need only that one.
    """
    return max(_spans(policy, campaigns), default=timedelta())


def _spans(policy: Policy, campaigns: Iterable[Campaign]) -> Iterator[timedelta]:
    yield from map(_span, policy.caps)
    for campaign in campaigns:
        yield from map(_span, campaign.caps)
        yield timedelta(seconds=max(campaign.fence_cooldown_s, campaign.re_eligibility_s))


def _span(cap: FrequencyCap) -> timedelta:
    return timedelta(seconds=cap.window_s or 0) if cap.unit is None else _CALENDAR[cap.unit]
