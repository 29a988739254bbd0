"""`nearcast …` as processes of their own, which go on until they are told to end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.e2e.shell import Answer
from tests.loopback import LOOPBACK

T = TypeVar("T")
NEARCAST = [sys.executable, "-m", "nearcast"]
PATIENCE_S = 60.0


@dataclass
class Running:
    """A process and what it has said so far; `started_s` is the reading of the monotonic clock then."""

    process: subprocess.Popen[bytes]
    out_file: Path
    err_file: Path
    started_s: float

    @property
    def out(self) -> str:
        return self.out_file.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self.err_file.read_text(encoding="utf-8")

    def line(self, part: str) -> str:
        """The first line on stdout with that in it, waited for."""
        return eventually(lambda: self._found(part), lambda: f"{part!r} was not said:\n{self.out}\n{self.err}")

    def url(self, before: str = "nearcast serves ") -> str:
        """Where it serves, as it says itself."""
        return self.line(before).removeprefix(before).split()[0]

    def end(self, number: int = signal.SIGTERM, *, within_s: float = 15.0) -> int:
        """Tell it to end; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(within_s)

    def _found(self, part: str) -> str | None:
        found = next((line for line in self.out.splitlines() if part in line), None)
        assert found or self.process.poll() is None, f"it ended: {self.out}\n{self.err}"
        return found


@contextmanager
def running(*arguments: str | Path, folder: Path, **settings: object) -> Iterator[Running]:
    """`python -m nearcast …` in a folder with these settings (`port=0` is NEARCAST_PORT); killed at the end."""
    started_s = time.monotonic()
    out_file, err_file = (folder / f"{name}-{time.monotonic_ns()}" for name in ("out", "err"))
    with out_file.open("wb") as out, err_file.open("wb") as err:
        command = [*NEARCAST, *map(str, arguments)]
        process = subprocess.Popen(command, cwd=folder, env=environment(**settings), stdout=out, stderr=err)
    try:
        yield Running(process, out_file, err_file, started_s)
    finally:
        process.kill()
        process.wait()


def environment(**settings: object) -> dict[str, str]:
    """This process's, without any setting but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEARCAST_")}
    return {**kept, **{f"NEARCAST_{name.upper()}": str(value) for name, value in settings.items()}}


def eventually(look: Callable[[], T | None], or_say: Callable[[], str], within_s: float = PATIENCE_S) -> T:
    """What `look` finds, as soon as it finds something."""
    until_s = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < until_s, or_say()
        time.sleep(0.05)


def bearer(key: str) -> Mapping[str, Any]:
    """What an httpx client of a key needs."""
    return {"headers": {"Authorization": f"Bearer {key}"}, **LOOPBACK}


def ran(*arguments: str | Path, folder: Path, **settings: object) -> Answer:
    """`python -m nearcast …` in a folder with these settings, until it ends by itself."""
    command = [*NEARCAST, *map(str, arguments)]
    of_its_own: dict[str, Any] = {"cwd": folder, "env": environment(**settings), "timeout": PATIENCE_S}
    done = subprocess.run(command, capture_output=True, check=False, encoding="utf-8", **of_its_own)
    return Answer(done.returncode, done.stdout, done.stderr)
