"""What must hold whatever happens, read from the tables themselves and worked out by rules of its own.

Nothing here asks a service: a fault in one would hide itself.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, select

from nearcast.domain.ids import TenantId
from nearcast.store.customer_tables import consent_event, customer, suppression
from nearcast.store.tables import campaign_revision, match_log, message, other_send, track, visiting
from tests.live.answers import ACCEPTED
from tests.live.script import ScriptedChannel, ScriptedClock, ScriptedStore, Sent

FREED = ("cancelled", "expired")
ON_ITS_WAY, IN_FLIGHT = ("queued", "claimed", "sending"), ("claimed", "sending")


@dataclass(frozen=True)
class Cap:
    """At most `limit` sends to a customer within `window_s`, of one campaign where it is named."""

    window_s: float
    limit: int
    campaign: str | None = None

    def is_passed(self, sends: Sequence[Sent]) -> bool:
        """Whether there is a window that holds more."""
        at = sorted(sent.at for sent in sends if self.campaign in (None, sent.message.campaign_id))
        window = timedelta(seconds=self.window_s)
        return any(later - earlier < window for earlier, later in zip(at, at[self.limit :], strict=False))


@dataclass(frozen=True)
class Terms:
    """What was set up: the rules of the tenant in the witness's own words."""

    sender: str
    caps: Sequence[Cap]
    budgets: dict[str, int]
    held_out: frozenset[str]
    quiet: tuple[datetime, datetime]


def held_out(customers: Iterable[str], salt: str, percent: int) -> frozenset[str]:
    """Whose bucket lies below the percentage."""
    digests = {key: hashlib.sha256(f"{salt}:{key}".encode()).digest() for key in customers}
    return frozenset(
        key for key, digest in digests.items() if int.from_bytes(digest[:8], "big") % 10_000 < percent * 100
    )


class Witness:
    """Looks at one tenant after every commit (`glance`) and when a step is over (`look`)."""

    def __init__(
        self, store: ScriptedStore, tenant: TenantId, terms: Terms, channel: ScriptedChannel, clock: ScriptedClock
    ) -> None:
        self._store, self._tenant, self._terms = store, tenant, terms
        self._channel, self._clock = channel, clock
        self.entered: set[str] = set()
        self._sending: set[str] = set()

    def glance(self) -> None:
        """Each message that began to be sent with this commit may be sent."""
        now_sending = self._rows(message, status="sending")
        sending = [row for row in now_sending if row.id not in self._sending]
        self._sending = {row.id for row in now_sending}
        for row in sending:
            self.entered.add(row.id)
            assert self.agrees(row.customer_id, "location.matching"), "located without consent"
            assert self.agrees(row.customer_id, "marketing.nearby", row.channel), "sent without consent"
            assert not self._is_suppressed(row.customer_id, row.channel), "sent to a suppressed address"
            assert row.customer_id not in self._terms.held_out, "sent to somebody who is held out"
            assert self._is_active(row.campaign_id), "sent for a campaign that is not active"
            assert self._clock.at < row.expires_at, "sent after its offer had ended"
            start, end = self._terms.quiet
            is_certain = self._clock.at == self._clock.newest  # else the sender may have read the clock before
            assert not (is_certain and start <= self._clock.at < end), "sent in quiet hours"

    def look(self) -> None:
        """Nothing is sent twice, no limit is passed, the funnel adds up, nobody is located who did not agree to it."""
        rows, messages = self._rows(match_log), self._rows(message)
        self._check_sends({row.id: row.status for row in messages})
        in_flight = Counter(row.customer_id for row in messages if row.status in IN_FLIGHT)
        assert max(in_flight.values(), default=0) <= 1, "two are on their way to one customer"
        self._check_budgets(messages)
        self._check_funnel(rows, messages)
        self._check_positions()

    def agrees(self, customer_id: str, purpose: str, channel: str | None = None) -> bool:
        """Whether the ledger holds a live consent. What was ever told counts, though a clock was set back since."""
        state, ends = "", None
        for row in sorted(self._lines(customer_id, purpose), key=_in_ledger_order):
            if row.at > self._clock.newest or row.channel not in (None, channel):
                continue
            if state == "live" and ends is not None and ends <= row.at:
                state = "over"
            if row.action == "withdrawn":
                state = "withdrawn"
            elif row.action == "granted" and purpose == "location.matching":
                state, ends = "live", row.valid_until
            elif row.action == "granted":
                state = state if state == "live" else "asked"
            elif state in ("", "asked"):
                state = "live"
        return state == "live" and (ends is None or self._clock.at < ends)

    def waiting(self) -> list[str]:
        """The messages that are still on their way."""
        return [row.id for row in self._rows(message) if row.status in ON_ITS_WAY]

    def unknown(self) -> set[str]:
        return {row.id for row in self._rows(message, status="unknown")}

    def decided(self, customer_id: str) -> Counter[tuple[str, str]]:
        """How often each campaign was decided at each geofence for a customer who came in."""
        rows = self._rows(match_log, customer_id=customer_id)
        return Counter((row.campaign_id, row.geofence_id) for row in rows if row.trigger == "enter")

    def _check_sends(self, statuses: Mapping[str, str]) -> None:
        shown = [each for each in self._channel.sent if each.is_shown]
        assert max(Counter(each.message.id for each in shown).values(), default=0) <= 1, "sent twice"
        received = defaultdict(list)
        for each in self._channel.sent:
            assert each.message.id in self.entered, "sent without being written down before"
        for each in shown:
            received[each.message.customer_id].append(each)
            if each.outcome == ACCEPTED:
                assert statuses[each.message.id] not in (*FREED, "failed"), "sent, and freed as if it were not"
        for customer_id, sends in received.items():
            for cap in self._terms.caps:
                assert not cap.is_passed(sends), f"{cap} is passed for {customer_id}"

    def _check_budgets(self, messages: Sequence[Row[Any]]) -> None:
        took = [row for row in messages if row.status not in FREED and (row.status != "failed" or row.sent_at)]
        used = Counter(row.campaign_id for row in took)
        assert all(used[campaign] <= limit for campaign, limit in self._terms.budgets.items()), f"budget: {used}"

    def _check_funnel(self, rows: Sequence[Row[Any]], messages: Sequence[Row[Any]]) -> None:
        outcomes = Counter(row.outcome for row in rows)
        assert outcomes.keys() <= {"send", "defer", "suppress", "holdout"}
        assert len({row.decision_id for row in rows}) == len(rows)
        assert {row.message_id for row in rows if row.outcome in ("send", "defer")} == {row.id for row in messages}
        assert {row.decision_id for row in rows if row.message_id} == {row.decision_id for row in messages}
        assert len(messages) == outcomes["send"] + outcomes["defer"]
        assert all((row.reason is None) == (row.outcome == "send") for row in rows)
        assert {row.customer_id for row in messages}.isdisjoint(self._terms.held_out)
        assert {row.customer_id for row in rows if row.outcome == "holdout"} <= self._terms.held_out
        assert sum(row.is_ghost for row in self._rows(other_send)) == outcomes["holdout"]

    def _check_positions(self) -> None:
        """A consent that ends by itself ends the track when somebody looks: only a withdrawal is at once."""
        located = {row.customer_id for table in (track, visiting) for row in self._rows(table)}
        for customer_id in located:
            said = [row for row in self._lines(customer_id, "location.matching") if row.at <= self._clock.newest]
            last = max(said, key=_in_ledger_order)
            assert last.action != "withdrawn" or last.recorded_at < last.at, f"{customer_id} is still located"

    def _is_active(self, campaign_id: str) -> bool:
        last = max(self._rows(campaign_revision, id=campaign_id), key=lambda row: int(row.revision))
        return bool(last.state == "active" and not last.is_deleted)

    def _is_suppressed(self, customer_id: str, channel: str) -> bool:
        return bool(self._rows(suppression, customer_id=customer_id, channel=channel))

    def _lines(self, customer_id: str, purpose: str) -> list[Row[Any]]:
        (known,) = self._rows(customer, id=customer_id)
        return self._rows(consent_event, subject=known.subject, purpose=purpose)

    def _rows(self, table: Table, **values: str) -> list[Row[Any]]:
        mine = [table.c.tenant_id == self._tenant, *(table.c[name] == value for name, value in values.items())]
        with self._store.engine.connect().execution_options(nearcast_begin="BEGIN") as connection:
            return list(connection.execute(select(table).where(*mine)))


def _in_ledger_order(row: Any) -> tuple[Any, ...]:
    return row.at, ("granted", "confirmed", "withdrawn").index(row.action), row.seq
