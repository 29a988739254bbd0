"""The composition root: which readers, writers, channels and database the use cases work with."""

import secrets

from nearcast.channels.recorder import Recorder
from nearcast.clock import SystemClock
from nearcast.domain.errors import InvalidInput, NearcastError
from nearcast.feeds.files import read_pings
from nearcast.feeds.pairs import write_pairs
from nearcast.geo.frames import read_geofences
from nearcast.services.access import Access
from nearcast.services.application import Application
from nearcast.services.campaigns import Campaigns
from nearcast.services.engines import Engines
from nearcast.services.fences import Fences
from nearcast.services.live import Live
from nearcast.services.once import Once
from nearcast.services.ports import Clock
from nearcast.services.shops import Shops
from nearcast.services.tenants import Tenants
from nearcast.services.workbench import Workbench
from nearcast.settings import Settings, SettingsError, read_settings
from nearcast.store.migrate import current_revision, head_revision, upgrade
from nearcast.store.sql_store import SqlStore


def workbench() -> Workbench:
    """What works on files alone."""
    return Workbench(
        read_pings=read_pings,
        read_geofences=read_geofences,
        write_pairs=write_pairs,
        new_channel=Recorder,
    )


def settings() -> Settings:
    """The settings of this process; InvalidInput names the variable that is unknown or wrong."""
    try:
        return read_settings()
    except SettingsError as error:
        raise InvalidInput(str(error)) from None


def open_store(database_url: str) -> SqlStore:
    """The database with its schema: an empty one gets it, one with another version's is refused."""
    at = current_revision(database_url)
    if at is None:
        upgrade(database_url)
    elif at != head_revision():
        raise NearcastError(
            f"the database is at revision {at}, this nearcast needs {head_revision()}: nearcast migrate"
        )
    return SqlStore(database_url)


def application(settings: Settings, store: SqlStore, *, clock: Clock | None = None) -> Application:
    """The live service on a store."""
    clock = clock or SystemClock()
    kept = settings.secret_key.get_secret_value() if settings.secret_key else secrets.token_urlsafe(32)
    secret_key = settings.secret_key or store.secret("secret_key", kept, clock.now())
    del secret_key
    engines = Engines(lambda tenant_id: Live(store, tenant_id, Recorder()))
    return Application(
        clock=clock,
        access=Access(store),
        once=Once(store),
        tenants=Tenants(store),
        shops=Shops(store),
        fences=Fences(store, engines),
        campaigns=Campaigns(store, engines),
    )
