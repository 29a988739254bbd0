"""The curve as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nearcast.domain.errors import InvalidInput

# told apart by people who see few colours, and in print by their marks
_OURS = (
    ("pings_per_s", "nearcast, all threads", "#0072b2", "o"),
    ("one_thread_pings_per_s", "nearcast, one thread", "#56b4e9", "s"),
)
_PEERS = {
    "shapely_strtree": ("shapely STRtree, bulk", "#d55e00", "^"),
    "geopandas_sjoin": ("geopandas.sjoin", "#009e73", "v"),
    "rtree_loop": ("rtree, ping by ping", "#666666", "x"),
}


def check_plot(path: Path) -> None:
    """InvalidInput for a file that could not be written when the work is done."""
    if path.suffix.lower() != ".png":
        raise InvalidInput("a plot is written as .png", place=str(path))
    if not path.parent.is_dir():
        raise InvalidInput("there is no such folder", place=str(path.parent))


def draw(curve: Sequence[Mapping[str, Any]], title: str, path: Path) -> None:
    """Pings per second by number of geofences, both axes logarithmic."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # half a second that only a plot is worth
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    figure = Figure(figsize=(9.0, 5.6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xscale="log", yscale="log", title=title)
    axes.set_xlabel("geofences")
    axes.set_ylabel("pings per second")
    sizes = [point["fences"] for point in curve]
    for key, label, color, mark in _OURS:
        axes.plot(sizes, [point[key] for point in curve], color=color, marker=mark, linewidth=2.0, label=label)
    for name, (label, color, mark) in _PEERS.items():
        known = [(point["fences"], point["peers"][name]) for point in curve if name in point["peers"]]
        if known:
            axes.plot(*zip(*known, strict=True), color=color, marker=mark, linestyle="--", label=label)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(EngFormatter(sep=" "))
    axes.grid(which="major", alpha=0.5)
    axes.grid(which="minor", alpha=0.15)
    axes.legend()
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise InvalidInput(f"cannot be written: {error.strerror}", place=str(path)) from error
