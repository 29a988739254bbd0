"""The check-in page's files, over HTTP: all there, nothing from elsewhere, and what a phone needs to install it."""

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from nearcast.api import problems
from nearcast.console.checkin import checkin_pages
from tests.api.service import running
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket
FOLDER = Path(__file__).parents[2] / "src" / "nearcast" / "console" / "checkin_static"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    app = FastAPI()
    problems.install(app)
    app.include_router(checkin_pages())
    with running(app) as url, httpx.Client(base_url=url, **LOOPBACK) as client:
        yield client


def addresses(text: str) -> set[str]:
    return set(re.findall(r'"(/checkin/[^"]+)"', text))


def test_every_file_that_page_scripts_worker_and_manifest_name_is_there(client: httpx.Client) -> None:
    named = set().union(*(addresses(file.read_text()) for file in FOLDER.iterdir() if file.suffix != ".png"))
    assert {address.removeprefix("/checkin/") for address in named} == {
        file.name for file in FOLDER.iterdir() if file.name != "index.html"
    }
    for address in named:
        assert client.get(address).content == (FOLDER / address.rpartition("/")[2]).read_bytes()
    assert client.get("/checkin/elsewhere.js").status_code == 404


def test_it_may_load_nothing_from_elsewhere_and_ask_for_nothing_but_the_position(client: httpx.Client) -> None:
    page = client.get("/checkin")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["permissions-policy"].startswith("geolocation=(self), camera=()")
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "<style" not in page.text
    assert " style=" not in page.text
    for file in FOLDER.iterdir():
        if file.suffix != ".png":
            assert not re.findall(r"https?://(?!www\.w3\.org/)", file.read_text()), file


def test_a_phone_can_install_it(client: httpx.Client) -> None:
    found = client.get("/checkin/app.webmanifest")
    assert found.headers["content-type"] == "application/manifest+json"
    manifest = json.loads(found.text)
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("/checkin", "/checkin", "standalone")
    for icon in manifest["icons"][1:]:
        width, height = struct.unpack(">II", client.get(icon["src"]).content[16:24])
        assert icon["sizes"] == f"{width}x{height}"
    assert client.get("/checkin/worker.js").headers["service-worker-allowed"] == manifest["scope"]


def test_the_worker_keeps_the_page_and_nothing_that_is_sent(client: httpx.Client) -> None:
    kept = re.findall(r'"(/[^"]+)"', client.get("/checkin/worker.js").text)
    assert {"/checkin", "/checkin/page.js", "/checkin/style.css"} <= set(kept)
    assert all(address.startswith("/checkin") for address in kept)


def test_no_script_keeps_the_token_longer_than_the_tab(client: httpx.Client) -> None:
    said = "".join(file.read_text() for file in FOLDER.glob("*.js"))
    assert "sessionStorage.setItem(TOKEN" in said
    assert not re.findall(r"localStorage|indexedDB|document\.cookie", said)
