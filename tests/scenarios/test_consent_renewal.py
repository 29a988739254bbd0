"""Consent with an end, given anew before or after it: until when it lives, and what must be confirmed again."""

import pytest

from tests.scenarios.harness import (
    N50,
    N500,
    NOON,
    Row,
    bare,
    consent,
    consent_event,
    later,
    only,
    ping,
    run,
    the_end,
)

LOCATION = consent("2026-01-01T09:00:00Z", "location.matching", "granted")
X, Y = "2026-06-02T12:00:00Z", "2026-06-04T12:00:00Z"  # the old consent ends, the new one ends
BEFORE_X, BETWEEN, BEFORE_Y = later(X, -1), later(X, 3600), later(Y, -1)


def given(day: int, action: str, until: str | None = None) -> Row:
    """A line of the ledger for marketing, on a day in May; confirmed five minutes after it was granted."""
    ends = {} if until is None else {"valid_until": until}
    minute = 5 if action == "confirmed" else 0
    return consent(f"2026-05-{day:02d}T09:{minute:02d}:00Z", action=action, **ends)


OLD = [given(1, "granted", X), given(1, "confirmed")]
REGRANTED = given(20, "granted", Y)
RENEWED = [*OLD, REGRANTED, given(20, "confirmed")]


def verdict(tmp_path, when: str, ledger: list[Row], *events: Row) -> str:
    """What a customer who arrives at that instant gets."""
    return only(run(tmp_path, bare(*events, ping(when, N50), consents=[LOCATION, *ledger])).verdicts())


# --- marketing


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (BEFORE_X, "send"),
        (X, "send"),
        (BETWEEN, "send"),
        (BEFORE_Y, "send"),
        (Y, "suppress consent_marketing_expired"),
    ],
)
def test_consent_granted_again_and_confirmed_lives_until_its_new_end(tmp_path, when, expected):
    assert verdict(tmp_path, when, RENEWED) == expected


def test_without_a_renewal_it_ends_where_it_said(tmp_path):
    """The counterpart, so that what the renewals prolong is seen to be an end."""
    assert verdict(tmp_path / "before", BEFORE_X, OLD) == "send"
    assert verdict(tmp_path / "at", X, OLD) == "suppress consent_marketing_expired"


def test_a_renewal_without_an_end_has_none(tmp_path):
    ledger = [*OLD, given(20, "granted"), given(20, "confirmed")]
    assert verdict(tmp_path, later(Y, 86400 * 14), ledger) == "send"


def test_a_grant_alone_does_not_prolong_what_was_confirmed(tmp_path):
    """The old consent lives on to its own end; the new one is not confirmed."""
    assert verdict(tmp_path / "before", BEFORE_X, [*OLD, REGRANTED]) == "send"
    assert verdict(tmp_path / "at", X, [*OLD, REGRANTED]).startswith("suppress consent_")
    assert verdict(tmp_path / "after", BETWEEN, [*OLD, REGRANTED]).startswith("suppress consent_")


@pytest.mark.parametrize(
    ("when", "expected"),
    [(BETWEEN, "suppress"), (later(BETWEEN, 59), "suppress"), (later(BETWEEN, 60), "send"), (BEFORE_Y, "send")],
)
def test_a_confirmation_after_the_old_consent_ended_counts_for_the_new_grant(tmp_path, when, expected):
    """It comes directly after the grant: nothing but time lay between them. Until it comes there is a gap."""
    confirmed = consent(later(BETWEEN, 60), action="confirmed")
    assert verdict(tmp_path, when, [*OLD, REGRANTED, confirmed]).split()[0] == expected


def test_a_confirmation_after_the_old_consent_ended_lasts_until_the_new_end(tmp_path):
    confirmed = consent(later(BETWEEN, 60), action="confirmed")
    assert verdict(tmp_path, Y, [*OLD, REGRANTED, confirmed]) == "suppress consent_marketing_expired"


def test_a_confirmation_after_the_new_grant_ended_too_counts_for_nothing(tmp_path):
    confirmed = consent(later(Y, 60), action="confirmed")
    assert verdict(tmp_path, later(Y, 120), [*OLD, REGRANTED, confirmed]).startswith("suppress consent_")


def test_a_confirmation_alone_does_not_bring_an_ended_consent_back(tmp_path):
    """It counts directly after a grant; the last grant was used up and is over."""
    confirmed = consent(later(X, 60), action="confirmed")
    assert verdict(tmp_path, BETWEEN, [*OLD, confirmed]).startswith("suppress consent_")


@pytest.mark.parametrize("when", [BEFORE_X, BETWEEN])
def test_a_withdrawal_between_the_new_grant_and_its_confirmation_ends_both(tmp_path, when):
    ledger = [*OLD, REGRANTED, given(21, "withdrawn"), given(22, "confirmed")]
    assert verdict(tmp_path, when, ledger).startswith("suppress consent_")


def test_a_renewal_on_one_channel_is_none_on_another(tmp_path):
    """The grant is for sms and the confirmation for email: neither renews anything."""
    ledger = [*OLD, REGRANTED, consent("2026-05-20T10:00:00Z", action="confirmed", channel="email")]
    assert verdict(tmp_path, BETWEEN, ledger).startswith("suppress consent_")


def test_two_renewals_follow_each_other(tmp_path):
    third = [given(25, "granted", later(Y, 86400)), given(25, "confirmed")]
    assert verdict(tmp_path / "after Y", Y, [*RENEWED, *third]) == "send"
    assert verdict(tmp_path / "after", later(Y, 86400), [*RENEWED, *third]) == "suppress consent_marketing_expired"


def test_a_renewal_that_is_heard_of_as_an_event_counts_too(tmp_path):
    events = [
        consent_event(later(X, -600), action="granted", valid_until=Y),
        consent_event(later(X, -300), action="confirmed"),
    ]
    assert verdict(tmp_path, BETWEEN, OLD, *events) == "send"


@pytest.mark.parametrize(("renewed", "sent_at"), [(True, "2026-06-02T12:30:00Z"), (False, None)])
def test_a_message_waits_through_the_end_of_a_consent_that_was_renewed(tmp_path, renewed, sent_at):
    """Put off at 12:00 in Berlin until 14:30; the old consent ends at 14:00."""
    scenario = bare(
        ping(NOON, N50),
        the_end(later(NOON, 18000)),
        consents=[LOCATION, *(RENEWED if renewed else [*OLD, REGRANTED])],
        campaign={"on_quiet": "defer", "offer": {"expires_after_s": 43200}},
        policy={"quiet_hours": [{"from": "11:00", "until": "14:30"}]},
    )
    message = only(run(tmp_path, scenario).messages)
    assert message["sent_at"] == sent_at
    assert message["status"] == ("accepted" if renewed else "cancelled")


# --- location


def located(until: str, *, since: str = "2026-01-01T09:00:00Z") -> Row:
    return consent(since, "location.matching", "granted", valid_until=until)


def test_location_consent_granted_again_keeps_the_visit_open(tmp_path):
    """It needs no confirmation; past the old end nobody leaves and nobody enters."""
    ledger = [located(X), located(Y, since="2026-05-20T09:00:00Z")]
    outcome = run(tmp_path, bare(ping(NOON, N50), ping(BETWEEN, N50), ping(later(BETWEEN, 60), N500), consents=ledger))
    assert [(row["kind"], row["at"]) for row in outcome.transitions] == [
        ("enter", NOON),
        ("exit", later(BETWEEN, 60)),
    ]
    assert outcome.refused == {}


def test_location_consent_granted_again_ends_at_its_new_end(tmp_path):
    ledger = [located(X), located(Y, since="2026-05-20T09:00:00Z")]
    outcome = run(tmp_path, bare(ping(NOON, N50), ping(BEFORE_Y, N50), ping(later(Y, 60), N50), consents=ledger))
    leave = outcome.transitions[-1]
    assert (leave["kind"], leave["at"], leave["reason"]) == ("exit", Y, "consent")
    assert sum(outcome.refused.values()) == 1
