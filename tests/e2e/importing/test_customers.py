"""Customers and their consents from files."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nearcast.channels.recorder import Recorder
from nearcast.domain.consent import ConsentStatus
from nearcast.domain.ids import CustomerId
from nearcast.services.live import Live
from nearcast.services.ports import MatchLogFilter
from nearcast.services.scenario import CampaignShape
from tests.e2e.importing.town import (
    AT_SEA,
    LAT,
    LOCATED,
    LON,
    NEARBY,
    NOTICE,
    NOW,
    OFFER,
    PHONE,
    Town,
    collection,
    feature,
    report_of,
)
from tests.e2e.shell import write_csv, write_json, write_ndjson
from tests.live.corner import arrive

pytestmark = pytest.mark.e2e


def test_of_a_thousand_customers_three_with_a_zone_of_no_planet_are_listed_and_the_others_are_in(any_town: Town):
    rows = [{"id": f"c{n:04}", "timezone": "Mars/Olympus" if n in (17, 500, 999) else ""} for n in range(1, 1001)]
    taken = any_town.take("customers", write_csv(any_town.folder / "crm.csv", rows))
    assert (taken.rows, taken.counts["new"], len(taken.bad)) == (1000, 997, 3)
    assert taken.report == any_town.folder / "crm.csv.report.ndjson"
    said = {"path": "timezone", "message": "unknown time zone 'Mars/Olympus'"}
    assert report_of(taken) == [{"row": n, "id": f"c{n:04}", **said} for n in (17, 500, 999)]
    there = any_town.ids("customers")
    assert (len(there), {"c0017", "c0500", "c0999"} & set(there)) == (997, set())


def test_a_customer_whom_no_zone_is_known_of_is_quiet_by_the_tenants_clock(town: Town):
    """A visit at sea, at 22:30 in Berlin, of somebody who was imported without a zone."""
    late = datetime(2026, 6, 2, 20, 30, tzinfo=UTC)
    lat, lon = AT_SEA
    consents = [LOCATED, NEARBY]
    town.take("shops", write_json(town.folder / "shops.json", [{"id": "boat"}]))
    town.take("geofences", write_json(town.folder / "f.geojson", collection(feature("deck", lat, lon, shop_id="boat"))))
    people = [{"id": "c0001", "contacts": [PHONE], "consents": consents}]
    town.take("customers", write_ndjson(town.folder / "people.ndjson", people))
    offer = {**OFFER, "shop_id": "boat"}
    town.app.campaigns.put(town.operator, CampaignShape.model_validate(offer), NOW)
    arrive(town.store, town.tenant, ["c0001"], late, lat, lon_deg=np.array([lon]))
    Live(town.store, town.tenant, Recorder()).work_pings(late)
    with town.store.reading(town.tenant) as uow:
        (row,) = uow.match_log.page(MatchLogFilter()).items
    assert (row["outcome"], row["reason"]) == ("suppress", "quiet_hours")
    assert (row["tz_used"], row["tz_source"]) == ("Europe/Berlin", "tenant_default")


def test_columns_become_tags_contacts_and_attributes(town: Town):
    row = {
        "id": "anna",
        "timezone": "Europe/Berlin",
        "language": "de-DE",
        "tags": "vip; regular",
        "suppressed": "mail",
        "contact.sms": "+4915112345678",
        "contact.mail": "",
        "attributes.first_name": "Anna",
        "paused_until": "2026-07-01",
    }
    town.take("customers", write_csv(town.folder / "crm.csv", [row]))
    assert town.customer("anna") == {
        "id": "anna",
        "timezone": "Europe/Berlin",
        "language": "de-DE",
        "tags": ["vip", "regular"],
        "attributes": {"first_name": "Anna"},
        "contacts": [PHONE],
        "suppressed": ["mail"],
        "quiet_hours": [],
        "paused_until": "2026-07-01",
    }


def test_a_bad_address_is_named_by_its_column_and_never_written_into_the_report(town: Town):
    rows = [
        {"id": "anna", "contact.mail": "anna@example.org", "contact.sms": "015199999999"},
        {"id": "bob", "contact.mail": "", "contact.sms": "+4915112345678"},
    ]
    taken = town.take("customers", write_csv(town.folder / "crm.csv", rows))
    assert [(bad["id"], bad["path"]) for bad in report_of(taken)] == [("anna", "contact.sms")]
    assert taken.report is not None
    assert "015199999999" not in taken.report.read_text()
    assert town.ids("customers") == ["bob"]


@pytest.mark.parametrize("write", [write_ndjson, write_json])
def test_the_same_customers_again_change_nothing(any_town: Town, write: Callable[..., Path]):
    ending = "ndjson" if write is write_ndjson else "json"
    rows = [{"id": f"c{n}", "tags": ["a"], "consents": [LOCATED, NEARBY], "suppressed": ["mail"]} for n in range(3)]
    path = write(any_town.folder / f"people.{ending}", rows)
    first = any_town.take("customers", path)
    assert first.summary() == {
        "kind": "customers", "rows": 3, "new": 3, "changed": 0, "unchanged": 0, "consents": 6,
        "bad": 0, "reasons": {}, "report": None,
    }  # fmt: skip
    later = NOW + timedelta(hours=1)
    again = any_town.app.importing.take("customers", path, any_town.tenant, later)
    assert (again.counts["unchanged"], again.counts["consents"], any_town.lines("c0")) == (3, 0, 2)
    assert any_town.written_at("c0") == NOW
    write(path, [{**rows[0], "tags": ["b"]}, *rows[1:]])
    third = any_town.app.importing.take("customers", path, any_town.tenant, later)
    assert (third.counts["changed"], third.counts["unchanged"]) == (1, 2)
    assert (any_town.written_at("c0"), any_town.written_at("c1")) == (later, NOW)


def test_consents_come_with_their_customers_and_are_live_with_their_proof(any_town: Town):
    any_town.take(
        "customers", write_ndjson(any_town.folder / "p.ndjson", [{"id": "anna", "consents": [LOCATED, NEARBY]}])
    )
    ledger = any_town.app.consents.ledger(any_town.operator, "anna", NOW)
    assert [state["status"] for state in ledger.state] == [ConsentStatus.LIVE, ConsentStatus.LIVE]
    assert [(line.notice, line.source, line.recorded_at) for line in ledger.lines] == [(NOTICE, "paper form", NOW)] * 2


@pytest.mark.parametrize(("said", "gone"), [(LOCATED, "notice"), (LOCATED, "source"), (LOCATED, "at"), (NEARBY, "at")])
def test_an_agreement_without_its_proof_is_none_and_its_row_is_bad(town: Town, said: dict[str, Any], gone: str):
    claimed = {key: value for key, value in said.items() if key != gone}
    rows = [{"id": "anna", "consents": [said, claimed]}, {"id": "bob", "consents": [said]}]
    taken = town.take("customers", write_ndjson(town.folder / "p.ndjson", rows))
    assert [(bad["row"], bad["id"], bad["path"]) for bad in report_of(taken)] == [(1, "anna", f"consents[1].{gone}")]
    assert town.ids("customers") == ["bob"]


@pytest.mark.parametrize("gone", ["notice", "source"])
def test_a_confirmation_that_nothing_shows_stays_unconfirmed_and_is_reported(any_town: Town, gone: str):
    claimed = {key: value for key, value in NEARBY.items() if key != gone}
    rows = [
        {"id": "anna", "consents": [LOCATED, claimed]},
        {"id": "bob", "consents": [{**NEARBY, "action": "granted"}]},
    ]
    taken = any_town.take("customers", write_ndjson(any_town.folder / "p.ndjson", rows))
    (noted,) = report_of(taken)
    assert (noted["row"], noted["id"], noted["path"]) == (1, "anna", f"consents[1].{gone}")
    assert (taken.counts["new"], taken.counts["consents"], taken.counts["unconfirmed"]) == (2, 3, 1)
    assert (len(taken.bad), "1 unconfirmed" in taken.told()) == (0, True)
    for key, line in (("anna", 1), ("bob", 0)):
        ledger = any_town.app.consents.ledger(any_town.operator, key, NOW)
        assert (ledger.lines[line].event.action, ledger.state[-1]["status"]) == ("granted", "unconfirmed")
    assert any_town.app.ledger_proof.verify(any_town.tenant).flaws == []


def test_a_withdrawal_needs_no_proof(town: Town):
    gone = {"purpose": "marketing.nearby", "action": "withdrawn", "at": "2026-05-02T09:00:00Z"}
    town.take("customers", write_ndjson(town.folder / "p.ndjson", [{"id": "anna", "consents": [NEARBY, gone]}]))
    (state,) = town.app.consents.ledger(town.operator, "anna", NOW).state
    assert state["status"] == ConsentStatus.WITHDRAWN


def test_a_withdrawal_in_a_file_is_heard_at_once(any_town: Town):
    """Whoever may not be located any more is forgotten, and nothing waits for them."""
    any_town.take("geofences", write_json(any_town.folder / "f.geojson", collection(feature("door"))))
    people = any_town.folder / "p.ndjson"
    any_town.take("customers", write_ndjson(people, [{"id": "anna", "consents": [LOCATED]}]))
    ping = {"customer_id": "anna", "recorded_at": NOW.isoformat(), "lat": LAT, "lon": LON}
    any_town.take("pings", write_ndjson(any_town.folder / "pings.ndjson", [ping]))
    Live(any_town.store, any_town.tenant, Recorder()).work_pings(NOW)
    gone = {"purpose": "location.matching", "action": "withdrawn", "at": NOW.isoformat()}
    any_town.take("customers", write_ndjson(people, [{"id": "anna", "consents": [LOCATED, gone]}]))
    with any_town.store.reading(any_town.tenant) as uow:
        assert uow.tracks.load([CustomerId("anna")]) == {}


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_a_scenarios_consents_are_its_customers_own(town: Town, ending: str):
    document = {
        "customers": [{"id": "anna"}, {"id": "bob"}],
        "consents": [
            {"customer_id": "anna", **LOCATED},
            {"customer_id": "nobody", **LOCATED},
            {"customer_id": "bob", **LOCATED, "purpose": "profiling"},
        ],
    }
    taken = town.take("customers", write_json(town.folder / f"case.{ending}", document))
    assert [(bad["row"], bad["id"], bad["path"]) for bad in report_of(taken)] == [
        (2, "bob", "consents[0].purpose"),
        (3, "nobody", ""),
    ]
    assert (town.ids("customers"), town.lines("anna")) == (["anna"], 1)


BAD_ROWS: list[tuple[Any, str | None, str, str]] = [
    ("{", None, "", "is not JSON"),
    ("[1]", None, "", "valid dictionary"),
    ('{"id": "x", "colour": 1}', "x", "colour", "unknown key"),
    ('{"tags": []}', None, "id", "is missing"),
    ('{"id": "x", "tags": ["a\\u0000b"]}', "x", "", "NUL"),
    ('{"id": "x", "attributes": {"\\ud800": ""}}', "x", "", "half a character"),
    ('{"id": "anna"}', "anna", "id", "row 1"),
    ('{"id": "x", "consents": {}}', "x", "consents", "list"),
    ('{"id": "x", "consents": [{"customer_id": "y"}]}', "x", "consents[0].customer_id", "another"),
    ('{"id": "x", "contacts": [{"channel": "sms", "address": "+1"}]}', "x", "contacts[0].address", "telephone"),
    ("[" * 100_000, None, "", "JSON"),
]


@pytest.mark.parametrize(("line", "key", "path", "message"), BAD_ROWS)
def test_a_bad_row_is_named_and_the_rows_beside_it_are_in(
    town: Town, line: str, key: str | None, path: str, message: str
):
    file = town.folder / "p.ndjson"
    file.write_text(f'{{"id": "anna"}}\n\n{line}\n{{"id": "bob"}}\n')
    taken = town.take("customers", file)
    (bad,) = report_of(taken)
    assert (bad["row"], bad["id"], bad["path"]) == (2, key, path)
    assert message in bad["message"]
    assert town.ids("customers") == ["anna", "bob"]
