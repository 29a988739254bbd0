"""The store as a whole: units of work, and the little that is asked before the tenant is known."""

from collections.abc import Iterable
from copy import copy
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from sqlalchemy import CompoundSelect, Select, delete, func, select, union

from nearcast.domain.ids import TenantId
from nearcast.domain.webhook import DeliveryStatus
from nearcast.services.device_ports import Device
from nearcast.services.figures import Figures
from nearcast.services.key_ports import ApiKey
from nearcast.services.ports import StoreInfo
from nearcast.services.secret_ports import SealedRow, Sealing
from nearcast.services.waiting import Waiting
from nearcast.store.customer_tables import contact
from nearcast.store.devices import find_device
from nearcast.store.dialect import insert_new, is_shared, its_now, narrow, open_tables, product, upsert
from nearcast.store.engine import make_engine
from nearcast.store.events import WITH_EVENTS_DUE, count_events
from nearcast.store.heard import WITH_PENDING_EVENTS
from nearcast.store.inbound_tables import quarantined_webhook
from nearcast.store.keys import find_key
from nearcast.store.message_rows import NOT_SEALED
from nearcast.store.migrate import revision_of
from nearcast.store.outbox import WITH_MESSAGES_DUE, count_queued
from nearcast.store.partitions import end_share, keep_share
from nearcast.store.payments import WITH_PAYMENTS_DUE, tenant_of_payment
from nearcast.store.pings import waiting_by_partition
from nearcast.store.replies import WITH_REPLIES_DUE
from nearcast.store.sealed_rows import reseal, sealed_otherwise
from nearcast.store.senders import stopped_by_channel
from nearcast.store.tables import geofence_revision, log_position, message, secret, tenant
from nearcast.store.transaction import Transaction
from nearcast.store.unit_of_work import SqlUnitOfWork
from nearcast.store.vouchers import tenant_of

_EVERY = select(tenant.c.id)
_WITH_PINGS = select(log_position.c.tenant_id).where(log_position.c.head > log_position.c.settled).distinct()
_WITH_MESSAGES_DUE, _WITH_EVENTS_DUE, _WITH_PAYMENTS_DUE = (
    statement.distinct() for statement in (WITH_MESSAGES_DUE, WITH_EVENTS_DUE, WITH_PAYMENTS_DUE)
)
_WITH_HEARD = union(WITH_PENDING_EVENTS, WITH_REPLIES_DUE)
_WITH_BARE_CONTACTS = select(contact.c.tenant_id).where(contact.c.address_index.is_(None)).distinct()
_WITH_BARE_TEXTS = select(message.c.tenant_id).where(message.c.text != "").distinct()


class SqlStore:
    """One database; many threads may use it. Close it when done."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self.figures = Figures()
        self._is_narrow = False
        self._sealing: Sealing = NOT_SEALED

    @property
    def has_one_writer(self) -> bool:
        """On SQLite all writers wait for each other."""
        return not self.is_shared

    def seal_with(self, sealing: Sealing) -> None:
        """Seal from now on what messages say, and open it: the keys may be in the store itself."""
        self._sealing = sealing

    def for_api(self) -> Self:
        """The same database for those who ask over HTTP: there each unit of work is under row-level security."""
        found = copy(self)
        found._is_narrow = True
        return found

    def writing(self, tenant_id: TenantId) -> SqlUnitOfWork:
        """A unit of work that may change things."""
        return SqlUnitOfWork(
            self.engine, tenant_id, is_narrow=self._is_narrow, figures=self.figures, sealing=self._sealing
        )

    def reading(self, tenant_id: TenantId) -> SqlUnitOfWork:
        """A unit of work that sees one snapshot and must not write; it needs no commit."""
        return SqlUnitOfWork(self.engine, tenant_id, read_only=True, is_narrow=self._is_narrow, sealing=self._sealing)

    def add_tenant(self, tenant_id: TenantId, at: datetime) -> bool:
        """Make a tenant; False where there is one already."""
        with Transaction(self.engine) as transaction:
            row = {"id": tenant_id, "catalogue_revision": 0, "created_at": at}
            is_new = insert_new(transaction.connection, tenant, row)
            transaction.commit()
        return is_new

    def tenants(self) -> list[TenantId]:
        """All tenants by id."""
        return self._tenants(_EVERY)

    def tenants_with_pings(self) -> list[TenantId]:
        """Tenants whose ping log has something to consume or to settle, by id."""
        return self._tenants(_WITH_PINGS)

    def tenants_with_messages(self, due_by: datetime) -> list[TenantId]:
        """Tenants with a queued message that may go by that instant, by id."""
        return self._tenants(_WITH_MESSAGES_DUE, due_by=due_by)

    def tenants_with_bare_contacts(self) -> list[TenantId]:
        """Tenants with an address that was written before addresses were sealed, by id."""
        return self._tenants(_WITH_BARE_CONTACTS)

    def tenants_with_bare_texts(self) -> list[TenantId]:
        """Tenants with a message whose text was written before texts were sealed, by id."""
        return self._tenants(_WITH_BARE_TEXTS)

    def tenants_with_events(self, due_by: datetime) -> list[TenantId]:
        """Tenants with an event for a webhook that may go by that instant, by id."""
        return self._tenants(_WITH_EVENTS_DUE, due_by=due_by)

    def tenants_with_heard(self, due_by: datetime) -> list[TenantId]:
        """Tenants with an event of a provider to be applied, or a reply that may go by that instant, by id."""
        return self._tenants(_WITH_HEARD, due_by=due_by)

    def tenants_with_payments(self, due_by: datetime) -> list[TenantId]:
        """Tenants with a payment that has to be dealt with by that instant, by id."""
        return self._tenants(_WITH_PAYMENTS_DUE, due_by=due_by)

    def quarantine(self, sha256: str, channel: str, sealed: str, at: datetime) -> bool:
        """Keep the bytes of a webhook that belongs to no tenant; whether they are new."""
        row = {"sha256": sha256, "channel": channel, "sealed": sealed, "received_at": at}
        with Transaction(self.engine) as transaction:
            is_new = insert_new(transaction.connection, quarantined_webhook, row)
            transaction.commit()
        return is_new

    def prune_quarantined(self, before: datetime) -> int:
        """Delete what came before an instant and belongs to no tenant; how many."""
        with Transaction(self.engine) as transaction:
            old = delete(quarantined_webhook).where(quarantined_webhook.c.received_at < before)
            gone = transaction.connection.execute(old).rowcount
            transaction.commit()
        return gone

    def sealed_otherwise(self, kind: str, prefix: str, *, after: tuple[str, str], limit: int) -> list[SealedRow]:
        """As `sealed_rows`."""
        with Transaction(self.engine, read_only=True) as transaction:
            return sealed_otherwise(transaction.connection, kind, prefix, after=after, limit=limit)

    def reseal_rows(self, kind: str, rows: Iterable[tuple[SealedRow, str]]) -> None:
        """As `sealed_rows`."""
        with Transaction(self.engine) as transaction:
            reseal(transaction.connection, kind, rows)
            transaction.commit()

    def _tenants(self, ids: Select[str] | CompoundSelect[str], **said: Any) -> list[TenantId]:
        with Transaction(self.engine, read_only=True) as transaction:
            return [TenantId(key) for key in sorted(transaction.connection.scalars(ids, said))]

    def keep_share(self, owner: str, now: datetime, *, lease_s: float) -> dict[int, int]:
        """Renew a worker's leases on partitions of the ping log, up to its fair share; their tokens by partition."""
        with Transaction(self.engine) as transaction:
            held = keep_share(transaction.connection, owner, now, lease_s=lease_s)
            transaction.commit()
        return held

    def end_share(self, owner: str) -> None:
        """Give a worker's leases back."""
        with Transaction(self.engine) as transaction:
            end_share(transaction.connection, owner)
            transaction.commit()

    def find_key(self, key_id: str) -> ApiKey | None:
        """An API key of whichever tenant, revoked or not."""
        with self._reading_one(key_id) as transaction:
            return find_key(transaction.connection, key_id)

    def find_device(self, device_id: str) -> Device | None:
        """A device of whichever tenant, revoked or not."""
        with self._reading_one(device_id) as transaction:
            return find_device(transaction.connection, device_id)

    def tenant_of_voucher(self, voucher_id: str) -> TenantId | None:
        """Whose voucher that is, of whichever tenant."""
        with self._reading_one(voucher_id) as transaction:
            return tenant_of(transaction.connection, voucher_id)

    def tenant_of_payment(self, reference: str) -> TenantId | None:
        """Whose payment that is, of whichever tenant."""
        with self._reading_one(reference) as transaction:
            return tenant_of_payment(transaction.connection, reference)

    def _reading_one(self, key: str) -> Transaction:
        """What sees one row of those that say whose they are."""
        first = partial(narrow, key=key) if self._is_narrow else None
        return Transaction(self.engine, read_only=True, first=first)

    def secret(self, name: str, made: str, at: datetime) -> str:
        """A secret that all processes on this database share: the one that is kept, else `made` from now on."""
        with Transaction(self.engine) as transaction:
            insert_new(transaction.connection, secret, {"name": name, "value": made, "created_at": at})
            kept: str = transaction.connection.execute(select(secret.c.value).where(secret.c.name == name)).scalar_one()
            transaction.commit()
        return kept

    def kept_secret(self, name: str) -> str | None:
        """A secret that is kept, None where none is."""
        with Transaction(self.engine, read_only=True) as transaction:
            found: str | None = transaction.connection.scalar(select(secret.c.value).where(secret.c.name == name))
        return found

    def replace_secret(self, name: str, value: str | None, at: datetime) -> None:
        """Keep another secret under that name, or none any more."""
        with Transaction(self.engine) as transaction:
            if value is None:
                transaction.connection.execute(delete(secret).where(secret.c.name == name))
            else:
                upsert(transaction.connection, secret, [{"name": name, "value": value, "created_at": at}])
            transaction.commit()

    def check(self) -> None:
        """StoreUnavailable where the database does not answer."""
        with Transaction(self.engine, read_only=True) as transaction:
            transaction.connection.execute(select(1))

    def waiting_pings(self) -> dict[int, int]:
        """Pings of all tenants that are to be consumed, by partition; those that have none are left out."""
        with Transaction(self.engine, read_only=True) as transaction:
            return waiting_by_partition(transaction.connection)

    def waiting(self) -> Waiting:
        """What waits, of all tenants."""
        with Transaction(self.engine, read_only=True) as transaction:
            connection = transaction.connection
            return Waiting(
                pings=waiting_by_partition(connection),
                messages=connection.execute(count_queued()).scalar_one(),
                events=connection.execute(count_events(DeliveryStatus.QUEUED)).scalar_one(),
                dead_events=connection.execute(count_events(DeliveryStatus.DEAD)).scalar_one(),
                stopped_senders=dict(connection.execute(stopped_by_channel()).all()),
            )

    def about(self) -> StoreInfo:
        """What this database is and where its schema and its clock stand."""
        with Transaction(self.engine, read_only=True) as transaction:
            connection = transaction.connection
            return StoreInfo(product=product(connection), schema=revision_of(connection), now=its_now(connection))

    @property
    def is_shared(self) -> bool:
        """Whether other machines may work on it, too."""
        return is_shared(self.engine)

    @property
    def folder(self) -> Path:
        """The folder on this machine that it writes to: that of a file, else the one we are in."""
        file = None if self.is_shared else self.engine.url.database
        here = Path.cwd() if file is None else Path(file).absolute().parent
        return next(folder for folder in (here, *here.parents) if folder.exists())

    def database_now(self) -> datetime:
        """The time by the database's own clock."""
        with Transaction(self.engine, read_only=True) as transaction:
            return its_now(transaction.connection)

    def open_tables(self) -> list[str] | None:
        """The tables that row-level security does not cover, by name; None on a database that has none."""
        with Transaction(self.engine, read_only=True) as transaction:
            return open_tables(transaction.connection)

    def most_geofences(self) -> int:
        """How many one tenant has drawn at most, deleted ones included."""
        of = geofence_revision.c
        drawn = select(func.count(of.id.distinct()).label("drawn")).group_by(of.tenant_id).subquery()
        with Transaction(self.engine, read_only=True) as transaction:
            return transaction.connection.scalar(select(func.max(drawn.c.drawn))) or 0

    def close(self) -> None:
        self.engine.dispose()
