"""Where pings come in: what passes the door is in the ping log before the answer is given."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Any, TypeAlias

import numpy as np

from nearcast.domain.errors import Overloaded, StoreUnavailable
from nearcast.domain.ids import TenantId
from nearcast.domain.policy import PingRules
from nearcast.domain.reason import Reason
from nearcast.geo.batch import Ints, OnePing, PingBatch, Texts, joined
from nearcast.services.assembly import assemble
from nearcast.services.catalogue import CATALOGUE
from nearcast.services.consent_view import ConsentView
from nearcast.services.figures import Figure
from nearcast.services.ingest import faults_of, is_said
from nearcast.services.instants import as_us
from nearcast.services.ports import Catalogue, Store, UnitOfWork
from nearcast.services.scenario import ScenarioShape

TurnedAway: TypeAlias = list[tuple[int, Reason]]
"""(row, reason) of the pings of a request that were not let in."""

Outcome: TypeAlias = TurnedAway | BaseException
"""What becomes of a request; where something is raised, nothing of it was kept."""

Told: TypeAlias = Callable[[Outcome], None]

MOST_WAITING = 1_000_000
_PINGS_AT_ONCE = 10_000
_MOST_IN_HAND = 200_000
_LOOKS_PER_BACKLOG = 8
_COMMITTERS = 4  # a tenant whose commits wait does not hold up the others
_WORTH_A_COMMIT = 1_000  # pings
GATHERING_S = 0.005
_LONGEST_NAME_BYTES = 255  # three of them are a key in every database
_SURELY_SHORT = _LONGEST_NAME_BYTES // 4


@dataclass(slots=True, eq=False)
class _Request:
    """Pings that came in together. `malformed` counts the entries beside them that were no pings."""

    batch: PingBatch | OnePing
    now: datetime
    malformed: int = 0
    told: Told | None = None
    outcome: Outcome | None = None

    def settle(self, outcome: Outcome) -> None:
        self.outcome = outcome
        if self.told is not None:
            self.told(outcome)


class _Tenant:
    """The requests of one tenant: while one thread commits, those of the others gather for the next commit. Beside them
    what is known of the tenant, for whoever has the turn.
    """

    def __init__(self) -> None:
        self.turn = Lock()
        self.view = ConsentView()
        self.rules: tuple[int, PingRules] | None = None
        self.waiting = self.since_look = 0
        self._waiting: deque[_Request] = deque()
        self._lock = Lock()
        self._in_hand = self._expected = 0
        self._are_all_here = Event()
        self._is_drained = False

    def add(self, request: _Request, *, is_waited_for: bool) -> bool:
        """Whether nobody sees to it that what waits is answered, and whoever adds this one must; never where they wait
        for it and see to it themselves. Overloaded where more has come in than is taken out.
        """
        with self._lock:
            if self._in_hand > _MOST_IN_HAND:
                raise Overloaded("more pings come in than can be written down")
            self._in_hand += len(request.batch)
            self._waiting.append(request)
            if len(self._waiting) == self._expected or self._in_hand >= _WORTH_A_COMMIT:
                self._are_all_here.set()
            if is_waited_for or self._is_drained:
                return False
            self._is_drained = True
            return True

    def next_group(self) -> list[_Request]:
        """The requests that waited longest, as many as one commit takes; none when none waits. For whoever has the
        turn.
        """
        group: list[_Request] = []
        size = 0
        with self._lock:
            while self._waiting and (not group or size + len(self._waiting[0].batch) <= _PINGS_AT_ONCE):
                group.append(self._waiting.popleft())
                size += len(group[-1].batch)
            self._in_hand -= size
        return group

    def gather(self, answered: Sequence[_Request], within_s: float) -> None:
        """Wait for the next requests of those who were answered just now, if they bring few pings each: a commit of one
        costs as much as a commit of all.
        """
        with self._lock:
            self._expected = len(self._waiting) + len(answered)
            self._are_all_here.clear()
            is_enough = self._in_hand >= _WORTH_A_COMMIT
        if not is_enough and sum(len(request.batch) for request in answered) < _WORTH_A_COMMIT:
            self._are_all_here.wait(within_s)

    def end_drain(self) -> bool:
        """False where something waits again."""
        with self._lock:
            self._is_drained = bool(self._waiting)
        return not self._is_drained


class Intake:
    """Takes pings in for all tenants; many threads may use it at once, and share commits.

    `woken` is called after each commit that gives workers something to do. When more than `most_waiting` pings of a
    tenant wait to be consumed, no more are taken. For `gathering_s` after a commit of few pings the next one waits
    until as many requests have come as there were before.
    """

    def __init__(
        self,
        store: Store,
        woken: Callable[[], None],
        *,
        most_waiting: int = MOST_WAITING,
        gathering_s: float = GATHERING_S,
    ) -> None:
        self._store, self._woken, self._most_waiting, self._gathering_s = store, woken, most_waiting, gathering_s
        self._tenants: dict[TenantId, _Tenant] = {}
        self._committers = ThreadPoolExecutor(_COMMITTERS, thread_name_prefix="nearcast intake")

    def accept(self, tenant_id: TenantId, batch: PingBatch, now: datetime) -> TurnedAway:
        """Take pings in: what passes the door is in the log when this returns; the others as (row, reason).

        NotFound for a tenant that does not exist. StoreUnavailable where nothing was kept: all may be sent again.
        Overloaded, which is one of these, where too much waits.
        """
        tenant, request = self._of(tenant_id), _Request(batch, now)
        tenant.add(request, is_waited_for=True)
        while request.outcome is None:
            with tenant.turn:
                if request.outcome is None:
                    self._answer(tenant_id, tenant, tenant.next_group())
        if isinstance(request.outcome, BaseException):
            raise request.outcome
        return request.outcome

    def take(
        self,
        tenant_id: TenantId,
        batch: PingBatch | OnePing,
        now: datetime,
        told: Told,
        *,
        malformed: int = 0,
        soon: Callable[[Callable[[], object]], object] = lambda begin: begin(),
    ) -> None:
        """As `accept`, without waiting: another thread tells the outcome when the pings are in the log. `malformed`
        entries of the same request are counted with it. Where this one begins a group, `soon` begins its commit: what
        is taken before shares it.
        """
        tenant = self._of(tenant_id)
        if tenant.add(_Request(batch, now, malformed, told), is_waited_for=False):
            soon(partial(self._committers.submit, self._drain, tenant_id, tenant))

    def _of(self, tenant_id: TenantId) -> _Tenant:
        return self._tenants.get(tenant_id) or self._tenants.setdefault(tenant_id, _Tenant())

    def _drain(self, tenant_id: TenantId, tenant: _Tenant) -> None:
        is_over = False
        while not is_over:
            with tenant.turn:
                if group := tenant.next_group():
                    self._answer(tenant_id, tenant, group)
            if group:
                tenant.gather(group, self._gathering_s)
            else:
                is_over = tenant.end_drain()

    def _answer(self, tenant_id: TenantId, tenant: _Tenant, group: Sequence[_Request]) -> None:
        try:
            answers = self._take_in(tenant_id, tenant, group)
        except StoreUnavailable as error:
            for request in group:
                request.settle(type(error)(*error.args))
        except Exception as error:
            if len(group) == 1:
                group[0].settle(error)
                return
            for request in group:  # one of them is at fault, and not the others
                self._answer(tenant_id, tenant, [request])
        except BaseException:
            for request in group:
                request.settle(StoreUnavailable("this process ends"))
            raise
        else:
            for request, answer in zip(group, answers, strict=True):
                request.settle(answer)

    def _take_in(self, tenant_id: TenantId, tenant: _Tenant, group: Sequence[_Request]) -> list[TurnedAway]:
        sizes = [len(request.batch) for request in group]
        batch = joined(request.batch for request in group)
        now_us: Ints = np.repeat([as_us(request.now) for request in group], sizes)
        batch = replace(batch, received_at_us=np.minimum(batch.received_at_us, now_us))
        request_of: Ints = np.repeat(np.arange(len(group)), sizes)
        malformed = unstorable(batch)
        with self._store.writing(tenant_id) as uow:
            uow.pings.admit()
            rules = self._rules(tenant_id, tenant, uow.catalogue)
            self._look_at_backlog(tenant, uow)
            fault = faults_of(batch, rules)
            fault[malformed] = Reason.MALFORMED
            tenant.view.refresh(uow)
            asked = np.flatnonzero(~is_said(fault))
            since_us = tenant.view.live_since_us(uow, batch.customer_id[asked], now_us[asked])
            is_live = batch.recorded_at_us[asked] >= since_us
            fault[asked[~is_live]] = Reason.CONSENT_LOCATION_MISSING
            twins = _twins(batch, request_of, asked[is_live])
            fault[twins] = Reason.DUPLICATE_PING
            is_kept = np.zeros(len(batch), dtype=np.bool_)
            is_kept[asked[is_live]] = True
            is_kept[twins] = False
            turned_away = np.flatnonzero(~is_kept)
            refused = Counter(fault[turned_away].tolist())
            refused[Reason.MALFORMED] += sum(request.malformed for request in group)
            uow.counters.add("refused", refused)
            kept = len(batch) - len(turned_away)
            uow.tell(Figure.PINGS, "accepted", "", by=kept)
            for reason, count in refused.items():
                uow.tell(Figure.PINGS, "refused", reason, by=count)
            uow.pings.append(batch.take(np.flatnonzero(is_kept)) if len(turned_away) else batch)
            uow.commit()
        tenant.since_look += kept
        if kept:
            self._woken()
        return _by_request(fault, turned_away, request_of, sizes)

    def _look_at_backlog(self, tenant: _Tenant, uow: UnitOfWork) -> None:
        """Now and then, and at once where it may be too long; Overloaded where it is."""
        often = self._most_waiting // _LOOKS_PER_BACKLOG
        if tenant.since_look > often or tenant.waiting + tenant.since_look > self._most_waiting:
            tenant.waiting, tenant.since_look = sum(uow.pings.waiting().values()), 0
            if tenant.waiting > self._most_waiting:
                raise Overloaded("too many pings wait to be decided")

    def _rules(self, tenant_id: TenantId, tenant: _Tenant, catalogue: Catalogue) -> PingRules:
        """The tenant's, read again when its catalogue was edited."""
        revision = catalogue.revision
        if tenant.rules is None or tenant.rules[0] != revision:
            settings = catalogue.settings()
            document = dict(settings.doc) if settings else {}
            document["tenant"] = {**document.get("tenant", {}), "id": tenant_id}
            shape = ScenarioShape.model_validate(document)
            world = assemble(shape, Path(CATALOGUE), lambda path: [], lambda note: None, repair=False)
            tenant.rules = (revision, world.tenant.policy.ping_rules)
        return tenant.rules[1]


def _twins(batch: PingBatch, request_of: Ints, rows: Ints) -> list[int]:
    """Those of some pings of requests that are under a name that one before them in the same request bears."""
    named = rows[is_said(batch.ping_id[rows])]
    columns = (request_of, batch.customer_id, batch.device_id, batch.ping_id)
    keys = list(zip(*(column[named].tolist() for column in columns), strict=True))
    if len(set(keys)) == len(keys):
        return []
    seen: set[tuple[int, str, str | None, str]] = set()
    twins: list[int] = []
    for row, key in zip(named.tolist(), keys, strict=True):
        if key in seen:
            twins.append(row)
        seen.add(key)
    return twins


def _by_request(fault: Texts, turned_away: Ints, request_of: Ints, sizes: Sequence[int]) -> list[TurnedAway]:
    answers: list[TurnedAway] = [[] for _ in sizes]
    starts = np.cumsum([0, *sizes]).tolist()
    for row, request in zip(turned_away.tolist(), request_of[turned_away].tolist(), strict=True):
        answers[request].append((row - starts[request], fault[row]))
    return answers


def unstorable(batch: PingBatch) -> Ints:
    """The pings whose names for a customer, a device or themselves some database cannot keep."""
    columns = [batch.customer_id.tolist(), batch.device_id.tolist(), batch.ping_id.tolist()]
    if all(map(_are_surely_names, columns)):
        return np.empty(0, dtype=np.int64)
    rows = zip(*columns, strict=True)
    return np.array([n for n, names in enumerate(rows) if not all(map(_is_name, names))], dtype=np.int64)


def _are_surely_names(column: list[str | None]) -> bool:
    missing = column.count(None)
    if missing == len(column):
        return True
    said: list[Any] = [name for name in column if name is not None] if missing else column
    if max(map(len, said), default=0) > _SURELY_SHORT:
        return False
    text = "".join(said)
    return "\0" not in text and (text.isascii() or _is_whole(text))


def _is_name(name: str | None) -> bool:
    if name is None:
        return True
    return "\0" not in name and _is_whole(name) and len(name.encode()) <= _LONGEST_NAME_BYTES


def _is_whole(text: str) -> bool:
    """Without half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
