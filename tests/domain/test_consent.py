"""The consent ledger as a fold, line by line (CONTRACT, "Consent")."""

from datetime import datetime, timedelta
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.consent import (
    LOCATION,
    NEARBY,
    NO_CONSENT,
    ConsentAction,
    ConsentEvent,
    ConsentState,
    ConsentStatus,
    consent_state,
    in_ledger_order,
)
from nearcast.domain.errors import InvalidInput
from tests.domain.builders import CONFIRMED, GRANTED, NOON, WITHDRAWN, consent, later, location_consent

ACTIONS = {"g": GRANTED, "c": CONFIRMED, "w": WITHDRAWN}
MISSING, UNCONFIRMED, LIVE = ConsentStatus.MISSING, ConsentStatus.UNCONFIRMED, ConsentStatus.LIVE
EXPIRED, TAKEN_BACK = ConsentStatus.EXPIRED, ConsentStatus.WITHDRAWN


def day(number: int) -> datetime:
    return NOON + timedelta(days=number - 100)


def ledger(actions: str, **more: Any) -> list[ConsentEvent]:
    """One event a day: g granted, c confirmed, w withdrawn, a dot for none; event ids are the days' numbers."""
    days = enumerate(actions, start=1)
    return [consent(ACTIONS[action], day(n), event_id=str(n), **more) for n, action in days if action != "."]


def on(number: int, action: ConsentAction, *, until: int | None = None) -> ConsentEvent:
    """One event of that day, valid until the beginning of another."""
    return consent(action, day(number), valid_until=None if until is None else day(until))


def marketing(events: list[ConsentEvent], now: datetime = NOON) -> ConsentState:
    return consent_state(in_ledger_order(events), NEARBY, channel="sms", sender="t1", now=now)


def location(events: list[ConsentEvent], now: datetime = NOON) -> ConsentState:
    return consent_state(in_ledger_order(events), LOCATION, now=now)


@pytest.mark.parametrize(
    ("actions", "status", "rests_on"),
    [
        ("", MISSING, ""),
        ("g", UNCONFIRMED, "1"),
        ("gc", LIVE, "12"),
        ("c", LIVE, "1"),  # an imported proof
        ("ggc", LIVE, "23"),
        ("gcc", LIVE, "12"),
        ("gcg", LIVE, "12"),  # asked again while agreed
        ("gcgc", LIVE, "34"),  # renewed
        ("w", TAKEN_BACK, "1"),
        ("gw", TAKEN_BACK, "2"),
        ("gcw", TAKEN_BACK, "3"),
        ("cw", TAKEN_BACK, "2"),
        ("gww", TAKEN_BACK, "3"),
        ("wc", TAKEN_BACK, "1"),  # a proof is none after a withdrawal
        ("gcwc", TAKEN_BACK, "3"),
        ("gcwg", UNCONFIRMED, "4"),
        ("gcwgc", LIVE, "45"),
        ("gcwcg", UNCONFIRMED, "5"),
        ("gcwgw", TAKEN_BACK, "5"),
        ("gcwgcw", TAKEN_BACK, "6"),
    ],
)
def test_marketing_needs_a_confirmation_and_after_a_withdrawal_both(
    actions: str, status: ConsentStatus, rests_on: str
) -> None:
    state = marketing(ledger(actions))
    assert (state.status, "".join(state.event_ids)) == (status, rests_on)
    assert state.is_live is (status is LIVE)


@pytest.mark.parametrize(
    ("actions", "status"),
    [("", MISSING), ("g", LIVE), ("gw", TAKEN_BACK), ("gwg", LIVE), ("c", LIVE), ("gwc", TAKEN_BACK), ("gc", LIVE)],
)
def test_location_needs_no_confirmation(actions: str, status: ConsentStatus) -> None:
    events = ledger(actions, purpose=LOCATION, channel=None)
    assert location(events).status is status


@pytest.mark.parametrize(
    ("now", "status"),
    [(later(-1, day(1)), MISSING), (day(1), LIVE), (later(-1, day(2)), LIVE), (day(2), TAKEN_BACK)],
)
def test_an_event_counts_from_its_own_instant_on(now: datetime, status: ConsentStatus) -> None:
    assert marketing(ledger("cw"), now).status is status


@pytest.mark.parametrize(
    ("events", "now", "status"),
    [
        ([on(1, CONFIRMED, until=9)], later(-1, day(9)), LIVE),
        ([on(1, CONFIRMED, until=9)], day(9), EXPIRED),
        ([on(1, GRANTED, until=9)], later(-1, day(9)), UNCONFIRMED),
        ([on(1, GRANTED, until=9)], day(9), EXPIRED),
        # the grant's end is the confirmation's, unless that says its own
        ([on(1, GRANTED, until=9), on(2, CONFIRMED)], day(9), EXPIRED),
        ([on(1, GRANTED, until=9), on(2, CONFIRMED, until=20)], day(9), LIVE),
        ([on(1, GRANTED), on(2, CONFIRMED, until=9)], day(9), EXPIRED),
        # what has run out cannot be confirmed, only given again
        ([on(1, GRANTED, until=9), on(9, CONFIRMED)], day(10), EXPIRED),
        ([on(1, GRANTED, until=9), consent(CONFIRMED, later(-1, day(9)))], day(8), UNCONFIRMED),
        ([on(1, CONFIRMED, until=9), on(9, GRANTED)], day(10), UNCONFIRMED),
        ([on(1, CONFIRMED, until=9), on(10, GRANTED), on(11, CONFIRMED)], day(12), LIVE),
        # given again while it holds, it holds on; confirmed again, it holds as long as was said then
        ([on(1, CONFIRMED, until=9), on(5, GRANTED)], day(8), LIVE),
        ([on(1, CONFIRMED, until=9), on(5, GRANTED)], day(9), UNCONFIRMED),
        ([on(1, CONFIRMED, until=9), on(5, GRANTED), on(6, CONFIRMED)], day(20), LIVE),
        ([on(1, CONFIRMED), on(5, GRANTED, until=9), on(6, CONFIRMED, until=9)], later(-1, day(9)), LIVE),
        ([on(1, CONFIRMED), on(5, GRANTED, until=9), on(6, CONFIRMED, until=9)], day(9), EXPIRED),
        ([on(1, CONFIRMED), on(5, GRANTED, until=9), on(6, CONFIRMED)], day(9), EXPIRED),
        ([on(1, CONFIRMED), on(5, GRANTED, until=9)], day(9), LIVE),
        ([on(1, CONFIRMED), on(5, GRANTED), on(6, WITHDRAWN), on(8, CONFIRMED)], day(9), TAKEN_BACK),
        # a withdrawal is no less one for coming after the end
        ([on(1, CONFIRMED, until=9), on(10, WITHDRAWN)], day(11), TAKEN_BACK),
        ([on(1, WITHDRAWN, until=2)], day(3), TAKEN_BACK),
    ],
)
def test_valid_until_is_the_first_instant_without_consent(
    events: list[ConsentEvent], now: datetime, status: ConsentStatus
) -> None:
    assert marketing(events, now).status is status


def test_location_consent_runs_out_and_is_renewed() -> None:
    once = [location_consent(GRANTED, day(1), valid_until=day(9))]
    renewed = [*once, location_consent(GRANTED, day(5), valid_until=day(20))]
    assert [location(once, now).status for now in (later(-1, day(9)), day(9))] == [LIVE, EXPIRED]
    assert [location(renewed, now).status for now in (day(9), day(20))] == [LIVE, EXPIRED]


@pytest.mark.parametrize(
    ("actions", "since"), [("g", 1), ("gg", 1), ("gwg", 3), ("gc", 1), ("gw", None), ("..g", 3), ("", None)]
)
def test_location_consent_holds_without_a_break_since(actions: str, since: int | None) -> None:
    events = ledger(actions, purpose=LOCATION, channel=None)
    assert location(events).since == (since and day(since))


def test_location_consent_that_had_run_out_holds_since_it_was_given_again() -> None:
    events = [location_consent(GRANTED, day(1), valid_until=day(3)), location_consent(GRANTED, day(5))]
    assert location(events).since == day(5)


def test_the_end_of_consent_is_told() -> None:
    assert marketing([consent(CONFIRMED, day(1), valid_until=day(9))], day(5)).valid_until == day(9)
    assert marketing([], day(5)) == NO_CONSENT


@pytest.mark.parametrize(
    ("about", "is_live"),
    [
        ({}, True),
        ({"channel": "email"}, False),
        ({"sender": "s1"}, False),
        ({"purpose": "marketing.newsletter"}, False),
        ({"purpose": "marketing"}, False),
    ],
)
def test_consent_is_for_one_purpose_channel_and_sender(about: dict[str, str], is_live: bool) -> None:
    assert marketing([consent(CONFIRMED, day(1), **about)]).is_live is is_live


@pytest.mark.parametrize(
    ("about", "is_live"),
    [
        ({}, False),
        ({"channel": None}, False),
        ({"sender": None}, False),
        ({"channel": None, "sender": None}, False),
        ({"channel": "email"}, True),
        ({"channel": "email", "sender": None}, True),
        ({"sender": "s1"}, True),
        ({"channel": None, "sender": "s1"}, True),
        ({"purpose": "marketing.newsletter", "channel": None, "sender": None}, True),
        ({"purpose": LOCATION, "channel": None, "sender": None}, True),
    ],
)
def test_a_withdrawal_without_channel_or_sender_covers_all(about: dict[str, str | None], is_live: bool) -> None:
    assert marketing([consent(CONFIRMED, day(1)), consent(WITHDRAWN, day(2), **about)]).is_live is is_live


def test_whoever_asks_for_any_sender_is_told_of_all() -> None:
    events = [location_consent(GRANTED, day(1)), location_consent(WITHDRAWN, day(2), sender="s1")]
    assert location(events).status is TAKEN_BACK


@pytest.mark.parametrize("action", [GRANTED, CONFIRMED])
@pytest.mark.parametrize("missing", ["sender", "channel"])
def test_a_yes_says_to_whom_and_on_which_channel(action: ConsentAction, missing: str) -> None:
    with pytest.raises(InvalidInput, match=f"needs a {missing}"):
        consent(action, **{missing: None})


def test_only_a_no_speaks_of_every_channel() -> None:
    assert location_consent(WITHDRAWN).covers(LOCATION, "sms", "t1")
    assert not location_consent(GRANTED).covers(LOCATION, "sms", "t1")
    assert location_consent(GRANTED).covers(LOCATION, None, "t1")


@pytest.mark.parametrize("at_once", list(permutations([GRANTED, CONFIRMED, WITHDRAWN])))
def test_at_one_instant_withdrawal_wins(at_once: tuple[ConsentAction, ...]) -> None:
    assert marketing([consent(action, day(1)) for action in at_once]).status is TAKEN_BACK


def test_at_one_instant_a_grant_comes_before_its_confirmation() -> None:
    assert marketing([on(1, WITHDRAWN), on(2, GRANTED), on(2, CONFIRMED)]).is_live
    assert marketing([on(1, WITHDRAWN), on(2, CONFIRMED), on(2, GRANTED)]).is_live


def test_a_grant_dated_before_a_withdrawal_changes_nothing_however_late_it_comes() -> None:
    assert marketing([*ledger("..w"), *ledger("gc")]).status is TAKEN_BACK


# --- properties

instants = st.integers(1, 12).map(day)
ends = st.one_of(st.none(), instants)
marketing_events = st.builds(
    lambda action, at, until, channel, sender: consent(
        action, at, valid_until=until, channel=channel, sender=sender, event_id=f"{action} {at} {until}"
    ),
    st.sampled_from(ConsentAction),
    instants,
    ends,
    st.sampled_from(["sms", "sms", "email"]),
    st.sampled_from(["t1", "t1", "s1"]),
)
ledgers = st.lists(marketing_events, max_size=8)


@settings(max_examples=100)
@given(ledgers, instants)
def test_p5_without_a_confirmation_marketing_is_never_live(events: list[ConsentEvent], now: datetime) -> None:
    unconfirmed = [event for event in events if event.action is not CONFIRMED]
    assert not marketing(unconfirmed, now).is_live


@settings(max_examples=100)
@given(ledgers, instants)
def test_p5_live_marketing_rests_on_a_confirmation_and_no_withdrawal_since(
    events: list[ConsentEvent], now: datetime
) -> None:
    if marketing(events, now).is_live:
        mine = [event for event in events if event.covers(NEARBY, "sms", "t1") and event.at <= now]
        of_kind = {action: [event.at for event in mine if event.action is action] for action in ConsentAction}
        confirmed_at = max(of_kind[CONFIRMED])
        for withdrawn_at in of_kind[WITHDRAWN]:
            assert any(withdrawn_at < granted_at <= confirmed_at for granted_at in of_kind[GRANTED])


@settings(max_examples=100)
@given(ledgers, st.sampled_from(["sms", None]), st.sampled_from(["t1", None]))
def test_the_last_word_is_no(events: list[ConsentEvent], channel: str | None, sender: str | None) -> None:
    last_at = max((event.at for event in events), default=day(1))
    no = consent(WITHDRAWN, last_at, channel=channel, sender=sender)
    assert marketing([no, *events]).status is TAKEN_BACK


different_events = st.lists(marketing_events, max_size=8, unique_by=lambda event: (event.at, event.action))


@settings(max_examples=100)
@given(different_events, st.randoms(use_true_random=False), instants)
def test_the_order_in_which_events_arrive_does_not_matter(
    events: list[ConsentEvent], shuffle: Random, now: datetime
) -> None:
    arrived = [*events]
    shuffle.shuffle(arrived)
    assert marketing(arrived, now) == marketing(events, now)


@settings(max_examples=100)
@given(ledgers, instants)
def test_events_to_come_do_not_count_yet(events: list[ConsentEvent], now: datetime) -> None:
    assert marketing(events, now) == marketing([event for event in events if event.at <= now], now)


def test_a_reminder_says_when_a_consent_was_told_of_last_and_changes_nothing_else() -> None:
    given = ledger("gc")
    reminded = [*given, on(30, ConsentAction.REMINDED)]
    before, after = marketing(given), marketing(reminded)
    assert (before.told_at, after.told_at) == (day(2), day(30))
    assert (after.status, after.event_ids, after.since) == (before.status, before.event_ids, before.since)
    assert marketing([on(30, ConsentAction.REMINDED)]) == NO_CONSENT
    assert marketing([*ledger("gcw"), on(30, ConsentAction.REMINDED)]).status is TAKEN_BACK


def test_a_reminder_between_a_grant_and_its_confirmation_does_not_part_them() -> None:
    assert marketing([*ledger("g.c"), on(2, ConsentAction.REMINDED)]).is_live


def test_a_reminder_without_a_channel_is_of_all_of_them() -> None:
    everywhere = consent(ConsentAction.REMINDED, day(30), channel=None, sender=None)
    assert marketing([*ledger("gc"), everywhere]).told_at == day(30)
    assert location([location_consent(GRANTED, day(1)), everywhere]).told_at == day(1)
