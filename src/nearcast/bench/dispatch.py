"""How many messages a second leave through a channel that answers at once, or after a while, while many wait?

`cpu_ms_per_message` is the dispatcher's own: what it waits for, the database among it, is in the seconds alone.
"""

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from time import perf_counter, process_time, sleep
from typing import Any

from nearcast.bench.databases import databases
from nearcast.bench.town import NOON, TENANT, build, queue_messages
from nearcast.channels.recorder import Recorder
from nearcast.domain.sending import Attempt, Outbound
from nearcast.services.live import Live
from nearcast.services.outbound import PostRoom
from nearcast.store.recording import COMMIT, recorded
from nearcast.store.sql_store import SqlStore

_WARM = 100


class Slow(Recorder):
    """Takes its time over each message, and many at once."""

    def __init__(self, answer_ms: float) -> None:
        super().__init__()
        self._answer_s = answer_ms / 1_000

    def send(self, outbound: Outbound) -> Attempt:
        if self._answer_s:
            sleep(self._answer_s)
        return super().send(outbound)


def bench_dispatch(
    *,
    queued: int,
    messages: int,
    log_rows: int,
    url: str | None,
    answer_ms: float = 0.0,
    at_once: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """One dispatcher sends the first `messages` of those that are queued, as one JSON object. The channel answers after
    `answer_ms`, and up to `at_once` are under way.
    """
    with databases(url) as server:

        def made(database: str) -> None:
            say(f"{queued:,} queued messages and a match log of {log_rows:,} rows")
            build(database, customers=queued, log_rows=log_rows)
            queue_messages(database, queued)

        with server.made(made) as database, closing(SqlStore(database)) as store:
            channel, now = Slow(answer_ms), NOON + timedelta(minutes=1)
            live = Live(store, TENANT, channel, room=PostRoom(at_once=at_once))
            while len(channel.sent) < min(_WARM, messages) and live.dispatch_some(now):
                pass
            say("messages")
            before, started, began_s = len(channel.sent), perf_counter(), process_time()
            with recorded(store) as said:
                while len(channel.sent) < messages and live.dispatch_some(now):
                    pass
            seconds, cpu_s = perf_counter() - started, process_time() - began_s
    sent = len(channel.sent) - before
    return {
        "queued": queued,
        "log_rows": log_rows,
        "answer_ms": answer_ms,
        "at_once": at_once,
        "messages": sent,
        "seconds": round(seconds, 4),
        "messages_per_s": round(sent / seconds),
        "cpu_ms_per_message": round(1_000 * cpu_s / sent, 3),
        "transactions": sum(each.text == COMMIT for each in said),
        "statements": sum(not each.is_end for each in said),
    }
