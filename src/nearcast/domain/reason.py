"""Why a message was not sent. Codes are stable and append-only: the match log is for ever.

Source: campaigns reference §5.1. Codes whose rules are not built yet are added with them.
"""

from enum import StrEnum


class Reason(StrEnum):
    """In the order of the stages that give them."""

    MALFORMED = "malformed"
    PING_MOCKED = "ping_mocked"
    PING_INVALID = "ping_invalid"
    PING_OUT_OF_RANGE = "ping_out_of_range"
    PING_NULL_ISLAND = "ping_null_island"
    PING_FROM_FUTURE = "ping_from_future"
    DUPLICATE_PING = "duplicate_ping"
    CONSENT_LOCATION_MISSING = "consent_location_missing"
    PING_LATE = "ping_late"
    CONSENT_LOCATION_EXPIRED = "consent_location_expired"
    PING_STALE = "ping_stale"
    PING_INACCURATE = "ping_inaccurate"
    OUTSIDE_FENCE = "outside_fence"
    NO_TRANSITION = "no_transition"
    DWELL_NOT_MET = "dwell_not_met"
    SENSITIVE_LOCATION = "sensitive_location"
    CAMPAIGN_INACTIVE = "campaign_inactive"
    OUTSIDE_WINDOW = "outside_window"
    OUTSIDE_DAYPART = "outside_daypart"
    SHOP_CLOSED = "shop_closed"
    SUPPRESSED_ADDRESS = "suppressed_address"
    CONSENT_MARKETING_MISSING = "consent_marketing_missing"
    CONSENT_UNCONFIRMED = "consent_unconfirmed"
    CONSENT_MARKETING_EXPIRED = "consent_marketing_expired"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    NOT_IN_AUDIENCE = "not_in_audience"
    FENCE_COOLDOWN = "fence_cooldown"
    RE_ELIGIBILITY = "re_eligibility"
    QUIET_HOURS = "quiet_hours"
    EXPIRES_BEFORE_QUIET_END = "expires_before_quiet_end"
    CAP_ROLLING = "cap_rolling"
    CAP_CALENDAR = "cap_calendar"
    CAP_MIN_GAP = "cap_min_gap"
    BUDGET_EXHAUSTED = "budget_exhausted"
    LOST_ARBITRATION = "lost_arbitration"
    HOLDOUT_GLOBAL = "holdout_global"
    HOLDOUT_CAMPAIGN = "holdout_campaign"
    CANCELLED_CONSENT = "cancelled_consent"
    CANCELLED_CAMPAIGN = "cancelled_campaign"
    EXPIRED = "expired"
    CANCELLED_QUIET = "cancelled_quiet"
    CANCELLED_CAP = "cancelled_cap"
    CANCELLED_LEFT = "cancelled_left"
    CANCELLED_NO_TRANSITION = "cancelled_no_transition"
    NO_ADDRESS = "no_address"
    CHANNEL_UNAVAILABLE = "channel_unavailable"
    RATE_LIMITED = "rate_limited"
    CHANNEL_BUSY = "channel_busy"
    RETRY_EXHAUSTED = "retry_exhausted"
    MARKET_BLOCKED = "market_blocked"
    SENDER_STOPPED = "sender_stopped"
    ALLOWANCE_EXHAUSTED = "allowance_exhausted"
    PAIR_WAIT = "pair_wait"
    USER_COOLDOWN = "user_cooldown"
    USER_UNREACHABLE = "user_unreachable"
    TEMPLATE_NOT_APPROVED = "template_not_approved"
    TEMPLATE_MISFIT = "template_misfit"
    CONTENT_REFUSED = "content_refused"
    REJECTED_PERMANENT = "rejected_permanent"


_DISPATCH = {
    Reason.CANCELLED_CONSENT: {
        Reason.CONSENT_LOCATION_MISSING,
        Reason.CONSENT_LOCATION_EXPIRED,
        Reason.SUPPRESSED_ADDRESS,
        Reason.CONSENT_MARKETING_MISSING,
        Reason.CONSENT_UNCONFIRMED,
        Reason.CONSENT_MARKETING_EXPIRED,
        Reason.CONSENT_WITHDRAWN,
    },
    Reason.CANCELLED_CAMPAIGN: {
        Reason.CAMPAIGN_INACTIVE,
        Reason.OUTSIDE_WINDOW,
        Reason.OUTSIDE_DAYPART,
        Reason.SHOP_CLOSED,
        Reason.NOT_IN_AUDIENCE,
        Reason.BUDGET_EXHAUSTED,
    },
    Reason.CANCELLED_QUIET: {Reason.QUIET_HOURS, Reason.EXPIRES_BEFORE_QUIET_END},
    Reason.CANCELLED_CAP: {
        Reason.FENCE_COOLDOWN,
        Reason.RE_ELIGIBILITY,
        Reason.CAP_ROLLING,
        Reason.CAP_CALENDAR,
        Reason.CAP_MIN_GAP,
    },
}


def at_dispatch(reason: Reason) -> Reason:
    """What a queued message is cancelled with when a rule that passed at queueing gives `reason` at dispatch."""
    return next((cancelled for cancelled, causes in _DISPATCH.items() if reason in causes), reason)
