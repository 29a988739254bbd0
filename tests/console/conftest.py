"""One city for all; building it takes seconds, so all of these are whole things."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nearcast.services.demo_city import DemoCity, build_demo_city
from tests.console.demos import SteppedDemo, running_demo, stepped_demo


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
def demo_url(city: DemoCity, tmp_path: Path) -> Iterator[str]:
    """A running demo at 60 times the speed; needs @pytest.mark.enable_socket."""
    with running_demo(city, tmp_path) as url:
        yield url
