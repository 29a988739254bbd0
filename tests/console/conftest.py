"""One city for all; building it takes seconds, so all of these are whole things."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from nearcast.services.demo.city import DemoCity, build_demo_city
from tests.conftest import WANT_OF_SERVICE
from tests.console.demos import SteppedDemo, stepped_demo
from tests.e2e.processes import Running, running

ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def city() -> DemoCity:
    return build_demo_city()


@pytest.fixture
def stepped(city: DemoCity, tmp_path: Path) -> Iterator[SteppedDemo]:
    """A demo whose clock stands on Tuesday, 11:45."""
    with stepped_demo(city, tmp_path) as demo:
        yield demo


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Running]:
    """`nearcast demo` as somebody starts it, who is told of nothing but trouble; needs @pytest.mark.enable_socket."""
    with running("demo", "--port", "0", folder=tmp_path, log_level="warning") as process:
        yield process
        assert process.err == ""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    script = Path(__file__).parents[2] / ".ci" / "chromium"
    found = subprocess.run([script, "path"], capture_output=True, text=True, check=False)
    if found.returncode == 69:
        pytest.skip(f"{WANT_OF_SERVICE}{found.stderr.strip()}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found.stdout.strip(), args=ARGS)
        yield browser
        browser.close()
