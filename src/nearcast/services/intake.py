"""Where pings come in: what passes the door is in the ping log before the answer is given."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Lock

import numpy as np

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.reason import Reason
from nearcast.geo.batch import PingBatch
from nearcast.services.assembly import assemble
from nearcast.services.catalogue import CATALOGUE
from nearcast.services.ingest import Arrivals, Door, joined
from nearcast.services.instants import as_us
from nearcast.services.ports import Catalogue, Store
from nearcast.services.roster import Roster
from nearcast.services.scenario import ScenarioShape
from nearcast.services.world import World

_PINGS_AT_ONCE = 10_000
_LONGEST_NAME_BYTES = 255  # three of them are a key in every database


@dataclass(slots=True)
class _Request:
    """Pings that came in together, and what became of them: the rows turned away, or what kept all of them out."""

    batch: PingBatch
    now: datetime
    malformed: list[int] = field(init=False)
    turned_away: list[tuple[int, Reason]] | None = None
    failure: Exception | None = None

    def __post_init__(self) -> None:
        self.batch = replace(self.batch, received_at_us=np.minimum(self.batch.received_at_us, as_us(self.now)))
        self.malformed = [row for row in range(len(self.batch)) if not _is_storable(self.batch, row)]

    @property
    def is_answered(self) -> bool:
        return self.turned_away is not None or self.failure is not None

    @property
    def customers(self) -> set[CustomerId]:
        return {CustomerId(key) for key in np.delete(self.batch.customer_id, self.malformed)}

    def let_in(self, door: Door, world: World) -> PingBatch:
        """What passes the door."""
        arrivals = Arrivals.of(self.batch, world.tenant.policy.ping_rules, world.roster)
        arrivals.fault[self.malformed] = Reason.MALFORMED
        rows = np.arange(len(self.batch))
        return self.batch.take(door.let_in(arrivals, rows, np.full(len(rows), as_us(self.now))))


class _Queue:
    """The requests of one tenant: while one thread commits, those of the others gather for the next commit."""

    def __init__(self) -> None:
        self.turn = Lock()
        self._waiting: deque[_Request] = deque()

    def add(self, request: _Request) -> None:
        self._waiting.append(request)

    def next_group(self) -> list[_Request]:
        """The requests that waited longest, as many as one commit takes. For whoever has the turn."""
        group = [self._waiting.popleft()]
        size = len(group[0].batch)
        while self._waiting and size + len(self._waiting[0].batch) <= _PINGS_AT_ONCE:
            group.append(self._waiting.popleft())
            size += len(group[-1].batch)
        return group


class Intake:
    """Takes pings in for all tenants; many threads may use it at once, and share commits.

    `woken` is called after each commit that gives workers something to do.
    """

    def __init__(self, store: Store, woken: Callable[[], None]) -> None:
        self._store, self._woken = store, woken
        self._lock = Lock()
        self._known: dict[TenantId, tuple[int, World]] = {}
        self._queues: dict[TenantId, _Queue] = {}

    def accept(self, tenant_id: TenantId, batch: PingBatch, now: datetime) -> list[tuple[int, Reason]]:
        """Take pings in: what passes the door is in the log when this returns; the others as (row, reason).

        NotFound for a tenant that does not exist. StoreUnavailable where nothing was kept: all may be sent again.
        """
        request = _Request(batch, now)
        with self._lock:
            queue = self._queues.setdefault(tenant_id, _Queue())
        queue.add(request)
        while not request.is_answered:
            with queue.turn:
                if not request.is_answered:
                    self._answer(tenant_id, queue.next_group())
        if request.failure is not None:
            raise request.failure
        return request.turned_away or []

    def _answer(self, tenant_id: TenantId, group: Sequence[_Request]) -> None:
        try:
            self._take_in(tenant_id, group)
        except StoreUnavailable as error:
            for request in group:
                request.failure = StoreUnavailable(*error.args)
        except Exception as error:
            if len(group) == 1:
                group[0].failure = error
                return
            for request in group:  # one of them is at fault, and not the others
                self._answer(tenant_id, [request])
        except BaseException:
            for request in group:
                request.failure = StoreUnavailable("this process ends")
            raise

    def _take_in(self, tenant_id: TenantId, group: Sequence[_Request]) -> None:
        with self._store.writing(tenant_id) as uow:
            uow.pings.admit()
            world = replace(self._rules(tenant_id, uow.catalogue), refused=Counter(), roster=Roster())
            world.consents = uow.consents.of({key for request in group for key in request.customers})
            doors = [Door(world) for _ in group]
            let_in = [request.let_in(door, world) for request, door in zip(group, doors, strict=True)]
            uow.counters.add("refused", world.refused)
            uow.pings.append(joined(let_in))
            uow.commit()
        for request, door in zip(group, doors, strict=True):
            request.turned_away = door.turned_away
        if any(map(len, let_in)):
            self._woken()

    def _rules(self, tenant_id: TenantId, catalogue: Catalogue) -> World:
        """A world with a tenant's rules and nothing else; read again when its catalogue was edited."""
        revision = catalogue.revision
        with self._lock:
            known_at, world = self._known.get(tenant_id, (None, None))
        if world is None or known_at != revision:
            settings = catalogue.settings()
            document = dict(settings.doc) if settings else {}
            document["tenant"] = {**document.get("tenant", {}), "id": tenant_id}
            shape = ScenarioShape.model_validate(document)
            world = assemble(shape, Path(CATALOGUE), lambda path: [], lambda note: None, repair=False)
            with self._lock:
                self._known[tenant_id] = (revision, world)
        return world


def _is_storable(batch: PingBatch, row: int) -> bool:
    """Whether every database can keep what the ping calls its customer, its device and itself."""
    names = (batch.customer_id[row], batch.device_id[row], batch.ping_id[row])
    return all(name is None or _is_name(name) for name in names)


def _is_name(text: str) -> bool:
    try:
        return "\0" not in text and len(text.encode()) <= _LONGEST_NAME_BYTES
    except UnicodeEncodeError:  # half a character
        return False
