"""What holds for the whole run: where a service is missing, tests skip; where CI runs them, that is a failure."""

import gc
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("nearcast", deadline=None, derandomize=True)
settings.load_profile("nearcast")

WANT_OF_SERVICE = "needs a service: "
WHOLE_THINGS = ("store", "sim", "live", "worker", "api")  # databases and cities: right, but not within a minute
LONG_ONES = (
    "e2e",
    "console",
    "worker",
    "bench",
)  # programs and browsers: first, or one of them is waited for at the end
_wanting: list[str] = []
_figures: list[str] = []


_MEMORY = Path("/dev/shm")  # noqa: S108


def _memory() -> Path | None:
    """A folder in memory, where there is room: a test that is not about losing power need not wait for a disk."""
    has_room = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > 4 << 30
    return _MEMORY if has_room else None


def pytest_configure() -> None:
    if (memory := _memory()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))  # where `tmp_path` is
    # a run in the background ignores it, and so would every program that the run starts
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _folder(item) in WHOLE_THINGS:
            item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: _folder(item) not in LONG_ONES)
    if "soak" not in config.option.markexpr:
        long_ones = {item for item in items if item.get_closest_marker("soak")}
        config.hook.pytest_deselected(items=list(long_ones))
        items[:] = [item for item in items if item not in long_ones]


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays to the end: nobody need ask again and again whether it is garbage."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and WANT_OF_SERVICE in str(report.longrepr):
        _wanting.append(report.nodeid)
    if report.when == "teardown":
        _figures.extend(f"{report.nodeid}\n{text}" for name, text in report.user_properties if name == "figures")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _wanting and os.environ.get("CI") == "true":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for figures in _figures:
        terminalreporter.write_line(figures)
    if _wanting and os.environ.get("CI") == "true":
        terminalreporter.write_line(f"skipped for want of a service: {', '.join(_wanting)}", red=True)


@pytest.fixture(scope="session")
def quick_folder() -> Iterator[Path]:
    """In memory where there is room, and gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="nearcast-", dir=_memory()) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """An empty database with PostGIS on a throw-away server of this run."""
    script = Path(__file__).parents[1] / ".ci" / "postgres"
    folder = Path(
        tempfile.mkdtemp(prefix="nearcast-postgres-", dir=_memory())
    )  # pytest's own folders are closed to the server's user
    started = subprocess.run([script, "start", folder], capture_output=True, text=True, check=False)
    if started.returncode == 69:
        folder.rmdir()
        pytest.skip(f"{WANT_OF_SERVICE}{started.stderr.strip()}")
    assert started.returncode == 0, started.stderr
    yield started.stdout.strip()
    subprocess.run([script, "stop", folder], capture_output=True, check=True)


@pytest.fixture(scope="session")
def _with_postgis(postgres_url: str) -> str:
    """A database to copy: PostGIS takes longer to make than to copy."""
    name = "with_postgis"
    with _server(postgres_url) as server:
        server.execute(f"CREATE DATABASE {name}")
    with _server(_beside(postgres_url, name)) as database:
        database.execute("CREATE EXTENSION postgis")
    return name


@pytest.fixture
def own_postgres_url(postgres_url: str, _with_postgis: str) -> Iterator[str]:
    """A database with PostGIS that no other test sees."""
    name = f"test_{uuid.uuid4().hex}"
    with _server(postgres_url) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {_with_postgis}")
    yield _beside(postgres_url, name)
    with _server(postgres_url) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _server(url: str) -> Any:
    import psycopg  # here, where a test asks for it: most run without

    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def _beside(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"
