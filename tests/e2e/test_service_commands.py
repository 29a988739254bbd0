"""`serve`, as processes, `migrate`, `keys`, `import` and `explain --tenant` on a database."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from nearcast.store.migrate import head_revision
from tests.e2e.databases import AWAY, SECRET, Run, at_once, set_revision
from tests.e2e.processes import bearer, eventually, ran, running
from tests.e2e.shell import write_csv, write_json, write_ndjson

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

NOTICE = {"version": "1", "language": "en", "text_sha256": "9f" * 32}
AGREED = {"at": "2026-01-01T09:00:00Z", "notice": NOTICE, "source": "paper form"}
CONSENTS = [
    {"purpose": "location.matching", "action": "granted", **AGREED},
    {"purpose": "marketing.nearby", "channel": "console", "action": "confirmed", **AGREED},
]
ANNA = {"id": "anna", "contacts": [{"channel": "console", "address": "somewhere"}]}
DOOR = {
    "type": "Feature",
    "properties": {"id": "door", "shop_id": "cafe", "radius_m": 60},
    "geometry": {"type": "Point", "coordinates": [13.405, 52.52]},
}
GREETING = {"channel": "console", "offer": {"text": "Hello"}}
HELLO = {**GREETING, "id": "hello", "shop_id": "cafe", "trigger": {"on": "enter"}, "state": "active"}


@pytest.fixture
def key(run: Run) -> str:
    """An operator's, of a new tenant."""
    made: str = json.loads(run("keys", "create", "--role", "operator", "--json").out)["key"]
    return made


def served(*roles: str, database: str, folder: Path, **settings: object) -> Any:
    role = ["--role", ",".join(roles)] if roles else []
    return running("serve", *role, folder=folder, database_url=database, port=0, **settings)


@contextmanager
def open_for_business(url: str, key: str) -> Iterator[httpx.Client]:
    """A shop that greets whoever comes to its door; Anna has agreed to that."""
    with httpx.Client(base_url=url, **bearer(key)) as client:
        for answer in (
            client.put("/v1/settings", json={"presence": {"profile": "raw"}}),
            client.put("/v1/shops/cafe", json={"id": "cafe"}),
            client.put("/v1/geofences/door", json=DOOR),
            client.post("/v1/campaigns", json=HELLO),
            client.put("/v1/customers/anna", json=ANNA),
            *(client.post("/v1/customers/anna/consents", json=consent) for consent in CONSENTS),
        ):
            assert answer.is_success, answer.text
        yield client


def arrive(client: httpx.Client) -> None:
    """Anna comes to the door."""
    at = datetime.now(UTC).isoformat()
    ping = {"customer_id": "anna", "recorded_at": at, "lat": 52.52, "lon": 13.405, "accuracy_m": 5}
    answer = client.post("/v1/pings", json=[ping])
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})


def outcomes(client: httpx.Client) -> list[str]:
    return [row["outcome"] for row in client.get("/v1/match-log").json()["items"]]


# --- serve


def test_one_process_in_all_roles_says_where_it_is_and_answers_anna_and_explain_tells_why(
    database: str, key: str, run: Run, tmp_path: Path
) -> None:
    with served(database=database, folder=tmp_path) as service, open_for_business(service.url(), key) as client:
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", service.url())
        assert client.get("/readyz").status_code == 200
        arrive(client)
        assert service.line("message ").endswith(' "console" "anna" "Hello"')
        assert outcomes(client) == ["send"]
        greeted_at = client.get("/v1/match-log").json()["items"][0]["decided_at"]
        assert service.end() == 0
        said = service.err.splitlines()
        assert all(re.search(r" INFO nearcast\.request: [A-Z]+ /\S+ \d+ in ", line) for line in said), said
    where = ["--tenant", "default", "--customer", "anna", "--campaign", "hello", "--at", greeted_at]
    answer = run("explain", *where, "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["outcome"] == "send"
    assert "marketing_consent" in run("explain", *where).out
    where[1] = "nobody"
    run("explain", *where).refuses("nobody")


def test_the_api_alone_consumes_nothing_and_a_worker_alone_does(database: str, key: str, tmp_path: Path) -> None:
    with (
        served("api", database=database, folder=tmp_path) as api,
        open_for_business(api.url(), key) as client,
    ):
        arrive(client)
        with pytest.raises(AssertionError, match="nothing"):
            eventually(lambda: outcomes(client), lambda: "nothing", within_s=2)
        with served("worker", "scheduler", database=database, folder=tmp_path) as worker:
            assert worker.line("nearcast works as") == "nearcast works as scheduler, worker"
            worker.line('"Hello"')
            assert eventually(lambda: outcomes(client), lambda: "it is not logged") == ["send"]
            assert worker.end() == 0
        assert '"Hello"' not in api.out
        assert api.end(signal.SIGINT) == 0


def test_a_request_in_flight_is_answered_before_it_ends(sqlite: str, alone: Run, tmp_path: Path) -> None:
    key = json.loads(alone("keys", "create", "--role", "ingest", "--json").out)["key"]
    with served("api", database=sqlite, folder=tmp_path) as service:
        address = urlsplit(service.url())
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            head = f"POST /v1/pings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 2\r\n"
            connection.sendall(f"{head}Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n".encode())
            assert connection.recv(1_000).startswith(b"HTTP/1.1 100")  # its body is being waited for
            service.process.send_signal(signal.SIGTERM)
            eventually(lambda: _refuses(address.hostname, address.port), lambda: "it still listens")
            with pytest.raises(subprocess.TimeoutExpired):
                service.process.wait(1)  # it waits for what has begun
            connection.sendall(b"[]")
            assert connection.recv(1_000).startswith(b"HTTP/1.1 202")
        assert service.process.wait(10) == 0


def _refuses(host: str | None, port: int | None) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return True
    return False


def test_a_taken_port_is_told_in_one_line(sqlite: str, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        answer = ran("serve", folder=tmp_path, database_url=sqlite, port=port)
    assert answer.code == 1
    assert answer.err.splitlines() == [f"nearcast: cannot listen on 127.0.0.1, port {port}: Address already in use"]


@pytest.mark.parametrize(
    ("arguments", "settings", "named"),
    [
        (["serve", "--role", "cook"], {}, "'cook' is none of all, api, scheduler, worker"),
        (["serve"], {"prot": SECRET}, "NEARCAST_PROT is not a setting"),
        (["serve"], {"port": SECRET}, "NEARCAST_PORT"),
        (["serve"], {"log_format": SECRET}, "NEARCAST_LOG_FORMAT"),
        (["serve"], {"secret_key": SECRET}, "NEARCAST_SECRET_KEY"),
        (["serve"], {"data_key": SECRET}, "NEARCAST_DATA_KEY"),
        (["serve"], {"database_url": f"mysql://somebody:{SECRET}@host/db"}, "NEARCAST_DATABASE_URL"),
        (["demo"], {"prot": SECRET}, "NEARCAST_PROT is not a setting"),
        (["demo"], {"port": SECRET}, "NEARCAST_PORT"),
    ],
)
def test_what_is_asked_for_wrongly_is_named_and_a_setting_without_its_value(
    tmp_path: Path, arguments: list[str], settings: dict[str, str], named: str
) -> None:
    answer = at_once(tmp_path, *arguments, **settings)
    answer.refuses(named)
    assert len(answer.err.splitlines()) == 1
    assert SECRET not in answer.err
    assert list(tmp_path.iterdir()) == []


# --- migrate


def test_migrate_brings_an_empty_database_to_head_and_leaves_it_there(run: Run) -> None:
    head = head_revision()
    assert (first := run("migrate")).out == f"from nothing to {head}\n", first.err
    assert run("migrate").out == f"at {head} already\n"


@pytest.mark.parametrize("command", [["migrate"], ["serve", "--port", "0"], ["keys", "list"]])
def test_a_database_of_a_newer_nearcast_is_left_alone(
    database: str, run: Run, command: list[str], tmp_path: Path
) -> None:
    run("migrate")
    set_revision(database, "9999")
    answer = ran(*command, folder=tmp_path, database_url=database) if "serve" in command else run(*command)
    assert answer.code == 1
    assert answer.err.splitlines() == [
        "nearcast: the database is at revision 9999, which is of a newer nearcast: use that one"
    ]


# --- keys


def test_a_key_is_shown_once_listed_without_itself_and_ends(alone: Run) -> None:
    made = json.loads(alone("keys", "create", "--role", "analyst", "--name", "chart", "--json").out)
    assert list(made) == ["id", "key", "role"]
    assert made["role"] == "analyst"
    assert made["key"].startswith(f"nc_{made['id']}_")
    listed = alone("keys", "list").out
    assert re.fullmatch(rf"{made['id']}  analyst   20\S+Z  live  chart\n", listed)
    assert alone("keys", "revoke", made["id"]).code == 0
    assert "revoked 20" in alone("keys", "list").out
    alone("keys", "revoke", made["id"]).refuses(made["id"])


def test_a_key_expires_and_its_secret_is_replaced(alone: Run) -> None:
    made = json.loads(alone("keys", "create", "--role", "owner", "--expires-in-days", "3", "--json").out)
    new = alone("keys", "rotate", made["id"], "--overlap-s", "60").out.strip()
    assert new.startswith(f"nc_{made['id']}_")
    assert new != made["key"]
    alone("keys", "rotate", "nothing").refuses("there is no live key 'nothing'")
    told = [json.loads(line) for line in alone("audit", "--kind", "key").out.splitlines()]
    assert [(each["action"], each["id"], each["actor"]) for each in told] == [
        (did, made["id"], "operator at the command line") for did in ("rotated", "created")
    ]
    assert made["key"].split("_", 2)[2] not in str(told)
    until = datetime.fromisoformat(told[1]["detail"]["expires_at"])
    assert timedelta(days=3, minutes=-5) < until - datetime.now(UTC) < timedelta(days=3)


# --- who did what, and what a tenant has to show


def test_the_command_line_tells_what_it_did_itself(alone: Run, tmp_path: Path) -> None:
    alone("keys", "create", "--role", "operator")
    shops = write_json(tmp_path / "shops.json", {"shops": [{"id": "cafe"}, {"id": "bar"}]})
    alone("import", "shops", shops)
    alone("import", "shops", shops)
    told = [json.loads(line) for line in alone("audit", "--kind", "shop").out.splitlines()]
    assert [(each["action"], each["id"]) for each in told] == [("created", "bar"), ("created", "cafe")]
    assert alone("audit", "--id", "cafe", "--until", "2000-01-01T00:00:00Z").out == ""
    alone("audit", "--from", "yesterday").refuses("'yesterday' is not an instant")
    alone("audit", "--tenant", "nobody").refuses("there is no tenant 'nobody'")


@pytest.mark.parametrize("name", ["record-of-processing", "dpia"])
def test_what_a_tenant_has_to_show_is_written_into_a_file(alone: Run, tmp_path: Path, name: str) -> None:
    alone("keys", "create", "--role", "operator")
    for ending, start in ((".json", "{"), (".md", "# "), (".html", "<!doctype html>")):
        out = tmp_path / f"shown{ending}"
        assert alone("export", name, "--out", out).out == f"written to {out}\n"
        text = out.read_text(encoding="utf-8")
        assert text.startswith(start)
        assert "not stated" in text
    alone("export", name, "--out", tmp_path / "shown.pdf").refuses("ends with none of .json, .md, .html")
    alone("export", name, "--out", tmp_path).refuses("ends with none of")


def test_keys_of_what_is_not_there_are_refused_by_name(alone: Run) -> None:
    alone("keys", "create", "--role", "owner", "--shop", "nowhere").refuses("--shop: there is no shop 'nowhere'")
    alone("keys", "create", "--role", "cook").refuses("--role: 'cook' is none of owner")
    alone("keys", "create", "--role", "owner", "--timezone", "Mars/Base").refuses("Mars/Base")
    alone("keys", "list", "--tenant", "nobody").refuses("there is no tenant 'nobody'")


def test_a_command_that_reads_no_file_does_not_load_what_reads_files() -> None:
    """It would take longer to start than to run."""
    heavy = {"geopandas", "matplotlib", "numba", "pandas", "pyogrio"}
    code = "import sys, nearcast.cli, nearcast.bootstrap; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert "nearcast.services.access" in loaded.split()
    assert heavy & set(loaded.split()) == set()


def test_a_database_that_is_away_is_told_in_one_line(tmp_path: Path) -> None:
    for answer in (
        at_once(tmp_path, "migrate", database_url=AWAY),
        at_once(tmp_path, "keys", "list", database_url=AWAY),
        ran("serve", "--port", "0", folder=tmp_path, database_url=AWAY),
    ):
        assert answer.code == 1
        assert re.fullmatch(r"nearcast: the database is unavailable: .*\n", answer.err)
        assert SECRET not in answer.err


# --- import


def test_each_kind_is_taken_in_and_bad_rows_are_reported(alone: Run, tmp_path: Path) -> None:
    alone("keys", "create", "--role", "operator")
    write_json(tmp_path / "shops.json", [{"id": "cafe"}])
    write_json(tmp_path / "fences.geojson", {"type": "FeatureCollection", "features": [DOOR]})
    write_ndjson(tmp_path / "people.ndjson", [{**ANNA, "consents": CONSENTS}])
    for kind, file in (("shops", "shops.json"), ("geofences", "fences.geojson"), ("customers", "people.ndjson")):
        answer = alone("import", kind, file, "--json")
        assert (answer.code, json.loads(answer.out)["new"]) == (0, 1), answer.err
    again = alone("import", "customers", "people.ndjson", "--json")
    assert json.loads(again.out)["unchanged"] == 1
    bob = {"id": "bob", "timezone": "Mars/Base"}
    taken = alone("import", "customers", write_ndjson(tmp_path / "more.ndjson", [bob, {"id": "carla"}]), "--json")
    summary = json.loads(taken.out)
    assert (summary["rows"], summary["new"], summary["bad"]) == (2, 1, 1)
    report = [json.loads(line) for line in Path(tmp_path / summary["report"]).read_text().splitlines()]
    assert [(line["row"], line["id"], line["path"]) for line in report] == [(1, "bob", "timezone")]
    at = (datetime.now(UTC) - timedelta(seconds=5)).isoformat()
    pings = [{"customer_id": name, "recorded_at": at, "lat": 52.52, "lon": 13.405} for name in ("anna", "carla")]
    write_csv(tmp_path / "pings.csv", pings)
    told = alone("import", "pings", "pings.csv", "--report", "bad.ndjson")
    assert told.out == "2 rows of pings: 1 accepted, 1 bad, listed in bad.ndjson\n"
    assert json.loads((tmp_path / "bad.ndjson").read_text())["id"] == "carla"


def test_what_cannot_be_taken_in_is_refused(alone: Run, tmp_path: Path) -> None:
    alone("keys", "create", "--role", "operator")
    write_json(tmp_path / "shops.json", [])
    alone("import", "cakes", "shops.json").refuses("'cakes' is none of shops, geofences, customers, pings")
    alone("import", "shops", "none.json").refuses("none.json")
    alone("import", "shops", "shops.json", "--tenant", "nobody").refuses("there is no tenant 'nobody'")
