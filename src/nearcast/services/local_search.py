"""Somebody sends where they are, and gets the nearest offers.

This works for whoever writes, with consent to being located or without: it is their own question, and the answer to it
is all that becomes of the place. It is in no row, no log and no figure; of somebody unknown nothing is kept at all.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from nearcast.domain.campaign import Campaign
from nearcast.domain.channel_event import InboundKind
from nearcast.domain.chat_words import near_word
from nearcast.domain.ids import ShopId
from nearcast.domain.position import Position
from nearcast.domain.sending import Choice, Content, LocationRequest, Row, Text
from nearcast.services.channel_ports import Capability, WayOut
from nearcast.services.chat_language import CHAT_WORDS, ChatWords
from nearcast.services.conversation import Heard
from nearcast.services.figures import Figure
from nearcast.services.nearby_offers import NearOffer, live_offer, nearest_offers, offer_text
from nearcast.services.notices import language_of
from nearcast.services.ports import UnitOfWork
from nearcast.services.replies import Replies
from nearcast.services.row_tokens import RowTokens, is_for
from nearcast.services.terms import Terms
from nearcast.services.voucher_codes import until
from nearcast.services.world import World

_OFFER = "offer"
_TITLE, _DESCRIPTION, _SAID = 24, 72, 300  # what the narrowest channel shows of a row, and a body of three offers


class LocalSearch:
    """Answers places, the words that ask for what is near, and taps on what was answered."""

    def __init__(
        self, terms: Terms, replies: Replies, tokens: RowTokens, adapter: Callable[[str], WayOut | None]
    ) -> None:
        self._terms, self._replies, self._tokens, self._adapter = terms, replies, tokens, adapter

    def handle(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """As `Handler`."""
        inbound = heard.inbound
        if inbound.kind is InboundKind.LOCATION and inbound.position is not None:
            uow.tell(Figure.CHATS, "search")
            self._answer(uow, heard, self._found(uow, heard, inbound.position, now), now)
        elif is_for(_OFFER, inbound.payload):
            self._show(uow, heard, now)
        elif inbound.kind is InboundKind.TEXT and (language := near_word(inbound.text)) is not None:
            uow.tell(Figure.CHATS, "near")
            words = CHAT_WORDS[language].ask_place
            asks = Capability.LOCATION_REQUEST in self._capabilities(heard)
            self._answer(uow, heard, LocationRequest(body=words) if asks else Text(body=words), now)
        else:
            return False
        return True

    def _found(self, uow: UnitOfWork, heard: Heard, position: Position, now: datetime) -> Content:
        words = _words(uow, heard)
        found = nearest_offers(self._world(uow, heard), position, now)
        if not found:
            return Text(body=words.none_near)
        lines = [f"{n}. {_line(words, each, now)}" for n, each in enumerate(found, 1)]
        body = "\n".join([words.nearest, *lines])
        if Capability.LIST not in self._capabilities(heard):
            return Text(body=body)
        rows = tuple(self._row(words, heard, each, now) for each in found)
        return Choice(body=body, label=words.choose, rows=rows)

    def _row(self, words: ChatWords, heard: Heard, offer: NearOffer, now: datetime) -> Row:
        return Row(
            id=self._tokens.make(heard.tenant_id, _OFFER, offer.campaign.id),
            title=_cut(offer.shop.name, _TITLE),
            description=_cut(f"{_distance(offer.distance_m)}, {_opening(words, offer, now)}", _DESCRIPTION),
        )

    def _show(self, uow: UnitOfWork, heard: Heard, now: datetime) -> None:
        """One offer, as it stands now: the list may be old."""
        world = self._world(uow, heard)
        by_id = world.campaigns.by_id
        named = self._tokens.read(heard.tenant_id, _OFFER, heard.inbound.payload or "", by_id)
        if named is None:
            uow.tell(Figure.CHATS, "forged")
            return
        uow.tell(Figure.CHATS, "offer")
        words, campaign = _words(uow, heard), next(each for each in by_id.values() if each.id == named)
        self._answer(uow, heard, Text(body=_whole(words, world, campaign, now)), now)

    def _answer(self, uow: UnitOfWork, heard: Heard, content: Content, now: datetime) -> None:
        self._replies.answer(uow, heard, content, now)

    def _world(self, uow: UnitOfWork, heard: Heard) -> World:
        return self._terms.of(heard.tenant_id).world(uow.catalogue)

    def _capabilities(self, heard: Heard) -> Capability:
        adapter = self._adapter(heard.channel)
        return Capability.TEXT if adapter is None else adapter.capabilities


def _words(uow: UnitOfWork, heard: Heard) -> ChatWords:
    docs: Sequence[dict[str, object]] = list(uow.customers.documents(heard.customers).values())
    said = next((str(doc["language"]) for doc in docs if doc.get("language")), None)
    return CHAT_WORDS[language_of(said)]


def _line(words: ChatWords, offer: NearOffer, now: datetime) -> str:
    told = [f"{offer.shop.name}, {_distance(offer.distance_m)}, {_opening(words, offer, now)}"]
    if offer.holds_until is not None:
        told.append(words.holds_until.format(at=_clock(offer, offer.holds_until, now)))
    return f"{' · '.join(told)}\n{_cut(offer_text(offer, now), _SAID)}"


def _whole(words: ChatWords, world: World, campaign: Campaign, now: datetime) -> str:
    offer = live_offer(world, campaign, now)
    if offer is None:
        return words.over
    told = [offer.shop.name, offer_text(offer, now), _opening(words, offer, now)]
    place = world.shops[ShopId(offer.shop.id)].position
    if place is not None:
        told.append(f"{place.lat_deg:.5f}, {place.lon_deg:.5f}")
    return "\n".join(told)


def _opening(words: ChatWords, offer: NearOffer, now: datetime) -> str:
    if offer.is_open:
        ends_at = offer.open_until
        return words.open_now if ends_at is None else words.open_until.format(at=_clock(offer, ends_at, now))
    if offer.opens_at is None:
        return words.closed
    return words.opens.format(at=_clock(offer, offer.opens_at, now))


def _clock(offer: NearOffer, at: datetime, now: datetime) -> str:
    zone = offer.shop.zone
    return until(at.astimezone(zone), now.astimezone(zone))


def _distance(metres: float) -> str:
    """As people say it: tens of metres, and from a kilometre on tenths of one."""
    tens = round(metres / 10) * 10
    return f"{tens} m" if tens < 1000 else f"{metres / 1000:.1f} km"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
