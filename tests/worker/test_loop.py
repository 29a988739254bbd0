"""When a loop goes round again."""

from datetime import datetime
from threading import Event

from nearcast.clock import SystemClock
from nearcast.domain.ids import TenantId
from nearcast.services.figures import Figures
from nearcast.worker.loop import Loop
from nearcast.worker.trouble import Outage
from tests.worker.office import eventually

HOUR_S = 3600.0


def test_after_work_it_soon_looks_for_more_though_no_bell_rings() -> None:
    work, done = ["first"], list[str]()

    def step(_tenant: TenantId, _now: datetime) -> bool:
        if not work:
            return False
        done.append(work.pop())
        return True

    loop = Loop(
        "pings",
        step,
        tenants=lambda: [TenantId("t1")],
        clock=SystemClock(),
        outage=Outage(),
        figures=Figures(),
        bell=Event(),
        poll_s=HOUR_S,
    )
    loop.start()
    eventually(lambda: done == ["first"])
    work.append("second")
    eventually(lambda: done == ["first", "second"])
    loop.stop()
