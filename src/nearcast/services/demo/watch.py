"""What the demo has come to so far: the match log and the outbox, read on from where they were left, and counted."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from nearcast.domain.ids import CustomerId, MessageId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.position import Position
from nearcast.services.demo.offers import Offers
from nearcast.services.demo.words import ARRIVED, ON_ITS_WAY, told_why
from nearcast.services.ports import Page, UnitOfWork
from nearcast.services.telling import sentence

T = TypeVar("T")

_PAGE = 100
_KEPT_ROWS = 400
_ROWS_AT_ONCE = 60
_MOST_REASONS = 8


class _Tail(Generic[T]):
    """The end of a list that grows. The last page is read again until it is full: only then has it a cursor."""

    def __init__(self, key: Callable[[T], str]) -> None:
        self._key = key
        self._cursor: str | None = None
        self._known: set[str] = set()

    def new(self, read: Callable[[str | None], Page[T]]) -> list[T]:
        found: list[T] = []
        while True:
            page = read(self._cursor)
            found += [item for item in page.items if self._key(item) not in self._known]
            self._known = {self._key(item) for item in page.items}
            if page.next_cursor is None:
                return found
            self._cursor, self._known = page.next_cursor, set()


class Watch:
    """To be used by one thread at a time."""

    def __init__(self, you: CustomerId, last_seen: Callable[[CustomerId], Position | None]) -> None:
        self._you, self._last_seen = you, last_seen
        self._log: _Tail[dict[str, Any]] = _Tail(lambda row: row["decision_id"])
        self._outbox: _Tail[Message] = _Tail(lambda message: message.id)
        self._rows: deque[dict[str, Any]] = deque(maxlen=_KEPT_ROWS)
        self._outcomes: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._messages: dict[MessageId, MessageStatus] = {}
        self._open: dict[MessageId, CustomerId] = {}
        self._count = 0

    def read(self, uow: UnitOfWork, offers: Offers) -> None:
        """Read on."""
        for row in self._log.new(lambda cursor: uow.match_log.page(cursor=cursor, limit=_PAGE, newest_first=False)):
            self._count += 1
            self._outcomes[row["outcome"]] += 1
            if row["outcome"] == "suppress":
                self._reasons[row["reason"]] += 1
            self._rows.append(self._told(row, offers))
        new = self._outbox.new(lambda cursor: uow.outbox.page(cursor=cursor, limit=_PAGE, newest_first=False))
        self._note(new)
        if self._open:
            again = uow.outbox.of(set(self._open.values())).values()
            self._note([message for mine in again for message in mine if message.id in self._open])

    def since(self, cursor: int) -> tuple[int, list[dict[str, Any]]]:
        """The newest cursor, and the verdicts after that one, oldest first; for a cursor of another run the newest."""
        after = cursor if cursor <= self._count else 0
        return self._count, [row for row in self._rows if row["n"] > after][-_ROWS_AT_ONCE:]

    def counts(self, uow: UnitOfWork) -> dict[str, Any]:
        """Figures since the demo began."""
        statuses = Counter(self._messages.values())
        return {
            "pings": uow.counters.get("pings").get("accepted", 0),
            "refused_pings": sum(uow.counters.get("refused").values()),
            "opportunities": self._count,
            "offered": self._outcomes["send"] + self._outcomes["defer"],
            "held_out": self._outcomes["holdout"],
            "not_sent": self._outcomes["suppress"],
            "reasons": [
                {"reason": reason, "text": sentence(reason), "count": count}
                for reason, count in self._reasons.most_common(_MOST_REASONS)
            ],
            "waiting": sum(statuses[status] for status in ON_ITS_WAY),
            "sent": sum(statuses[status] for status in ARRIVED),
            "did_not_leave": len(self._messages) - sum(statuses[status] for status in (*ON_ITS_WAY, *ARRIVED)),
        }

    def _note(self, messages: list[Message]) -> None:
        for message in messages:
            self._messages[message.id] = message.status
            if message.status in ON_ITS_WAY:
                self._open[message.id] = message.customer_id
            else:
                self._open.pop(message.id, None)

    def _told(self, row: Mapping[str, Any], offers: Offers) -> dict[str, Any]:
        customer_id = CustomerId(row["customer_id"])
        is_you, place = customer_id == self._you, self._last_seen(customer_id)
        return {
            "n": self._count,
            "at": offers.clock(row["decided_at"]),
            "shop": offers.shop_name(row["shop_id"]),
            "outcome": row["outcome"],
            "reason": row["reason"],
            "text": _said(row, is_you=is_you),
            "you": is_you,
            "place": None if place is None else [place.lon_deg, place.lat_deg],
        }


def _said(row: Mapping[str, Any], *, is_you: bool) -> str:
    if row["outcome"] == "send":
        return f"makes {'you' if is_you else 'somebody'} an offer"
    why = told_why(row["reason"], is_you=is_you)
    if row["winner_campaign_id"] == row["campaign_id"]:
        why = "the same offer came by another of its fences"
    return f"keeps an offer for later: {why}" if row["outcome"] == "defer" else f"sends nothing: {why}"
