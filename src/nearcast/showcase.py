"""What runs for a look at it: the demo, and the WhatsApp that sends nothing."""

import secrets
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Event

from pydantic import SecretStr

from nearcast import serving
from nearcast.bootstrap import application, open_store, settings
from nearcast.clock import PacedClock, SystemClock
from nearcast.console.demo import demo_pages
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import ShopId
from nearcast.fake_whatsapp.program import FakeWhatsApp
from nearcast.fake_whatsapp.settings import FakeSettings
from nearcast.services.access import Role
from nearcast.services.audit_ports import SYSTEM
from nearcast.services.contacts import Contacts
from nearcast.services.demo.city import TENANT, build_demo_city
from nearcast.services.demo.demo import Demo
from nearcast.services.demo.seed import seed
from nearcast.services.ports import Clock
from nearcast.services.report import make_folder
from nearcast.services.vault_keys import open_vault
from nearcast.settings import Settings
from nearcast.store.sql_store import SqlStore


def fake_whatsapp(behaves: FakeSettings, *, port: int, say: Callable[[str], None]) -> None:
    """Run a WhatsApp that sends nothing, on this machine alone, until the process is told to end."""
    with serving.until_told_to_end("text"):
        listening = serving.listen("127.0.0.1", port)
        fake = FakeWhatsApp(behaves, listening, clock=SystemClock().now)
        fake.start()
        try:
            say(f"a fake WhatsApp answers at {serving.url_of(listening)}")
            Event().wait()
        finally:
            fake.stop()


def demo(folder: Path | None, *, speed: float, port: int | None, say: Callable[[str], None]) -> None:
    """Run the sample city on SQLite in a folder, a temporary one by default, until the process is told to end."""
    said = settings()
    with (
        serving.until_told_to_end(said.log_format, said.log_level),
        TemporaryDirectory(prefix="nearcast-demo-", ignore_cleanup_errors=True) as temporary,
    ):
        place = folder or Path(temporary)
        _check_writable(place)
        # a lease is measured by the demo's clock, which is fast
        changed = said.model_copy(
            update={"database_url": f"sqlite:///{place / 'nearcast.db'}", "lease_s": said.lease_s * max(speed, 1)}
        )
        with closing(open_store(changed.database_url)) as store:
            _demo(changed, store, speed, port, say)


def _check_writable(folder: Path) -> None:
    """Make the folder if it is not there; InvalidInput where nothing can be written into it."""
    make_folder(folder)
    try:
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InvalidInput(f"cannot be written into: {error.strerror}", place=str(folder)) from error


def _demo(said: Settings, store: SqlStore, speed: float, port: int | None, say: Callable[[str], None]) -> None:
    listening = serving.listen_nearby(said.host, said.port if port is None else port, say)
    phones = serving.listen("127.0.0.1", 0)
    url, phones_url = serving.url_of(listening), serving.url_of(phones)
    say("building Nahstadt, a city that is not there …")
    city = build_demo_city()
    contacts = Contacts(open_vault(store, said.data_keys, SystemClock().now()))
    since = seed(store, city, contacts, speed=speed)
    clock = PacedClock(since, speed)
    fake, leads_there = _whatsapp(phones, f"{url}/v1/webhooks/whatsapp", clock)
    made = replace(application(said.model_copy(update=leads_there), store, clock=clock), is_fast=speed > 1)
    shown = Demo(
        city,
        store,
        clock=clock,
        accept=made.intake.accept,
        engines=made.new_engines("demo"),
        replies=made.inbox.replies,
        since=since,
        speed=speed,
        phone_url=f"{phones_url}/phone/{city.numbers[city.you].removeprefix('+')}",
    )
    say(f"{url} shows it at {speed:g} times the speed of life; its keys, of tenant {TENANT}:")
    for role in Role:
        shop_ids = [ShopId(each.id) for each in city.city.shops] if role is Role.TILL else None
        key = made.access.create(TENANT, role, "demo", clock.now(), by=SYSTEM, shop_ids=shop_ids).key
        say(f"  {role.value:<9} {key}")
    say(f"why each message was sent or not: curl -H 'Authorization: Bearer KEY' {url}/v1/match-log")
    say(f"everybody's WhatsApp, where STOP is heard at once: {phones_url}/phone/")
    serving.run(made, serving.ROLES, listening, say, pages=[demo_pages(shown)], beside=[fake, shown])


def _whatsapp(phones: socket, webhook_url: str, clock: Clock) -> tuple[FakeWhatsApp, dict[str, object]]:
    """A WhatsApp of the demo's own, which lets everything through, and the settings by which messages go there."""
    token, app_secret = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
    behaves = FakeSettings(
        token=token,
        app_secret=app_secret,
        webhook_url=webhook_url,
        per_s=None,
        pair_interval_s=0,
        recipients_24h=None,
        window_s=None,
    )
    leads_there = {
        "whatsapp_base_url": serving.url_of(phones),
        "whatsapp_token": SecretStr(token),
        "whatsapp_phone_number_id": behaves.phone_number_id,
        "whatsapp_business_account_id": behaves.account_id,
        "whatsapp_app_secrets": SecretStr(app_secret),
    }
    return FakeWhatsApp(behaves, phones, clock=clock.now), leads_there
