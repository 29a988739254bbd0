"""Histories from files: kept once, for those who agree, and nothing is ever sent because of them."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest

from nearcast.channels.recorder import Recorder
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId
from nearcast.feeds.files import read_pings
from nearcast.geo.batch import PingBatch
from nearcast.services.audit_ports import COMMAND_LINE, AuditFilter
from nearcast.services.consent_lines import ConsentDocument
from nearcast.services.live import Live
from nearcast.services.ping_files import PingFile
from nearcast.services.ports import MatchLogFilter
from nearcast.services.retention import Retention
from nearcast.services.scenario import CampaignShape
from tests.e2e.importing.town import (
    LAT,
    LOCATED,
    LON,
    NEARBY,
    NOW,
    OFFER,
    PHONE,
    Town,
    collection,
    feature,
    report_of,
)
from tests.e2e.importing.watched import WatchedStore
from tests.e2e.shell import nearcast_with, write_json, write_ndjson

pytestmark = pytest.mark.e2e
ANNA = CustomerId("anna")
HERS = PingFile(customer="anna")


def gpx(folder: Path, *minutes_ago: float, name: str = "walk.gpx") -> Path:
    """A walk before the shop's door."""
    points = "".join(
        f'<trkpt lat="{LAT}" lon="{LON}"><time>{(NOW - timedelta(minutes=ago)).isoformat()}</time></trkpt>'
        for ago in minutes_ago
    )
    path = folder / name
    path.write_text(f'<gpx version="1.1"><wpt lat="1" lon="2"/><trk><trkseg>{points}</trkseg></trk></gpx>')
    return path


def known(town: Town, *consents: dict[str, Any]) -> None:
    people = [{"id": "anna", "contacts": [PHONE], "consents": list(consents)}]
    town.take("customers", write_ndjson(town.folder / "people.ndjson", people))


def kept(town: Town) -> int:
    with town.store.reading(town.tenant) as uow:
        return len(uow.past_pings.of(ANNA))


def test_the_same_walk_again_is_counted_and_kept_once(any_town: Town):
    known(any_town, LOCATED)
    walk = gpx(any_town.folder, 60, 59, 58, 58)
    first = any_town.take("pings", walk, said=HERS)
    assert first.told() == "4 rows of pings: 3 accepted, 1 duplicate, 0 bad; 1 waypoints left out"
    again = any_town.take("pings", walk, said=HERS)
    assert (again.counts["accepted"], again.counts["duplicate"]) == (0, 4)
    longer = any_town.take("pings", gpx(any_town.folder, 59, 58, 57, 56), said=HERS)
    assert (longer.counts["accepted"], longer.counts["duplicate"], kept(any_town)) == (2, 2, 5)


def test_a_file_that_comes_while_its_customer_is_erased_waits_and_leaves_nothing(any_town: Town):
    known(any_town, LOCATED)
    walk = gpx(any_town.folder, 60)
    with closing(WatchedStore(any_town.url)) as watched, ThreadPoolExecutor(1) as pool:
        same = Town(watched, any_town.tenant, any_town.folder)
        with any_town.store.writing(any_town.tenant) as uow:
            uow.customers.lock([ANNA])
            taken = pool.submit(same.take, "pings", walk, said=HERS)
            watched.is_coming.wait(1)  # where one writes at a time, it does not come so far
            sleep(0.2)
            uow.erasing.erase(ANNA, "nobody")
            uow.commit()
        assert (taken.result().counts["accepted"], kept(any_town)) == (0, 0)


def test_nothing_is_decided_because_of_a_ping_of_a_minute_ago_that_came_in_a_file(any_town: Town):
    """The same ping by itself is entering the shop, and being seen by the next run."""
    known(any_town, LOCATED, NEARBY)
    any_town.take("shops", write_json(any_town.folder / "shops.json", [{"id": "cafe", "lat": LAT, "lon": LON}]))
    fences = write_json(any_town.folder / "f.geojson", collection(feature("door", shop_id="cafe")))
    any_town.app.importing.take("geofences", fences, any_town.tenant, NOW - timedelta(days=9))
    rule = {"cron": "* * * * *", "timezone": "UTC"}
    run = {"id": "run", "trigger": {"on": "schedule"}, "schedule": rule}
    for offer in ({**OFFER, "shop_id": "cafe"}, {**OFFER, "shop_id": "cafe", **run}):
        shape = CampaignShape.model_validate(offer)
        any_town.app.campaigns.put(any_town.operator, shape, NOW - timedelta(days=9))
    walk = gpx(any_town.folder, 1)
    assert any_town.take("pings", walk, said=HERS).counts["accepted"] == 1

    def decided_by(minutes: float) -> set[str]:
        live, now = Live(any_town.store, any_town.tenant, Recorder()), NOW + timedelta(minutes=minutes)
        live.work_pings(now)
        live.work_due(now)
        with any_town.store.reading(any_town.tenant) as uow:
            return {row["campaign_id"] for row in uow.match_log.page(MatchLogFilter()).items}

    assert decided_by(1.1) == set()
    with any_town.store.reading(any_town.tenant) as uow:
        assert (uow.tracks.load([ANNA]), list(uow.transitions.every()), uow.outbox.of([ANNA])) == ({}, [], {})
    batch = read_pings(walk, HERS)
    any_town.app.intake.accept(any_town.tenant, batch, NOW + timedelta(minutes=1.2))
    assert decided_by(1.3) == {"offer"}
    assert decided_by(2.1) == {"offer", "run"}


def test_nobody_who_does_not_agree_to_be_located_has_a_past(any_town: Town):
    known(any_town, LOCATED)
    walk = gpx(any_town.folder, 60, 90 * 24 * 60)
    taken = any_town.take("pings", walk, said=HERS)
    assert [(bad["row"], bad["message"]) for bad in report_of(taken)] == [(2, "consent_location_missing")]
    assert kept(any_town) == 1
    said = ConsentDocument.model_validate({"purpose": "location.matching", "action": "withdrawn"})
    any_town.app.consents.take(any_town.operator, "anna", said, NOW)
    assert kept(any_town) == 0
    assert any_town.take("pings", walk, said=HERS).counts["accepted"] == 0
    assert kept(any_town) == 0


def test_a_past_goes_when_its_consent_runs_out_or_its_time_is_over(town: Town):
    known(town, {**LOCATED, "valid_until": (NOW + timedelta(days=3)).isoformat()})
    town.take("pings", gpx(town.folder, 60, 59), said=HERS)
    assert town.app.retention.prune(town.tenant, NOW + timedelta(days=2))["past_pings"] == 0
    assert town.app.retention.prune(town.tenant, NOW + timedelta(days=3))["past_pings"] == 2
    assert kept(town) == 0


def test_who_agrees_anew_while_others_pasts_go_keeps_theirs(any_town: Town):
    known(any_town, {**LOCATED, "valid_until": (NOW + timedelta(days=3)).isoformat()})
    any_town.take("pings", gpx(any_town.folder, 60), said=HERS)
    over = NOW + timedelta(days=3)
    said = ConsentDocument.model_validate({**LOCATED, "at": over.isoformat()})

    def agreed() -> None:
        any_town.app.consents.take(any_town.operator, "anna", said, over)

    with closing(WatchedStore(any_town.url, agreed)) as watched:
        assert Retention(watched).prune(any_town.tenant, over)["past_pings"] == 0
    assert (kept(any_town), any_town.lines("anna")) == (1, 2)


def test_a_past_is_kept_for_ninety_days_from_when_it_came(town: Town):
    known(town, LOCATED)
    town.take("pings", gpx(town.folder, 60), said=HERS)
    assert town.app.retention.prune(town.tenant, NOW + timedelta(days=90))["past_pings"] == 0
    assert town.app.retention.prune(town.tenant, NOW + timedelta(days=90, seconds=1))["past_pings"] == 1


def test_columns_that_are_guessed_are_taken_when_somebody_says_so(town: Town):
    known(town, LOCATED)
    table = town.folder / "walk.csv"
    table.write_text(f"Time;LAT;LONG\n{(NOW - timedelta(hours=1)).isoformat()};{LAT};{LON}\n")
    with pytest.raises(InvalidInput, match=r"Time is recorded_at; LONG is lon: --preview"):
        town.take("pings", table, said=HERS)
    assert kept(town) == 0
    assert town.take("pings", table, said=PingFile(customer="anna", is_confirmed=True)).counts["accepted"] == 1
    named = PingFile(customer="anna", columns={"recorded_at": "Time", "lat": "LAT", "lon": "LONG"})
    assert town.take("pings", table, said=named).counts["duplicate"] == 1


def test_what_is_said_of_pings_is_said_of_nothing_else(town: Town):
    with pytest.raises(InvalidInput, match="said of pings"):
        town.take("shops", write_json(town.folder / "shops.json", [{"id": "a"}]), said=HERS)


def test_from_the_command_line_a_file_is_shown_taken_and_matched(tmp_path: Path):
    settings = {"NEARCAST_DATABASE_URL": f"sqlite:///{tmp_path / 'n.db'}"}

    def run(*arguments: str | Path) -> Any:
        return nearcast_with(settings, tmp_path, *arguments)

    people = [{"id": "anna", "consents": [LOCATED]}]
    assert run("keys", "create", "--role", "operator").code == 0
    assert run("import", "customers", write_ndjson(tmp_path / "people.ndjson", people)).code == 0
    walk = gpx(tmp_path, 60, 59)
    shown = run("import", "pings", walk, "--customer", "anna", "--preview")
    assert "2 pings, 0 bad" in shown.out
    assert "2026-06-02T09:00:00Z to 2026-06-02T09:01:00Z" in shown.out
    told = json.loads(run("import", "pings", walk, "--customer", "anna", "--preview", "--json").out)
    assert (told["format"], told["bbox"], told["left_out"]) == ("gpx", [LON, LAT, LON, LAT], {"waypoints": 1})
    assert told["first"][0]["recorded_at"] == "2026-06-02T09:00:00Z"
    for duplicates in (0, 2):
        answer = json.loads(run("import", "pings", walk, "--customer", "anna", "--json").out)
        assert (answer["accepted"], answer["duplicate"]) == (2 - duplicates, duplicates)
    run("import", "pings", walk).refuses("--customer says it")
    run("import", "pings", walk, "--customer", "anna", "--format", "fit").refuses("--format", "none of csv")
    run("import", "pings", walk, "--customer", "anna", "--timezone", "Mars").refuses("--timezone", "Mars")
    run("import", "pings", walk, "--customer", "anna", "--columns", "lat").refuses("--columns", "lat=COLUMN")
    run("import", "shops", walk, "--preview").refuses("--preview")
    fences = write_json(tmp_path / "f.geojson", collection(feature("door")))
    assert json.loads(run("match", walk, fences, "--customer", "anna", "--json").out)["pairs"] == 2
    assert run("export", "pings", "--out", tmp_path / "past.parquet").out.startswith("2 pings written to ")


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_a_past_goes_out_into_files_and_is_the_same_when_it_is_read_again(any_town: Town, kind: str):
    people = [{"id": name, "consents": [LOCATED]} for name in ("anna", "bob")]
    people += [{"id": "cleo", "consents": [{**LOCATED, "valid_until": NOW.isoformat()}]}]
    any_town.take("customers", write_ndjson(any_town.folder / "people.ndjson", people))
    rows = [
        {"customer_id": "bob", "recorded_at": "2026-06-02T08:00:00.25Z", "lat": 52.5, "lon": 13.4, "ping_id": "p"},
        {"customer_id": "anna", "recorded_at": "2026-06-02T09:00:00Z", "lat": -1.5, "lon": 179.5, "accuracy_m": 7.5},
        {"customer_id": "anna", "recorded_at": "2026-06-02T08:30:00Z", "lat": 1, "lon": 2, "device_id": "phone, 2"},
        {"customer_id": "cleo", "recorded_at": "2026-06-02T08:30:00Z", "lat": 1, "lon": 2},
    ]
    earlier = NOW - timedelta(minutes=30)
    said = write_ndjson(any_town.folder / "said.ndjson", rows)
    assert any_town.app.importing.take("pings", said, any_town.tenant, earlier).counts["accepted"] == 4
    out = any_town.folder / f"out.{kind}"
    exporting = any_town.app.exporting
    assert exporting.pings(out, any_town.tenant, NOW, actor=COMMAND_LINE) == 3
    wanted, again = read_pings(said).take([2, 1, 0]), read_pings(out)
    for column in fields(PingBatch):
        told, known = getattr(again, column.name), getattr(wanted, column.name)
        assert (told == known).all() or np.array_equal(told, known, equal_nan=True), column.name
    newest = any_town.app.audit.page(any_town.tenant, AuditFilter()).items[0]
    assert (newest.actor, newest.action, newest.kind) == (COMMAND_LINE, "exported", "pings")
    with pytest.raises(InvalidInput, match=r"pings are written to \.csv, \.ndjson, \.parquet, not '\.gpx'"):
        exporting.pings(any_town.folder / "out.gpx", any_town.tenant, NOW, actor=COMMAND_LINE)
