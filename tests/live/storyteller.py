"""What may happen to a tenant: one method each, which may be interrupted at any commit by any other."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count, pairwise
from typing import Any, TypeAlias

from nearcast.bootstrap import application
from nearcast.domain.consent import LOCATION, NEARBY, ConsentAction
from nearcast.domain.errors import Conflict, NotFound, StoreUnavailable
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.reason import Reason
from nearcast.geo.batch import PingBatch
from nearcast.services.access import Principal, Role
from nearcast.services.application import Application
from nearcast.services.consent_lines import ConsentDocument
from nearcast.services.ledger_proof import LedgerProof
from nearcast.services.live import Live
from nearcast.services.retention import Keep, Retention
from nearcast.services.scenario import CampaignShape
from nearcast.settings import Settings
from tests.live.corner import ENTER, FENCE, LON_DEG, NOON, OUTSIDE_DEG, later, names, open_corner, scheduled, seen
from tests.live.script import Answer, Before, Fate, Killed, ScriptedChannel, ScriptedClock, ScriptedStore
from tests.live.standstill import Slow, stand_still
from tests.live.witness import Cap, Terms, Witness, held_out

CUSTOMERS = names(4)
LAT_DEG = {"both": 52.52045, "f": 52.5195, "g": 52.5215, "": OUTSIDE_DEG}
"""By the geofences that a place lies in."""
SECOND: dict[str, Any] = {
    **FENCE,
    "properties": {**FENCE["properties"], "id": "g"},
    "geometry": {"type": "Point", "coordinates": [LON_DEG, 52.5209]},
}
FENCES = {"f": FENCE, "g": SECOND}
SHORT, LONG = {"text": "Coffee", "expires_after_s": 60}, {"text": "Lunch", "expires_after_s": 900}
GAP = {"id": "between", "scope": "campaign", "kind": "min_gap", "window_s": 120}
CAMPAIGNS: dict[str, dict[str, Any]] = {
    "camp-7": {**ENTER, "offer": SHORT},
    "camp-8": {**scheduled(seen_within_s=600, catch_up_s=90), "offer": SHORT},
    "camp-x": {**ENTER, "id": "camp-x", "trigger": {"on": "exit"}, "geofence_ids": ["f"], "caps": [GAP]},
    "camp-9": {
        **ENTER,
        "id": "camp-9",
        "geofence_ids": ["g"],
        "priority": 80,
        "offer": LONG,
        "on_cap": "hold",
        "on_quiet": "defer",
    },
}
ENTERING = {"camp-7": ("f", "g"), "camp-9": ("g",)}
AMPLE, TIGHT = {"camp-7": 9, "camp-8": 4, "camp-9": 5}, {"camp-7": 2, "camp-8": 1, "camp-9": 1}
"""What the budgets hold."""
REPEATABLE = frozenset({"camp-9", "camp-x"})
POLICY: dict[str, Any] = {
    "quiet_hours": [{"from": "12:20", "until": "12:30"}],
    "holdout": {"percent": 25, "salt": "holdout:story"},
    "caps": [
        {"id": "few", "scope": "customer", "kind": "rolling", "window_s": 300, "limit": 2},
        {"id": "apart", "scope": "customer", "kind": "min_gap", "window_s": 20},
    ],
}
WORKERS, OFFICES, LEASE_S = 3, 2, 30.0


def terms(tenant: TenantId, budgets: Mapping[str, int]) -> Terms:
    """The same in the witness's words. It is noon in Berlin when a story begins."""
    return Terms(
        sender=tenant,
        caps=[Cap(300, 2), Cap(20, 1), Cap(120, 1, "camp-x")],
        budgets=dict(budgets),
        held_out=held_out(CUSTOMERS, "holdout:story", 25),
        quiet=(later(20 * 60), later(30 * 60)),
    )


@dataclass
class Walk:
    """Where a customer was seen. `is_plain` while nothing but that decides which geofences were entered."""

    places: list[str] = field(default_factory=list)
    newest_s: float = -1.0
    is_plain: bool = True

    def go(self, at_s: float, place: str) -> None:
        self.is_plain = self.is_plain and at_s > self.newest_s
        self.newest_s = max(self.newest_s, at_s)
        self.places.append(place)

    def entered(self, geofence_id: str) -> int:
        inside = [False, *(place in ("both", geofence_id) for place in self.places)]
        return sum(now and not was for was, now in pairwise(inside))


Said: TypeAlias = tuple[str, ConsentAction]
Act: TypeAlias = tuple[Any, ...]
"""The name of a method of `Story`, and what it is called with: who does it comes first."""


@dataclass(frozen=True)
class BeforeIt:
    """An act of somebody else right before a commit."""

    act: Act


STILL = "stands still"
"""Among fates and answers: whoever does it goes no further until `go_on`."""


class Story:
    """One tenant, some workers and some offices: processes that serve the API."""

    def __init__(self, store: ScriptedStore, tenant: str, budgets: Mapping[str, int] = AMPLE) -> None:
        self.store, self.clock = store, ScriptedClock(NOON)
        self.channel = ScriptedChannel(store, self.clock, REPEATABLE)
        store.fates.clear()
        store.watch = lambda: None
        settings = {"policy": POLICY}
        limits = {key: {"budget": {"messages": limit}} for key, limit in budgets.items()}
        *first, lunch = ({**CAMPAIGNS[key], **limits.get(key, {})} for key in CAMPAIGNS)
        self.tenant = open_corner(store, *first, customers=CUSTOMERS, tenant=tenant, at=NOON, settings=settings)
        self.witness = Witness(store, self.tenant, terms(self.tenant, budgets), self.channel, self.clock)
        self.walks = {customer: Walk() for customer in CUSTOMERS}
        self._asker = Principal(tenant_id=self.tenant, key_id="story", role=Role.OPERATOR)
        self._undisturbed: set[str] = set()
        self._births, self._pinged, self._busy = count(), count(), set[str]()
        self._slow: list[Slow] = []
        self._people: dict[str, Any] = {
            f"{kind} {n}": self._born(kind)
            for kind, many in (("worker", WORKERS), ("office", OFFICES))
            for n in range(many)
        }
        store.watch = self.witness.glance
        office = self._office()
        office.fences.put(self._asker, SECOND, NOON)
        office.campaigns.put(self._asker, CampaignShape.model_validate({**lunch, "state": "active"}), NOON)

    def do(
        self,
        name: str,
        number: int,
        *told: Any,
        fates: Sequence[Fate | Act | BeforeIt | str] = (),
        answers: Sequence[Answer | Act | str] = (),
    ) -> None:
        """Let worker or office `number` do that; who is in the middle of something else does nothing."""
        kind = "worker" if name in WORK else "office"
        who = f"{kind} {number}"
        if who in self._busy:
            return
        self._busy.add(who)
        script = deque(map(self._scripted, fates)), deque(map(self._scripted, answers))
        before, is_alone = set(self.witness.entered), not (fates or answers) and self._busy == {who}

        def begin() -> None:
            self.store.fates, self.channel.answers = script
            try:
                getattr(self, name)(self._people[who], *told)
            except StoreUnavailable:
                pass
            except Killed:
                self.store.is_killed = False
                self._people[who] = self._born(kind)
            finally:
                self._busy.remove(who)

        with self._others_script():
            if STILL in fates or STILL in answers:
                self._go_on(Slow(begin))
            else:
                begin()
        if is_alone:
            self._undisturbed |= self.witness.entered - before

    def go_on(self, _office: Application) -> None:
        """Whoever has stood still longest goes on."""
        if self._slow:
            with self._others_script():
                self._go_on(self._slow.pop(0))

    def _go_on(self, slow: Slow) -> None:
        slow.go_on()
        if not slow.has_ended:
            self._slow.append(slow)

    def _stand_still(self) -> None:
        with self._others_script():
            stand_still()

    @contextmanager
    def _others_script(self) -> Iterator[None]:
        """What others do has a script of its own."""
        mine = self.store.fates, self.channel.answers
        try:
            yield
        finally:
            self.store.fates, self.channel.answers = mine

    def _scripted(self, item: Any) -> Any:
        if item == STILL:
            return self._stand_still
        if isinstance(item, BeforeIt):
            return Before(partial(self.do, *item.act))
        return partial(self.do, *item) if isinstance(item, tuple) else item

    def _born(self, kind: str) -> Live | Application:
        return self._worker() if kind == "worker" else self._office()

    def _worker(self) -> Live:
        number = next(self._births)
        # two of three take one partition at a time, so that two can decide at once
        few = 1 if number % 3 else 1_000
        owner = f"worker {number}"
        return Live(self.store, self.tenant, self.channel, owner=owner, lease_s=LEASE_S, pings_at_once=few)

    def _office(self) -> Application:
        return application(Settings(), self.store, clock=self.clock)

    # --- what workers do

    def work_pings(self, worker: Live) -> None:
        worker.work_some_pings(self.clock.at)

    def dispatch(self, worker: Live) -> None:
        worker.dispatch_some(self.clock.at, self.clock.now)

    def end_due(self, worker: Live) -> None:
        worker.end_due(self.clock.at)

    def run_due(self, worker: Live) -> None:
        worker.run_due(self.clock.at)

    def rescue(self, worker: Live) -> None:
        worker.rescue(self.clock.at)

    # --- what comes in

    def ping(self, office: Application, customers: Sequence[CustomerId], place: str) -> None:
        """As a client does: the same pings again until they are taken, by whomever."""
        self.clock.step(1)
        at = self.clock.at
        batch = seen(customers, at, LAT_DEG[place], ping_id=[f"ping {next(self._pinged)}"] * len(customers))
        agreed = {customer for customer in customers if self.witness.agrees(customer, LOCATION)}
        refused = self._until_taken(office, batch, at)
        away = {customers[row] for row, _ in refused}
        assert away == set(customers) - agreed or self.clock.at < self.clock.newest
        for customer in customers:
            if customer not in away:
                self.walks[customer].go((at - NOON).total_seconds(), place)

    def _until_taken(self, office: Application, batch: PingBatch, at: datetime) -> list[tuple[int, Reason]]:
        while True:
            try:
                return office.intake.accept(self.tenant, batch, at)
            except StoreUnavailable:
                continue
            except Killed:
                self.store.is_killed = False
                office = self._office()

    def say(self, office: Application, customer: CustomerId, said: Said, shift_s: float, lasts_s: float | None) -> None:
        (purpose, action), now = said, self.clock.at
        if purpose == LOCATION and (action is ConsentAction.WITHDRAWN or lasts_s is not None):
            self.walks[customer].is_plain = False
        told: dict[str, Any] = {"purpose": purpose, "action": action, "at": now + timedelta(seconds=shift_s)}
        if purpose == NEARBY:
            told["channel"] = "sms"
        elif action is ConsentAction.GRANTED and lasts_s is not None:
            told["valid_until"] = now + timedelta(seconds=lasts_s)
        office.consents.take(self._asker, customer, ConsentDocument.model_validate(told), now)

    def suppress(self, office: Application, customer: CustomerId) -> None:
        office.customers.suppress(self._asker, customer, "sms", self.clock.at)

    # --- what owners edit

    def put_fence(self, office: Application, fence: str, radius_m: float) -> None:
        self._disturb()
        feature = FENCES[fence]
        office.fences.put(
            self._asker, {**feature, "properties": {**feature["properties"], "radius_m": radius_m}}, self.clock.at
        )

    def delete_fence(self, office: Application, fence: str) -> None:
        self._disturb()
        with _unless(NotFound):
            office.fences.delete(self._asker, fence, self.clock.at)

    def change(self, office: Application, campaign: str, action: str) -> None:
        with _unless(Conflict):
            office.campaigns.change(self._asker, campaign, action, self.clock.at)

    def prune(self, _office: Application) -> None:
        short = timedelta(seconds=120)
        Retention(self.store, Keep(pings=short, ping_ids=short, idempotency_keys=short)).prune(
            self.tenant, self.clock.at
        )

    def tick(self, _office: Application, seconds: float) -> None:
        self.clock.step(seconds)

    def _disturb(self) -> None:
        for walk in self.walks.values():
            walk.is_plain = False

    # --- what holds

    def look(self) -> None:
        self.witness.look()
        assert LedgerProof(self.store).verify(self.tenant).flaws == []

    def end(self) -> None:
        """Whoever is left finishes everything; then nothing is lost."""
        while self._slow:
            self._go_on(self._slow.pop(0))
        self.clock.step(LEASE_S + 5 + (self.clock.newest - self.clock.at).total_seconds())
        rest = self._worker()
        for _ in range(2):
            while rest.work_some_pings(self.clock.at):
                pass
            rest.rescue(self.clock.at)
            rest.work_due(self.clock.at)
            self.clock.step(1000)
        self.look()
        assert self.witness.waiting() == []
        assert self.witness.unknown().isdisjoint(self._undisturbed)
        for customer, walk in self.walks.items():
            if walk.is_plain:
                decided = self.witness.decided(customer)
                entered = {
                    (campaign, fence): walk.entered(fence) for campaign, fences in ENTERING.items() for fence in fences
                }
                assert {key: found for key, found in entered.items() if found} == decided, customer


WORK = frozenset({"work_pings", "dispatch", "end_due", "run_due", "rescue"})


@contextmanager
def _unless(expected: type[Exception]) -> Iterator[None]:
    try:
        yield
    except expected:
        return
