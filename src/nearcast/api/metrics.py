"""/metrics: what this process counts and measures, and what waits in the database, for Prometheus."""

from collections.abc import Iterable, Iterator
from itertools import accumulate

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from nearcast import __version__
from nearcast.api.pages import shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.services.application import Application
from nearcast.services.figures import EDGES_S, Figure, Figures, Span

router = APIRouter(prefix="/metrics", tags=["health"], route_class=KeyedRoute)
_PINGS = (
    "Pings: accepted or refused at the door; of the accepted, dropped by a worker or kept for no message; repaired "
    "clocks of phones, and what they said besides."
)
_COUNTED = {
    Figure.PINGS: (_PINGS, ("result", "reason")),
    Figure.DECISIONS: ("Rows of the match log.", ("outcome", "reason")),
    Figure.MESSAGES: ("Messages that came to a status.", ("channel", "status")),
    Figure.DELIVERIES: ("Attempts to deliver an event to a webhook.", ("outcome",)),
    Figure.VOUCHERS: ("Codes that tills wanted to take: `taken`, or what stood against it.", ("outcome",)),
    Figure.RESERVATIONS: ("Places in slots that came to a state.", ("state",)),
    Figure.PAYMENTS: ("Payments by what became of them, and what their provider told in vain.", ("result",)),
    Figure.CHATS: ("What people ask in a chat, beside their consent.", ("about",)),
    Figure.HEARD: ("What providers told, once each.", ("channel", "kind", "what")),
    Figure.RECEIPTS: ("Messages that came late, or failed, by class.", ("channel", "result")),
    Figure.REQUESTS: ("HTTP requests by route.", ("method", "route", "status")),
    Figure.STEPS: ("Steps of the worker's loops for one tenant.", ("loop", "result")),
}
_MEASURED = {
    Span.DECIDED: "From a ping's arrival to the commit of what was decided.",
    Span.REQUEST: "From an HTTP request to the end of its answer.",
    Span.STEP: "How long a step of a worker's loop takes.",
}
_EXAMPLE = (
    f"# HELP nearcast_pings_total {_PINGS}\n"
    "# TYPE nearcast_pings_total counter\n"
    'nearcast_pings_total{reason="",result="accepted"} 41.0\n'
)


@router.get(
    "",
    summary="Read figures for Prometheus",
    openapi_extra=open_to(),
    response_class=Response,
    responses=shows("Prometheus' text format.", _EXAMPLE, media="text/plain"),
)
def read_metrics(app: App, asker: Asker) -> Response:
    """Of this process, and of all tenants together: no figure has a label with a customer, a place or a number. Gauges
    of what waits are read from the database, and left out while it does not answer.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_OfProcess(app))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _OfProcess(Collector):
    def __init__(self, app: Application) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        figures, now = self._app.figures, self._app.clock.now()
        yield _gauge("nearcast_build", "The version that runs.", [((__version__,), 1.0)], ("version",))
        yield from _counted(figures)
        yield from _measured(figures)
        waiting = self._app.health.waiting()
        if waiting is not None:
            by_partition = [((str(partition),), float(count)) for partition, count in waiting.pings.items()]
            yield _gauge("nearcast_ping_log_waiting", "Pings that no worker has decided.", by_partition, ("partition",))
            yield _gauge("nearcast_messages_queued", "Messages that have not left.", [((), float(waiting.messages))])
            yield _gauge("nearcast_events_waiting", "Events for webhooks.", [((), float(waiting.events))])
            yield _gauge("nearcast_events_dead", "Events that no webhook took.", [((), float(waiting.dead_events))])
            stopped = [((channel,), float(count)) for channel, count in waiting.stopped_senders.items()]
            yield _gauge(
                "nearcast_senders_stopped", "Senders that their providers have stopped.", stopped, ("channel",)
            )
        indexed, changed_at = figures.indexed()
        yield _gauge("nearcast_geofences_indexed", "Geofences in the matcher's index.", [((), float(indexed))])
        if changed_at is not None:
            age_s = (now - changed_at).total_seconds()
            yield _gauge("nearcast_geofence_index_age_seconds", "Since an edit last reached it.", [((), age_s)])
        loops = self._app.worker_status().items()
        seen = [((name,), each.last_success_at.timestamp()) for name, each in loops if each.last_success_at is not None]
        yield _gauge("nearcast_loop_last_success_timestamp_seconds", "Of the worker's loops.", seen, ("loop",))


def _counted(figures: Figures) -> Iterator[Metric]:
    for figure, (said, labels) in _COUNTED.items():
        family = CounterMetricFamily(f"nearcast_{figure.value}", said, labels=labels)
        for values, count in sorted(figures.counts(figure).items()):
            family.add_metric(values, count)
        yield family


def _measured(figures: Figures) -> Iterator[Metric]:
    for span, said in _MEASURED.items():
        counts, sum_s = figures.histogram(span)
        edges = [*map(str, EDGES_S), "+Inf"]
        family = HistogramMetricFamily(f"nearcast_{span.value}_seconds", said)
        family.add_metric([], list(zip(edges, accumulate(counts), strict=True)), sum_s)
        yield family


def _gauge(
    name: str, said: str, samples: Iterable[tuple[tuple[str, ...], float]], labels: tuple[str, ...] = ()
) -> Metric:
    family = GaugeMetricFamily(name, said, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
