"""Pings over HTTP: durable once they are accepted, named by index where they are not."""

import json
import os
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.ipc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.bootstrap import application
from nearcast.domain.ids import TenantId
from nearcast.services.access import Role
from nearcast.settings import Settings
from nearcast.store.migrate import upgrade
from nearcast.store.recording import recorded
from nearcast.store.sql_store import SqlStore
from tests.api.service import Service, serving
from tests.api.town import agree, open_shop, ping, rows_of, send, visit, work
from tests.conftest import WANT_OF_SERVICE

NDJSON = {"Content-Type": "application/x-ndjson"}
POSTGRES = Path(__file__).parents[2] / ".ci" / "postgres"


def waiting(service: Service, tenant: str = "t1") -> int:
    """How many pings are in the log and not consumed."""
    with service.store.reading(TenantId(tenant)) as uow:
        return sum(uow.pings.waiting().values())


def refused(service: Service) -> dict[str, int]:
    with service.store.reading(TenantId("t1")) as uow:
        return dict(uow.counters.get("refused"))


def test_accepted_pings_are_in_the_log_and_the_others_named_by_index(service: Service):
    agree(service, "ada", "bob")
    pings: list[Any] = [
        ping(service, "stranger"),
        ping(service, "ada", ping_id="p1"),
        17,
        ping(service, "ada", ping_id="p1"),
        ping(service, "bob", lat=91),
        ping(service, "bob", lat=0, lon=0),
        ping(service, "bob", recorded_at="2026-06-02T10:05:00Z"),
        {**ping(service, "bob"), "lat": None},
        ping(service, "bob"),
    ]
    answer = send(service, pings)
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 2,
        "rejected": [
            {"index": 0, "reason": "consent_location_missing"},
            {"index": 2, "reason": "malformed", "detail": "is not a JSON object"},
            {"index": 3, "reason": "duplicate_ping"},
            {"index": 4, "reason": "ping_out_of_range"},
            {"index": 5, "reason": "ping_null_island"},
            {"index": 6, "reason": "ping_from_future"},
            {"index": 7, "reason": "malformed", "detail": "lat is missing"},
        ],
    }
    assert waiting(service) == 2
    assert refused(service) == {
        "consent_location_missing": 1,
        "malformed": 2,
        "duplicate_ping": 1,
        "ping_out_of_range": 1,
        "ping_null_island": 1,
        "ping_from_future": 1,
    }


def test_a_ping_becomes_a_decision_and_a_message(service: Service):
    open_shop(service)
    agree(service, "ada")
    visit(service, "ada")
    (row,) = rows_of(service.client(Role.ANALYST))
    assert (row["customer_id"], row["campaign_id"], row["outcome"]) == ("ada", "cafe-offer", "send")
    assert (row["at"], row["decided_at"]) == ("2026-06-02T10:00:00Z", "2026-06-02T10:00:01Z")


@pytest.mark.enable_socket
def test_ndjson_is_taken_line_by_line(sqlite_service: Service):
    agree(sqlite_service, "ada")
    lines = [json.dumps(ping(sqlite_service)), "", "{not json", json.dumps(ping(sqlite_service, lat=1.0))]
    client = sqlite_service.client(Role.INGEST)
    answer = client.post("/v1/pings", content="\n".join(lines), headers=NDJSON)
    assert answer.json() == {
        "accepted": 2,
        "rejected": [{"index": 1, "reason": "malformed", "detail": "is not a JSON object"}],
    }
    assert waiting(sqlite_service) == 2


@pytest.mark.enable_socket
@pytest.mark.parametrize(("content", "headers"), [("[]", {"Content-Type": "application/json"}), (" \n\n", NDJSON)])
def test_no_pings_are_no_fault(sqlite_service: Service, content: str, headers: dict[str, str]):
    answer = sqlite_service.client(Role.INGEST).post("/v1/pings", content=content, headers=headers)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 0, "rejected": []})


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"[{", 400, "malformed"),
        (b'"\xff"', 400, "malformed"),
        (b"[" * 100_000, 400, "malformed"),
        (b"{}", 422, "invalid_input"),
        (b"null", 422, "invalid_input"),
        (b"[" + b"1," * 10_000 + b"1]", 413, "too_large"),
        (b"[" + b" " * (16 << 20) + b"]", 413, "too_large"),
    ],
)
def test_a_body_that_cannot_be_taken_is_a_problem(sqlite_service: Service, content: bytes, status: int, code: str):
    client = sqlite_service.client(Role.INGEST)
    answer = client.post("/v1/pings", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert refused(sqlite_service) == {}


@pytest.mark.enable_socket
def test_ten_thousand_and_one_lines_are_too_many(sqlite_service: Service):
    client = sqlite_service.client(Role.INGEST)
    answer = client.post("/v1/pings", content="1\n" * 10_001, headers=NDJSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.enable_socket
def test_a_format_that_is_not_read_is_refused(sqlite_service: Service):
    answer = sqlite_service.client(Role.INGEST).post("/v1/pings", content="a,b", headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.enable_socket
@pytest.mark.parametrize(("role", "status"), [("ingest", 202), ("operator", 202), ("owner", 403), ("analyst", 403)])
def test_pings_come_from_those_who_bring_them(sqlite_service: Service, role: str, status: int):
    assert sqlite_service.client(Role(role)).post("/v1/pings", json=[]).status_code == status


@pytest.mark.enable_socket
def test_consent_given_to_one_tenant_is_none_towards_another(sqlite_service: Service):
    agree(sqlite_service, "ada")
    answer = send(sqlite_service, [ping(sqlite_service)], tenant="t2")
    assert answer.json()["rejected"] == [{"index": 0, "reason": "consent_location_missing"}]
    assert (waiting(sqlite_service), waiting(sqlite_service, "t2")) == (0, 0)


def test_the_same_request_under_the_same_key_counts_once(service: Service):
    agree(service, "ada")
    client, pings = service.client(Role.INGEST), [ping(service), 17]
    first, again = (client.post("/v1/pings", json=pings, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())
    assert again.headers["idempotency-replay"] == "true"
    assert waiting(service) == 1
    assert refused(service) == {"malformed": 1}


def test_nothing_of_a_position_or_a_name_is_kept_with_an_answer(service: Service):
    headers = {"Idempotency-Key": "k"}
    pings = [{**ping(service), "customer_id": "a\0secret"}, {**ping(service), "lat": "52.9876"}, {"lat": 52.9876}]
    answer = service.client(Role.INGEST).post("/v1/pings", json=pings, headers=headers)
    assert len(answer.json()["rejected"]) == 3
    assert "secret" not in answer.text
    assert "52.9876" not in answer.text


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "content", [b"[]", b'[{"customer_id": "ada"}, 17]', b"[{", b'"\xff"', b"[" * 9_000, b"{}", b"null"]
)
def test_a_request_of_a_key_that_is_known_is_answered_as_the_first_one_was(sqlite_service: Service, content: bytes):
    client = sqlite_service.client(Role.INGEST)
    client.headers["Content-Type"] = "application/json; charset=utf-8"
    first = client.post("/v1/pings", content=content)
    with recorded(sqlite_service.store) as said:
        again = client.post("/v1/pings", content=content)
    assert not [each for each in said if "api_key" in each.text]  # the short cut, which asks nobody
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["content-type"] == first.headers["content-type"]


@pytest.mark.enable_socket
@pytest.mark.parametrize(("zeros", "size", "status"), [(20, 16 << 20, 413), (6_000, 16 << 20, 413), (6_000, 0, 202)])
def test_zeros_before_a_length_do_not_make_it_less(sqlite_service: Service, zeros: int, size: int, status: int):
    client = sqlite_service.client(Role.INGEST)
    assert client.post("/v1/pings", json=[]).status_code == 202
    at, key = client.base_url, client.headers["Authorization"]
    head = f"POST /v1/pings HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n"
    with socket.create_connection((at.host, at.port), timeout=10) as connection:
        connection.sendall(f"{head}Content-Length: {'0' * zeros}{size + 2}\r\n\r\n[]".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 %d " % status)


def arrow(pings: list[dict[str, Any]]) -> bytes:
    table = pyarrow.Table.from_pylist(pings)
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.enable_socket
def test_an_arrow_stream_is_taken_row_by_row(sqlite_service: Service):
    agree(sqlite_service, "ada")
    pings = [ping(sqlite_service), ping(sqlite_service, "stranger"), {**ping(sqlite_service), "lat": None}]
    client = sqlite_service.client(Role.INGEST)
    client.headers["Content-Type"] = "application/vnd.apache.arrow.stream"
    answers = [client.post("/v1/pings", content=content) for content in (arrow(pings), arrow(pings), b"ARROW1")]
    for answer in answers[:2]:
        assert answer.json() == {
            "accepted": 1,
            "rejected": [
                {"index": 1, "reason": "consent_location_missing"},
                {"index": 2, "reason": "malformed", "detail": "lat is missing"},
            ],
        }
    assert (answers[2].status_code, answers[2].json()["code"]) == (400, "malformed")


def test_when_too_many_wait_who_sends_is_told_to_come_back(service: Service):
    agree(service, "ada")
    ours = Settings(backlog_pings=1)
    service.server.state.application = application(ours, service.store, clock=service.clock, is_narrow=True)
    client = service.client(Role.INGEST)
    sent = [client.post("/v1/pings", json=[ping(service, lat=lat)]) for lat in (50.0, 51.0, 52.0, 53.0)]
    assert [answer.status_code for answer in sent] == [202, 202, 503, 503]
    for answer in sent[2:]:
        assert (answer.json()["code"], int(answer.headers["retry-after"]) > 0) == ("overloaded", True)
    assert waiting(service) == 2
    work(service)
    assert client.post("/v1/pings", json=[ping(service, lat=54.0)]).status_code == 202


BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
).map(lambda value: (json.dumps(value).encode(), value)) | st.binary(max_size=100).map(lambda raw: (raw, None))


@pytest.mark.enable_socket
def test_no_body_is_a_fault_of_ours(sqlite_service: Service):
    client = sqlite_service.client(Role.INGEST)

    @settings(max_examples=150)
    @given(BODIES, st.sampled_from(["application/json", "application/x-ndjson"]))
    def is_answered(body: tuple[bytes, Any], media: str) -> None:
        raw, value = body
        answer = client.post("/v1/pings", content=raw, headers={"Content-Type": media})
        assert answer.status_code in (202, 400, 422), answer.text
        if answer.status_code == 202 and media == "application/json" and isinstance(value, list):
            assert answer.json()["accepted"] + len(answer.json()["rejected"]) == len(value)

    is_answered()


@pytest.mark.enable_socket
def test_ten_thousand_pings_are_taken_at_once(sqlite_service: Service):
    customers = [f"c{n}" for n in range(100)]
    agree(sqlite_service, *customers, marketing=False)
    pings = [ping(sqlite_service, customers[n % 100], lat=52 + n / 1e5, ping_id=f"p{n}") for n in range(10_000)]
    assert send(sqlite_service, pings).json() == {"accepted": 10_000, "rejected": []}
    assert waiting(sqlite_service) == 10_000


def _until_answered(call: Any, within_s: float = 30) -> Any:
    """Its first answer that is not 503."""
    until = time.monotonic() + within_s
    while (answer := call()).status_code == 503 and time.monotonic() < until:
        time.sleep(0.1)
    return answer


@pytest.fixture
def server() -> Iterator[tuple[str, Path]]:
    """A PostgreSQL of the test's own: its URL and folder."""
    folder = Path(tempfile.mkdtemp(prefix="nearcast-outage-"))
    started = subprocess.run([POSTGRES, "start", folder], capture_output=True, text=True, check=False)
    if started.returncode == 69:
        folder.rmdir()
        pytest.skip(f"{WANT_OF_SERVICE}{started.stderr.strip()}")
    assert started.returncode == 0, started.stderr
    yield started.stdout.strip(), folder
    subprocess.run([POSTGRES, "stop", folder], capture_output=True, check=True)


def pg_ctl(folder: Path, *action: str) -> None:
    """Stop or start a server as `.ci/postgres` has set it up."""
    programs = next(path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    command = [str(programs / "pg_ctl"), "-D", str(folder / "data"), "-w", "-l", str(folder / "server.log"), *action]
    as_server = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*as_server, *command], check=True, cwd="/", stdout=subprocess.DEVNULL)


@pytest.mark.enable_socket
def test_without_its_database_the_service_says_so_and_works_again_by_itself(server: tuple[str, Path]):
    url, folder = server
    upgrade(url)
    with closing(SqlStore(url)) as store, serving(store) as service:
        open_shop(service)
        agree(service, "ada")
        ingest, operator, pings = service.client(Role.INGEST), service.client(), [ping(service, ping_id="p1")]
        options = (folder / "data" / "postmaster.opts").read_text()
        port = options.split('"-p" "')[1].split('"')[0]
        pg_ctl(folder, "-m", "immediate", "stop")
        begun = time.monotonic()
        answers = [
            ingest.post("/v1/pings", json=pings, headers={"Idempotency-Key": "k"}),
            *(operator.get(f"/v1/{path}") for path in ("match-log", "messages", "shops", "explain?decision_id=d")),
        ]
        assert time.monotonic() - begun < 5 * len(answers)
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
            assert int(answer.headers["retry-after"]) > 0
        ready = operator.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["database"]["ok"]) == (503, False)
        assert port not in ready.text
        pg_ctl(folder, "-o", f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''", "start")
        taken = _until_answered(lambda: ingest.post("/v1/pings", json=pings, headers={"Idempotency-Key": "k"}))
        assert (taken.status_code, taken.json()) == (202, {"accepted": 1, "rejected": []})
        assert operator.get("/readyz").json()["status"] == "ready"
        work(service)
        assert [row["outcome"] for row in rows_of(operator)] == ["send"]


@pytest.mark.enable_socket
def test_while_another_program_holds_the_file_pings_are_put_off_and_none_is_lost(tmp_path: Path):
    path = tmp_path / "nearcast.db"
    upgrade(f"sqlite:///{path}")
    with closing(SqlStore(f"sqlite:///{path}")) as store, serving(store) as service:
        agree(service, "ada")
        client, pings = service.client(Role.INGEST), [ping(service, ping_id="p1")]
        analyst = service.client(Role.ANALYST)
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            begun = time.monotonic()
            answer = client.post("/v1/pings", json=pings, headers={"Idempotency-Key": "k"})
            took_s = time.monotonic() - begun
            assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
            assert (took_s < 15, "retry-after" in answer.headers) == (True, True)
            assert analyst.get("/v1/match-log").status_code == 200
            holder.execute("ROLLBACK")
        taken = client.post("/v1/pings", json=pings, headers={"Idempotency-Key": "k"})
        assert (taken.status_code, taken.json()["accepted"]) == (202, 1)
        assert waiting(service) == 1
