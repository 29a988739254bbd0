"""`nearcast demo` as a process: what it prints, how it answers, how it ends, and where it goes on."""

import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.processes import Running, bearer, eventually, ran, running
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket
SHOWN = " shows it at "
SOON_S = [15, pytest.param(2, marks=pytest.mark.soak)]
"""Two seconds are what is promised; a machine that is busy with other tests has longer."""


def url_of(demo: Running) -> str:
    return demo.line(SHOWN).split()[0]


def key_of(demo: Running, role: str) -> str:
    return demo.line(f"  {role} ").split()[1]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's processes put what is temporary."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One demo for all that only look."""
    with running("demo", "--port", "0", folder=tmp_path_factory.mktemp("shared")) as demo:
        demo.line("nearcast serves")
        yield demo


@pytest.fixture
def client(shared: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url_of(shared), **bearer(key_of(shared, "analyst"))) as client:
        yield client


def test_messages_leave_and_the_match_log_has_five_reasons_within_a_minute(
    shared: Running, client: httpx.Client
) -> None:
    def told() -> bool:
        rows = client.get("/v1/match-log", params={"limit": 1000}).json()["items"]
        sent = any(row["outcome"] == "send" for row in rows)
        return sent and len({row["reason"] for row in rows if row["outcome"] != "send"}) >= 5

    eventually(told, lambda: "too little has happened", within_s=60)
    assert re.match(r'message "\S+" "\S+" "\S+" ".+"', shared.line('message "'))


def test_each_printed_key_is_one_of_its_role(shared: Running, client: httpx.Client) -> None:
    assert client.get("/v1/customers").status_code == 403
    allowed = {"owner": "/v1/shops", "operator": "/v1/customers"}
    for role, path in allowed.items():
        answer = httpx.get(f"{url_of(shared)}{path}", **bearer(key_of(shared, role)))
        assert answer.status_code == 200
    sent = httpx.post(f"{url_of(shared)}/v1/pings", json=[], **bearer(key_of(shared, "ingest")))
    assert sent.status_code == 202


@pytest.mark.parametrize("within_s", SOON_S)
def test_a_move_is_answered_soon(client: httpx.Client, within_s: float) -> None:
    city: dict[str, Any] = client.get("/demo/city").json()
    places = [city["home"], *(shop["at"] for shop in city["shops"][:9])]
    taken_s = []
    for lon, lat in places:
        began_s = time.monotonic()
        client.post("/demo/you", json={"lat": lat, "lon": lon}).raise_for_status()
        eventually(lambda: not client.get("/demo/state").json()["you"]["answer"]["text"].startswith("Your phone"), str)
        taken_s.append(time.monotonic() - began_s)
    assert sorted(taken_s)[len(taken_s) // 2] < within_s, taken_s


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["building Nahstadt", "nearcast serves"])
@pytest.mark.parametrize("within_s", SOON_S)
def test_told_to_end_it_ends_soon_and_leaves_nothing(
    temporary: Path, demo: Running, told: int, when: str, within_s: float
) -> None:
    demo.line(when)
    assert list(temporary.iterdir())
    with httpx.Client(**LOOPBACK) as page:
        if when == "nearcast serves":
            page.get(f"{url_of(demo)}/demo/state").raise_for_status()  # its connection stays open
        assert demo.end(told, within_s=within_s) == 0
    assert demo.err == ""
    assert list(temporary.iterdir()) == []


def test_on_a_port_that_is_taken_it_takes_another_and_says_so(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with running("demo", folder=tmp_path, port=port) as demo:
            said = demo.line("taking port")
            assert said.startswith(f"cannot listen on 127.0.0.1, port {port}: ")
            assert url_of(demo).endswith(f":{said.rpartition(' ')[2]}")


def test_in_a_folder_of_its_own_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Its last decision was before it ended; the second clock hardly moves."""
    folder = tmp_path / "kept"

    def decided_at(demo: Running) -> list[datetime]:
        answer = httpx.get(f"{url_of(demo)}/v1/match-log", **bearer(key)).raise_for_status()
        return [datetime.fromisoformat(row["decided_at"]) for row in answer.json()["items"]]

    with running("demo", "--port", "0", "--folder", folder, folder=tmp_path) as first:
        first.line("nearcast serves")
        key = key_of(first, "operator")
        eventually(lambda: len(decided_at(first)) > 20, lambda: "nothing happens")
        last = max(decided_at(first))
        assert first.end() == 0
    with running("demo", "--port", "0", "--speed", "1", "--folder", folder, folder=tmp_path) as second:
        second.line("nearcast serves")
        assert last in decided_at(second)
        shown = httpx.get(f"{url_of(second)}/demo/state", **LOOPBACK).json()
        assert datetime.fromisoformat(shown["clock"]["at"]) >= last


@pytest.mark.parametrize("place", ["in the way/folder", "/proc"])
def test_a_folder_that_cannot_be_written_is_refused_by_name(tmp_path: Path, place: str) -> None:
    (tmp_path / "in the way").write_text("")
    answer = ran("demo", "--port", "0", "--folder", tmp_path / place, folder=tmp_path)
    answer.refuses(place)
    assert len(answer.err.splitlines()) == 1
