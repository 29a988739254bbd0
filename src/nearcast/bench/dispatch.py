"""How many messages a second leave through a channel that answers at once, or after a while, while many wait?

`cpu_ms_per_message` is the dispatcher's own: what it waits for, the database and a provider among it, is in the seconds
alone.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic, perf_counter, process_time, sleep
from typing import Any

from nearcast.bench.databases import databases
from nearcast.bench.provider import Cloud, cloud, give_numbers
from nearcast.bench.town import NOON, TENANT, build, queue_messages
from nearcast.channels.recorder import Recorder
from nearcast.domain.errors import InvalidInput
from nearcast.domain.sending import Attempt, Outbound
from nearcast.services.channel_ports import WayOut
from nearcast.services.live import Live
from nearcast.services.outbound import PostRoom
from nearcast.store.recording import COMMIT, recorded
from nearcast.store.sql_store import SqlStore

_WARM = 100
_BEGINNING = NOON + timedelta(minutes=1)


class Slow(Recorder):
    """Takes its time over each message, and many at once."""

    def __init__(self, answer_ms: float) -> None:
        super().__init__()
        self._answer_s = answer_ms / 1_000

    def send(self, outbound: Outbound) -> Attempt:
        if self._answer_s:
            sleep(self._answer_s)
        return super().send(outbound)


class Counted:
    """A way out, and how many went it."""

    def __init__(self, way: WayOut) -> None:
        self._way, self._lock, self.capabilities, self.sent = way, Lock(), way.capabilities, 0

    def send(self, outbound: Outbound) -> Attempt:
        attempt = self._way.send(outbound)
        with self._lock:
            self.sent += 1
        return attempt


def bench_dispatch(
    *,
    queued: int,
    messages: int,
    log_rows: int,
    url: str | None,
    answer_ms: float = 0.0,
    at_once: int = 1,
    against: str = "recorder",
    per_s: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """One dispatcher sends the first `messages` of those that are queued, as one JSON object. The channel answers after
    `answer_ms`, and up to `at_once` are under way. `against` a recorder, or a fake WhatsApp over HTTP; there at most
    `per_s` a second leave, and `most_in_a_second` came by its count.
    """
    with _channel(against, answer_ms, per_s) as fake, databases(url) as server:

        def made(database: str) -> None:
            say(f"{queued:,} queued messages and a match log of {log_rows:,} rows")
            build(database, customers=queued, log_rows=log_rows)
            queue_messages(database, queued)

        with server.made(made) as database, closing(SqlStore(database)) as store:
            if fake is not None:
                give_numbers(store, queued, _BEGINNING)
            channel = Counted(Slow(answer_ms) if fake is None else fake.channel)
            room = PostRoom(at_once=at_once) if fake is None else fake.room(at_once=at_once, per_s=per_s)
            found = _measured(store, channel, room, messages, say)
        most = {} if fake is None else {"per_s": per_s, "most_in_a_second": fake.most_in_a_second()}
    said = {"queued": queued, "log_rows": log_rows, "against": against, "answer_ms": answer_ms, "at_once": at_once}
    return {**said, **found, **most}


@contextmanager
def _channel(against: str, answer_ms: float, per_s: float | None) -> Iterator[Cloud | None]:
    if against == "recorder":
        if per_s is not None:
            raise InvalidInput("only a fake counts what comes in a second", place="--per-s")
        yield None
    elif against == "fake-whatsapp":
        with cloud(answer_ms, _BEGINNING) as fake:
            yield fake
    else:
        raise InvalidInput(f"{against!r} is neither recorder nor fake-whatsapp", place="--against")


def _measured(
    store: SqlStore, channel: Counted, room: PostRoom, messages: int, say: Callable[[str], None]
) -> dict[str, Any]:
    began_s = monotonic()

    def now() -> datetime:
        return _BEGINNING + timedelta(seconds=monotonic() - began_s)

    live = Live(store, TENANT, channel, room=room)
    _send_until(live, channel, min(_WARM, messages), now)
    say("messages")
    before, started, cpu_began_s = channel.sent, perf_counter(), process_time()
    with recorded(store) as said:
        _send_until(live, channel, messages, now)
    seconds, cpu_s = perf_counter() - started, process_time() - cpu_began_s
    sent = channel.sent - before
    return {
        "messages": sent,
        "seconds": round(seconds, 4),
        "messages_per_s": round(sent / seconds),
        "cpu_ms_per_message": round(1_000 * cpu_s / max(1, sent), 3),
        "transactions": sum(each.text == COMMIT for each in said),
        "statements": sum(not each.is_end for each in said),
    }


def _send_until(live: Live, channel: Counted, count: int, now: Callable[[], datetime]) -> None:
    """Send until so many have left, or no more wait."""
    while channel.sent < count:
        if live.dispatch_some(now(), now):
            continue
        if live.resumes_at is None:
            return
        sleep(max(0.0, (live.resumes_at - now()).total_seconds()))
