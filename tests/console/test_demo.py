"""The demo's city, its people and you, with the clock in the test's hands."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from nearcast.bootstrap import open_store
from nearcast.domain.consent import LOCATION, NEARBY, consent_state
from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.reason import Reason
from nearcast.geo.batch import PingBatch
from nearcast.services.demo.city import START, TENANT, DemoCity
from nearcast.services.demo.demo import Demo
from nearcast.services.demo.people import People
from nearcast.services.demo.seed import seed
from nearcast.services.engines import Engines
from nearcast.services.instants import as_instant
from nearcast.sim.calendar import MIDNIGHT
from nearcast.sim.city import SETTINGS
from tests.console.demos import SPEED, SteppedDemo, stepped_demo
from tests.sealing import CONTACTS

DAY = timedelta(days=1)


def test_twenty_minutes_bring_messages_and_at_least_five_reasons_for_silence(stepped: SteppedDemo) -> None:
    stepped.step(minutes=20)
    state = stepped.demo.state(0)
    assert state["clock"] == {"at": "2026-06-02T10:05:00Z", "day": "Tuesday", "time": "12:05"}
    counts = state["counts"]
    assert counts["sent"] >= 10
    assert len(counts["reasons"]) >= 5
    assert counts["opportunities"] == counts["offered"] + counts["not_sent"] + counts["held_out"]
    assert len(state["people"]) > 200


def test_the_ticker_goes_on_where_a_cursor_points_and_starts_anew_for_one_of_another_run(stepped: SteppedDemo) -> None:
    stepped.step(minutes=1)
    first = stepped.demo.state(0)
    stepped.step(minutes=4)
    second = stepped.demo.state(first["cursor"])
    assert [row["n"] for row in first["ticker"]] == list(range(1, first["cursor"] + 1))[-60:]
    assert [row["n"] for row in second["ticker"]] == list(range(first["cursor"] + 1, second["cursor"] + 1))[-60:]
    assert stepped.demo.state(10**9)["ticker"]


def test_every_row_of_the_match_log_is_counted_once_however_it_is_read(stepped: SteppedDemo) -> None:
    told: list[dict[str, Any]] = []
    for _ in range(7):
        stepped.step(minutes=1)
        told += stepped.demo.state(len(told))["ticker"]
    with stepped.store.reading(TENANT) as uow:
        logged = len(uow.match_log.page(limit=10_000).items)
    assert stepped.demo.state(0)["counts"]["opportunities"] == logged > 110  # more than a page
    assert [row["n"] for row in told] == list(range(1, logged + 1))
    assert any(row["outcome"] == "send" and row["place"] for row in told)


def test_nothing_that_the_page_gets_names_a_contact(stepped: SteppedDemo) -> None:
    stepped.step(minutes=5)
    told = json.dumps([stepped.demo.state(0), stepped.demo.map()])
    assert "demo:" not in told
    assert not any(number in told for number in stepped.city.numbers.values())


def test_dropped_into_a_fence_with_an_offer_you_get_its_message(stepped: SteppedDemo) -> None:
    stepped.step(seconds=30)
    assert stepped.you()["answer"]["kind"] == "none"  # type: ignore[index]
    you = stepped.drop("two-scoops-near")
    assert you["answer"] == {"kind": "message", "text": "Two Scoops Ice Cream sent you a message.", "reason": None}
    assert you["message"]["text"] == "The third scoop is free until 12:15."  # type: ignore[index]
    assert "Two Scoops Ice Cream" in you["inside"]  # type: ignore[operator]


def test_after_stop_you_read_that_your_number_is_suppressed(stepped: SteppedDemo) -> None:
    stepped.step(seconds=30)
    stepped.clock.at += timedelta(seconds=1)
    stepped.demo.stop_you()
    assert stepped.you()["stopped"] is True
    assert stepped.you()["answer"]["kind"] == "stopped"  # type: ignore[index]
    answer = stepped.drop("two-scoops-near")["answer"]
    assert answer == {
        "kind": "refused",
        "text": "No message from Two Scoops Ice Cream: your number is suppressed: you said stop.",
        "reason": "suppressed_address",
    }


def test_the_first_stop_is_confirmed_on_whatsapp_and_no_other(stepped: SteppedDemo) -> None:
    for _ in range(2):
        stepped.demo.stop_you()
        stepped.replies.send_some(TENANT, stepped.clock.at, stepped.clock.now)
        stepped.clock.at += timedelta(seconds=1)
    (confirmation,) = stepped.said.sent
    assert "no more offers" in confirmation.content.body
    assert (confirmation.channel, confirmation.to.address) == ("whatsapp", stepped.city.numbers[stepped.city.you])


def test_stop_withdraws_marketing_and_leaves_location(stepped: SteppedDemo) -> None:
    you = stepped.city.you
    stepped.demo.stop_you()
    with stepped.store.reading(TENANT) as uow:
        events = uow.consents.of([you])[you]
        assert uow.suppressions.of([you])[you] == set(stepped.city.channels)
    now = stepped.clock.at + timedelta(seconds=1)
    assert consent_state(events, LOCATION, now=now).is_live
    assert not any(consent_state(events, NEARBY, channel=each, now=now).is_live for each in stepped.city.channels)


def test_a_second_offer_comes_too_soon(stepped: SteppedDemo) -> None:
    stepped.step(seconds=30)
    stepped.drop("two-scoops-near")
    stepped.drop_at(stepped.city.home.lat_deg, stepped.city.home.lon_deg)
    assert stepped.drop("two-scoops-park")["answer"]["reason"] == "cap_min_gap"  # type: ignore[index]


@pytest.mark.parametrize(
    ("geofence_id", "said"),
    [
        ("pharmacy-market-near", "No message from Market Pharmacy: the campaign was not active."),
        ("garden-east-near", "No message from Garden Centre East: outside the campaign's dates."),
        ("toy-box-near", "No offer is running here: The Toy Box has none for those who arrive now."),
    ],
)
def test_a_drop_without_a_message_is_answered(stepped: SteppedDemo, geofence_id: str, said: str) -> None:
    stepped.step(seconds=30)
    assert stepped.drop(geofence_id)["answer"]["text"] == said  # type: ignore[index]


def test_where_an_offer_is_for_those_who_stay_you_are_told_and_staying_brings_it(stepped: SteppedDemo) -> None:
    stepped.step(seconds=30)
    answer = stepped.drop("arcade-fashion-floor")["answer"]
    assert "for those who stay" in answer["text"]  # type: ignore[index]
    stepped.step(minutes=7)
    assert stepped.you()["message"]["shop"] == "Arcade Fashion"  # type: ignore[index]


def test_a_position_that_cannot_be_is_answered_with_why_it_was_refused(stepped: SteppedDemo) -> None:
    stepped.step(seconds=30)
    said = stepped.drop_at(0.0, 0.0)["answer"]["text"]  # type: ignore[index]
    assert said == "Your phone's position was refused: latitude 0, longitude 0: no position at all."


def test_only_those_who_may_be_located_are_on_the_map(stepped: SteppedDemo) -> None:
    stepped.pass_by(minutes=10)
    people = [CustomerId(key) for key in stepped.demo.state(0)["people"]]
    with stepped.store.reading(TENANT) as uow:
        consents = uow.consents.of(people)
    assert people
    assert all(consent_state(consents.get(key, ()), LOCATION, now=stepped.clock.at).is_live for key in people)


def test_a_campaign_is_paused_when_its_hour_comes(stepped: SteppedDemo) -> None:
    stepped.pass_by(minutes=14)
    assert "bookshop-lanes-near" in stepped.demo.state(0)["running"]
    stepped.pass_by(minutes=2)
    assert "bookshop-lanes-near" not in stepped.demo.state(0)["running"]


def test_a_store_that_has_the_city_goes_on_where_it_stood(stepped: SteppedDemo) -> None:
    stepped.step(minutes=5)
    with stepped.store.reading(TENANT) as uow:
        before = uow.catalogue.revision
    assert START < seed(stepped.store, stepped.city, CONTACTS, speed=SPEED) <= stepped.clock.at
    with stepped.store.reading(TENANT) as uow:
        assert uow.catalogue.revision == before


def test_months_later_the_shops_still_send(city: DemoCity, tmp_path: Path) -> None:
    """The days repeat, and nothing that the city has comes to an end."""
    with stepped_demo(city, tmp_path, days=150) as demo:
        demo.step(minutes=10)
        assert demo.demo.state(0)["clock"]["at"] == "2026-10-30T09:55:00Z"
        assert demo.demo.state(0)["counts"]["sent"] >= 5
        with demo.store.reading(TENANT) as uow:
            campaigns = [revision.doc for revision in uow.catalogue.campaigns.all()]
    assert len(campaigns) == 12
    assert not [each for each in campaigns if "budget" in each or "until" in each.get("active", {})]


def test_a_seed_that_was_broken_off_is_sown_again(city: DemoCity, tmp_path: Path) -> None:
    unreachable = replace(city, city=replace(city.city, customers=[*city.city.customers, None]))  # type: ignore[list-item]
    with closing(open_store(f"sqlite:///{tmp_path / 'nearcast.db'}")) as store:
        with pytest.raises(AttributeError):
            seed(store, unreachable, CONTACTS, speed=SPEED)
        with store.reading(TENANT) as uow:
            assert uow.catalogue.settings() is None
            assert uow.catalogue.shops.all() == []
        assert seed(store, city, CONTACTS, speed=SPEED) == START
        with store.reading(TENANT) as uow:
            assert len(uow.catalogue.shops.all()) == 40


@pytest.mark.parametrize(("speed", "max_age_s"), [(1, 300), (30, 300), (60, 600), (600, 6000)])
def test_a_faster_clock_lets_pings_grow_older(stepped: SteppedDemo, speed: float, max_age_s: float) -> None:
    """A worker that comes to a ping after some seconds would else find all of them stale."""
    seed(stepped.store, stepped.city, CONTACTS, speed=speed)
    with stepped.store.reading(TENANT) as uow:
        settings = uow.catalogue.settings()
    assert settings is not None
    assert settings.doc["ping_rules"] == {**SETTINGS["ping_rules"], "max_age_s": max_age_s}
    assert settings.doc["presence"] == SETTINGS["presence"]


def test_you_are_never_held_out_and_begin_outside_every_fence(stepped: SteppedDemo) -> None:
    stepped.step(seconds=30)
    assert stepped.you()["inside"] == []
    assert stepped.demo.map()["home"] == [stepped.city.home.lon_deg, stepped.city.home.lat_deg]


class _Door:
    """Takes pings in, or for a while does not."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, datetime]] = []
        self.is_open = True

    def accept(self, tenant_id: TenantId, batch: PingBatch, now: datetime) -> Sequence[tuple[int, Reason]]:
        if not self.is_open:
            raise StoreUnavailable("closed")
        instants = [as_instant(int(at)) for at in batch.received_at_us]
        assert all(at <= now for at in instants)
        self.taken += zip(batch.ping_id, instants, strict=True)
        return []


def _no_engine(tenant_id: TenantId) -> None:
    raise AssertionError("nothing happens besides pings")


def _people(city: DemoCity, door: _Door, since: datetime) -> People:
    few = city.pings.take(np.arange(0, len(city.pings), 5_000))
    still = replace(city, pings=few, events=())
    return People(still, accept=door.accept, engines=Engines(_no_engine), since=since)  # type: ignore[arg-type]


def test_when_the_day_is_over_the_same_day_comes_again_a_day_later(city: DemoCity) -> None:
    door = _Door()
    people = _people(city, door, since=START)
    for hours in range(0, 24 * 5, 7):
        people.step(START + timedelta(hours=hours))
    ids = [ping_id for ping_id, _ in door.taken]
    assert len(set(ids)) == len(ids)
    instants = [at for _, at in door.taken]
    assert instants == sorted(instants)
    assert instants[0] > START
    by_day = [[at - n * DAY for at in instants if MIDNIGHT <= at - n * DAY < MIDNIGHT + DAY] for n in range(4)]
    assert by_day[1] == by_day[2] == by_day[3]
    assert by_day[0] == [at for at in by_day[1] if at > START]


def test_a_demo_that_goes_on_two_days_later_begins_in_the_middle_of_that_day(city: DemoCity) -> None:
    door = _Door()
    since = START + 2 * DAY
    people = _people(city, door, since=since)
    people.step(since + timedelta(hours=4))
    assert door.taken
    assert all(since < at <= since + timedelta(hours=4) for _, at in door.taken)


def test_pings_that_could_not_be_taken_are_handed_over_again(city: DemoCity) -> None:
    door = _Door()
    people = _people(city, door, since=START)
    door.is_open = False
    with pytest.raises(StoreUnavailable):
        people.step(START + timedelta(hours=4))
    door.is_open = True
    people.step(START + timedelta(hours=5))
    whole = _Door()
    _people(city, whole, since=START).step(START + timedelta(hours=5))
    assert door.taken == whole.taken != []


def test_people_outlive_an_outage_and_the_log_tells_of_it_once_and_of_no_place(
    stepped: SteppedDemo, caplog: pytest.LogCaptureFixture
) -> None:
    failures, went_on = [Event() for _ in range(3)], Event()

    def accept(tenant_id: TenantId, batch: PingBatch, now: datetime) -> Sequence[tuple[int, Reason]]:
        failing = next((event for event in failures if not event.is_set()), None)
        if failing is not None:
            failing.set()
            raise ValueError(f"at {batch.lat_deg[0]}")
        went_on.set()
        return []

    stepped.clock.at += timedelta(minutes=1)
    engines = Engines(_no_engine)  # type: ignore[arg-type]
    still = replace(stepped.city, events=())
    demo = Demo(
        still,
        stepped.store,
        clock=stepped.clock,
        accept=accept,
        engines=engines,
        replies=stepped.replies,
        since=START,
        speed=60,
    )
    demo.start()
    assert went_on.wait(10)
    demo.stop()
    assert len(caplog.messages) == 1
    assert "ValueError in accept" in caplog.text
    assert "at 5" not in caplog.text
