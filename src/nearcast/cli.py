"""The command line. Each command is one call into the Application or the Workbench; progress and notes go to stderr."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nearcast import __version__
from nearcast.bench.commands import bench
from nearcast.commands.audit import audit
from nearcast.commands.export import export
from nearcast.commands.fake_whatsapp import fake_whatsapp
from nearcast.commands.keys import keys
from nearcast.commands.ledger import ledger
from nearcast.commands.live import AsJson, Tenant, known_tenant, live_service, note
from nearcast.domain.errors import InvalidInput, NearcastError, NotFound
from nearcast.domain.ids import CampaignId, CustomerId, TenantId

if TYPE_CHECKING:
    from nearcast.services.workbench import Workbench

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Geo-targeted proximity campaigns: consent first, silence by default, every message explained.",
)
app.command()(audit)
app.command("fake-whatsapp")(fake_whatsapp)
app.add_typer(export, name="export")
app.add_typer(keys, name="keys")
app.add_typer(ledger, name="ledger")
app.add_typer(bench, name="bench")

Repair = Annotated[bool, typer.Option("--repair", help="Mend invalid geofences and say so, instead of refusing them.")]
IdColumn = Annotated[str | None, typer.Option(help="The property or column that holds a geofence's id.")]
Customer = Annotated[str | None, typer.Option(help="Whose pings they are, where the file does not say.")]
FileFormat = Annotated[str | None, typer.Option("--format", help="What a file of pings is, where nothing else tells.")]
Timezone = Annotated[str | None, typer.Option(help="What zone times without an offset are in: Europe/Berlin.")]
Layer = Annotated[str | None, typer.Option(help="Which layer of a Shapefile zip or a GeoPackage.")]


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"nearcast {__version__}")
        raise typer.Exit


@app.command()
def demo(
    folder: Annotated[
        Path | None, typer.Option(help="Where its database is kept; a temporary folder by default.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.1, max=600, help="How much faster than life its clock goes.")] = 60,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="By default NEARCAST_PORT; a free one where that is taken.")
    ] = None,
) -> None:
    """Show a sample city: drag yourself into a geofence.

    It is on SQLite, needs nothing set up and prints where it is, and keys for its API. Ctrl-C ends it.
    """
    from nearcast.showcase import demo as run

    run(folder, speed=speed, port=port, say=_say)


@app.command()
def serve(
    role: Annotated[str, typer.Option(help="all, or some of api,worker,scheduler.")] = "all",
    host: Annotated[str | None, typer.Option(help="Where to listen; by default NEARCAST_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="By default NEARCAST_PORT; 0 takes a free one.")
    ] = None,
) -> None:
    """Run the service: HTTP API, worker and scheduler.

    All in one process unless told otherwise; several may share one database.
    """
    from nearcast.bootstrap import serve as run

    run(role, host=host, port=port, say=_say)


@app.command()
def migrate() -> None:
    """Bring the database's schema to what this nearcast needs."""
    from nearcast.bootstrap import migrate as run

    before, after = run()
    print(f"at {after} already" if before == after else f"from {before or 'nothing'} to {after}")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Tell what is wrong here, if anything; exit 1 if so.

    It looks at database, schema, clock, time zones, index, backlog, channels and keys.
    """
    from nearcast.bootstrap import examined
    from nearcast.services.report import as_json as dumped

    checks = list(examined())
    if as_json:
        print(dumped([{"name": check.name, "ok": check.ok, "detail": check.detail} for check in checks]))
    else:
        _print(f"{'✓' if check.ok else '✗'} {check.name:<11} {check.detail}" for check in checks)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@app.command()
def match(
    pings: Annotated[Path, typer.Argument(help="As for import.")],
    geofences: Annotated[Path, typer.Argument(help="As for import.")],
    out: Annotated[Path | None, typer.Option(help="Where the pairs go: .parquet or .ndjson.")] = None,
    as_json: AsJson = False,
    verify: Annotated[bool, typer.Option("--verify", help="Hold the result against brute force.")] = False,
    repair: Repair = False,
    id_column: IdColumn = None,
    layer: Layer = None,
    customer: Customer = None,
) -> None:
    """Geometry alone: which ping is in which geofence."""
    from nearcast.geo.columns import said_choice
    from nearcast.services.ping_files import PingFile
    from nearcast.services.report import as_json as dumped

    with _progress("match") as progress:
        summary = _workbench().match(
            pings=pings,
            geofences=geofences,
            said=PingFile(customer=customer),
            out=out,
            check=verify,
            repair=repair,
            choice=said_choice("", id_column, layer),
            note=note,
            progress=progress,
        )
    if as_json:
        print(dumped(summary))
        return
    checked = ", the same as by brute force" if verify else ""
    print(f"{summary['pings']:,} pings, {summary['geofences']:,} geofences: {summary['pairs']:,} pairs{checked}")
    if out is not None:
        print(f"written to {out}")


@app.command()
def replay(
    scenario: Annotated[Path, typer.Argument(help="A scenario file, YAML or JSON.")],
    more_pings: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,
    pings: Annotated[list[Path] | None, typer.Option(help="Files as for import, one or more.")] = None,
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path("replay-out"),
    repair: Repair = False,
    customer: Customer = None,
    as_json: AsJson = False,
) -> None:
    """Run a scenario file through the whole engine.

    It writes transitions, the match log with a reason for every decision, messages and a summary.
    """
    from nearcast.services.ping_files import PingFile
    from nearcast.services.report import as_json as dumped
    from nearcast.services.telling import told_summary

    with _progress("replay") as progress:
        summary = _workbench().replay(
            scenario=scenario,
            pings=[*(pings or []), *(more_pings or [])],
            said=PingFile(customer=customer),
            out=out,
            repair=repair,
            note=note,
            progress=progress,
        )
    _print(told_summary(summary))
    _print(("", f"written to {out}"))
    if as_json:
        print(dumped(summary))


@app.command()
def explain(
    customer: Annotated[str, typer.Option(help="The customer's id.")],
    campaign: Annotated[str, typer.Option(help="The campaign's id.")],
    at: Annotated[str, typer.Option(help="The instant, as in the match log: 2026-06-02T10:00:00Z.")],
    out: Annotated[Path, typer.Option("--out", "--replay", help="The folder that a replay wrote.")] = Path(
        "replay-out"
    ),
    tenant: Annotated[str | None, typer.Option(help="Ask the live service's database instead of a replay.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell why a message was sent or not, rule by rule.

    Every rule in order, what it saw, the verdict, the earliest possible send.
    """
    from nearcast.services.report import as_json as dumped
    from nearcast.services.scalars import parse_instant
    from nearcast.services.telling import told_explanation

    try:
        instant = parse_instant(at)
    except ValueError as error:
        raise InvalidInput(str(error), place="--at") from None
    if tenant is None:
        found = _workbench().explain(out=out, customer=customer, campaign=campaign, at=instant)
    else:
        with live_service() as live:
            found = live.explanations.at(
                known_tenant(live, tenant), CustomerId(customer), CampaignId(campaign), instant
            )
    if as_json:
        print(dumped(found[0] if len(found) == 1 else found))
        return
    for n, explanation in enumerate(found):
        _print(("",) if n else ())
        _print(told_explanation(explanation))


@app.command("import")
def import_(
    kind: Annotated[str, typer.Argument(help="shops, geofences, customers, pings or sensitive-places.")],
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, NDJSON, JSON or Parquet, as the kind has it; geofences also from GeoJSON, KML, KMZ, Shapefile"
            " (.shp, .zip), GeoPackage and GeoParquet; pings also from GPX, KML, GeoJSON, OwnTracks and Google."
        ),
    ],
    tenant: Tenant = "default",
    report: Annotated[Path | None, typer.Option(help="Where bad rows go; beside the file by default.")] = None,
    columns: Annotated[
        str,
        typer.Option(help="What a file of geofences or pings calls them: id=OBJECTID,lat=Y,radius_m=R,recorded_at=T."),
    ] = "",
    id_column: IdColumn = None,
    make_ids: Annotated[bool, typer.Option("--make-ids", help="Make ids for geofences that have none.")] = False,
    layer: Layer = None,
    yes: Annotated[bool, typer.Option("--yes", help="The columns of a CSV are as they are guessed.")] = False,
    customer: Customer = None,
    file_format: FileFormat = None,
    timezone: Timezone = None,
    preview: Annotated[bool, typer.Option("--preview", help="Show what a file of pings holds; take nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take in shops, fences, customers, pings, sensitive places.

    Good rows are kept, bad ones are listed in a report. Pings are history: nothing is ever sent because of them.
    """
    from nearcast.geo.columns import said_choice
    from nearcast.services.import_pings import told_preview
    from nearcast.services.ping_files import said_ping_file
    from nearcast.services.report import as_json as dumped

    is_pings = kind == "pings"
    said = said_ping_file(customer, file_format, columns if is_pings else "", timezone, is_confirmed=is_pings and yes)
    choice = said_choice(
        "" if is_pings else columns, id_column, layer, is_confirmed=yes and not is_pings, makes_ids=make_ids
    )
    if preview:
        if not is_pings:
            raise InvalidInput("shows pings", place="--preview")
        seen = _workbench().preview(file, said)
        _print([dumped(seen)] if as_json else told_preview(seen))
        return
    with live_service() as live:
        now = live.clock.now()
        taken = live.importing.take(
            kind, file, TenantId(tenant), now, report=report, choice=choice, said=said, note=note
        )
    print(dumped(taken.summary()) if as_json else taken.told())


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="The folder to write into.")],
    seed: Annotated[int, typer.Option(help="Another seed, another city.")] = 1,
) -> None:
    """Make files of a synthetic city and a day in it.

    Streets, shops, geofences, customers with their consents, campaigns and pings; the same seed, the same city.
    """
    made = _workbench().simulate(out=out, seed=seed, note=note)
    print(", ".join(f"{count:,} {name}" for name, count in made.items()))
    print(f"written to {out}")


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


def _say(line: str) -> None:
    print(line, flush=True)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


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
