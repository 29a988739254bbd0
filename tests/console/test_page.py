"""What the demo's pages answer, over real HTTP: its files, and no to what comes from elsewhere or cannot be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from nearcast.bootstrap import application
from nearcast.console.demo import demo_pages
from nearcast.services.demo.city import DemoCity
from nearcast.settings import Settings
from tests.console.demos import SteppedDemo, served, stepped_demo
from tests.loopback import LOOPBACK

JSON = {"Content-Type": "application/json"}
HERE = '{"lat": 52.0, "lon": 13.9}'

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def still(city: DemoCity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SteppedDemo, httpx.Client]]:
    with stepped_demo(city, tmp_path_factory.mktemp("page")) as demo:
        app = application(Settings(), demo.store, clock=demo.clock)
        with served(app, demo_pages(demo.demo)) as url, httpx.Client(base_url=url, **LOOPBACK) as client:
            yield demo, client


@pytest.fixture
def client(still: tuple[SteppedDemo, httpx.Client]) -> httpx.Client:
    return still[1]


def test_every_file_that_the_page_names_is_there_and_may_load_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    names = {part.split('"')[0] for part in page.text.split('"/demo/')[1:]}
    static = Path(__file__).parents[2] / "src" / "nearcast" / "console" / "static"
    assert {*names, "index.html"} <= {file.name for file in static.iterdir()}
    for file in static.iterdir():
        answer = client.get(f"/demo/{file.name}")
        assert (answer.status_code, answer.content) == (200, file.read_bytes())
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<style" not in page.text
    assert " style=" not in page.text


def test_the_map_has_streets_fences_and_shops(client: httpx.Client) -> None:
    city = client.get("/demo/city").json()
    assert (len(city["fences"]), len(city["shops"])) == (60, 40)
    assert {"river", "lane", "avenue"} <= {street["kind"] for street in city["streets"]}
    near = next(fence for fence in city["fences"] if fence["id"] == "two-scoops-near")
    assert (near["shop"], near["radius_m"]) == ("Two Scoops Ice Cream", 75)
    assert next(fence for fence in city["fences"] if fence["id"] == "two-scoops-park")["rings"]


def test_the_page_may_move_you(still: tuple[SteppedDemo, httpx.Client]) -> None:
    demo, client = still
    same = {**JSON, "Origin": str(client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert client.post("/demo/you", content='{"lat": 52.001, "lon": 13.901}', headers=same).status_code == 204
    assert (demo.you()["lat"], demo.you()["lon"]) == (52.001, 13.901)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/demo/you", "/demo/stop"])
def test_another_sites_page_may_do_nothing(
    still: tuple[SteppedDemo, httpx.Client], path: str, headers: dict[str, str]
) -> None:
    demo, client = still
    before = demo.you()
    assert client.post(path, content=HERE, headers={**JSON, **headers}).status_code == 403
    assert demo.you() == before


@pytest.mark.parametrize("name", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1"])
@pytest.mark.parametrize("path", ["/demo/you", "/demo/stop"])
def test_by_a_name_that_is_not_ours_nobody_may_do_anything(
    still: tuple[SteppedDemo, httpx.Client], path: str, name: str
) -> None:
    demo, client = still
    before, host = demo.you(), f"{name}:{client.base_url.port}"
    headers = {**JSON, "Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert client.post(path, content=HERE, headers=headers).status_code == 403
    assert demo.you() == before


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_by_every_name_of_this_machine_the_page_may(client: httpx.Client, name: str) -> None:
    host = f"{name}:{client.base_url.port}"
    headers = {**JSON, "Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/demo/you", content=HERE, headers=headers).status_code == 204


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(client: httpx.Client, kind: str) -> None:
    assert client.post("/demo/you", content=HERE, headers={"Content-Type": kind}).status_code == 415


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ("", 422, "body"),
        ("[]", 422, "body"),
        ("{", 422, "body"),
        ('{"lat": 52}', 422, "lon"),
        ('{"lat": "52", "lon": 13.9}', 422, "lat"),
        ('{"lat": 90.1, "lon": 13.9}', 422, "lat"),
        ('{"lat": 52, "lon": -180.5}', 422, "lon"),
        ('{"lat": 1e999, "lon": 13.9}', 422, "lat"),
        ('{"lat": NaN, "lon": 13.9}', 422, "lat"),
        ('{"lat": 52, "lon": 13.9, "accuracy_m": 5}', 422, "accuracy_m"),
        (b'{"lat": 52, "lon": 13.9, "x": "\xff"}', 422, "body"),
        ('{"lat": 52, "lon": 13.9}' + " " * 2_000, 413, "Too large"),
    ],
)
def test_a_place_that_cannot_be_is_refused_by_name(client: httpx.Client, body: Any, status: int, named: str) -> None:
    answer = client.post("/demo/you", content=body, headers=JSON)
    assert answer.status_code == status
    assert named in answer.text


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 40, "", "²"])
def test_a_cursor_that_is_none_is_refused(client: httpx.Client, after: str) -> None:
    assert client.get("/demo/state", params={"after": after}).status_code == 422


@pytest.mark.parametrize("path", ["/demo/none.js", "/demo/..%2f__init__.py", "/demo/%00"])
def test_there_is_no_other_file(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_pages_are_no_part_of_the_described_service(client: httpx.Client) -> None:
    assert not [path for path in client.get("/openapi.json").json()["paths"] if "demo" in path or path == "/"]
