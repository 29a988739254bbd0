"""A customer reserves in a chat: a tap on "Reserve", a list of free times, one of them, and a yes to it.

Whatever stands in an id is looked at when it comes back: a list may be a week old, a button tapped twice, an id forged.
Nothing is offered where there are no lists and buttons to answer with.
"""

from collections.abc import Callable
from datetime import datetime

from nearcast.domain.channel_event import InboundKind
from nearcast.domain.ids import CustomerId, MessageId, ReservationId, ShopId, SlotId
from nearcast.domain.message import Message
from nearcast.domain.reservation import Reservation, ReservationState
from nearcast.domain.sending import Button, Choice, Content, Row, Text
from nearcast.services.channel_ports import Capability, WayOut
from nearcast.services.conversation import Heard
from nearcast.services.figures import Figure
from nearcast.services.keywords import Word, meaning
from nearcast.services.ports import UnitOfWork
from nearcast.services.replies import Replies
from nearcast.services.reservation_form import NotFilledIn, chosen_slot, session_of
from nearcast.services.reservation_words import ReservationWords, asks_for_slot
from nearcast.services.reservations import Booking, Confirmed
from nearcast.services.row_tokens import is_for
from nearcast.services.tap_ids import TapIds
from nearcast.services.terms import Terms

RESERVE_TAP = "reserve"
"""The purpose of a tap by which somebody asks for a slot of the shop that the message is from, which it names."""

FORM_TAP = "form"
"""The purpose of the id by which a form is known, which names the message that offered it."""

_SLOT_TAP, _CONFIRM_TAP, _CHANGE_TAP, _CANCEL_TAP = "slot", "confirm", "change", "cancel"
_NEEDS = Capability.LIST | Capability.REPLY_BUTTONS
_MOST_ROWS, _TITLE, _BODY = 10, 24, 1024


class OpenReservation:
    """Whether somebody has a place that "cancel" may be about."""

    def is_open(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """As `Question`."""
        return bool(uow.reservations.live(heard.customers, now))


class ReservationChat:
    """Answers taps and words about reservations, and forms that were filled in."""

    def __init__(
        self,
        booking: Booking,
        terms: Terms,
        replies: Replies,
        taps: TapIds,
        adapter: Callable[[str], WayOut | None],
    ) -> None:
        self._booking, self._terms, self._replies = booking, terms, replies
        self._taps, self._adapter = taps, adapter

    def handle(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """As `Handler`."""
        payload, kind = heard.inbound.payload, heard.inbound.kind
        if kind is InboundKind.FORM:
            self._fill_in(uow, heard, now)
        elif is_for(RESERVE_TAP, payload):
            self._reserve(uow, heard, now)
        elif is_for(_SLOT_TAP, payload):
            self._choose(uow, heard, payload or "", now)
        elif any(is_for(each, payload) for each in (_CONFIRM_TAP, _CHANGE_TAP, _CANCEL_TAP)):
            self._settle(uow, heard, payload or "", now)
        elif kind in (InboundKind.TEXT, InboundKind.BUTTON):
            return self._asked(uow, heard, now) or self._called_off(uow, heard, now)
        else:
            return False
        return True

    def _asked(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """Somebody asks in a word, of the shop whose message they answer, or else of the one that wrote last."""
        spoken = asks_for_slot(heard.inbound.text)
        adapter = self._adapter(heard.channel)
        if spoken is None or adapter is None or _NEEDS not in adapter.capabilities:
            return False
        answered = uow.outbox.named(filter(None, [heard.inbound.in_reply_to])).values()
        theirs = [each for some in uow.outbox.of(heard.customers).values() for each in some]
        meant = [each for each in theirs if each.id in answered] or theirs
        if not meant or not uow.slots.page(meant[-1].shop_id, since=now, until=None, cursor=None, limit=1).items:
            return False
        self._offer(uow, heard, meant[-1], now, spoken=spoken)
        return True

    def _reserve(self, uow: UnitOfWork, heard: Heard, now: datetime) -> None:
        message = self._message(uow, heard, RESERVE_TAP, heard.inbound.payload or "")
        if message is None:
            self._forged(uow)
        else:
            self._offer(uow, heard, message, now)

    def _offer(
        self, uow: UnitOfWork, heard: Heard, message: Message, now: datetime, *, spoken: str | None = None
    ) -> None:
        uow.tell(Figure.CHATS, "reserve")
        words = self._words(uow, heard, spoken)
        self._answer(uow, heard, self._free(uow, heard, words, message.customer_id, message.shop_id, now), now)

    def _choose(self, uow: UnitOfWork, heard: Heard, payload: str, now: datetime) -> None:
        """A row of a list: it was made for one customer, and is of use to nobody else."""
        for customer_id in heard.customers:
            named = self._taps.read(heard.tenant_id, _SLOT_TAP, payload, for_whom=customer_id)
            if named is not None:
                self._hold(uow, heard, customer_id, SlotId(named), now)
                return
        self._forged(uow)

    def _hold(self, uow: UnitOfWork, heard: Heard, customer_id: CustomerId, slot_id: SlotId, now: datetime) -> None:
        held, words = self._booking.hold(uow, heard, customer_id, slot_id, now), self._words(uow, heard)
        if held is None:
            slot = uow.slots.of([slot_id]).get(slot_id)
            self._gone(uow, heard, customer_id, None if slot is None else slot.shop_id, now)
        elif held.state is ReservationState.BOOKED:
            self._answer(uow, heard, Text(body=words.of("booked", held)), now)
        else:
            buttons = tuple(
                Button(id=self._taps.make(heard.tenant_id, purpose, held.id), title=words[purpose])
                for purpose in (_CONFIRM_TAP, _CHANGE_TAP, _CANCEL_TAP)
            )
            self._answer(uow, heard, Text(body=words.of("held", held), buttons=buttons), now)

    def _settle(self, uow: UnitOfWork, heard: Heard, payload: str, now: datetime) -> None:
        """A button under a time that was held."""
        purpose = payload.split(":")[1]
        named = self._taps.read(heard.tenant_id, purpose, payload)
        found = None if named is None else uow.reservations.get(ReservationId(named))
        if found is None or found.customer_id not in heard.customers:
            self._forged(uow)
        elif purpose == _CONFIRM_TAP:
            self._confirm(uow, heard, found, now)
        elif purpose == _CANCEL_TAP:
            self._cancel(uow, heard, found, self._words(uow, heard), now)
        else:
            self._change(uow, heard, found, now)

    def _confirm(self, uow: UnitOfWork, heard: Heard, found: Reservation, now: datetime) -> None:
        outcome, booked = self._booking.confirm(uow, found.id, heard, now)
        if booked is None:
            self._gone(uow, heard, found.customer_id, found.shop_id, now)
        else:
            said = "booked" if outcome is Confirmed.BOOKED else "waits"
            self._answer(uow, heard, Text(body=self._words(uow, heard).of(said, booked)), now)

    def _gone(
        self, uow: UnitOfWork, heard: Heard, customer_id: CustomerId, shop_id: ShopId | None, now: datetime
    ) -> None:
        """A time is no longer free, but others are; of a slot that is long past nobody knows the shop."""
        uow.tell(Figure.CHATS, "slot_gone")
        words = self._words(uow, heard)
        others: Content = Text(body=words["gone"])
        if shop_id is not None:
            others = self._free(uow, heard, words, customer_id, shop_id, now, before=words["gone"])
        self._answer(uow, heard, others, now)

    def _change(self, uow: UnitOfWork, heard: Heard, found: Reservation, now: datetime) -> None:
        words = self._words(uow, heard)
        was_live = found.is_live(now) and self._booking.cancel(uow, found, now)
        before = words.of("cancelled", found) if was_live and found.state is ReservationState.BOOKED else ""
        others = self._free(uow, heard, words, found.customer_id, found.shop_id, now, before=before)
        self._answer(uow, heard, others, now)

    def _called_off(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """Somebody writes "cancel": what is being asked about is given back, else the only one; of several they choose.
        That the same word was an answer about offers as well is asked apart.
        """
        said = meaning(heard.inbound.text)
        if said is None or said.word is not Word.AMBIGUOUS:
            return False
        live = uow.reservations.live(heard.customers, now)
        meant = [each for each in live if each.state is ReservationState.HELD] or live
        words = self._words(uow, heard, said.language)
        if len(meant) == 1:
            self._cancel(uow, heard, meant[0], words, now)
        elif meant:
            rows = tuple(
                Row(
                    id=self._taps.make(heard.tenant_id, _CANCEL_TAP, each.id),
                    title=words.when(each),
                    description=words.shop_name(each.shop_id)[:72],
                )
                for each in meant[:_MOST_ROWS]
            )
            self._answer(uow, heard, Choice(body=words["which"], label=words["cancel"], rows=rows), now, name="which")
        return bool(meant)

    def _cancel(
        self, uow: UnitOfWork, heard: Heard, found: Reservation, words: ReservationWords, now: datetime
    ) -> None:
        if found.is_live(now):
            self._booking.cancel(uow, found, now)
        self._answer(uow, heard, Text(body=words.of("cancelled", found)), now, name="cancelled")

    def _fill_in(self, uow: UnitOfWork, heard: Heard, now: datetime) -> None:
        """A form was sent: it may say anything, for the person's own device has written it."""
        try:
            session = session_of(heard.inbound.payload)
        except NotFilledIn:
            uow.tell(Figure.CHATS, "form_refused")
            self._answer(uow, heard, Text(body=self._words(uow, heard)["unread"]), now)
            return
        message = self._message(uow, heard, FORM_TAP, session or "")
        if message is None:
            self._forged(uow)
            return
        try:
            payload = chosen_slot(heard.inbound.payload)
            named = self._taps.read(heard.tenant_id, _SLOT_TAP, payload, for_whom=message.customer_id)
            if named is None:
                raise NotFilledIn
        except NotFilledIn:
            uow.tell(Figure.CHATS, "form_refused")
            words = self._words(uow, heard)
            others = self._free(uow, heard, words, message.customer_id, message.shop_id, now, before=words["unread"])
            self._answer(uow, heard, others, now)
            return
        self._hold(uow, heard, message.customer_id, SlotId(named), now)

    def _free(
        self,
        uow: UnitOfWork,
        heard: Heard,
        words: ReservationWords,
        customer_id: CustomerId,
        shop_id: ShopId,
        now: datetime,
        *,
        before: str = "",
    ) -> Content:
        """The next free times of a shop, after what is said `before`."""
        slots = uow.slots.free(shop_id, now, limit=_MOST_ROWS)
        taken = uow.reservations.taken([each.id for each in slots], now)
        rows = tuple(
            Row(
                id=self._taps.make(heard.tenant_id, _SLOT_TAP, each.id, for_whom=customer_id),
                title=words.when(each)[:_TITLE],
                description=words["places"].format(count=each.capacity - taken.get(each.id, 0)),
            )
            for each in slots
        )
        asked = words.of_shop("pick" if rows else "none", shop_id)
        body = " ".join(filter(None, [before, asked]))[:_BODY]
        return Choice(body=body, label=words["label"], rows=rows) if rows else Text(body=body)

    def _message(self, uow: UnitOfWork, heard: Heard, purpose: str, payload: str) -> Message | None:
        """The message that an id names, which was made for whoever is heard."""
        read = (self._taps.read(heard.tenant_id, purpose, payload, for_whom=each) for each in heard.customers)
        named = next(filter(None, read), None)
        return None if named is None else uow.outbox.get(MessageId(named))

    def _forged(self, uow: UnitOfWork) -> None:
        uow.tell(Figure.CHATS, "forged")

    def _words(self, uow: UnitOfWork, heard: Heard, spoken: str | None = None) -> ReservationWords:
        world = self._terms.of(heard.tenant_id).world(uow.catalogue)
        return ReservationWords(uow, world, heard.customers, spoken=spoken)

    def _answer(self, uow: UnitOfWork, heard: Heard, content: Content, now: datetime, *, name: str = "") -> None:
        self._replies.answer(uow, heard, content, now, is_asked_for=True, beside=name)
