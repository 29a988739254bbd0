"""The match log over HTTP: who sees which rows, found by what, as JSON and as CSV."""

import csv
import io
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import geopandas
import pytest

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import TenantId
from nearcast.services.access import Principal, Role
from nearcast.services.audit_ports import COMMAND_LINE
from nearcast.services.match_log import COLUMNS, Wanted
from nearcast.services.report import rfc3339
from tests.api.service import Service
from tests.api.town import agree, leave, open_shop, rows_of, visit

BAR_LON = 13.5


def two_shops(service: Service) -> None:
    """Ada is sent something at the café, at the bar ten minutes later it is too soon; Bob never agreed to offers."""
    open_shop(service, "cafe")
    open_shop(service, "bar", lon=BAR_LON)
    agree(service, "ada")
    agree(service, "bob", marketing=False)
    visit(service, "ada")
    visit(service, "bob")
    service.clock.step(minutes=10)
    visit(service, "ada", lon=BAR_LON)


def told(rows: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    return [(row["customer_id"], row["shop_id"], row["reason"]) for row in rows]


ALL = [("ada", "bar", "cap_min_gap"), ("bob", "cafe", "consent_marketing_missing"), ("ada", "cafe", None)]


def test_an_analyst_sees_every_row_newest_first_or_oldest_first(service: Service):
    two_shops(service)
    analyst = service.client(Role.ANALYST)
    rows = rows_of(analyst)
    assert told(rows) == ALL
    assert list(rows[0]) == list(COLUMNS)
    assert rows[2]["decided_at"] == "2026-06-02T10:00:01Z"
    assert rows_of(analyst, order="oldest") == rows[::-1]
    assert analyst.get(f"/v1/match-log/{rows[1]['decision_id']}").json() == rows[1]


def test_pages_hold_all_rows_and_none_twice(service: Service):
    two_shops(service)
    analyst = service.client(Role.ANALYST)
    first = analyst.get("/v1/match-log", params={"limit": 2}).json()
    agree(service, "eve")
    visit(service, "eve")
    rest = analyst.get("/v1/match-log", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert told(first["items"]) + told(rest["items"]) == ALL
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"campaign_id": "bar-offer"}, ALL[:1]),
        ({"shop_id": "cafe"}, ALL[1:]),
        ({"shop_id": "nowhere"}, []),
        ({"customer_id": "bob"}, ALL[1:2]),
        ({"outcome": "send"}, ALL[2:]),
        ({"outcome": "suppress"}, ALL[:2]),
        ({"reason": "cap_min_gap"}, ALL[:1]),
        ({"reason": "quiet_hours"}, []),
        ({"from": "2026-06-02T10:10:00Z"}, ALL[:1]),
        ({"from": "2026-06-02T12:00:01+02:00", "until": "2026-06-02T10:00:02Z"}, ALL[2:]),
        ({"bbox": "13.4,52.5,13.41,52.53"}, ALL[1:]),
        ({"bbox": "13.45,-90,-170,90"}, ALL[:1]),
        ({"bbox": "-10,0,10,10"}, []),
        ({"bbox": "13.4,52.5,13.41,52.53", "customer_id": "ada", "outcome": "send"}, ALL[2:]),
    ],
)
def test_rows_are_found_by_what_analysts_ask_for(service: Service, params: dict[str, str], wanted: list[Any]):
    two_shops(service)
    assert told(rows_of(service.client(Role.ANALYST), **params)) == wanted


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"outcome": "sent"}, "outcome"),
        ({"reason": "because"}, "reason"),
        ({"from": "yesterday"}, "from"),
        ({"until": "2026-06-02T10:00:00"}, "until"),
        ({"order": "random"}, "order"),
        ({"limit": "0"}, "limit"),
        ({"bbox": "1,2,3"}, "bbox"),
        ({"bbox": ""}, "bbox"),
        ({"bbox": "1,2,3,nan"}, "bbox"),
        ({"bbox": "0,5,1,4"}, "bbox"),
        ({"bbox": "0,0,181,1"}, "bbox"),
    ],
)
def test_a_filter_that_means_nothing_is_named_with_its_value(
    sqlite_service: Service, params: dict[str, str], path: str
):
    answer = sqlite_service.client(Role.ANALYST).get("/v1/match-log", params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert (answer.json()["path"], answer.json()["value"]) == (path, params[path])


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("params", "status"),
    [({"format": "xml"}, 400), ({"colour": "red"}, 400), ({"cursor": "before"}, 422)],
)
def test_what_is_not_there_cannot_be_asked_for(sqlite_service: Service, params: dict[str, str], status: int):
    assert sqlite_service.client(Role.ANALYST).get("/v1/match-log", params=params).status_code == status


@pytest.mark.enable_socket
@pytest.mark.parametrize(("role", "status"), [("analyst", 200), ("owner", 200), ("operator", 200), ("ingest", 403)])
def test_the_log_is_for_those_who_read(sqlite_service: Service, role: str, status: int):
    assert sqlite_service.client(Role(role)).get("/v1/match-log").status_code == status


@pytest.mark.enable_socket
def test_another_tenant_sees_nothing_of_it(sqlite_service: Service):
    two_shops(sqlite_service)
    (row, *_) = rows_of(sqlite_service.client(Role.ANALYST))
    stranger = sqlite_service.client(Role.ANALYST, tenant="t2")
    assert rows_of(stranger) == []
    assert stranger.get(f"/v1/match-log/{row['decision_id']}").status_code == 404


def test_an_owner_sees_the_rows_of_their_shops_and_customers_by_pseudonym(service: Service):
    two_shops(service)
    barkeeper = service.client(Role.OWNER, shops=["bar"])
    (row,) = rows_of(barkeeper)
    assert (row["shop_id"], row["reason"]) == ("bar", "cap_min_gap")
    assert row["customer_id"].startswith("p-")
    assert len(row["customer_id"]) == 18
    assert barkeeper.get("/v1/match-log", params={"shop_id": "cafe"}).status_code == 404
    every = rows_of(service.client(Role.ANALYST))
    assert barkeeper.get(f"/v1/match-log/{row['decision_id']}").json() == row
    assert barkeeper.get(f"/v1/match-log/{every[1]['decision_id']}").status_code == 404
    for client in (barkeeper, service.client(Role.OWNER)):
        text = client.get("/v1/match-log").text + client.get("/v1/match-log", params={"format": "csv"}).text
        assert not re.search(r"\b(ada|bob)\b", text)


@pytest.mark.enable_socket
def test_a_pseudonym_holds_for_one_customer_one_shop_and_one_day(sqlite_service: Service):
    service = sqlite_service
    two_shops(service)
    leave(service, "ada")
    service.clock.step(minutes=1)
    visit(service, "ada")
    service.clock.step(hours=2)
    leave(service, "ada")
    service.clock.step(hours=22)
    visit(service, "ada")
    names = [row["customer_id"] for row in rows_of(service.client(Role.OWNER), order="oldest")]
    ada, bob, ada_at_the_bar, ada_again, ada_next_day = names
    assert ada == ada_again
    assert len({ada, bob, ada_at_the_bar, ada_next_day}) == 4


@pytest.mark.enable_socket
def test_an_owner_may_not_ask_for_one_customer(sqlite_service: Service):
    for params in ({"customer_id": "ada"}, {"customer_id": "ada", "format": "csv"}):
        answer = sqlite_service.client(Role.OWNER).get("/v1/match-log", params=params)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


@pytest.mark.enable_socket
def test_nothing_in_an_owners_details_leads_to_another_day(sqlite_service: Service):
    service = sqlite_service
    open_shop(service, re_eligibility_s=3600, audience={"tags_none": ["vip"]}, holdout={"percent": 100, "salt": "s"})
    agree(service, "ada")
    visit(service, "ada")
    leave(service, "ada")
    service.clock.step(minutes=1)
    visit(service, "ada")
    known = rows_of(service.client(Role.ANALYST))
    hidden = rows_of(service.client(Role.OWNER))
    assert known[0]["detail"]["re_eligibility"]["last_sent_at"] == "2026-06-02T10:00:01Z"
    assert known[0]["detail"]["location_consent"]["event_ids"] == ["ada-0"]
    for name in ("event_ids", "valid_until", "last_sent_at", "free_at", "bucket", "salt", "tags"):
        assert name in str(known), name
        assert name not in str([row["detail"] for row in hidden]), name
    assert "until" not in hidden[0]["detail"]["re_eligibility"]
    assert hidden[0]["detail"]["re_eligibility"] == {"rest_s": 3600.0, "reason": "re_eligibility"}


@pytest.mark.enable_socket
def test_an_owner_is_not_told_when_a_message_could_go_where_that_tells_of_an_earlier_day(sqlite_service: Service):
    service = sqlite_service
    open_shop(service, on_cap="hold", offer={"text": "Hi", "expires_after_s": 86_400})
    agree(service, "ada")
    visit(service, "ada")
    leave(service, "ada")
    service.clock.step(minutes=1)
    visit(service, "ada")
    (known, _), (hidden, _) = rows_of(service.client(Role.ANALYST)), rows_of(service.client(Role.OWNER))
    assert (known["outcome"], known["reason"], known["not_before"]) == ("defer", "cap_min_gap", "2026-06-02T14:00:01Z")
    assert (hidden["outcome"], hidden["not_before"]) == ("defer", None)
    said = {
        role: service.client(role).get("/v1/explain", params={"decision_id": known["decision_id"]}).json()
        for role in (Role.ANALYST, Role.OWNER)
    }
    assert said[Role.ANALYST]["earliest_send"] == "2026-06-02T14:00:01Z"
    assert said[Role.OWNER]["earliest_send"] is None
    assert "14:00:01" not in str((hidden, said[Role.OWNER]))


@pytest.mark.enable_socket
def test_an_owner_is_told_when_a_message_could_go_where_that_tells_of_no_day(sqlite_service: Service):
    service = sqlite_service
    open_shop(service, dayparts=[{"from": "13:00", "until": "14:00"}])
    agree(service, "ada")
    visit(service, "ada")
    (row,) = rows_of(service.client(Role.OWNER))
    said = service.client(Role.OWNER).get("/v1/explain", params={"decision_id": row["decision_id"]}).json()
    assert (row["reason"], said["earliest_send"]) == ("outside_daypart", "2026-06-02T11:00:00Z")


@pytest.mark.enable_socket
def test_an_owner_is_not_told_which_campaign_of_another_shop_won(sqlite_service: Service):
    service = sqlite_service
    open_shop(service, "cafe")
    open_shop(service, "bar")
    agree(service, "ada")
    visit(service, "ada")
    (lost,) = rows_of(service.client(Role.ANALYST), shop_id="cafe")
    assert (lost["winner_campaign_id"], lost["reason"]) == ("bar-offer", "lost_arbitration")
    for client, winner in (
        (service.client(Role.OWNER), "bar-offer"),
        (service.client(Role.OWNER, shops=["bar", "cafe"]), "bar-offer"),
        (service.client(Role.OWNER, shops=["cafe"]), None),
    ):
        (row,) = rows_of(client, shop_id="cafe")
        explained = client.get("/v1/explain", params={"decision_id": lost["decision_id"]}).json()
        rules = {rule["rule"]: rule for rule in explained["rules"]}
        assert client.get(f"/v1/match-log/{lost['decision_id']}").json() == row
        told_by = (row["winner_campaign_id"], row["detail"]["arbitration"]["winner_campaign_id"])
        assert (*told_by, rules["arbitration"]["winner_campaign_id"]) == (winner,) * 3
        assert ("bar" in str((row, explained))) == (winner is not None)


def as_csv(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_a_csv_holds_what_the_json_holds(service: Service):
    two_shops(service)
    analyst = service.client(Role.ANALYST)
    answer = analyst.get("/v1/match-log", params={"format": "csv", "order": "oldest"})
    rows = as_csv(answer)
    assert answer.headers["content-disposition"] == 'attachment; filename="match-log.csv"'
    assert answer.text.split("\r\n", 1)[0] == ",".join(COLUMNS)
    assert [(row["customer_id"], row["shop_id"], row["reason"] or None) for row in rows] == ALL[::-1]
    assert (rows[0]["at"], rows[0]["would_have_sent"], rows[0]["not_before"]) == ("2026-06-02T10:00:00Z", "true", "")
    assert rows[1]["reasons"] == "consent_marketing_missing"
    assert '"spatial": {"trigger": "enter"' in rows[0]["detail"]
    first = as_csv(analyst.get("/v1/match-log", params={"format": "csv", "limit": 1}))
    assert [row["shop_id"] for row in first] == ["bar"]
    assert as_csv(analyst.get("/v1/match-log", params={"format": "csv", "customer_id": "nobody"})) == []


@pytest.mark.enable_socket
def test_no_cell_of_a_csv_is_a_formula(sqlite_service: Service):
    customers = ["=1+1", "+1", "-1", "@a", "\tb", 'a,"b"\r\nc', "plain"]
    open_shop(sqlite_service)
    agree(sqlite_service, *customers)
    visit(sqlite_service, *customers)
    analyst = sqlite_service.client(Role.ANALYST)
    cells = {row["customer_id"] for row in as_csv(analyst.get("/v1/match-log", params={"format": "csv"}))}
    assert cells == {"'=1+1", "'+1", "'-1", "'@a", "'\tb", 'a,"b"\r\nc', "plain"}


def write_rows(service: Service, *customers: str, days: int = 0) -> None:
    """Rows like the one there is, of other customers."""
    with service.store.writing(TenantId("t1")) as uow:
        row = uow.match_log.page().items[-1]
        row |= {"decided_at": row["decided_at"] + timedelta(days=days)}
        uow.match_log.append({**row, "decision_id": f"of {each}", "customer_id": each} for each in customers)
        uow.commit()


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_download_is_all_that_was_decided_when_it_began(service: Service, newest_first: bool):
    two_shops(service)
    customers = [f"c{n:04}" for n in range(1_050)]
    write_rows(service, *customers)
    asker = Principal(tenant_id=TenantId("t1"), key_id="k", role=Role.ANALYST)
    parts = service.app.decisions.every(asker, Wanted(), cursor=None, newest_first=newest_first)
    first = next(parts)
    write_rows(service, "late", days=1)
    rows = [*first, *(row for part in parts for row in part)]
    assert len(first) == 1_000
    assert sorted(row["customer_id"] for row in rows) == ["ada", "ada", "bob", *customers]


@pytest.mark.enable_socket
def test_a_download_is_longer_than_a_page(sqlite_service: Service):
    two_shops(sqlite_service)
    write_rows(sqlite_service, *(f"c{n:04}" for n in range(1_050)))
    owner = sqlite_service.client(Role.OWNER)
    rows = as_csv(owner.get("/v1/match-log", params={"format": "csv"}))
    assert len({row["decision_id"] for row in rows}) == len(rows) == 1_053
    cursor = owner.get("/v1/match-log", params={"limit": 2}).json()["next_cursor"]
    rest = as_csv(owner.get("/v1/match-log", params={"format": "csv", "cursor": cursor}))
    assert rest == rows[2:]


def features(answer: Any) -> list[dict[str, Any]]:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json")
    found: list[dict[str, Any]] = answer.json()["features"]
    return found


def test_files_with_places_hold_what_the_json_holds(service: Service):
    two_shops(service)
    operator = service.client()
    assert operator.delete("/v1/geofences/bar-door").status_code == 204
    rows = {row["decision_id"]: row for row in rows_of(service.client(Role.ANALYST))}
    owner = service.client(Role.OWNER)
    hidden = {row["decision_id"]: row for row in rows_of(owner)}
    door = {"type": "Point", "coordinates": [13.405, 52.52]}
    for client, shown in ((operator, rows), (owner, hidden)):
        mapped = features(client.get("/v1/match-log", params={"format": "geojson"}))
        assert {each["id"]: each["properties"] for each in mapped} == shown
        assert [each["geometry"] for each in mapped] == [None, door, door]  # the bar's geofence is gone
        answer = client.get("/v1/match-log", params={"format": "parquet", "order": "oldest"})
        assert answer.headers["content-disposition"] == 'attachment; filename="match-log.parquet"'
        frame = geopandas.read_parquet(io.BytesIO(answer.content))
        assert list(frame.columns) == [*COLUMNS, "geometry"]
        assert frame.crs.equals("OGC:CRS84")
        assert [None if point is None else (point.x, point.y) for point in frame.geometry] == [(13.405, 52.52)] * 2 + [
            None
        ]
        assert frame["customer_id"].tolist() == [row["customer_id"] for row in shown.values()][::-1]
        assert [rfc3339(at.to_pydatetime()) for at in frame["at"]] == [row["at"] for row in shown.values()][::-1]
        assert [json.loads(said) for said in frame["detail"]] == [row["detail"] for row in shown.values()][::-1]
    assert features(operator.get("/v1/match-log", params={"format": "geojson", "customer_id": "nobody"})) == []
    assert len(features(operator.get("/v1/match-log", params={"format": "geojson", "limit": 1}))) == 1
    nothing = operator.get("/v1/match-log", params={"format": "parquet", "customer_id": "nobody"})
    assert len(geopandas.read_parquet(io.BytesIO(nothing.content))) == 0
    assert operator.get("/v1/match-log", params={"format": "xlsx"}).status_code == 400


@pytest.mark.enable_socket
def test_the_command_line_writes_the_same_file(sqlite_service: Service, tmp_path: Path):
    two_shops(sqlite_service)
    app, tenant = sqlite_service.app, TenantId("t1")
    rows = rows_of(sqlite_service.client(Role.ANALYST), order="oldest")

    def written(name: str, wanted: Wanted) -> str:
        app.decisions.write(tmp_path / name, tenant, wanted, sqlite_service.clock.now(), actor=COMMAND_LINE)
        return (tmp_path / name).read_text(encoding="utf-8")

    assert [json.loads(line) for line in written("log.ndjson", Wanted()).splitlines()] == rows
    late = Wanted(since=sqlite_service.clock.now() - timedelta(minutes=5))
    assert [json.loads(line) for line in written("late.ndjson", late).splitlines()] == rows[2:]
    assert written("log.csv", Wanted()).splitlines()[0] == ",".join(COLUMNS)
    with pytest.raises(InvalidInput, match=r"written to \.csv, \.ndjson, \.parquet, \.geojson, not '\.xlsx'"):
        written("log.xlsx", Wanted())
    assert sorted(each.name for each in tmp_path.iterdir()) == ["late.ndjson", "log.csv", "log.ndjson"]
    entries = sqlite_service.client().get("/v1/audit", params={"kind": "match_log"}).json()["items"]
    assert [each["action"] for each in entries] == ["exported"] * 3
