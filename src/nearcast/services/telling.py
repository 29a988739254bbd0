"""A replay's figures and a verdict's rules, as text for people."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

_BAR_WIDTH = 28
_MARKS = {True: "✓", False: "✗", None: "?"}
_SENTENCES = {
    "malformed": "not readable as a ping",
    "ping_mocked": "a position that the phone says was made up",
    "ping_invalid": "a position that the phone does not stand by",
    "ping_out_of_range": "a place that is not on the earth",
    "ping_null_island": "latitude 0, longitude 0: no position at all",
    "ping_from_future": "dated ahead of the clock",
    "duplicate_ping": "seen before",
    "consent_location_missing": "no consent to location: kept nowhere",
    "consent_location_expired": "consent to location has run out",
    "ping_late": "too late to change a visit",
    "ping_stale": "the ping was too old to act on",
    "ping_inaccurate": "the position was too coarse",
    "outside_fence": "not in any geofence of the campaign",
    "no_transition": "nothing happened there at that instant",
    "dwell_not_met": "not there for long enough yet",
    "sensitive_location": "a place that nobody is messaged about being at",
    "campaign_inactive": "the campaign was not active",
    "outside_window": "outside the campaign's dates",
    "outside_daypart": "outside the campaign's hours",
    "shop_closed": "the shop was closed",
    "suppressed_address": "the address is on the suppression list",
    "consent_marketing_missing": "never agreed to offers on this channel",
    "consent_unconfirmed": "agreed, but never confirmed it",
    "consent_marketing_expired": "consent has run out",
    "consent_withdrawn": "took consent back",
    "not_in_audience": "not in the campaign's audience",
    "fence_cooldown": "got a message here not long ago",
    "re_eligibility": "got this offer not long ago",
    "quiet_hours": "quiet hours",
    "expires_before_quiet_end": "would expire within the quiet hours",
    "cap_rolling": "enough messages in this period",
    "cap_calendar": "enough messages today, this week or this month",
    "cap_min_gap": "too soon after the last message",
    "budget_exhausted": "the campaign's budget is used up",
    "lost_arbitration": "another campaign went first",
    "holdout_global": "held out, to measure all messaging",
    "holdout_campaign": "held out, to measure this campaign",
    "cancelled_consent": "consent went before it left",
    "cancelled_campaign": "the campaign stopped before it left",
    "expired": "expired before it could leave",
    "cancelled_quiet": "quiet hours began before it left",
    "cancelled_cap": "a cap was reached before it left",
    "cancelled_left": "the visit was over before it left",
    "cancelled_no_transition": "a late ping took the reason for it back",
    "no_address": "no address to send to on this channel",
    "channel_unavailable": "the channel is not set up here",
    "rate_limited": "waits for its turn: no more may leave at once",
    "channel_busy": "could not be taken, and is tried again",
    "retry_exhausted": "could not be taken while the offer held",
    "market_blocked": "is not delivered by that channel where the number is",
    "sender_stopped": "waits: the provider has stopped the sender",
    "allowance_exhausted": "the provider lets us write to no more people today",
    "pair_wait": "waits: the provider wants a pause between two messages to one person",
    "user_cooldown": "the provider did not want to bring them marketing, and they are left alone for a day",
    "user_unreachable": "cannot be reached on this channel",
    "template_not_approved": "the provider does not let its template be used",
    "template_misfit": "its template asks for other things than the offer brings",
    "content_refused": "holds what that channel does not take",
    "rejected_permanent": "the provider refused it",
}


def sentence(reason: str) -> str:
    """A reason code in plain words."""
    return _SENTENCES.get(reason, reason.replace("_", " "))


def told_summary(summary: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a replay's summary."""
    pings, outcomes = summary["pings"], summary["outcomes"]
    yield f"{summary['tenant_id']}: {summary['from']} to {summary['until']}"
    yield (
        f"{summary['shops']} shops, {summary['geofences']} geofences, {summary['campaigns']} campaigns, "
        f"{summary['customers']:,} customers, {pings['read']:,} pings"
    )
    yield from _section("Pings refused at the door", summary["pings_refused"], explained=True)
    yield from _section("What moved", summary["transitions"])
    yield from _section(f"{summary['opportunities']:,} opportunities", outcomes)
    yield from _section("Why not", summary["reasons"], explained=True)
    yield from _section("Messages", summary["messages"])
    yield from _section("Messages that did not leave", summary["cancelled"], explained=True)
    sends = {campaign: counts.get("send", 0) for campaign, counts in summary["by_campaign"].items()}
    yield from _section("Sends by campaign", dict(sorted(sends.items(), key=lambda item: (-item[1], item[0]))))


def _section(title: str, counts: Mapping[str, int], *, explained: bool = False) -> Iterator[str]:
    if not counts:
        return
    yield ""
    yield title
    name_width = max(len(name) for name in counts)
    most = max(*counts.values(), 1)
    for name, count in counts.items():
        bar = "█" * max(round(_BAR_WIDTH * count / most), 1 if count else 0)
        tail = f"{bar:<{_BAR_WIDTH}}  {sentence(name)}" if explained else bar
        yield f"  {name:<{name_width}} {count:>9,}  {tail}".rstrip()


def told_explanation(explanation: Mapping[str, Any]) -> Iterator[str]:
    """The lines of one explanation: the verdict, every rule and what it saw, the earliest possible send."""
    where = f" at {explanation['geofence_id']}" if explanation["geofence_id"] else ""
    yield f"{explanation['customer_id']} · {explanation['campaign_id']}{where} · {explanation['at']}"
    if explanation["source"] == "match_log":
        yield f"decided {explanation['decided_at']}, decision {explanation['decision_id']}"
    else:
        yield "no decision at that instant; this is what the rules say of the stored facts, wherever the customer was"
    reason = explanation["reason"]
    yield f"→ {explanation['outcome']}" + (f": {reason} ({sentence(reason)})" if reason else "")
    yield ""
    width = max(len(rule["rule"]) for rule in explanation["rules"])
    for rule in explanation["rules"]:
        saw = {key: value for key, value in rule.items() if key not in ("rule", "passed", "reason")}
        mark = _MARKS[rule["passed"]]
        failed = f"{rule['reason']}  " if rule["passed"] is False else ""
        yield f"  {mark} {rule['rule']:<{width}}  {failed}{_shown(saw) or 'no such rule'}".rstrip()
    yield ""
    yield f"channels: {', '.join(map(_told_channel, explanation['channels']))}"
    for caveat in explanation["caveats"]:
        yield f"not known: {caveat}"
    earliest = explanation["earliest_send"]
    yield f"earliest possible send: {earliest or 'never, unless somebody acts (consent, campaign, budget)'}"


def _told_channel(tried: Mapping[str, Any]) -> str:
    return f"{tried['channel']} {_MARKS[not tried['reasons']]} {' '.join(tried['reasons'])}".rstrip()


def _shown(saw: Mapping[str, Any]) -> str:
    parts = []
    for key, value in saw.items():
        if isinstance(value, datetime):
            value = value.isoformat()
        if isinstance(value, list):
            value = "+".join(map(_told, value)) or "none"
        parts.append(f"{key}={'–' if value is None else value}")
    return ", ".join(parts)


def _told(value: object) -> str:
    """Who asks for silence, in words; anything else as it stands."""
    if not isinstance(value, Mapping):
        return str(value)
    return " ".join([value["source"], *value.get("names", ()), "in", value["timezone"]])
