"""When the rules would first let an offer go, if nothing else happened."""

from typing import Any

import pytest

from nearcast.domain.campaign import CampaignClass, CampaignState
from nearcast.domain.decision import earliest_send
from nearcast.domain.opening_hours import OpeningHours
from nearcast.domain.policy import Holdout, Policy
from tests.domain.builders import (
    NOON,
    TOKYO,
    WITHDRAWN,
    campaign,
    candidate,
    case,
    consent,
    customer,
    evidence,
    facts,
    hours,
    hours_ago,
    later,
    local,
    location_consent,
    min_gap,
    quiet,
    rolling,
    send,
    shop,
    window,
)

EVERYBODY = Holdout(100, "all")
NIGHT = quiet("21:00-08:00")
WEEKDAYS = hours(window("10:00-20:00", "mon tue wed thu fri"))
MONDAY_TO_SATURDAY = OpeningHours.parse("Mo-Sa 08:00-20:00")


def earliest(now: Any = NOON, *, policy: Policy | None = None, known: Any = None, **of: Any) -> Any:
    """Keys of a candidate are the candidate's, others its campaign's."""
    own = {key: of.pop(key) for key in ("shop", "ping", "no_opportunity") if key in of}
    return earliest_send(case(candidate(campaign(**of), **own), facts_=facts(**(known or {})), policy=policy, now=now))


@pytest.mark.parametrize(
    ("now", "of", "policy", "expected"),
    [
        ("2026-06-02 12:00", {}, Policy(), "2026-06-02 12:00"),
        ("2026-06-02 23:00", {}, Policy(quiet_hours=NIGHT), "2026-06-03 08:00"),
        ("2026-06-05 20:00", {"dayparts": WEEKDAYS}, Policy(), "2026-06-08 10:00"),
        ("2026-06-06 20:00", {"shop": shop(opening_hours=MONDAY_TO_SATURDAY)}, Policy(), "2026-06-08 08:00"),
        ("2026-06-02 12:00", {"active_from": local("2026-06-04 00:00")}, Policy(), "2026-06-04 00:00"),
        # one rule after another
        ("2026-06-05 23:00", {"dayparts": WEEKDAYS}, Policy(quiet_hours=NIGHT), "2026-06-08 10:00"),
        (
            "2026-06-06 20:00",
            {"shop": shop(opening_hours=MONDAY_TO_SATURDAY), "dayparts": hours("00:00-09:00", "18:00-24:00")},
            Policy(quiet_hours=quiet("20:00-08:30")),
            "2026-06-08 08:30",
        ),
        # over a clock change
        ("2026-03-28 23:00", {}, Policy(quiet_hours=NIGHT), "2026-03-29 08:00"),
        ("2026-10-24 23:00", {}, Policy(quiet_hours=NIGHT), "2026-10-25 08:00"),
    ],
)
def test_the_earliest_send(now: str, of: dict[str, Any], policy: Policy, expected: str) -> None:
    assert earliest(local(now), policy=policy, **of) == local(expected)


def test_caps_and_rests_are_waited_for() -> None:
    known = {"sends": (send(hours_ago(1), "camp-7"),)}
    assert earliest(policy=Policy(caps=(min_gap(7200),)), known=known) == later(3600)
    assert earliest(re_eligibility_s=7200.0, known=known) == later(3600)
    assert earliest(policy=Policy(caps=(min_gap(10 * 3600),), quiet_hours=NIGHT), known=known) == local(
        "2026-06-03 08:00"
    )


@pytest.mark.parametrize(
    "about_the_ping",
    [
        {"ping": evidence(recorded_at=hours_ago(9))},
        {"ping": evidence(accuracy_m=900.0)},
        {"ping": None},
    ],
)
def test_what_is_about_the_ping_is_left_aside(about_the_ping: dict[str, Any]) -> None:
    assert earliest(**about_the_ping) == NOON


def test_where_the_ping_was_is_not() -> None:
    at, night = local("2026-06-02 15:00"), Policy(quiet_hours=NIGHT)  # 22:00 in Tokyo
    assert earliest(at, ping=evidence(recorded_at=at), policy=night) == at
    assert earliest(at, ping=evidence(recorded_at=at, zone=TOKYO), policy=night) == local("2026-06-03 08:00")


@pytest.mark.parametrize(
    "never",
    [
        {"known": {"consents": ()}},
        {"known": {"consents": (*facts().consents, consent(WITHDRAWN))}},
        {"known": {"consents": (*facts().consents, location_consent(WITHDRAWN))}},
        {"known": {"customer": customer(suppressed=frozenset({"sms"}))}},
        {"known": {"customer": customer(reachable=frozenset({"email"}))}},
        {"state": CampaignState.PAUSED},
        {"active_until": NOON},
        {"active_from": hours_ago(1), "active_until": NOON},
        {"active_until": later(3600), "dayparts": hours("18:00-20:00")},
        {"audience_any": frozenset({"vip"})},
        {"budget_messages": 0},
        {"caps": (rolling(0, 60),)},
        {"shop": shop(opening_hours=OpeningHours.parse("off"))},
        {"holdout": EVERYBODY},
        {"policy": Policy(holdout=EVERYBODY)},
        {"policy": Policy(quiet_hours=quiet("00:00-24:00"))},
    ],
)
def test_some_things_take_somebodys_act(never: dict[str, Any]) -> None:
    assert earliest(**never) is None


def test_service_messages_are_held_out_by_nobody() -> None:
    assert earliest(klass=CampaignClass.SERVICE, policy=Policy(holdout=EVERYBODY)) == NOON
