"""One replay of the project's own sample city for all, as it takes a while; and commands on a database of one's own."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.databases import Run, at_once
from tests.e2e.shell import Answer, nearcast

DATA = Path(__file__).parents[2] / "data"


class Replayed(NamedTuple):
    folder: Path
    answer: Answer


@pytest.fixture(scope="session")
def sample_city(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """The sample city as README replays it: the folder of its files, and what was said."""
    folder = tmp_path_factory.mktemp("city") / "out"
    return Replayed(
        folder, nearcast("replay", DATA / "scenario.yaml", "--pings", DATA / "pings.parquet", "--out", folder)
    )


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """A database that is not there yet."""
    return f"sqlite:///{tmp_path / 'nearcast.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """An empty database of either kind."""
    url: str = request.getfixturevalue("sqlite" if request.param == "sqlite" else "own_postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def quick_database(request: pytest.FixtureRequest, quick_folder: Path, tmp_path: Path) -> str:
    """As `database`, where it is not about losing power."""
    if request.param == "sqlite":
        return f"sqlite:///{quick_folder / tmp_path.name}.db"
    url: str = request.getfixturevalue("own_postgres_url")
    return url


@pytest.fixture
def run(database: str, tmp_path: Path) -> Run:
    """`nearcast …` on that database."""
    return lambda *arguments: at_once(tmp_path, *arguments, database_url=database)


@pytest.fixture
def alone(sqlite: str, tmp_path: Path) -> Run:
    """`nearcast …` on SQLite alone, for what does not differ."""
    return lambda *arguments: at_once(tmp_path, *arguments, database_url=sqlite)
