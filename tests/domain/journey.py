"""One customer's pings as they arrive, and what is written of them."""

from datetime import datetime

from nearcast.domain.ids import CustomerId, TenantId, VisitId
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.track import Advance, Change, Track, advance, forget, pass_time
from nearcast.domain.visit import PresenceRules, Transition, TransitionKind
from tests.domain.builders import NOON, later
from tests.domain.ground import Squares

TOLD_FIRST = ("exit", "enter", "dwell", "cross")


class Journey:
    """Seconds count from NOON. `written` holds every transition that stands; `triggered` what might have given offers.

    Nothing is written twice, only what has been written moves or is taken back, and the track knows it as written.
    """

    def __init__(self, ground: Squares, rules: PresenceRules | None = None) -> None:
        self.ground, self.rules = ground, rules or PresenceRules()
        self.track = Track(tenant_id=TenantId("t1"), customer_id=CustomerId("cust-0001"))
        self.written: dict[tuple[VisitId, TransitionKind], Transition] = {}
        self.triggered: list[str] = []
        self.now = NOON

    def fix(
        self, second: float, lon: float, lat: float = 0.0, *, accuracy_m: float = 0.0, device: str | None = None
    ) -> Fix:
        at, position = later(second), Position(lat, lon)
        inside = self.ground.inside(at, position)
        return Fix(at=at, position=position, accuracy_m=accuracy_m, inside=inside, device_id=device)

    def take(self, fix: Fix, arrives_at: datetime | None = None) -> Advance:
        self.now = max(self.now, arrives_at or fix.at)
        return self._write(advance(self.track, fix, ground=self.ground, rules=self.rules, now=self.now))

    def ping(
        self,
        second: float,
        lon: float,
        lat: float = 0.0,
        *,
        arrives: float | None = None,
        accuracy_m: float = 0.0,
        device: str | None = None,
    ) -> Advance:
        """Recorded at `second`; it arrives then, or later, or at once if the clock is past it."""
        arrives_at = None if arrives is None else later(arrives)
        return self.take(self.fix(second, lon, lat, accuracy_m=accuracy_m, device=device), arrives_at)

    def wait(self, second: float) -> Advance:
        """Nothing is heard until then."""
        self.now = max(self.now, later(second))
        return self._write(pass_time(self.track, ground=self.ground, rules=self.rules, now=self.now))

    def withdraw(self, second: float) -> Advance:
        """Consent is gone at that instant."""
        self.now = later(second)
        return self._write(forget(self.track, ground=self.ground, now=self.now))

    def _write(self, step: Advance) -> Advance:
        for change in step.changes:
            transition = change.transition
            key = (transition.visit_id, transition.kind)
            assert (key in self.written) is (change.change is not Change.NEW), (change, self.story())
            if change.change is Change.REMOVED:
                del self.written[key]
            else:
                self.written[key] = transition
            if change.triggers:
                self.triggered.append(told(transition))
        self.track = step.track
        for transition in (told for visit in step.track.visits for told in visit.told):
            written = self.written[transition.visit_id, transition.kind]
            assert transition.says_the_same_as(written), (transition, written)
            assert transition.decided_at == written.decided_at
        return step

    @property
    def transitions(self) -> list[Transition]:
        """What stands, by event time; at one instant exits come first, except that of a visit which only just began."""
        return sorted(
            self.written.values(),
            key=lambda t: (t.at, t.duration_s == 0, TOLD_FIRST.index(t.kind), t.geofence_id),
        )

    def story(self) -> list[str]:
        return [told(transition) for transition in self.transitions]

    def visit_ids(self, kind: str = "enter") -> list[VisitId]:
        return [transition.visit_id for transition in self.transitions if transition.kind == kind]


def told(transition: Transition) -> str:
    """`enter f 60`, and behind it whatever is special: initial, inferred, its reason."""
    words = [transition.kind.value, transition.geofence_id, f"{(transition.at - NOON).total_seconds():g}"]
    words += ["initial"] * transition.initial + ["inferred"] * transition.inferred
    return " ".join(words + ([transition.reason.value] if transition.reason else []))
