"""`nearcast bench`: each command prints one JSON object as its last line; progress goes to stderr."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

bench = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Measure against what you would use instead.")

Pings = Annotated[int, typer.Option(min=1, max=100_000_000)]
Seed = Annotated[int, typer.Option(min=0, help="Another seed, another workload.")]


@bench.command("match")
def match(
    kind: Annotated[str, typer.Option(help="shops or mixed.")] = "mixed",
    fences: Annotated[int, typer.Option(min=1, max=10_000_000)] = 10_000,
    pings: Pings = 100_000,
    seed: Seed = 1,
    peers: Annotated[str, typer.Option(help="Names with commas between, all, or none.")] = "all",
    verify: Annotated[bool, typer.Option("--verify", help="Hold every pair against shapely and the geodesic.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw pings/s by number of geofences into a .png.")] = None,
    sizes: Annotated[str | None, typer.Option(help="The numbers of geofences; 100 to 1,000,000 by default.")] = None,
    postgis: Annotated[str | None, typer.Option(help="The URL of a PostgreSQL with PostGIS.")] = None,
    redis: Annotated[str | None, typer.Option(help="HOST:PORT of a Redis.")] = None,
    tile38: Annotated[str | None, typer.Option(help="HOST:PORT of a Tile38.")] = None,
) -> None:
    """Matching, against what else one would use, in the same run.

    Peers that are servers are started where they are installed and no address is given. Exit 1 where pairs differ.
    """
    from nearcast.bench.contest import addresses_of
    from nearcast.bench.match import bench_match
    from nearcast.services.report import as_json

    addresses = addresses_of(postgis=postgis, redis=redis, tile38=tile38)
    found = bench_match(
        kind, fences, pings, seed, peers=peers, addresses=addresses, check=verify, plot=plot, sizes=sizes, say=_say
    )
    print(as_json(found))
    if not found["agrees"] or found.get("verified", {}).get("differences"):
        raise typer.Exit(1)


@bench.command("engine")
def engine(
    customers: Annotated[int, typer.Option(min=1, max=1_000_000, help="Who walks, in cities of 500.")] = 10_000,
    fences: Annotated[int, typer.Option(min=1, max=1_000_000, help="Each with a campaign.")] = 10_000,
    pings: Pings = 1_000_000,
    seed: Seed = 1,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes; by default one per core.")] = None,
) -> None:
    """Match, visits and decisions with all rules on, without HTTP and database.

    One worker is measured, and then several at once with a share of the customers each.
    """
    from nearcast.bench.engine import bench_engine
    from nearcast.services.report import as_json

    workers = workers or len(os.sched_getaffinity(0))
    print(as_json(bench_engine(customers, fences, pings, seed, workers=workers, say=_say)))


@bench.command("decide")
def decide(
    customers: Annotated[int, typer.Option(min=1, max=100_000)] = 4_000,
    rounds: Annotated[int, typer.Option(min=1, max=50, help="How often each of them enters a geofence.")] = 5,
    log_rows: Annotated[int, typer.Option(min=0, max=100_000_000, help="Decisions of the year before.")] = 1_000_000,
    rivals: Annotated[int, typer.Option(min=1, max=50, help="Campaigns that compete for each who enters.")] = 1,
    at_once: Annotated[int, typer.Option(min=1, max=10_000, help="Pings of one transaction.")] = 200,
    workers: Annotated[str, typer.Option(help="Numbers of processes, with commas between.")] = "1,4",
    url: Annotated[str | None, typer.Option(help="The URL of a PostgreSQL where databases may be made.")] = None,
) -> None:
    """Decisions through the store on PostGIS, beside the same SQL without rules.

    The server is started where it is installed and no URL is given.
    """
    from nearcast.bench.decide import bench_decide
    from nearcast.services.report import as_json

    counts = _numbers(workers, "--workers")
    said = {"customers": customers, "rounds": rounds, "log_rows": log_rows, "rivals": rivals, "at_once": at_once}
    print(as_json(bench_decide(**said, workers=counts, url=url, say=_say)))


@bench.command("dispatch")
def dispatch(
    queued: Annotated[int, typer.Option(min=1, max=1_000_000, help="One of each customer.")] = 100_000,
    messages: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many of them are sent.")] = 10_000,
    log_rows: Annotated[int, typer.Option(min=0, max=100_000_000, help="Decisions of the year before.")] = 1_000_000,
    answer_ms: Annotated[float, typer.Option(min=0, max=60_000, help="How long the channel takes over each.")] = 0,
    at_once: Annotated[int | None, typer.Option(min=1, max=256, help="How many are under way.")] = None,
    against: Annotated[str, typer.Option(help="recorder, or fake-whatsapp over HTTP.")] = "recorder",
    per_s: Annotated[float | None, typer.Option(min=0.1, help="A throttle; against fake-whatsapp.")] = None,
    url: Annotated[str | None, typer.Option(help="The URL of a PostgreSQL where databases may be made.")] = None,
) -> None:
    """Messages through one dispatcher on PostGIS and a channel that answers at once, or after a while.

    Of those that are answered after a while 128 are under way, unless it is said otherwise.

    The server is started where it is installed and no URL is given.
    """
    from nearcast.bench.dispatch import bench_dispatch
    from nearcast.services.report import as_json

    found = bench_dispatch(
        queued=queued,
        messages=min(messages, queued),
        log_rows=log_rows,
        url=url,
        answer_ms=answer_ms,
        against=against,
        per_s=per_s,
        at_once=at_once or (128 if answer_ms else 1),
        say=_say,
    )
    print(as_json(found))


@bench.command("plans")
def plans(
    customers: Annotated[int, typer.Option(min=1, max=1_000_000)] = 100_000,
    queued: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Messages that wait, one of each customer.")
    ] = 100_000,
    log_rows: Annotated[int, typer.Option(min=0, max=100_000_000, help="Decisions of the year before.")] = 5_000_000,
    url: Annotated[str | None, typer.Option(help="The URL of a PostgreSQL where databases may be made.")] = None,
) -> None:
    """How PostgreSQL answers what workers, dispatchers and people ask: how fast, and through which indexes.

    The server is started where it is installed and no URL is given; there the login must be a superuser.
    """
    from nearcast.bench.plans import bench_plans
    from nearcast.services.report import as_json

    print(
        as_json(bench_plans(customers=customers, queued=min(queued, customers), log_rows=log_rows, url=url, say=_say))
    )


@bench.command("ingest")
def ingest(
    customers: Annotated[int, typer.Option(min=1, max=1_000_000, help="Who walks, in cities of 500.")] = 4_000,
    fences: Annotated[int, typer.Option(min=1, max=1_000_000, help="Each with a campaign.")] = 100_000,
    pings: Annotated[int, typer.Option(min=1_000, max=100_000_000, help="In batches of 1,000.")] = 200_000,
    seed: Seed = 1,
    on: Annotated[str, typer.Option(help="sqlite and postgis, with a comma between.")] = "sqlite,postgis",
    url: Annotated[str | None, typer.Option(help="The URL of a PostgreSQL where databases may be made.")] = None,
    form: Annotated[str, typer.Option("--format", help="json, ndjson or arrow: what the requests say.")] = "json",
    workers: Annotated[int, typer.Option(min=1, max=16, help="Processes that decide.")] = 1,
) -> None:
    """Pings over HTTP, from the request to the outbox, on SQLite and PostGIS.

    Who sends, the API and the workers are processes of this machine. Tile38 gets the same pings where it is installed.
    """
    from nearcast.bench.ingest import bench_ingest
    from nearcast.services.report import as_json

    said = {"customers": customers, "fences": fences, "pings": pings, "seed": seed, "workers": workers}
    print(as_json(bench_ingest(**said, on=on.split(","), url=url, form=form, say=_say)))


def _numbers(said: str, place: str) -> list[int]:
    from nearcast.domain.errors import InvalidInput

    numbers = [int(word) for word in said.split(",") if word.strip().isdecimal() and 0 < int(word) <= 64]
    if len(numbers) != len(said.split(",")):
        raise InvalidInput(f"{said!r} is not numbers from 1 to 64 with commas between", place=place)
    return numbers


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)
