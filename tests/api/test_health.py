"""What tells whoever keeps the process running how it is, and what the API says of itself."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import httpx
import pytest
from fastapi._compat import ModelField

from nearcast import __version__
from nearcast.api.app import create_app, create_watch_app
from nearcast.domain.errors import StoreUnavailable
from nearcast.services.access import Role
from nearcast.services.health import Health
from nearcast.services.ports import StoreInfo
from nearcast.store.migrate import head_revision
from nearcast.store.sql_store import SqlStore
from tests.api.service import NOON, Service, running
from tests.api.town import agree, open_shop, ping, send
from tests.loopback import LOOPBACK

CHECKS = ("database", "schema", "clock", "backlog")


@dataclass
class Loop:
    error: str | None = None
    last_success_at: datetime | None = NOON
    is_alive: bool = True
    busy_s: float = 0.0


class LostStore(SqlStore):
    """A database that does not answer, and says where it is."""

    def about(self) -> StoreInfo:
        raise StoreUnavailable("connection to server at 10.0.0.7, user nearcast, failed")


@pytest.fixture
def stranger(service: Service) -> Iterator[httpx.Client]:
    """Somebody without a key."""
    with httpx.Client(base_url=service.url, **LOOPBACK) as client:
        yield client


def ready_of(service: Service, **changes: object) -> httpx.Response:
    with (
        running(create_app(replace(service.app, **changes))) as url,  # type: ignore[arg-type]
        httpx.Client(base_url=url, **LOOPBACK) as client,
    ):
        return client.get("/readyz")


def test_a_process_that_answers_is_alive_and_one_with_its_database_is_ready(stranger: httpx.Client):
    alive = stranger.get("/healthz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok", "version": __version__})
    ready = stranger.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "checks": {key: {"ok": True} for key in CHECKS}}


@pytest.mark.enable_socket
def test_another_versions_schema_is_not_ready(sqlite_service: Service):
    answer = ready_of(sqlite_service, health=Health(sqlite_service.store, lambda: "9999"))
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    schema = answer.json()["checks"]["schema"]
    assert schema["ok"] is False
    assert "this nearcast needs 9999" in schema["detail"]
    assert answer.json()["checks"]["database"] == {"ok": True}


@pytest.mark.enable_socket
def test_a_database_that_does_not_answer_is_not_ready_and_nothing_is_said_of_where_it_is(sqlite_service: Service):
    lost = LostStore(str(sqlite_service.store.engine.url))
    answer = ready_of(sqlite_service, health=Health(lost, lambda: "1"))
    lost.close()
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["checks"] == {"database": {"ok": False, "detail": "it does not answer"}}


@pytest.mark.enable_socket
def test_a_loop_that_fails_is_not_ready(sqlite_service: Service):
    loops = {"pings": Loop(), "due": Loop("KeyError")}
    answer = ready_of(sqlite_service, worker_status=lambda: loops)
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert checks["worker pings"] == {"ok": True}
    assert checks["worker due"] == {"ok": False, "detail": "it fails with KeyError and goes on trying"}
    loops["due"].error = None
    assert ready_of(sqlite_service, worker_status=lambda: loops).status_code == 200


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        (Loop(last_success_at=None), "it has not been round yet"),
        (Loop(is_alive=False), "it has ended"),
        (Loop(busy_s=61), "it has been at one round for 61 s"),
    ],
)
@pytest.mark.enable_socket
def test_a_loop_that_stands_still_is_not_ready(sqlite_service: Service, loop: Loop, said: str):
    checks = sqlite_service.app.health.checks({"pings": loop})
    assert (checks["worker pings"].is_ok, checks["worker pings"].detail) == (False, said)


@pytest.mark.enable_socket
def test_a_machine_whose_clock_is_wrong_is_not_ready(sqlite_service: Service):
    store = sqlite_service.store

    def of(skew_s: float) -> bool:
        machine_now = store.database_now() + timedelta(seconds=skew_s)
        found = Health(store, head_revision, machine_now=lambda: machine_now).checks({})["clock"]
        return found.is_ok

    assert of(0)
    assert not of(60)
    assert not of(-60)


@pytest.mark.enable_socket
def test_a_long_backlog_is_not_ready(service: Service):
    open_shop(service)
    agree(service, "ada", "bob")
    assert send(service, [ping(service, "ada"), ping(service, "bob")]).json()["accepted"] == 2
    assert sum(service.store.waiting_pings().values()) == 2
    health = service.app.health
    assert health.checks({})["backlog"].is_ok
    short = Health(service.store, head_revision, most_waiting=1).checks({})["backlog"]
    assert (short.is_ok, short.detail) == (False, "2 pings wait for a worker")


@pytest.mark.enable_socket
def test_a_process_that_has_been_told_to_end_is_not_ready(sqlite_service: Service):
    health = Health(sqlite_service.store, head_revision)
    health.ending.set()
    answer = ready_of(sqlite_service, health=health)
    assert (answer.status_code, answer.json()["checks"]["ending"]["ok"]) == (503, False)


@pytest.mark.enable_socket
def test_every_operation_says_what_it_is_for_and_shows_an_answer(sqlite_service: Service):
    document = sqlite_service.client().get("/openapi.json").json()
    mine = ("/v1/pings", "/v1/match-log", "/v1/match-log/{decision_id}", "/v1/explain", "/v1/messages", "/healthz")
    for path in (*mine, "/v1/messages/{message_id}", "/readyz"):
        for method, operation in document["paths"][path].items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            (status, *_) = sorted(operation["responses"])
            for content in operation["responses"][status]["content"].values():
                assert "example" in content or content["schema"]["format"] == "binary", (method, path)
            assert ("security" in operation) == path.startswith("/v1")
    body = document["paths"]["/v1/pings"]["post"]["requestBody"]["content"]
    assert sorted(body) == ["application/json", "application/vnd.apache.arrow.stream", "application/x-ndjson"]
    assert all("example" in content or content["schema"]["format"] == "binary" for content in body.values())
    names = [each["name"] for each in document["paths"]["/v1/pings"]["post"]["parameters"]]
    assert names == ["Idempotency-Key"]


def test_every_route_is_made_before_the_first_request(service: Service) -> None:
    """Making one silences warnings, which threads undo for each other: what was silenced would be in the log."""

    def fields() -> int:
        return sum(isinstance(thing, ModelField) for thing in gc.get_objects())

    with running(create_app(service.app)) as url:
        made = fields()
        with httpx.Client(base_url=url, **LOOPBACK) as client:
            assert client.get("/healthz").status_code == 200
        assert fields() == made > 0


@pytest.mark.enable_socket
def test_a_process_that_serves_nobody_answers_for_its_health_and_figures_alone(sqlite_service: Service) -> None:
    key = sqlite_service.key(Role.OPERATOR)
    watched = create_watch_app(replace(sqlite_service.app, worker_status=lambda: {"pings": Loop()}))
    with running(watched) as url, httpx.Client(base_url=url, **LOOPBACK) as client:
        assert client.get("/readyz").json()["checks"]["worker pings"] == {"ok": True}
        assert client.get("/metrics").status_code == 401
        figures = client.get("/metrics", headers={"Authorization": f"Bearer {key}"})
        assert "nearcast_loop_last_success_timestamp_seconds" in figures.text
        for path in ("/v1/pings", "/v1/shops", "/openapi.json"):
            assert client.get(path, headers={"Authorization": f"Bearer {key}"}).status_code == 404
