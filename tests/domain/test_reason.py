"""Reason codes are for ever: codes may be added to this list, none may be renamed, moved or dropped."""

import pytest

from nearcast.domain.reason import Reason, at_dispatch

PUBLISHED = [
    "malformed",
    "ping_mocked",
    "ping_invalid",
    "ping_out_of_range",
    "ping_null_island",
    "ping_from_future",
    "duplicate_ping",
    "consent_location_missing",
    "ping_late",
    "consent_location_expired",
    "ping_stale",
    "ping_inaccurate",
    "outside_fence",
    "no_transition",
    "dwell_not_met",
    "sensitive_location",
    "campaign_inactive",
    "outside_window",
    "outside_daypart",
    "shop_closed",
    "suppressed_address",
    "consent_marketing_missing",
    "consent_unconfirmed",
    "consent_marketing_expired",
    "consent_withdrawn",
    "not_in_audience",
    "fence_cooldown",
    "re_eligibility",
    "quiet_hours",
    "expires_before_quiet_end",
    "cap_rolling",
    "cap_calendar",
    "cap_min_gap",
    "budget_exhausted",
    "lost_arbitration",
    "holdout_global",
    "holdout_campaign",
    "cancelled_consent",
    "cancelled_campaign",
    "expired",
    "cancelled_quiet",
    "cancelled_cap",
    "cancelled_left",
    "cancelled_no_transition",
    "no_address",
    "channel_unavailable",
    "rate_limited",
    "channel_busy",
    "retry_exhausted",
    "market_blocked",
    "sender_stopped",
    "allowance_exhausted",
    "pair_wait",
    "user_cooldown",
    "user_unreachable",
    "template_not_approved",
    "template_misfit",
    "content_refused",
    "rejected_permanent",
]


def test_published_codes_stay_in_their_order() -> None:
    codes = [reason.value for reason in Reason]
    assert [code for code in codes if code in PUBLISHED] == PUBLISHED


def test_new_codes_are_published_here() -> None:
    assert {reason.value for reason in Reason} <= set(PUBLISHED)


def test_a_code_reads_as_its_name() -> None:
    assert all(reason.value == reason.name.lower() for reason in Reason)


AT_DISPATCH = {
    "cancelled_consent": {
        "consent_location_missing",
        "consent_location_expired",
        "suppressed_address",
        "consent_marketing_missing",
        "consent_unconfirmed",
        "consent_marketing_expired",
        "consent_withdrawn",
    },
    "cancelled_campaign": {
        "campaign_inactive",
        "outside_window",
        "outside_daypart",
        "shop_closed",
        "not_in_audience",
        "budget_exhausted",
    },
    "cancelled_quiet": {"quiet_hours", "expires_before_quiet_end"},
    "cancelled_cap": {"fence_cooldown", "re_eligibility", "cap_rolling", "cap_calendar", "cap_min_gap"},
}


@pytest.mark.parametrize("reason", Reason)
def test_what_a_queued_message_is_cancelled_with(reason: Reason) -> None:
    cancelled = [code for code, causes in AT_DISPATCH.items() if reason.value in causes]
    assert [at_dispatch(reason).value] == (cancelled or [reason.value])
