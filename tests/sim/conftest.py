"""One city for all tests: building it takes seconds."""

from pathlib import Path

import pytest

from nearcast.sim.city import City, build_city, write_files


@pytest.fixture(scope="session")
def city() -> City:
    return build_city(seed=1)


@pytest.fixture(scope="session")
def folder(city, tmp_path_factory) -> Path:
    out: Path = tmp_path_factory.mktemp("city") / "nahstadt"
    write_files(city, out)
    return out
