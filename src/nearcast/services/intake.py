"""Where pings come in: what passes the door is in the ping log before the answer is given."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Lock

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.reason import Reason
from nearcast.geo.batch import PingBatch
from nearcast.services.assembly import assemble
from nearcast.services.catalogue import CATALOGUE
from nearcast.services.ingest import Arrivals, Door
from nearcast.services.ports import Catalogue, Store
from nearcast.services.scenario import ScenarioShape
from nearcast.services.world import World


class Intake:
    """Takes pings in for all tenants; many threads may use it at once.

    `woken` is called after each commit that gives workers something to do.
    """

    def __init__(self, store: Store, woken: Callable[[], None]) -> None:
        self._store, self._woken = store, woken
        self._lock = Lock()
        self._known: dict[TenantId, tuple[int, World]] = {}

    def accept(self, tenant_id: TenantId, batch: PingBatch, now: datetime) -> list[tuple[int, Reason]]:
        """Take pings in: what passes the door is in the log when this returns; the others as (row, reason).

        NotFound for a tenant that does not exist. StoreUnavailable where nothing was kept: all may be sent again.
        """
        with self._store.writing(tenant_id) as uow:
            consents = uow.consents.of({CustomerId(key) for key in batch.customer_id})
            world = replace(self._rules(tenant_id, uow.catalogue), consents=consents, refused=Counter())
            arrivals = Arrivals.of(batch, world.tenant.policy.ping_rules.max_future_s)
            door = Door(world)
            let_in = list(door.let_in(arrivals, range(len(batch)), now))
            # the counters before the log, as a worker writes them: neither waits for what the other holds
            uow.counters.add("refused", world.refused)
            uow.pings.append(batch.take(let_in))
            uow.commit()
        if let_in:
            self._woken()
        return door.turned_away

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
