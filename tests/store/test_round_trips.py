"""What is written is what is read, for any value and on both databases."""

import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from nearcast.domain.geofence import Area, Circle, Geofence
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId
from nearcast.domain.message import Message
from nearcast.domain.position import Position
from nearcast.domain.track import Track
from nearcast.domain.visit import Transition
from nearcast.geo.batch import PingBatch
from nearcast.services.ports import RunStatus
from nearcast.services.track_ports import KeptTrack
from nearcast.store.geofences import as_wkb
from nearcast.store.pings import partition_of
from nearcast.store.sql_store import SqlStore
from nearcast.store.track_codec import track_from_json, track_to_json
from nearcast.store.types import JsonText, PlainJson
from tests.store import values
from tests.store.values import NOON, new_tenant, pings


@given(values.tracks, st.none() | values.instants)
def test_a_track_is_read_as_it_was_written(store: SqlStore, track: Track, ends_at: datetime | None) -> None:
    tenant = new_tenant(store)
    track = replace(track, tenant_id=tenant)
    kept = KeptTrack(track=track, last_zone=ZoneInfo("Europe/Berlin"), ends_at=ends_at)
    with store.writing(tenant) as uow:
        uow.tracks.save([kept])
        uow.commit()
    with store.reading(tenant) as uow:
        assert uow.tracks.load([track.customer_id]) == {track.customer_id: kept}


@given(values.tracks)
def test_a_fix_that_a_track_names_twice_is_one_object_again(track: Track) -> None:
    read = track_from_json(track_to_json(track), track.tenant_id, track.customer_id)
    assert read == track
    if read.before.last is not None:
        assert all(fix is read.before.last for fix in read.fixes if fix == read.before.last)


@given(values.messages)
def test_a_message_is_read_as_it_was_written(store: SqlStore, message: Message) -> None:
    tenant = new_tenant(store)
    with store.writing(tenant) as uow:
        uow.outbox.insert([message])
        uow.commit()
    with store.reading(tenant) as uow:
        assert uow.outbox.get(message.id) == message
        assert uow.outbox.of([message.customer_id]) == {message.customer_id: [message]}


@given(values.texts.map(CustomerId), values.transitions)
def test_a_transition_is_read_without_its_ping(store: SqlStore, customer_id: CustomerId, told: Transition) -> None:
    tenant = new_tenant(store)
    with store.writing(tenant) as uow:
        uow.transitions.upsert([(customer_id, told)])
        uow.commit()
    with store.reading(tenant) as uow:
        assert uow.transitions.of([customer_id]) == [(customer_id, replace(told, fix=None, may_trigger=True))]


@given(values.areas_wkb)
def test_the_ground_of_an_area_comes_back_to_the_byte(store: SqlStore, wkb: bytes) -> None:
    tenant, fence = new_tenant(store), Geofence(id=GeofenceId("f1"), boundary=Area(wkb))
    with store.writing(tenant) as uow:
        uow.catalogue.geofences.put_geofence(fence, {}, NOON)
        uow.commit()
    with store.reading(tenant) as uow:
        assert uow.catalogue.geofences.geometry(fence.id, 1) == wkb


@given(values.positions)
def test_a_circle_keeps_its_centre(store: SqlStore, center: Position) -> None:
    tenant, fence = new_tenant(store), Geofence(id=GeofenceId("f1"), boundary=Circle(center, 100.0))
    with store.writing(tenant) as uow:
        uow.catalogue.geofences.put_geofence(fence, {}, NOON)
        uow.commit()
    with store.reading(tenant) as uow:
        assert uow.catalogue.geofences.geometry(fence.id, 1) == as_wkb(fence.boundary)


@given(values.instants, st.integers(-14 * 60, 14 * 60))
def test_an_instant_is_kept_to_the_microsecond_whatever_its_offset(
    store: SqlStore, instant: datetime, offset_min: int
) -> None:
    tenant, campaign_id = new_tenant(store), CampaignId("camp-7")
    try:
        elsewhere = instant.astimezone(timezone(timedelta(minutes=offset_min)))
    except OverflowError:
        elsewhere = instant
    with store.writing(tenant) as uow:
        uow.runs.insert(campaign_id, elsewhere, status=RunStatus.DONE, at=NOON)
        uow.commit()
    with store.reading(tenant) as uow:
        (read,) = uow.runs.all()
    assert read.due_at == instant
    assert read.due_at.utcoffset() == timedelta(0)


def test_a_time_without_an_offset_is_refused(store: SqlStore) -> None:
    naive = NOON.replace(tzinfo=None)
    with store.writing(new_tenant(store)) as uow, pytest.raises(Exception, match="no offset"):
        uow.runs.insert(CampaignId("camp-7"), naive, status=RunStatus.DONE, at=NOON)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | values.floats | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_a_document_is_kept_with_the_order_of_its_keys(store: SqlStore, doc: dict[str, object]) -> None:
    tenant = new_tenant(store)
    with store.writing(tenant) as uow:
        uow.catalogue.put_settings(doc, NOON)
        uow.commit()
    with store.reading(tenant) as uow:
        settings = uow.catalogue.settings()
    assert settings is not None
    assert list(settings.doc.items()) == list(doc.items())


@given(
    st.lists(
        st.tuples(
            st.floats(-90, 90),
            st.floats(-540, 540),
            st.just(math.nan) | st.floats(0, 1e9),
            st.none() | values.texts,
            st.integers(-(2**62), 2**62),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_pings_are_read_as_they_were_written(
    store: SqlStore, drawn: list[tuple[float, float, float, str | None, int]]
) -> None:
    tenant = new_tenant(store)
    lat_deg, lon_deg, accuracy_m, ping_id, recorded_at_us = zip(*drawn, strict=True)
    batch = pings(
        *["anna"] * len(drawn),
        lat_deg=np.array(lat_deg),
        lon_deg=np.array(lon_deg),
        accuracy_m=np.array(accuracy_m),
        speed_mps=np.array(accuracy_m),
        ping_id=ping_id,
        device_id=ping_id,
        recorded_at_us=np.array(recorded_at_us, dtype=np.int64),
    )
    with store.writing(tenant) as uow:
        uow.pings.append(batch)
        uow.commit()
    with store.reading(tenant) as uow:
        read = uow.pings.read([partition_of("anna")], limit=10).batch
    for name in PingBatch.__slots__:
        np.testing.assert_array_equal(getattr(read, name), getattr(batch, name), err_msg=name)
        assert getattr(read, name).dtype == getattr(batch, name).dtype


_SAID = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters())
    | values.instants,
    lambda said: st.lists(said) | st.dictionaries(st.text(st.characters()), said),
)


@given(_SAID)
def test_plain_json_reads_as_any_other(said: object) -> None:
    plain, usual = PlainJson(), JsonText()
    dialect = sqlite.dialect()
    read = plain.process_result_value(plain.text(said), dialect)
    assert read == usual.process_result_value(usual.text(said), dialect)
