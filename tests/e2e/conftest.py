"""One replay of the project's own sample city for all: it takes a while."""

from pathlib import Path
from typing import NamedTuple

import pytest

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
