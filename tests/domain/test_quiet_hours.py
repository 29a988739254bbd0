"""Silence is what anybody asks for: the union of rules, channels, dates, zones and pauses (P6)."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nearcast.domain.campaign import Offer, WhenHeld
from nearcast.domain.local_time import EVERY_DAY, HOLIDAY, LocalHours, LocalWindow
from nearcast.domain.policy import Policy
from nearcast.domain.quiet_hours import NO_QUIET_HOURS, QuietHours, QuietRule, QuietSource, silence
from tests.domain.builders import (
    BERLIN,
    NOON,
    TOKYO,
    against,
    campaign,
    candidate,
    customer,
    evidence,
    judged,
    later,
    local,
    quiet,
    quiet_rule,
    until,
    window,
)

PLATFORM, TENANT, LAW, CUSTOMER = QuietSource
PARIS = ZoneInfo("Europe/Paris")
NIGHT = "21:00-08:00"
BASTILLE_DAY, SUNDAY = date(2026, 7, 14), date(2026, 7, 12)
HOLIDAYS = LocalHours(
    (LocalWindow.parse("22:00", "08:00"), LocalWindow.parse("00:00", "24:00", frozenset({6, HOLIDAY}))),
    holidays=frozenset({BASTILLE_DAY}),
)
FRANCE = QuietRule(source=LAW, name="FR", hours=HOLIDAYS)


def asked(policy: QuietHours, at: datetime, *zones: ZoneInfo, own: QuietHours = NO_QUIET_HOURS, **more) -> list[str]:
    found = silence([policy, own], at, zones or (BERLIN,), **{"channel": "sms", **more})
    return [] if found is None else [f"{rule.source} {rule.name or ''}".strip() for _, rule in found.rules]


# --- whose


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ("2026-06-02 12:00", []),
        ("2026-06-02 19:00", ["customer"]),
        ("2026-06-02 20:00", ["jurisdiction DE", "customer"]),
        ("2026-06-02 21:00", ["tenant", "jurisdiction DE", "customer"]),
        ("2026-06-02 22:00", ["platform", "tenant", "jurisdiction DE", "customer"]),
        ("2026-06-03 06:59:59", ["platform", "tenant", "jurisdiction DE", "customer"]),
        ("2026-06-03 07:00", ["tenant", "customer"]),
        ("2026-06-03 08:00", ["customer"]),
        ("2026-06-03 09:00", []),
    ],
)
def test_everybodys_hours_add_up(wall: str, expected: list[str]) -> None:
    policy = QuietHours(
        (quiet_rule("22:00-07:00", source=PLATFORM), quiet_rule(NIGHT)),
        {"Europe/Berlin": (quiet_rule("20:00-07:00", source=LAW, name="DE"),)},
    )
    assert asked(policy, local(wall), own=quiet("19:00-09:00", source=CUSTOMER)) == expected


def test_silence_ends_when_the_last_who_asked_has_enough() -> None:
    policy = QuietHours((quiet_rule("22:00-06:00", source=PLATFORM), quiet_rule("05:00-07:00")))
    own = quiet("06:30-09:00", source=CUSTOMER)
    found = silence([policy, own], local("2026-06-02 23:00"), [BERLIN], channel="sms")
    assert found is not None
    assert found.until == local("2026-06-03 09:00")


def test_a_narrower_rule_never_loosens_a_broader_one() -> None:
    policy = QuietHours((quiet_rule(NIGHT, source=PLATFORM), quiet_rule("23:00-05:00")))
    assert asked(policy, local("2026-06-02 21:30")) == ["platform"]


# --- where


def test_a_jurisdictions_hours_hold_by_the_clocks_of_its_own_zones() -> None:
    """At 22:30 in Paris it is 05:30 in Tokyo, where French hours are nobody's."""
    policy = QuietHours((), {"Europe/Paris": (FRANCE,)}, (quiet_rule("00:00-06:00", source=LAW, name="*"),))
    at = local("2026-06-02 22:30", PARIS)
    assert asked(policy, at, TOKYO) == ["jurisdiction *"]
    assert asked(policy, at, PARIS) == ["jurisdiction FR"]
    assert asked(policy, at, TOKYO, PARIS) == ["jurisdiction *", "jurisdiction FR"]
    assert asked(policy, later(3600, at), TOKYO, PARIS) == ["jurisdiction FR"]


@pytest.mark.parametrize(
    ("wall", "zone", "is_quiet"),
    [
        ("2026-07-11 12:00", PARIS, False),
        ("2026-07-12 00:00", PARIS, True),  # a Sunday
        ("2026-07-12 23:59:59", PARIS, True),
        ("2026-07-13 08:00", PARIS, False),
        ("2026-07-14 12:00", PARIS, True),  # a holiday
        ("2026-07-15 08:00", PARIS, False),
    ],
)
def test_sundays_and_holidays(wall: str, zone: ZoneInfo, is_quiet: bool) -> None:
    policy = QuietHours((), {"Europe/Paris": (FRANCE,)})
    assert bool(asked(policy, local(wall, zone), zone)) is is_quiet


def test_a_holiday_is_over_the_next_morning() -> None:
    found = silence([QuietHours((FRANCE,))], local("2026-07-13 23:00", PARIS), [PARIS], channel="sms")
    assert found is not None
    assert found.until == local("2026-07-15 08:00", PARIS)


# --- on which channel, and since when


@pytest.mark.parametrize(
    ("channel", "expected"), [("sms", ["tenant", "tenant"]), ("email", ["tenant"]), ("webpush", ["tenant"])]
)
def test_hours_of_a_channel_leave_the_others_alone(channel: str, expected: list[str]) -> None:
    policy = QuietHours((quiet_rule("10:00-14:00"), quiet_rule("11:00-15:00", channels=frozenset({"sms"}))))
    assert asked(policy, NOON, channel=channel) == expected
    assert bool(asked(policy, local("2026-06-02 14:30"), channel=channel)) is (channel == "sms")


@pytest.mark.parametrize(
    ("wall", "is_quiet"),
    [
        ("2026-06-02 01:00", False),  # the night that began before
        ("2026-06-02 20:59:59", False),
        ("2026-06-02 21:00", True),
        ("2026-06-09 07:59:59", True),  # the last night goes on to its end
        ("2026-06-09 21:00", False),
    ],
)
def test_a_rule_holds_from_one_date_up_to_another(wall: str, is_quiet: bool) -> None:
    rule = quiet_rule(NIGHT, since=date(2026, 6, 2), until=date(2026, 6, 9))
    assert bool(asked(QuietHours((rule,)), local(wall))) is is_quiet


# --- until when the customer wants to hear nothing


@pytest.mark.parametrize(
    ("at", "zones", "resumes"),
    [
        ("2026-06-02 12:00", (BERLIN,), local("2026-06-08 00:00")),
        ("2026-06-07 23:59:59", (BERLIN,), local("2026-06-08 00:00")),
        ("2026-06-08 00:00", (BERLIN,), None),
        ("2026-06-07 23:00", (TOKYO,), None),  # the eighth has begun there
        ("2026-06-07 23:00", (TOKYO, BERLIN), local("2026-06-08 00:00")),
    ],
)
def test_a_pause_ends_when_its_date_has_begun_everywhere(
    at: str, zones: tuple[ZoneInfo, ...], resumes: datetime | None
) -> None:
    found = silence([], local(at), zones, channel="sms", paused_until=date(2026, 6, 8))
    assert (found and found.until) == resumes


def test_after_a_pause_the_quiet_hours_of_that_night_hold() -> None:
    paused = customer(paused_until=date(2026, 9, 1))
    at = local("2026-06-02 12:00")
    assert until(candidate(), now=at, policy=Policy(quiet_hours=quiet(NIGHT)), customer=paused) == [
        local("2026-09-01 08:00")
    ]
    assert until(candidate(), now=at, customer=paused) == [local("2026-09-01 00:00")]


# --- what the log says of it


def test_the_finding_names_who_asks_and_by_which_clock() -> None:
    policy = QuietHours(
        (quiet_rule(NIGHT),),
        {"Asia/Tokyo": (quiet_rule("20:00-08:00", source=LAW, name="JP"), quiet_rule(NIGHT, source=LAW, name="JP-13"))},
    )
    at = local("2026-06-02 15:00")  # 22:00 in Tokyo
    verdict = judged(
        candidate(ping=evidence(recorded_at=at, zone=TOKYO)),
        now=at,
        policy=Policy(quiet_hours=policy),
        customer=customer(),
    )
    detail = verdict.detail["quiet_hours"]
    assert detail["timezones"] == ["Asia/Tokyo", "Europe/Berlin"]
    assert detail["by"] == [
        {"source": "tenant", "timezone": "Asia/Tokyo"},
        {"source": "jurisdiction", "timezone": "Asia/Tokyo", "names": ["JP", "JP-13"]},
    ]
    assert detail["until"] == local("2026-06-03 08:00")
    assert (verdict.timezone, verdict.zone_source) == ("Asia/Tokyo", "ping_location")


def test_a_pause_is_told_with_its_date() -> None:
    paused = customer(paused_until=date(2026, 6, 8))
    verdict = judged(customer=paused)
    assert verdict.reasons == ["quiet_hours"]
    assert verdict.detail["quiet_hours"]["by"] == []
    assert verdict.detail["quiet_hours"]["paused_until"] == date(2026, 6, 8)
    assert against(customer=customer(paused_until=date(2026, 6, 2))) == []


@pytest.mark.parametrize(
    ("valid_s", "reason", "outcome"),
    [(10 * 3600 + 1, "quiet_hours", "defer"), (10 * 3600, "expires_before_quiet_end", "suppress")],
)
def test_an_offer_is_put_off_to_the_end_of_all_hours_or_not_at_all(valid_s: float, reason: str, outcome: str) -> None:
    """The tenant's night ends at eight, the customer's at nine."""
    own = customer(quiet_hours=quiet("07:30-09:00", source=CUSTOMER))
    of = campaign(on_quiet=WhenHeld.DEFER, offer=Offer(text="Coffee", expires_after_s=valid_s))
    at = local("2026-06-02 23:00")
    verdict = judged(candidate(of, ping=None), now=at, policy=Policy(quiet_hours=quiet(NIGHT)), customer=own)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert verdict.not_before == (local("2026-06-03 09:00") if outcome == "defer" else None)


def test_hours_that_never_end_promise_no_end() -> None:
    policy = QuietHours((quiet_rule("08:00-20:00", source=PLATFORM), quiet_rule("20:00-08:00")))
    found = silence([policy], NOON, [BERLIN], channel="sms")
    assert found is not None
    assert found.until is None


def test_six_quiet_days_are_not_for_ever() -> None:
    but_wednesdays = quiet(window("00:00-24:00", "thu fri sat sun mon tue"))
    found = silence([but_wednesdays], local("2026-06-04 12:00"), [BERLIN], channel="sms")
    assert found is not None
    assert found.until == local("2026-06-10 00:00")


def test_days_are_worked_out_again_when_many_have_been_asked_for() -> None:
    hours = quiet(LocalWindow.parse("21:00", "08:00", EVERY_DAY))
    days = [local("2026-06-02 23:00") + timedelta(days=n) for n in range(1100)]
    assert all(hours.at(at, BERLIN, "sms") for at in days)
    assert not any(hours.at(at + timedelta(hours=12), BERLIN, "sms") for at in days)
