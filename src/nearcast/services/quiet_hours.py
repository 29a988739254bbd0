"""Quiet hours as they are written, by whoever may ask for them, as the domain's rules."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from nearcast.domain.errors import InvalidInput
from nearcast.domain.quiet_hours import NO_QUIET_HOURS, QuietHours, QuietSource
from nearcast.services.jurisdictions import quiet_by_zone
from nearcast.services.public_holidays import PublicHolidays
from nearcast.services.quiet_windows import quiet_rules
from nearcast.services.scenario import PlatformShape, PolicyShape, QuietWindowShape, placed

_WINDOWS = TypeAdapter(list[QuietWindowShape])


def quiet_hours_of(platform: PlatformShape, policy: PolicyShape) -> QuietHours:
    """What platform, tenant and jurisdictions ask for. InvalidInput names the place in the document."""
    region = policy.holidays
    holidays = None if region is None else placed("policy.holidays", lambda: PublicHolidays.of(region))
    everywhere = (
        *quiet_rules(platform.quiet_hours, QuietSource.PLATFORM, place="platform.quiet_hours"),
        *quiet_rules(policy.quiet_hours, QuietSource.TENANT, place="policy.quiet_hours", holidays=holidays),
    )
    if policy.jurisdictions is False:
        return QuietHours(everywhere) if everywhere else NO_QUIET_HOURS
    only = None if policy.jurisdictions is True else frozenset(policy.jurisdictions)
    by_zone, elsewhere = placed("policy.jurisdictions", lambda: quiet_by_zone(only))
    return QuietHours(everywhere, by_zone, elsewhere)


def read_platform(text: str | None) -> dict[str, Any]:
    """What holds for all tenants, as a scenario says it, from the JSON of its quiet hours; InvalidInput where that is
    wrong.
    """
    if text is None:
        return {}
    try:
        said = {"quiet_hours": json.loads(text)}
        shape = PlatformShape.model_validate(said)
    except ValueError as error:
        raise InvalidInput(
            'are not like [{"from": "21:00", "until": "08:00"}], with days and channels if wanted'
        ) from error
    quiet_rules(shape.quiet_hours, QuietSource.PLATFORM, place="")
    return said


def customers_quiet_hours(windows: Sequence[QuietWindowShape], *, place: str = "quiet_hours") -> QuietHours:
    """What a customer asks for."""
    own = quiet_rules(windows, QuietSource.CUSTOMER, place=place)
    return QuietHours(tuple(own)) if own else NO_QUIET_HOURS


def kept_quiet_hours(doc: Mapping[str, Any]) -> QuietHours:
    """What a customer asks for, from the document that is kept of them."""
    said = doc.get("quiet_hours")
    return customers_quiet_hours(_WINDOWS.validate_python(said)) if said else NO_QUIET_HOURS
