"""What phones send, taken in like every other ping; what is no position is counted by kind and forgotten."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import numpy as np

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.position import Position
from nearcast.domain.reason import Reason
from nearcast.geo.batch import PingBatch, Texts
from nearcast.services.devices import Phone
from nearcast.services.feed_request import Feed, Fix, Read
from nearcast.services.figures import Figure
from nearcast.services.instants import as_us
from nearcast.services.intake import Intake
from nearcast.services.ports import Store
from nearcast.services.region_push import RegionPush

_IS_NOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneRequest:
    """A request as it came, once it is known whose it is; `media` is its content type, whole."""

    phone: Phone
    body: bytes
    media: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a request: `accepted` fixes are in the ping log, `turned_away` are those that were not let in, by
    their place among the fixes. `is_sealed` tells whether the answer must be, too.
    """

    read: Read
    accepted: int = 0
    turned_away: tuple[tuple[int, Reason], ...] = ()
    is_sealed: bool = False

    @property
    def newest(self) -> Fix | None:
        """The newest fix that was let in."""
        refused = {row for row, _ in self.turned_away}
        kept = [fix for row, fix in enumerate(self.read.fixes) if row not in refused]
        return max(kept, key=lambda fix: fix.recorded_at, default=None)


class Phones:
    """Takes in what phones send, for all tenants. `feeds` are the protocols by name."""

    def __init__(self, store: Store, intake: Intake, push: RegionPush, feeds: Mapping[str, Feed]) -> None:
        self._store, self._intake, self._push, self.feeds = store, intake, push, feeds

    def take(self, feed_name: str, request: PhoneRequest, now: datetime) -> Taken:
        """Take a request in. StoreUnavailable where nothing was kept: it may be sent again as it stands."""
        feed, phone = self.feeds[feed_name], request.phone
        body, is_sealed = feed.unseal(request.body, phone.secret)
        if body is None:
            read = Read(besides=Counter(["cannot be opened"]))
        else:
            read = feed.read(body, request.media, request.query, now)
        turned_away: list[tuple[int, Reason]] = []
        if read.fixes:
            turned_away = self._intake.accept(phone.tenant_id, _batch(phone, read.fixes, now), now)
        self._count(feed_name, phone, read)
        return Taken(
            read=read,
            accepted=len(read.fixes) - len(turned_away),
            turned_away=tuple(turned_away),
            is_sealed=is_sealed,
        )

    def regions(self, feed_name: str, asked: PhoneRequest, taken: Taken, user_agent: str, now: datetime) -> list[Any]:
        """Which regions the phone is to watch from now on, in its app's words; nothing where it knows them, and where
        this request did not tell where it is now.
        """
        words, newest = self.feeds[feed_name].regions, taken.newest
        if words is None or newest is None or now - newest.recorded_at > _IS_NOW:
            return []
        try:
            position = Position(newest.lat, newest.lon)
            change = self._push.change(asked.phone, position, now, most=words.most(user_agent))
        except StoreUnavailable:  # what was sent is kept: it must not be sent again for this
            return []
        return words.commands(change, user_agent) if change else []

    def _count(self, feed_name: str, phone: Phone, read: Read) -> None:
        counts = {
            "refused": Counter(reason for _, reason in read.refused),
            "repaired": Counter(fix.repaired for fix in read.fixes if fix.repaired),
            "besides": Counter({f"{feed_name} {kind}": count for kind, count in read.besides.items()}),
        }
        if any(counts.values()):
            # the fixes are kept: a phone must not send them again because a figure could not be written
            with suppress(StoreUnavailable), self._store.writing(phone.tenant_id) as uow:
                for name, by_reason in counts.items():
                    uow.counters.add(name, by_reason)
                    for reason, count in by_reason.items():
                        uow.tell(Figure.PINGS, name, reason, by=count)
                uow.commit()


def _batch(phone: Phone, fixes: tuple[Fix, ...], now: datetime) -> PingBatch:
    n = len(fixes)
    return PingBatch(
        customer_id=_texts([phone.customer_id] * n),
        recorded_at_us=np.array([as_us(fix.recorded_at) for fix in fixes], dtype=np.int64),
        received_at_us=np.full(n, as_us(now), dtype=np.int64),
        lat_deg=np.array([fix.lat for fix in fixes], dtype=np.float64),
        lon_deg=np.array([fix.lon for fix in fixes], dtype=np.float64),
        accuracy_m=np.array([_or_nan(fix.accuracy_m) for fix in fixes], dtype=np.float64),
        speed_mps=np.array([_or_nan(fix.speed_mps) for fix in fixes], dtype=np.float64),
        ping_id=_texts([fix.ping_id or _named(fix) for fix in fixes]),
        device_id=_texts([phone.device_id] * n),
    )


def _named(fix: Fix) -> str:
    """The name of a fix that has none: sent again it is the same, for phones and brokers repeat themselves."""
    said = f"{as_us(fix.recorded_at)}|{fix.lat!r}|{fix.lon!r}"
    return sha256(said.encode()).hexdigest()[:32]


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def _texts(column: Sequence[str | None]) -> Texts:
    found: Texts = np.empty(len(column), dtype=object)
    found[:] = column
    return found
