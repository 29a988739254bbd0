"""The command line. Each command is one call into the Application or the Workbench; progress and notes go to stderr."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nearcast import __version__
from nearcast.domain.errors import InvalidInput, NearcastError, NotFound

if TYPE_CHECKING:
    from nearcast.services.workbench import Workbench

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Geo-targeted proximity campaigns: consent first, silence by default, every message explained.",
)
bench = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="How fast, against what you would use instead.")
app.add_typer(bench, name="bench")

Repair = Annotated[bool, typer.Option("--repair", help="Mend invalid geofences and say so, instead of refusing them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"nearcast {__version__}")
        raise typer.Exit


@app.command()
def replay(
    scenario: Annotated[Path, typer.Argument(help="A scenario file, YAML or JSON.")],
    more_pings: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,
    pings: Annotated[list[Path] | None, typer.Option(help="CSV, NDJSON or Parquet files, one or more.")] = None,
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path("replay-out"),
    repair: Repair = False,
    as_json: AsJson = False,
) -> None:
    """Run a scenario through the whole engine: transitions, decisions with reasons, messages."""
    from nearcast.services.report import as_json as dumped
    from nearcast.services.telling import told_summary

    with _progress("replay") as progress:
        summary = _workbench().replay(
            scenario=scenario,
            pings=[*(pings or []), *(more_pings or [])],
            out=out,
            repair=repair,
            note=_note,
            progress=progress,
        )
    _print(told_summary(summary))
    _print(("", f"written to {out}"))
    if as_json:
        print(dumped(summary))


@app.command()
def match(
    pings: Annotated[Path, typer.Argument(help="CSV, NDJSON, Parquet or GeoParquet.")],
    geofences: Annotated[Path, typer.Argument(help="GeoJSON or GeoParquet.")],
    out: Annotated[Path | None, typer.Option(help="Where the pairs go: .parquet or .ndjson.")] = None,
    as_json: AsJson = False,
    verify: Annotated[bool, typer.Option("--verify", help="Hold the result against brute force.")] = False,
    repair: Repair = False,
) -> None:
    """Geometry alone: every (ping, geofence) with the ping inside."""
    from nearcast.services.report import as_json as dumped

    with _progress("match") as progress:
        summary = _workbench().match(
            pings=pings, geofences=geofences, out=out, check=verify, repair=repair, note=_note, progress=progress
        )
    if as_json:
        print(dumped(summary))
        return
    checked = ", the same as by brute force" if verify else ""
    print(f"{summary['pings']:,} pings, {summary['geofences']:,} geofences: {summary['pairs']:,} pairs{checked}")
    if out is not None:
        print(f"written to {out}")


@app.command()
def explain(
    customer: Annotated[str, typer.Option(help="The customer's id.")],
    campaign: Annotated[str, typer.Option(help="The campaign's id.")],
    at: Annotated[str, typer.Option(help="The instant, as in the match log: 2026-06-02T10:00:00Z.")],
    out: Annotated[Path, typer.Option("--out", "--replay", help="The folder that a replay wrote.")] = Path(
        "replay-out"
    ),
    as_json: AsJson = False,
) -> None:
    """Every rule in order, what it saw, the verdict, the earliest possible send."""
    from nearcast.services.report import as_json as dumped
    from nearcast.services.scenario import parse_instant
    from nearcast.services.telling import told_explanation

    try:
        instant = parse_instant(at)
    except ValueError as error:
        raise InvalidInput(str(error), place="--at") from None
    found = _workbench().explain(out=out, customer=customer, campaign=campaign, at=instant)
    if as_json:
        print(dumped(found[0] if len(found) == 1 else found))
        return
    for n, explanation in enumerate(found):
        _print(("",) if n else ())
        _print(told_explanation(explanation))


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="The folder to write into.")],
    seed: Annotated[int, typer.Option(help="Another seed, another city.")] = 1,
) -> None:
    """Make a synthetic city: streets, shops, geofences, customers, a day of pings."""
    made = _workbench().simulate(out=out, seed=seed, note=_note)
    print(", ".join(f"{count:,} {name}" for name, count in made.items()))
    print(f"written to {out}")


@bench.command("match")
def bench_match(
    kind: Annotated[str, typer.Option(help="shops or mixed.")] = "mixed",
    fences: Annotated[int, typer.Option(min=1)] = 10_000,
    pings: Annotated[int, typer.Option(min=1)] = 100_000,
    seed: Annotated[int, typer.Option()] = 1,
) -> None:
    """Matching, against shapely's STRtree in the same run. One JSON object."""
    from nearcast.bench.match import bench_match as run
    from nearcast.services.report import as_json as dumped

    print(dumped(run(kind, fences, pings, seed)))


def main() -> None:
    """The program: exit 2 for bad input, 1 for a fault of ours, with one line that says what is wrong."""
    try:
        app()
    except (InvalidInput, NotFound) as error:
        print("nearcast:", " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
    except NearcastError as error:
        print(f"nearcast: {error}", file=sys.stderr)
        sys.exit(1)


def _workbench() -> "Workbench":
    from nearcast.bootstrap import workbench  # the geometry libraries take a second to load; --help need not wait

    return workbench()


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _note(note: str) -> None:
    print(note, file=sys.stderr)


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, if somebody is there to see it."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    shown = [-1]

    def show(done: int, of: int) -> None:
        percent = 100 * done // max(of, 1)
        if percent != shown[0]:
            shown[0] = percent
            print(f"\r{name} {percent:3d} % {'█' * (percent // 4):<25}", end="", file=sys.stderr, flush=True)

    yield show
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
