"""The composition root: which readers, writers, channels and database the use cases work with."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from shutil import disk_usage
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

from nearcast import providers
from nearcast.channels.recorder import Recorder
from nearcast.channels.webpush.keys import public_key
from nearcast.channels.webpush.subscription import subscription_address
from nearcast.clock import FollowingClock, SystemClock
from nearcast.domain.errors import InvalidInput, NearcastError
from nearcast.domain.ids import TenantId
from nearcast.feeds.by_name import PHONE_FEEDS
from nearcast.feeds.native import read_native
from nearcast.feeds.rows import read_rows
from nearcast.file_formats import match_log_file, read_features, read_ping_rows, write_fence_file, write_pings
from nearcast.geo import zones
from nearcast.geo.matcher import get_ready
from nearcast.services.access import Access
from nearcast.services.accounts import read_tenants_of
from nearcast.services.application import Application
from nearcast.services.audit import Audit
from nearcast.services.audit_ports import COMMAND_LINE
from nearcast.services.campaigns import Campaigns
from nearcast.services.channel_ports import Adapter, WaysOut, way_out
from nearcast.services.channel_standing import ChannelStanding
from nearcast.services.chat import chat_handlers
from nearcast.services.compliance import Compliance
from nearcast.services.conflicts import Conflicts
from nearcast.services.contacts import Contacts
from nearcast.services.courier import Courier
from nearcast.services.cursors import Cursors
from nearcast.services.customer_cases import customer_cases
from nearcast.services.deposits import Deposits
from nearcast.services.devices import Devices
from nearcast.services.doctor import Check, examine
from nearcast.services.engines import Engines
from nearcast.services.explain_live import Explanations
from nearcast.services.exporting import Exporting
from nearcast.services.fences import Fences
from nearcast.services.health import Health
from nearcast.services.identities import Identities
from nearcast.services.importing import Importing
from nearcast.services.inbox import Inbox, InboxParts
from nearcast.services.intake import Intake
from nearcast.services.live import Live
from nearcast.services.match_log import Decisions
from nearcast.services.messages import Messages
from nearcast.services.once import Once
from nearcast.services.outbound import PostRoom
from nearcast.services.own_channels import OwnChannels
from nearcast.services.partitions import Partitions
from nearcast.services.patience import Patience
from nearcast.services.phones import Phones
from nearcast.services.ports import Clock
from nearcast.services.pseudonyms import Pseudonyms
from nearcast.services.quiet_hours import read_platform
from nearcast.services.region_push import RegionPush
from nearcast.services.reservation_chat import OpenReservation
from nearcast.services.reservations import Booking, Reservations
from nearcast.services.retention import Retention
from nearcast.services.row_tokens import RowTokens
from nearcast.services.scenario import placed
from nearcast.services.sealed_names import reseal_names
from nearcast.services.sealed_passing import reseal_passing
from nearcast.services.sealed_texts import reseal_texts, seal_texts
from nearcast.services.sender_states import SenderStates
from nearcast.services.senders import Senders
from nearcast.services.sensitive_places import SensitivePlaces
from nearcast.services.shops import Shops
from nearcast.services.slots import Slots
from nearcast.services.staff import Staff, reseal_staff
from nearcast.services.tap_ids import TapIds
from nearcast.services.template_ports import TemplateDirectory
from nearcast.services.templates import Templates
from nearcast.services.tenants import Tenants
from nearcast.services.terms import Terms
from nearcast.services.trials import Trials
from nearcast.services.usage import Usage
from nearcast.services.vault import Vault
from nearcast.services.vault_keys import open_vault, reseal_index_key
from nearcast.services.voucher_codes import VoucherCodes
from nearcast.services.vouchers import Vouchers
from nearcast.services.webhook_secrets import WebhookSecrets
from nearcast.services.webhooks import Webhooks
from nearcast.services.zone_data import edition_of_zones
from nearcast.settings import Settings, SettingsError, read_settings
from nearcast.store.engine import make_engine
from nearcast.store.migrate import current_revision, head_revision, refuse_newer, upgrade
from nearcast.store.sql_store import SqlStore

if TYPE_CHECKING:
    from nearcast.services.workbench import Workbench


def workbench() -> "Workbench":
    """What works on files alone."""
    from nearcast.feeds.files import read_pings
    from nearcast.feeds.pairs import write_pairs
    from nearcast.geo.frames import read_geofences
    from nearcast.services.workbench import Workbench

    return Workbench(
        read_pings=read_pings,
        read_ping_rows=read_ping_rows,
        read_geofences=read_geofences,
        write_pairs=write_pairs,
        new_channel=Recorder,
    )


def settings() -> Settings:
    """The settings of this process; InvalidInput names the variable that is unknown or wrong."""
    try:
        said = read_settings()
    except SettingsError as error:
        raise InvalidInput(str(error)) from None
    placed("NEARCAST_DATABASE_URL", lambda: make_engine(said.database_url).dispose())
    placed("NEARCAST_QUIET_HOURS", lambda: read_platform(said.quiet_hours))
    placed("NEARCAST_SENDER_TENANTS", lambda: read_tenants_of(said.sender_tenants))
    return said


def open_store(database_url: str) -> SqlStore:
    """The database with its schema: an empty one gets it, one with another version's is refused."""
    at = current_revision(database_url)
    if at is None:
        upgrade(database_url)
    elif at != head_revision():
        refuse_newer(at)
        raise NearcastError(
            f"the database is at revision {at}, this nearcast needs {head_revision()}: nearcast migrate"
        )
    return SqlStore(database_url)


def _clock(store: SqlStore) -> Clock:
    """One clock for all machines on a database: its own."""
    return FollowingClock(store.database_now) if store.is_shared else SystemClock()


def _secret(settings: Settings, store: SqlStore, at: datetime) -> str:
    """What all processes on a database sign with."""
    given, made = settings.secret_key, secrets.token_urlsafe(32)
    return given.get_secret_value() if given else store.secret("secret_key", made, at)


def _vault(settings: Settings, store: SqlStore, whole: SqlStore, at: datetime) -> Vault:
    """What seals, when it has sealed what was written before anything was."""
    vault = open_vault(store, settings.data_keys, at)
    Contacts(vault).seal_unsealed(whole)
    seal_texts(whole, store, vault)
    return vault


def _public_url(settings: Settings) -> str:
    return settings.public_url or f"http://{settings.host}:{settings.port}"


def _new_engines(settings: Settings, post: "_Post", store: SqlStore, owner: str) -> Engines:
    """The engines of all tenants, under that name."""
    platform, dice = read_platform(settings.quiet_hours), secrets.SystemRandom().random

    def engine(tenant_id: TenantId) -> Live:
        return Live(
            store,
            tenant_id,
            post.channel,
            room=post.room,
            owner=owner,
            lease_s=settings.lease_s,
            platform=platform,
            codes=post.codes,
            dice=dice,
            monotonic_s=monotonic,
        )

    return Engines(engine)


def _courier(settings: Settings, store: SqlStore, secrets_of: WebhookSecrets) -> Courier:
    dice = secrets.SystemRandom().random
    return Courier(store, partial(providers.event_sender, settings), secrets_of, dice=dice)


def _importing(store: SqlStore, engines: Engines, contacts: Contacts) -> Importing:
    return Importing(
        store, engines, contacts, read_rows=read_rows, read_features=read_features, read_pings=read_ping_rows
    )


@dataclass(frozen=True, slots=True)
class _Post:
    """What messages leave through and answers come in by."""

    adapters: Mapping[str, Adapter]
    push_key: str
    channel: WaysOut
    states: SenderStates
    codes: VoucherCodes
    staff: Staff
    room: PostRoom
    inbox: Inbox
    directory: TemplateDirectory | None


def _post(
    settings: Settings, store: SqlStore, whole: SqlStore, vault: Vault, secret: str, now: Callable[[], datetime]
) -> _Post:
    contacts, terms = Contacts(vault), Terms(read_platform(settings.quiet_hours))
    push_key = providers.browser_key(settings, store, now())
    adapters = providers.providers(settings, now, push_key)
    channel, states = providers.ways_out(settings, adapters), providers.sender_states(settings, adapters)
    codes, staff = VoucherCodes(vault.voucher_key, _public_url(settings)), Staff(store, Shops(store), vault)
    taps, through = TapIds(vault.tap_key), partial(way_out, channel)
    booking = Booking([Deposits(terms, is_set_up=settings.payments_secret_key is not None)])
    room = providers.post_room(settings, adapters, vault, states, _public_url(settings), taps)
    parts = InboxParts(
        vault=vault,
        contacts=contacts,
        terms=terms,
        cursors=Cursors(secret),
        ways=channel,
        adapters=adapters,
        senders=states,
        dice=secrets.SystemRandom().random,
        handlers=chat_handlers(staff, Identities(vault, contacts), terms, RowTokens(secret), taps, booking, through),
        questions=[OpenReservation()],
    )
    inbox, directory = providers.inbox(settings, store, whole, parts), providers.template_directory(settings)
    return _Post(adapters, push_key, channel, states, codes, staff, room, inbox, directory)


def application(
    settings: Settings, whole: SqlStore, *, clock: Clock | None = None, is_narrow: bool = False
) -> Application:
    """The live service on a store. Where `is_narrow`, who asks works under row-level security; workers never do."""
    store = whole.for_api() if is_narrow else whole
    machine_now, clock = None if clock else SystemClock().now, clock or _clock(whole)
    secret, vault = _secret(settings, store, clock.now()), _vault(settings, store, whole, clock.now())
    pseudonyms, cursors, webhook_secrets = Pseudonyms(secret), Cursors(secret), WebhookSecrets(secret)
    platform, pings_arrived = read_platform(settings.quiet_hours), Event()
    contacts, terms = Contacts(vault), Terms(platform)
    post = _post(settings, store, whole, vault, secret, clock.now)
    standing = ChannelStanding(whole, partial(way_out, post.channel), post.states)
    explanations = Explanations(store, platform, standing)
    paying = providers.paying(settings, store, whole, vault, secret, post.inbox.replies)
    engines = _new_engines(settings, post, store, "api")
    intake = Intake(store, pings_arrived.set, most_waiting=settings.backlog_pings)
    return Application(
        clock=clock,
        contacts=contacts,
        access=Access(store),
        audit=Audit(store, cursors),
        compliance=Compliance(store, has_data_key=bool(settings.data_keys)),
        once=Once(store, vault),
        tenants=Tenants(store),
        shops=Shops(store),
        staff=post.staff,
        fences=Fences(store, engines, providers.geocoder(settings)),
        sensitive_places=SensitivePlaces(store, engines),
        campaigns=Campaigns(store),
        trials=Trials(store, Campaigns(store), post.staff, terms, post.inbox.replies, post.codes),
        conflicts=Conflicts(engines),
        **customer_cases(store, terms, contacts, vault),
        devices=Devices(store),
        own_channels=OwnChannels(public_key(post.push_key), settings.telegram_bot_name, subscription_address),
        patience=Patience(),
        phones=Phones(store, intake, RegionPush(engines), PHONE_FEEDS),
        intake=intake,
        importing=_importing(store, engines, contacts),
        exporting=Exporting(store, write_geofences=write_fence_file, write_pings=write_pings),
        retention=Retention(whole),
        new_engines=partial(_new_engines, settings, post, whole),
        partitions=Partitions(whole, lease_s=settings.partition_lease_s, monotonic_s=monotonic),
        pings_arrived=pings_arrived,
        explanations=explanations,
        read_native=read_native,
        decisions=Decisions(store, pseudonyms, cursors, explanations, match_log_file),
        messages=Messages(store, pseudonyms, cursors),
        slots=Slots(store, Shops(store), cursors),
        reservations=Reservations(store, whole, pseudonyms, cursors),
        vouchers=Vouchers(store, post.codes, terms),
        paying=paying,
        senders=Senders(whole, post.states, providers.accounts(settings, whole).tenants),
        usage=Usage(store),
        templates=Templates(store, post.directory),
        webhooks=Webhooks(store, webhook_secrets, cursors, allows_private=settings.webhook_networks == "any"),
        courier=_courier(settings, whole, webhook_secrets),
        inbox=post.inbox,
        provider_care=providers.provider_care(settings, whole, post.states, post.adapters, post.directory),
        connected=(*post.adapters.values(), post.directory, paying.work.port),
        figures=whole.figures,
        health=Health(whole, cache(head_revision), machine_now=machine_now),
    )


@contextmanager
def live() -> Iterator[Application]:
    """The live service of this process's settings, closed afterwards."""
    said = settings()
    with closing(open_store(said.database_url)) as store:
        yield application(said, store)


def migrate() -> tuple[str | None, str | None]:
    """Bring the database of the settings to head, and seal what that found unsealed; the revisions before and after."""
    said = settings()
    before = upgrade(said.database_url)
    with closing(SqlStore(said.database_url)) as store:
        if store.tenants_with_bare_contacts() or store.tenants_with_bare_texts():
            vault = open_vault(store, said.data_keys, SystemClock().now())
            Contacts(vault).seal_unsealed(store)
            seal_texts(store, store, vault)
    return before, head_revision()


def reseal() -> int:
    """Seal all addresses and texts, and the index key, with the first of the data keys of the settings; how many
    addresses.
    """
    said, now = settings(), SystemClock().now()
    if not said.data_keys:
        raise InvalidInput("is not set: there is one key, and it is kept in the database", place="NEARCAST_DATA_KEY")
    with closing(open_store(said.database_url)) as store:
        vault = open_vault(store, said.data_keys, now)
        store.seal_with(vault)
        count = sum(Contacts(vault).reseal(store, tenant_id, now, by=COMMAND_LINE) for tenant_id in store.tenants())
        reseal_texts(store)
        reseal_staff(store, vault)
        reseal_names(store, vault)
        reseal_passing(store, vault)
        reseal_index_key(store, said.data_keys, now)
    return count


def examined() -> Iterator[Check]:
    """What `nearcast doctor` finds."""
    said = settings()
    fallback = "are printed here" if said.fallback_channel == "console" else "fail"
    channels = f"console; messages of other channels {fallback}"
    with closing(SqlStore(said.database_url)) as store:
        now = SystemClock().now()
        data_keys = said.data_keys
        free_bytes, zones_of = disk_usage(store.folder).free, edition_of_zones()
        yield from examine(
            store,
            now,
            head=head_revision(),
            channels=channels,
            adapters=providers.providers(said, SystemClock().now),
            payments=providers.payment_provider(said),
            data_keys=data_keys,
            free_bytes=free_bytes,
            zones=zones_of,
        )


def serve(roles: str, *, host: str | None, port: int | None, say: Callable[[str], None]) -> None:
    """Run those roles of the service until the process is told to end."""
    from nearcast import serving  # here and below: what serves HTTP takes as long to load as all the rest

    asked, said = serving.roles_of(roles), settings()
    with serving.until_told_to_end(said.log_format, said.log_level):
        listens_on = (said.port if port is None else port) if "api" in asked else said.watch_port
        listening = None if listens_on is None else serving.listen(host or said.host, listens_on)
        with closing(open_store(said.database_url)) as store:
            if get_ready(store.most_geofences()):
                say("the matcher's kernels are ready")
            if asked - {"api"}:
                zones.get_ready()  # customers are held while they are decided
            if asked >= {"api"} and (missed := store.open_tables()):
                raise NearcastError(f"row-level security does not cover {', '.join(missed)}: nearcast migrate")
            served = application(said, store, is_narrow=True)
            ending = serving.Ending(drain_s=said.drain_s, shutdown_s=said.shutdown_s)
            serving.run(served, asked, listening, say, public_url=said.public_url, ending=ending)
