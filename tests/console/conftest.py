"""One city for all; building it takes seconds, so all of these are whole things."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nearcast.services.demo.city import DemoCity, build_demo_city
from tests.console.demos import SteppedDemo, stepped_demo
from tests.e2e.processes import Running, running


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
    """`nearcast demo` as somebody starts it; needs @pytest.mark.enable_socket."""
    with running("demo", "--port", "0", folder=tmp_path) as process:
        yield process
        assert process.err == ""
