"""Invariants I9 to I14 of visits over random streams: evidence, consent, and what must not matter; both profiles."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.scenarios.harness import (
    CENTER,
    Row,
    beside,
    circle,
    consent_event,
    distance_m,
    later,
    opted_in,
)
from tests.scenarios.test_invariants import (
    ANN,
    EAST,
    FENCES,
    LATE,
    NORTH,
    PEOPLE,
    SOUTH,
    START,
    THE_END,
    WEST,
    Step,
    both,
    edited,
    edits,
    few,
    final,
    pings,
    presences,
    replay,
    shopping,
    streams,
    visits,
)
from tests.scenarios.test_properties import CONSENTS, may_be_live

# --- I9: every message has its decision, every decision its transition, every transition its fix


def stands_inside(fence: Row, event: Row) -> bool:
    lat, lon = float(event["ping"]["lat"]), float(event["ping"]["lon"])
    if fence["geometry"]["type"] == "Polygon":
        return SOUTH <= lat <= NORTH and WEST <= lon <= EAST
    lon_c, lat_c = fence["geometry"]["coordinates"]
    return distance_m((lat_c, lon_c), (lat, lon)) <= float(fence["properties"]["radius_m"])


@both
@few
@given(stream=streams(), presence=presences)
def test_i9_everything_has_its_evidence(profile, stream, presence):
    events = pings(stream)
    outcome = replay(shopping(profile, presence, *events, THE_END))
    decisions = {row["message_id"]: row for row in outcome.match_log if row["message_id"]}
    for message in outcome.messages:
        row = decisions[message["message_id"]]
        assert (row["decision_id"], row["campaign_id"]) == (message["decision_id"], message["campaign_id"])
    happened = {(row["customer_id"], row["geofence_id"], row["kind"], row["at"]) for row in outcome.transitions}
    for row in outcome.match_log:
        assert (row["customer_id"], row["geofence_id"], row["trigger"], row["at"]) in happened
    fences = {fence["properties"]["id"]: fence for fence in FENCES}
    recorded = {(event["ping"]["customer_id"], event["ping"]["recorded_at"]): event for event in events}
    entered = {row["visit_id"]: row["at"] for row in outcome.transitions if row["kind"] == "enter"}
    for row in outcome.transitions:
        fence = fences[row["geofence_id"]]
        assert row["geofence_revision"] == 1
        if row["kind"] == "dwell":
            assert row["at"] == later(entered[row["visit_id"]], fence["properties"].get("dwell_s", 120))
        else:
            evidence = recorded[row["customer_id"], row["at"]]
            assert row["inferred"] or stands_inside(fence, evidence) == (row["kind"] == "enter")


# --- I10: no message without consent


@few
@given(stream=streams(), changes=CONSENTS, starts_opted_in=st.booleans(), delay_s=st.sampled_from([0, 7, 300]))
def test_i10_no_message_without_live_consent(stream, changes, starts_opted_in, delay_s):
    """Profile ROBUST; RAW is in test_properties."""
    changing = [consent_event(later(START, seconds), purpose, action) for seconds, purpose, action in changes]
    known = [line for who in PEOPLE if who != ANN or starts_opted_in for line in opted_in(who)]
    events = [*pings(stream), *changing, THE_END]
    outcome = replay(shopping("robust", {}, *events, consents=known, dispatch={"delay_s": delay_s}))
    for message in outcome.sent:
        theirs = [line for line in known if line["customer_id"] == message["customer_id"]]
        if message["customer_id"] == ANN:
            theirs += [event["consent"] for event in changing]
        assert may_be_live(theirs, "marketing.nearby", message["sent_at"])
        assert may_be_live(theirs, "location.matching", message["sent_at"])


# --- I11: what has nothing to do with it


@both
@few
@given(stream=streams(**LATE), other=streams(**LATE), presence=presences)
def test_i11_an_irrelevant_fence_or_customer_changes_nothing(profile, stream, other, presence):
    alone = replay(visits(profile, presence, *pings(stream), THE_END))
    strangers = [{**e, "ping": {**e["ping"], "customer_id": f"other-{e['ping']['customer_id']}"}} for e in pings(other)]
    fences = [circle("nowhere", (-33.9, 151.2), 5000), *FENCES, circle("a-nearby", beside(0, 3000), 200)]
    crowded = replay(visits(profile, presence, *pings(stream), *strangers, THE_END, geofences=fences))
    assert [row for row in crowded.transitions if row["customer_id"] in PEOPLE] == alone.transitions


# --- I12: a larger fence


@both
@few
@given(stream=streams(**LATE), presence=presences)
def test_i12_a_visit_lies_within_a_visit_of_the_larger_fence(profile, stream, presence):
    fences = [circle("inner", CENTER, 100), circle("outer", CENTER, 130)]
    outcome = replay(visits(profile, {**presence, "first_seen": "enter"}, *pings(stream), geofences=fences))
    stays: dict[str, dict[str, list[str]]] = {}
    for row in outcome.transitions:
        if row["kind"] != "dwell":
            key = f"{row['customer_id']} {row['geofence_id']}"
            stays.setdefault(key, {}).setdefault(row["visit_id"], []).append(row["at"])
    for who in PEOPLE:
        outer = [sorted(stay) for stay in stays.get(f"{who} outer", {}).values()]
        for stay in stays.get(f"{who} inner", {}).values():
            begin, end = min(stay), max(stay) if len(stay) == 2 else "open"
            assert any(first <= begin and (not rest or (end != "open" and end <= rest[0])) for first, *rest in outer), (
                stay,
                outer,
            )


# --- I13: worse accuracy commits nothing


LEAVING = [Step(300, 50, 0, ANN, 5, 0, False), Step(5, 160, 0, ANN, 5, 0, False)]


@few
@given(
    stream=streams(accuracies=(0, 5, 20, 60, 90, 110, 150)),
    leaves=st.booleans(),
    north_m=st.sampled_from([50, 105, 115, 125, 160, 390]),
    worse=st.sampled_from([30.0, 100.0, 1000.0]),
)
def test_i13_a_worse_accuracy_of_the_last_fix_never_finds_more(stream, leaves, north_m, worse):
    """Half of the streams end with a fix that would confirm that somebody left."""
    last = Step(10, north_m, 0, ANN, 5, 0, False) if leaves else stream[-1]
    before = [*stream, *LEAVING] if leaves else stream[:-1]
    vaguer = replace(last, accuracy_m=(last.accuracy_m or 0) + worse)
    sharp = final(replay(visits("robust", {}, *pings([*before, last]))))
    assert final(replay(visits("robust", {}, *pings([*before, vaguer])))) <= sharp


# --- I14: every ENTER is closed in the end


@both
@few
@given(stream=streams(**LATE), presence=presences, changes=edits)
def test_i14_every_visit_is_closed_in_the_end(profile, stream, presence, changes):
    outcome = replay(visits(profile, {**presence, "gap_s": 1800}, *pings(stream), *edited(changes), THE_END))
    entered = [row["visit_id"] for row in outcome.transitions if row["kind"] == "enter"]
    left = [row["visit_id"] for row in outcome.transitions if row["kind"] == "exit"]
    assert sorted(entered) == sorted(left)
