"""What works on files alone: replay, match, explain, simulate. No store, no service."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Geofence
from nearcast.geo.batch import Ints, PingBatch, Texts
from nearcast.geo.fence_file import AS_IT_COMES, Choice
from nearcast.geo.matcher import COMPILE_FROM
from nearcast.services.assembly import assemble
from nearcast.services.channel_ports import WayOut
from nearcast.services.explain_files import explain_replay
from nearcast.services.import_pings import preview
from nearcast.services.match_files import match_files, verify
from nearcast.services.ping_files import SPEAKS_FOR_ITSELF, PingFile, PingReader, PingRowReader
from nearcast.services.ports import Progress
from nearcast.services.replay import Replay
from nearcast.services.report import make_folder, write_report
from nearcast.services.scenario import read_scenario
from nearcast.sim.city import write_city


class FenceFileReader(Protocol):
    def __call__(
        self, path: Path, *, repair: bool, note: Callable[[str], None], choice: Choice = ...
    ) -> list[Geofence]: ...


class PairWriter(Protocol):
    def __call__(self, path: Path, *, ping_row: Ints, customer_id: Texts, geofence_id: Texts) -> None: ...


def silent(done: int, of: int) -> None:
    """Progress that nobody watches."""


def unheard(note: str) -> None:
    """Notes that nobody reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """What the command line calls for files. All errors on purpose are NearcastErrors."""

    read_pings: PingReader
    read_ping_rows: PingRowReader
    read_geofences: FenceFileReader
    write_pairs: PairWriter
    new_channel: Callable[[], WayOut]

    def replay(
        self,
        *,
        scenario: Path,
        out: Path,
        pings: Sequence[Path] = (),
        said: PingFile = SPEAKS_FOR_ITSELF,
        repair: bool = False,
        note: Callable[[str], None] = unheard,
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """Run a scenario through the whole engine and write its files into `out`; the summary. `said` is of each file
        of pings.
        """
        shape = read_scenario(scenario)

        def read(path: Path) -> list[Geofence]:
            return self.read_geofences(path, repair=repair, note=note)

        world = assemble(shape, scenario, read, note, repair=repair)
        batches = [self.read_pings(path, said) for path in pings]
        make_folder(out)
        try:
            run = Replay(world, shape, batches, self.new_channel(), note=note, repair=repair)
            run.run(progress)
        except InvalidInput as error:
            raise error.within(str(scenario)) from error
        return write_report(run, shape, out)

    def match(
        self,
        *,
        pings: Path,
        geofences: Path,
        said: PingFile = SPEAKS_FOR_ITSELF,
        out: Path | None = None,
        check: bool = False,
        repair: bool = False,
        choice: Choice = AS_IT_COMES,
        note: Callable[[str], None] = unheard,
        progress: Progress = silent,
    ) -> dict[str, float]:
        """Every (ping, geofence) with the ping inside, written to `out`; counts and seconds."""

        def read() -> tuple[PingBatch, list[Geofence]]:
            batch = self.read_pings(pings, said)
            drawn = self.read_geofences(geofences, repair=repair, note=note, choice=choice)
            if len(drawn) >= COMPILE_FROM:
                note("loading the matcher's kernels, which are compiled the first time")
            return batch, drawn

        matched = match_files(read, pings, progress)
        if check:
            verify(matched, progress)
        if out is not None:
            customer_id, geofence_id = matched.ids()
            self.write_pairs(out, ping_row=matched.pairs.ping_row, customer_id=customer_id, geofence_id=geofence_id)
        return matched.summary()

    def preview(self, path: Path, said: PingFile = SPEAKS_FOR_ITSELF) -> dict[str, Any]:
        """What a file of pings holds, as it would be read."""
        return preview(self.read_ping_rows(path, said))

    def explain(self, *, out: Path, customer: str, campaign: str, at: datetime) -> list[dict[str, Any]]:
        """Every rule in order at one instant of a replay."""
        return explain_replay(out, customer, campaign, at, self.new_channel())

    def simulate(self, *, out: Path, seed: int = 1, note: Callable[[str], None] = unheard) -> dict[str, int]:
        """Write the synthetic city into a folder; what is in it."""
        try:
            return write_city(out, seed=seed, progress=note)
        except OSError as error:
            raise InvalidInput(f"cannot be written: {error.strerror}", place=str(out)) from error
