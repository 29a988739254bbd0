"""Pings from files; and files that cannot be read, and reports of what is bad."""

import re
from datetime import timedelta
from typing import Any

import pytest

from nearcast.channels.recorder import Recorder
from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.live import Live
from nearcast.services.ports import MatchLogFilter
from nearcast.services.scenario import CampaignShape
from tests.e2e.importing.town import (
    LAT,
    LOCATED,
    LON,
    NEARBY,
    NOW,
    OFFER,
    PHONE,
    YESTERDAY,
    Town,
    collection,
    feature,
    report_of,
)
from tests.e2e.shell import write_csv, write_json, write_ndjson

pytestmark = pytest.mark.e2e


def _pings_of(town: Town) -> int:
    with town.store.reading(town.tenant) as uow:
        return len(uow.past_pings.of(CustomerId("anna")))


def test_pings_are_history_that_moves_nothing_and_sends_nothing(any_town: Town):
    last_month = NOW - timedelta(days=30)
    fences = write_json(any_town.folder / "f.geojson", collection(feature("door", shop_id="cafe")))
    any_town.take("shops", write_json(any_town.folder / "shops.json", [{"id": "cafe"}]))
    any_town.app.importing.take("geofences", fences, any_town.tenant, last_month)
    offer = {**OFFER, "shop_id": "cafe"}
    any_town.app.campaigns.put(any_town.operator, CampaignShape.model_validate(offer), last_month)
    people = [{"id": "anna", "contacts": [PHONE], "consents": [LOCATED, NEARBY]}]
    any_town.take("customers", write_ndjson(any_town.folder / "p.ndjson", people))
    old, ahead = YESTERDAY.isoformat(), (NOW + timedelta(hours=1)).isoformat()
    before = (NOW - timedelta(days=60)).isoformat()
    here = {"customer_id": "anna", "lat": LAT, "lon": LON}
    pings = [
        {**here, "recorded_at": old, "received_at": old},
        {**here, "recorded_at": ahead, "received_at": ahead},
        {**here, "recorded_at": before, "received_at": before},
        {**here, "recorded_at": old, "received_at": old, "customer_id": "nobody"},
        {**here, "recorded_at": old, "received_at": old, "lat": 91},
    ]
    taken = any_town.take("pings", write_csv(any_town.folder / "pings.csv", pings))
    assert (taken.rows, taken.counts["accepted"]) == (5, 1)
    assert [(bad["row"], bad["id"], bad["message"]) for bad in report_of(taken)] == [
        (2, "anna", "ping_from_future"),
        (3, "anna", "consent_location_missing"),
        (4, "nobody", "consent_location_missing"),
        (5, "anna", "ping_out_of_range"),
    ]
    assert taken.summary()["reasons"]["consent_location_missing"] == 2
    live = Live(any_town.store, any_town.tenant, Recorder())
    assert live.work_pings(NOW) == 0
    live.work_due(NOW)
    with any_town.store.reading(any_town.tenant) as uow:
        assert [(told["recorded_at"], told["lat"]) for told in uow.past_pings.of(CustomerId("anna"))] == [
            (YESTERDAY, LAT)
        ]
        assert uow.past_pings.of(CustomerId("nobody")) == []
        assert list(uow.transitions.every()) == []
        assert uow.match_log.page(MatchLogFilter()).items == []
        assert uow.outbox.of([CustomerId("anna")]) == {}


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_of_pings_that_cannot_be_read_the_others_are_taken(town: Town, ending: str):
    town.take("customers", write_ndjson(town.folder / "p.ndjson", [{"id": "anna", "consents": [LOCATED]}]))
    lines = [
        {"customer_id": "anna", "recorded_at": (NOW - timedelta(seconds=n)).isoformat(), "lat": LAT, "lon": LON}
        for n in range(2_500)
    ]
    lines[7]["lat"] = "north"
    lines[1200]["recorded_at"] = "2026-06-02 10:00"
    lines[1201]["customer_id"] = ""
    lines[2499]["lon"] = ""
    path = town.folder / f"pings.{ending}"
    (write_csv if ending == "csv" else write_ndjson)(path, lines)
    taken = town.take("pings", path)
    assert [(bad["row"], bad["path"]) for bad in report_of(taken)] == [
        (8, "lat"),
        (1201, "recorded_at"),
        (1202, "customer_id"),
        (2500, "lon"),
    ]
    assert (taken.rows, taken.counts["accepted"], _pings_of(town)) == (2500, 2496, 2496)


@pytest.mark.parametrize(
    ("kind", "name", "content", "said"),
    [
        ("shops", "a.xlsx", "", "shops are read from"),
        ("shops", "a.csv", "id,colour\nx,y\n", "no column 'colour'"),
        ("shops", "a.csv", "id,id\nx,y\n", "id twice"),
        ("shops", "a.csv", 'id\n"x\n', "CSV"),
        ("shops", "a.csv", b"id\n\xff\n", "byte 3"),
        ("shops", "a.json", "{}", "`shops`"),
        ("shops", "a.json", "[", "line 1"),
        ("customers", "a.csv", "id,contact.\nx,y\n", "no column 'contact.'"),
        ("customers", "a.json", '{"customers": [], "consents": 1}', "consents"),
        ("geofences", "a.xls", "", "geofences are read from"),
        ("geofences", "a.kml", "", "not XML"),
        ("geofences", "a.geojson", "[]", "FeatureCollection"),
        ("pings", "a.csv", "customer_id,lat\nx,1\n", "recorded_at"),
        ("pings", "a.parquet", "", "Parquet"),
        ("pings", "a.txt", "", "pings are read from"),
        ("campaigns", "a.json", "[]", "none of shops, geofences, customers, pings"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(town: Town, kind: str, name: str, content: Any, said: str):
    path = town.folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidInput, match=re.escape(said)) as refused:
        town.take(kind, path)
    assert kind == "campaigns" or str(path) in refused.value.place
    assert list(town.folder.glob("*.report.ndjson")) == []


@pytest.mark.parametrize("kind", ["shops", "geofences", "customers", "pings"])
def test_a_file_that_is_not_there_is_bad_input(town: Town, kind: str):
    ending = "geojson" if kind == "geofences" else "csv"
    with pytest.raises(InvalidInput, match="cannot be read"):
        town.take(kind, town.folder / f"nothing.{ending}")


def test_nothing_is_taken_in_for_a_tenant_that_does_not_exist(town: Town):
    path = write_json(town.folder / "shops.json", [{"id": "cafe"}])
    with pytest.raises(NotFound, match="nobody"):
        town.app.importing.take("shops", path, TenantId("nobody"), NOW)


def test_the_report_goes_where_it_is_wanted_and_never_over_the_file_itself(town: Town):
    path = write_json(town.folder / "shops.json", [{"id": ""}])
    report = town.folder / "bad.ndjson"
    assert town.take("shops", path, report=report).report == report
    assert len(report.read_text().splitlines()) == 1
    with pytest.raises(InvalidInput, match="taken in"):
        town.take("shops", path, report=path)
    with pytest.raises(InvalidInput, match="cannot be written"):
        town.take("shops", path, report=town.folder / "no" / "folder")


def test_a_file_is_told_in_one_line(town: Town):
    path = write_json(town.folder / "shops.json", [{"id": "a"}, {"id": "b"}, {"id": ""}])
    report = town.folder / "shops.json.report.ndjson"
    assert town.take("shops", path).told() == f"3 rows of shops: 2 new, 1 bad, listed in {report}"
    assert town.take("shops", write_json(path, [{"id": "a"}])).told() == "1 rows of shops: 1 unchanged, 0 bad"
