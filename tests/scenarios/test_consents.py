"""The consent ledger as a fold over its events, the suppression list before it, and the audience after it."""

import pytest

from tests.scenarios.harness import (
    CUSTOMER,
    NOON,
    Row,
    arrive,
    bare,
    consent,
    consent_event,
    later,
    only,
    run,
)

LOCATION = consent("2026-01-01T09:00:00Z", "location.matching", "granted")
UNCONFIRMED, WITHDRAWN, MISSING = "consent_unconfirmed", "consent_withdrawn", "consent_marketing_missing"


def day(number: int) -> str:
    return f"2026-01-{number:02d}T09:00:00Z"


def ledger(*actions: str, **more) -> list[Row]:
    """Marketing events on successive days."""
    return [consent(day(number), action=action, **more) for number, action in enumerate(actions, start=2)]


def verdict(tmp_path, *lines: Row, **more) -> str:
    return only(run(tmp_path, bare(*arrive(), consents=[LOCATION, *lines], **more)).verdicts())


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ([], f"suppress {MISSING}"),
        (["granted"], f"suppress {UNCONFIRMED}"),
        (["granted", "confirmed"], "send"),
        (["confirmed"], "send"),  # an imported proof
        (["granted", "confirmed", "withdrawn"], f"suppress {WITHDRAWN}"),
        (["granted", "withdrawn"], f"suppress {WITHDRAWN}"),
        (["granted", "confirmed", "withdrawn", "granted"], f"suppress {UNCONFIRMED}"),
        (["granted", "confirmed", "withdrawn", "granted", "confirmed"], "send"),
    ],
)
def test_marketing_consent_is_live_when_confirmed(tmp_path, actions, expected):
    assert verdict(tmp_path, *ledger(*actions)) == expected


def test_a_confirmation_alone_does_not_undo_a_withdrawal(tmp_path):
    """Both are needed again; which of the two reasons is given is not said."""
    found = verdict(tmp_path, *ledger("granted", "confirmed", "withdrawn", "confirmed"))
    assert found in {f"suppress {WITHDRAWN}", f"suppress {UNCONFIRMED}"}


def test_events_are_folded_by_their_own_time_not_by_arrival(tmp_path):
    """A grant that is dated before the withdrawal and arrives after it changes nothing."""
    lines = ledger("granted", "confirmed", "withdrawn")
    late = [
        {"at": later(NOON, -600), "consent": consent("2026-01-03T12:00:00Z", action="granted")},
        {"at": later(NOON, -600), "consent": consent("2026-01-03T13:00:00Z", action="confirmed")},
    ]
    assert (
        only(run(tmp_path, bare(*late, *arrive(), consents=[LOCATION, *lines])).verdicts()) == f"suppress {WITHDRAWN}"
    )


@pytest.mark.parametrize("order", [1, -1])
def test_at_one_instant_withdrawal_wins(tmp_path, order):
    both = [consent(day(5), action="confirmed"), consent(day(5), action="withdrawn")]
    assert verdict(tmp_path, *ledger("granted"), *both[::order]) == f"suppress {WITHDRAWN}"


def test_a_withdrawal_of_one_channel_leaves_the_others(tmp_path):
    lines = [*ledger("confirmed"), consent(day(9), action="withdrawn", channel="email")]
    assert verdict(tmp_path, *lines) == "send"


def test_a_withdrawal_without_channel_covers_all(tmp_path):
    lines = [*ledger("confirmed"), consent(day(9), action="withdrawn", channel=None)]
    assert verdict(tmp_path, *lines) == f"suppress {WITHDRAWN}"


def test_consent_for_another_channel_is_none_for_this(tmp_path):
    assert verdict(tmp_path, *ledger("granted", "confirmed", channel="email")) == f"suppress {MISSING}"


@pytest.mark.parametrize(
    ("consented", "sending", "expected"),
    [
        ({}, {}, "send"),
        ({"sender": "s1"}, {"sender": "s1"}, "send"),
        ({}, {"sender": "t1"}, "send"),
        ({"sender": "s1"}, {}, f"suppress {MISSING}"),
        ({}, {"sender": "s1"}, f"suppress {MISSING}"),
    ],
)
def test_senders_must_agree(tmp_path, consented, sending, expected):
    """The tenant (t1) is the sender where none is named."""
    assert verdict(tmp_path, *ledger("granted", "confirmed", **consented), campaign=sending) == expected


def test_a_withdrawal_without_sender_covers_all(tmp_path):
    lines = [*ledger("confirmed", sender="s1"), consent(day(9), action="withdrawn")]
    assert verdict(tmp_path, *lines, campaign={"sender": "s1"}) == f"suppress {WITHDRAWN}"


def test_a_withdrawal_from_one_shop_leaves_the_tenants_consent(tmp_path):
    lines = [*ledger("confirmed"), *ledger("confirmed", sender="s1"), consent(day(9), action="withdrawn", sender="s1")]
    assert verdict(tmp_path, *lines) == "send"


def test_location_consent_is_live_when_granted(tmp_path):
    outcome = run(tmp_path, bare(*arrive(), consents=[LOCATION]))
    assert outcome.refused == {}
    assert [row["kind"] for row in outcome.transitions] == ["enter"]


def test_at_one_instant_consents_come_before_pings(tmp_path):
    """Listed last, withdrawn at the very instant of the ping."""
    scenario = bare(*arrive(), consent_event(NOON, action="withdrawn"))
    assert run(tmp_path, scenario).verdicts() == [f"suppress {WITHDRAWN}"]


def test_location_consent_at_the_instant_of_the_ping(tmp_path):
    scenario = bare(*arrive(), consent_event(NOON, "location.matching", "withdrawn"))
    outcome = run(tmp_path, scenario)
    assert outcome.transitions == outcome.match_log == []
    assert outcome.refused == {"consent_location_missing": 1}


@pytest.mark.parametrize(("when", "refused"), [(later(NOON, -1), 0), (NOON, 1)])
def test_location_consent_may_end_too(tmp_path, when, refused):
    """`valid_until` is exclusive here as well. Which of the two codes counts it (missing, expired) is not asserted."""
    ending = consent("2026-01-01T09:00:00Z", "location.matching", "granted", valid_until=NOON)
    outcome = run(tmp_path, bare(*arrive(when), consents=[ending, *ledger("confirmed")]))
    assert sum(outcome.refused.values()) == refused


# --- suppression list and audience


def suppressed(*channels: str) -> list[Row]:
    return [{"id": CUSTOMER, "timezone": "Europe/Berlin", "suppressed": list(channels)}]


def test_a_suppressed_address(tmp_path):
    assert verdict(tmp_path, *ledger("confirmed"), customers=suppressed("sms")) == "suppress suppressed_address"


def test_suppression_is_checked_before_consent(tmp_path):
    lines = ledger("confirmed", "withdrawn")
    assert verdict(tmp_path, *lines, customers=suppressed("sms")) == "suppress suppressed_address"


def test_suppression_of_another_channel_does_not_matter(tmp_path):
    assert verdict(tmp_path, *ledger("confirmed"), customers=suppressed("email")) == "send"


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["vip"], "send"),
        (["regular", "vip"], "send"),
        (["staff"], "send"),
        (["regular"], "suppress not_in_audience"),
        ([], "suppress not_in_audience"),
    ],
)
def test_audience(tmp_path, tags, expected):
    customers = [{"id": CUSTOMER, "timezone": "Europe/Berlin", "tags": tags}]
    campaign = {"audience": {"tags_any": ["vip", "staff"]}}
    assert verdict(tmp_path, *ledger("confirmed"), customers=customers, campaign=campaign) == expected


def test_the_first_failing_stage_gives_the_reason_and_all_are_listed(tmp_path):
    """Consent comes before audience, audience before quiet hours."""
    outcome = run(
        tmp_path,
        bare(
            *arrive(),
            consents=[LOCATION, *ledger("granted")],
            campaign={"audience": {"tags_any": ["vip"]}},
            policy={"quiet_hours": [{"from": "11:00", "until": "13:00"}]},
        ),
    )
    row = only(outcome.match_log)
    assert row["reason"] == UNCONFIRMED
    assert row["reasons"] == [UNCONFIRMED, "not_in_audience", "quiet_hours"]


def test_a_confirmation_yet_to_come_is_none(tmp_path):
    """The scenario's ledger may reach into the future; what counts is what had happened."""
    assert verdict(tmp_path, consent("2026-06-10T09:00:00Z")) == f"suppress {MISSING}"
