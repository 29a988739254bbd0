"""The composition root: which readers, writers and channels the use cases work with."""

from nearcast.channels.recorder import Recorder
from nearcast.feeds.files import read_pings
from nearcast.feeds.pairs import write_pairs
from nearcast.geo.frames import read_geofences
from nearcast.services.application import Application


def build() -> Application:
    """The application as the command line runs it."""
    return Application(
        read_pings=read_pings,
        read_geofences=read_geofences,
        write_pairs=write_pairs,
        new_channel=Recorder,
    )
