"""You in the demo: a customer with a phone, who is moved by hand and can say stop."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import numpy as np

from nearcast.domain.campaign import Trigger
from nearcast.domain.consent import NEARBY, ConsentAction, ConsentEvent
from nearcast.domain.ids import CustomerId
from nearcast.domain.message import Message
from nearcast.domain.position import Position
from nearcast.domain.reason import Reason
from nearcast.domain.sending import Recipient, Text
from nearcast.domain.track import Track
from nearcast.domain.visit import BEGINNING
from nearcast.geo.batch import PingBatch
from nearcast.services.demo.city import TENANT, DemoCity
from nearcast.services.demo.offers import Offers
from nearcast.services.demo.people import Accept
from nearcast.services.demo.words import ARRIVED, ON_ITS_WAY, told_why
from nearcast.services.engines import Engines
from nearcast.services.instants import as_us
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.ports import MatchLogFilter, Store, UnitOfWork
from nearcast.services.replies import Replies
from nearcast.services.reply_words import ReplyWords
from nearcast.services.suppressing import suppress, suppressed_on
from nearcast.services.telling import sentence
from nearcast.services.track_ports import KeptTrack
from nearcast.services.working_set import WorkingSet

_PHONE_EVERY = timedelta(minutes=1)
_ACCURACY_M = 8.0
_WHATSAPP = "whatsapp"
_OUTCOMES = ("send", "defer", "holdout", "suppress")


class You:
    """One customer, shared by all who look at the page. A phone that lies still tells its place every minute."""

    def __init__(self, city: DemoCity, store: Store, *, accept: Accept, engines: Engines, replies: Replies) -> None:
        self.id, self._channels, self._number = city.you, city.channels, city.numbers[city.you]
        self._store, self._accept, self._engines, self._replies = store, accept, engines, replies
        self._lock = Lock()
        self._at, self._dropped_at, self._told_at = city.home, BEGINNING, BEGINNING
        self._stopped_at = BEGINNING
        self._refused: Reason | None = None

    @property
    def position(self) -> Position:
        return self._at

    def move(self, position: Position, now: datetime) -> None:
        """Be there from now on; the phone says so at once."""
        with self._lock:
            self._at, self._dropped_at = position, now
            self._tell(now)

    def step(self, now: datetime) -> None:
        """Let the phone tell where it lies, if it is time."""
        with self._lock:
            if self._told_at == BEGINNING:
                self._dropped_at = now
            elif now < self._told_at + _PHONE_EVERY:
                return
            self._tell(now)

    def stop(self, now: datetime) -> None:
        """No more offers, on any channel: as an opt-out by one word, which your WhatsApp confirms once. Where you are
        may still be told.
        """
        with self._lock, self._engines.of(TENANT) as live, self._store.writing(TENANT) as uow:
            working = WorkingSet(uow, live.catalogue, [self.id])
            ended = {
                channel
                for channel in self._channels
                if suppress(uow, working, self.id, channel, now, reason="stop") is not None
            }
            working.save()
            if _WHATSAPP in ended:
                self._confirm(uow, now)
            uow.commit()
            self._stopped_at = now
        with self._engines.of(TENANT) as live:
            withdrawn = ConsentEvent(
                event_id=f"{self.id}-stop-{as_us(now)}",
                customer_id=self.id,
                purpose=NEARBY,
                action=ConsentAction.WITHDRAWN,
                at=now,
            )
            live.take_consent(LedgerLine(event=withdrawn, recorded_at=now, source="the demo's page"), now)

    def _confirm(self, uow: UnitOfWork, now: datetime) -> None:
        self._replies.reply(
            uow,
            tenant_id=TENANT,
            channel=_WHATSAPP,
            to=Recipient(address=self._number),
            content=Text(body=ReplyWords(uow, TENANT, [self.id])["stopped"]),
            in_reply_to=None,
            said_at=now,
            now=now,
            customer_id=self.id,
            is_asked_for=True,
            name=f"stop of {self.id} at {as_us(now)}",
        )

    def shown(self, uow: UnitOfWork, offers: Offers, now: datetime) -> dict[str, Any]:
        """Your place, the geofences you are in, your last message, and what came of your last move."""
        kept = uow.tracks.load([self.id]).get(self.id)
        messages = {message.id: message for message in uow.outbox.of([self.id]).get(self.id, [])}
        arrived = [message for message in messages.values() if message.status in ARRIVED]
        track = kept.track if kept else None
        return {
            "lat": self._at.lat_deg,
            "lon": self._at.lon_deg,
            "inside": _shops_of(track, offers, now),
            "stopped": suppressed_on(uow, self.id) >= set(self._channels),
            "message": _shown_message(max(arrived, key=lambda m: m.queued_at), offers) if arrived else None,
            "answer": self._answer(self._rows_since_drop(uow), messages, kept, offers, now),
        }

    def _rows_since_drop(self, uow: UnitOfWork) -> list[dict[str, Any]]:
        rows = uow.match_log.page(MatchLogFilter(customer_id=self.id), limit=20).items
        return [row for row in rows if row["at"] >= self._dropped_at]

    def _answer(
        self,
        rows: Sequence[Mapping[str, Any]],
        messages: Mapping[Any, Message],
        kept: KeptTrack | None,
        offers: Offers,
        now: datetime,
    ) -> dict[str, Any]:
        if self._stopped_at > self._dropped_at:
            return _said("stopped", "You said stop. Drag on, and read what comes of it.")
        if rows:
            newest = [row for row in rows if row["decided_at"] == rows[0]["decided_at"]]
            return _told(min(newest, key=_weight), messages, offers)
        if self._refused is not None:
            return _said("none", f"Your phone's position was refused: {sentence(self._refused)}.")
        if kept is None or not kept.fixes or kept.fixes[-1].at < self._dropped_at:
            return _said("waiting", "Your phone tells where you are\u00a0…")
        track = kept.track
        if not track.open_visits:
            return _said("none", "You are outside every fence. Nobody asks, nothing is sent.")
        where = " and ".join(_shops_of(track, offers, now))
        for visit in track.open_visits:
            stay_s = offers.stay_s(visit.geofence_id, now)
            if stay_s is not None:
                return _said("waiting", f"{where} has an offer for those who stay {stay_s / 60:.0f} minutes. Stay.")
        here = [visit.geofence_id for visit in track.open_visits]
        if any(offers.is_running(geofence_id, Trigger.ENTER, now) for geofence_id in here):
            return _said("none", f"You are still at {where}: its offer goes to those who arrive.")
        return _said("none", f"No offer is running here: {where} has none for those who arrive now.")

    def _tell(self, now: datetime) -> None:
        """To be called with the lock held, so that pings leave in the order of their instants."""
        refused = self._accept(TENANT, _one_ping(self.id, self._at, now), now)
        self._told_at, self._refused = now, refused[0][1] if refused else None


def _shops_of(track: Track | None, offers: Offers, now: datetime) -> list[str]:
    """Whose geofences the track is in."""
    visits = track.open_visits if track else ()
    return sorted({offers.fence_shop_name(visit.geofence_id, now) for visit in visits})


def _one_ping(customer_id: CustomerId, position: Position, now: datetime) -> PingBatch:
    nothing = np.array([None], dtype=object)
    at_us = np.array([as_us(now)], dtype=np.int64)
    return PingBatch(
        customer_id=np.array([customer_id], dtype=object),
        recorded_at_us=at_us,
        received_at_us=at_us,
        lat_deg=np.array([position.lat_deg]),
        lon_deg=np.array([position.lon_deg]),
        accuracy_m=np.array([_ACCURACY_M]),
        speed_mps=np.array([np.nan]),
        ping_id=nothing,
        device_id=nothing,
    )


def _weight(row: Mapping[str, Any]) -> tuple[int, bool, bool]:
    """What says most comes first: a message, then an arrival's verdict before a departure's."""
    return (
        _OUTCOMES.index(row["outcome"]),
        row["trigger"] == Trigger.EXIT,
        row["reason"] == Reason.LOST_ARBITRATION,
    )


def _told(row: Mapping[str, Any], messages: Mapping[Any, Message], offers: Offers) -> dict[str, Any]:
    """A verdict as an answer to you."""
    shop, message = offers.shop_name(row["shop_id"]), messages.get(row["message_id"])
    if message is not None and message.status in ARRIVED:
        return _said("message", f"{shop} sent you a message.")
    if message is not None and message.status in ON_ITS_WAY:
        return _said("waiting", f"{shop} has a message for you. It is on its way.")
    reason = message.reason if message is not None else row["reason"]
    why = told_why(reason, is_you=True) if reason else "it could not be delivered"
    return _said("refused", f"No message from {shop}: {why}.", reason)


def _said(kind: str, text: str, reason: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "text": text, "reason": reason}


def _shown_message(message: Message, offers: Offers) -> dict[str, Any]:
    return {
        "id": message.id,
        "text": message.text,
        "shop": offers.shop_name(message.shop_id),
        "channel": message.channel,
        "at": offers.clock(message.sent_at or message.queued_at),
    }
