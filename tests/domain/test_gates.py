"""The second gate: a queued message is decided again just before it is sent, on what is known then."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from nearcast.domain.case import Candidate, Facts, Gate, Send
from nearcast.domain.decision import decide
from nearcast.domain.policy import Holdout, Policy
from nearcast.domain.reason import Reason
from tests.domain.builders import (
    AGREED,
    FENCE,
    GRANTED,
    NOON,
    TOKYO,
    WITHDRAWN,
    campaign,
    candidate,
    consent,
    customer,
    evidence,
    facts,
    hours_ago,
    later,
    location_consent,
    quiet,
    rolling,
    send,
)

EVERYBODY = Holdout(100, "all")
ONE_A_DAY = Policy(caps=(rolling(1, 86_400),))


def queued(message_id: str = "m1", at: datetime = NOON) -> Send:
    return send(at, "camp-7", message_id=message_id, decided_at=at, is_waiting=True, geofence_id=FENCE)


def dispatched(of: Candidate, known: Facts, policy: Policy, now: datetime = NOON) -> list[Reason]:
    (verdict,) = decide([of], known, policy, now, Gate.DISPATCH).verdicts
    return verdict.reasons


def mine(**changes: Any) -> Candidate:
    """The message m1, queued at noon, of a campaign that would not have it twice."""
    of = campaign(budget_messages=1, re_eligibility_s=3600.0, fence_cooldown_s=3600.0)
    return candidate(of, **{"message_id": "m1", **changes})


def test_dispatch_does_not_count_the_messages_own_reservation() -> None:
    known = facts(sends=(queued(),), budget_used={"camp-7": 1})
    somebody_elses = mine(message_id="m2", at=later(1))
    assert dispatched(mine(), known, ONE_A_DAY) == []
    assert dispatched(somebody_elses, known, ONE_A_DAY) == ["fence_cooldown", "re_eligibility", "cap_rolling"]


@pytest.mark.parametrize(
    ("other", "reasons"),
    [
        (queued("m2", later(1)), []),  # queued after it, and still waiting
        (queued("m2", hours_ago(0.5)), ["cap_rolling"]),
        (queued("m2"), []),  # of two of one instant the first by id goes first
        (queued("m0"), ["cap_rolling"]),
        (send(later(1), message_id="m2", decided_at=later(1)), ["cap_rolling"]),  # queued after it, and gone
        (send(hours_ago(0.5)), ["cap_rolling"]),  # another system's
    ],
)
def test_what_was_queued_first_goes_first(other: Send, reasons: list[str]) -> None:
    known = facts(sends=(queued(), other))
    assert dispatched(candidate(message_id="m1"), known, ONE_A_DAY, later(2)) == reasons


def test_a_budget_that_has_been_cut_is_met() -> None:
    assert dispatched(mine(), facts(budget_used={"camp-7": 2}), Policy()) == ["budget_exhausted"]


def test_dispatch_does_not_mind_the_pings_age_and_accuracy_nor_its_zone() -> None:
    coarse = mine(ping=evidence(recorded_at=hours_ago(9), accuracy_m=900.0, zone=TOKYO))
    tokyo_night = Policy(quiet_hours=quiet("15:00-21:00"))  # noon in Berlin is 19:00 in Tokyo
    assert dispatched(coarse, facts(), tokyo_night) == []
    (at_queue,) = decide([coarse], facts(), tokyo_night, NOON).verdicts
    assert at_queue.reasons == ["ping_stale", "ping_inaccurate", "quiet_hours"]


def test_dispatch_takes_what_is_known_then() -> None:
    withdrawn = facts(consents=(*facts().consents, consent(WITHDRAWN), consent(GRANTED)))
    assert dispatched(mine(), withdrawn, Policy()) == ["consent_unconfirmed"]
    unreachable = facts(customer=customer(reachable=frozenset({"email"})))
    assert dispatched(mine(), unreachable, Policy()) == ["no_address"]


def test_at_dispatch_nobody_competes_and_nobody_is_held_out() -> None:
    two = [mine(), mine(message_id="m2")]
    decision = decide(two, facts(), Policy(holdout=EVERYBODY), NOON, Gate.DISPATCH)
    assert [verdict.outcome for verdict in decision.verdicts] == ["send", "send"]
    assert decision.facts == facts()


def test_a_promised_expiry_is_kept() -> None:
    (verdict,) = decide([mine(expires_at=later(60))], facts(), Policy(), later(30), Gate.DISPATCH).verdicts
    assert verdict.expires_at == later(60)


def test_a_withdrawal_that_was_written_down_counts_although_a_clock_was_set_back_since() -> None:
    for said in (consent(WITHDRAWN, later(60)), location_consent(WITHDRAWN, later(60))):
        written = replace(said, recorded_at=later(60))
        assert len(dispatched(mine(), facts(consents=(*AGREED, written)), Policy())) == 1


def test_a_withdrawal_that_was_dated_ahead_waits_for_its_day() -> None:
    known = facts(consents=(*AGREED, consent(WITHDRAWN, later(60), recorded_at=later(-60))))
    assert dispatched(mine(), known, Policy()) == []
    assert dispatched(mine(), known, Policy(), later(60)) == ["consent_withdrawn"]
