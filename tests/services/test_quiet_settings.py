"""Quiet hours as they are written in settings, scenarios, customers and the environment."""

from typing import Any

import pytest

from nearcast.domain.errors import InvalidInput
from nearcast.domain.quiet_hours import NO_QUIET_HOURS, QuietSource, silence
from nearcast.services.customers import CustomerDocument
from nearcast.services.public_holidays import PublicHolidays
from nearcast.services.quiet_hours import kept_quiet_hours, read_platform
from nearcast.services.tenants import SAFE_DEFAULTS
from tests.domain.builders import BERLIN, local
from tests.services.test_defaults import world

NIGHT = {"from": "21:00", "until": "08:00"}


def test_a_new_tenant_sleeps_at_night_and_by_the_law_of_the_place() -> None:
    hours = world(policy=SAFE_DEFAULTS["policy"]).tenant.policy.quiet_hours
    found = silence([hours], local("2026-06-02 22:00"), [BERLIN], channel="sms")
    assert found is not None
    assert [rule.source for _, rule in found.rules] == [QuietSource.TENANT, QuietSource.JURISDICTION]


def test_windows_of_the_same_channels_are_one_rule() -> None:
    windows = [NIGHT, {**NIGHT, "channels": ["sms"]}, {"from": "12:00", "until": "13:00"}]
    plain, of_sms = world(policy={"quiet_hours": windows}).tenant.policy.quiet_hours.everywhere
    assert (len(plain.hours.windows), plain.channels) == (2, None)
    assert (len(of_sms.hours.windows), of_sms.channels) == (1, frozenset({"sms"}))


def test_holidays_are_those_of_the_region() -> None:
    rest = {**NIGHT, "days": ["holiday"]}
    (rule,) = world(policy={"quiet_hours": [rest], "holidays": "DE-BE"}).tenant.policy.quiet_hours.everywhere
    assert rule.hours.holidays == PublicHolidays("DE", "BE")


def test_the_platforms_hours_come_first() -> None:
    both = world(platform={"quiet_hours": [NIGHT]}, policy={"quiet_hours": [NIGHT]}).tenant.policy.quiet_hours
    assert [rule.source for rule in both.everywhere] == [QuietSource.PLATFORM, QuietSource.TENANT]


@pytest.mark.parametrize(
    ("policy", "place"),
    [
        ({"quiet_hours": [NIGHT, {"from": "25:00", "until": "08:00"}]}, "policy.quiet_hours[1]"),
        ({"quiet_hours": [{**NIGHT, "days": ["holiday"]}]}, "policy.quiet_hours[0]"),
        ({"quiet_hours": [{**NIGHT, "days": []}]}, "policy.quiet_hours[0]"),
        ({"quiet_hours": [{**NIGHT, "channels": []}]}, "policy.quiet_hours[0]"),
        ({"holidays": "Mars"}, "policy.holidays"),
        ({"jurisdictions": ["US-XX"]}, "policy.jurisdictions"),
    ],
)
def test_what_cannot_hold_is_named_with_its_place(policy: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        world(policy=policy)
    assert f": {place}: " in f": {refused.value}"


@pytest.mark.parametrize(
    "said", ["x", "{}", "[1]", '[{"from": "21:00"}]', '[{"from": "25:00", "until": "08:00"}]', "21-8"]
)
def test_platform_hours_that_are_none_are_refused(said: str) -> None:
    with pytest.raises(InvalidInput):
        read_platform(said)


def test_platform_hours_are_written_as_a_tenants() -> None:
    assert read_platform(None) == {}
    assert read_platform('[{"from": "21:00", "until": "08:00"}]') == {"quiet_hours": [NIGHT]}


def test_a_customers_hours_are_kept_and_read_back() -> None:
    asked = [{**NIGHT, "days": ["sat"], "channels": ["sms"]}, {"from": "12:00", "until": "13:00"}]
    document = CustomerDocument.model_validate(
        {"id": "a", "quiet_hours": asked, "paused_until": "2026-07-01"}
    ).document()
    assert (document["quiet_hours"], document["paused_until"]) == (asked, "2026-07-01")
    assert [rule.channels for rule in kept_quiet_hours(document).everywhere] == [{"sms"}, None]
    assert kept_quiet_hours({}) is kept_quiet_hours({"quiet_hours": []}) is NO_QUIET_HOURS


def test_a_customers_hours_that_are_none_are_named() -> None:
    shape = CustomerDocument.model_validate({"id": "a", "quiet_hours": [NIGHT, {**NIGHT, "days": ["holiday"]}]})
    with pytest.raises(InvalidInput) as refused:
        shape.document()
    assert refused.value.place == "quiet_hours[1]"
