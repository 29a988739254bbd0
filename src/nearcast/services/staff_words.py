"""The staff of a shop say by chat what its campaigns are to do: "sold out" stops them, "go on" lets them run again.

Nothing that anybody else writes is read as that, and "stop" alone stays the word of a customer.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from nearcast.domain.campaign import CampaignState
from nearcast.domain.channel_event import InboundKind
from nearcast.domain.chat_words import StaffWord, Wish, plain, staff_word
from nearcast.domain.errors import Conflict
from nearcast.domain.ids import CampaignId
from nearcast.domain.sending import Choice, Content, Row, Text
from nearcast.services.audit_ports import Actor
from nearcast.services.campaigns import change_state
from nearcast.services.channel_ports import Capability, WayOut
from nearcast.services.chat_language import CHAT_WORDS, ChatWords
from nearcast.services.conversation import Heard
from nearcast.services.figures import Figure
from nearcast.services.identities import Identities
from nearcast.services.ports import Revision, UnitOfWork
from nearcast.services.replies import Replies
from nearcast.services.row_tokens import RowTokens, is_for
from nearcast.services.shops import shop_of_document
from nearcast.services.staff import Staff
from nearcast.services.staff_ports import Member

_MOST_ROWS, _TITLE, _DESCRIPTION = 10, 24, 72
_STATES = {Wish.PAUSE: CampaignState.ACTIVE, Wish.RESUME: CampaignState.PAUSED}


class StaffWords:
    """Answers those whose numbers are registered for a shop."""

    def __init__(
        self,
        staff: Staff,
        identities: Identities,
        replies: Replies,
        tokens: RowTokens,
        adapter: Callable[[str], WayOut | None],
    ) -> None:
        self._staff, self._identities, self._replies = staff, identities, replies
        self._tokens, self._adapter = tokens, adapter

    def handle(self, uow: UnitOfWork, heard: Heard, now: datetime) -> bool:
        """As `Handler`."""
        tapped = next((wish for wish in Wish if is_for(wish.name.lower(), heard.inbound.payload)), None)
        members = uow.staff.at(heard.channel, self._identities.address_indexes(heard.inbound.sender_keys))
        if members:
            uow.staff.hear(members, heard.inbound.at, by=heard.inbound.received_by)
        if tapped is not None:
            self._tap(uow, heard, members, tapped, now)
            return True
        if not members or heard.inbound.kind is not InboundKind.TEXT:
            return False
        if self._verified(uow, heard, members, now):
            return True
        word = staff_word(heard.inbound.text)
        if word is None:
            return False
        return self._act(uow, heard, members, word, now)

    def _verified(self, uow: UnitOfWork, heard: Heard, members: Sequence[Member], now: datetime) -> bool:
        member = self._staff.verify(uow, members, heard.inbound.text, now)
        if member is None:
            return False
        uow.tell(Figure.CHATS, "staff_code")
        shop = uow.catalogue.shops.get(member.shop_id)
        name = str(shop.doc.get("name") or shop.id) if shop else member.shop_id
        self._answer(uow, heard, Text(body=CHAT_WORDS["en"].verified.format(shop=name)), now)
        return True

    def _act(self, uow: UnitOfWork, heard: Heard, members: Sequence[Member], word: StaffWord, now: datetime) -> bool:
        words = CHAT_WORDS[word.language]
        speaking = _who_may(members, word.wish)
        if not speaking:
            self._answer(uow, heard, Text(body=words.not_verified), now)
            return True
        uow.catalogue.hold()
        there = _campaigns(uow, speaking, word.wish)
        meant = [each for each in there if word.about in _names(each)] if word.about else there
        if word.about and not meant:
            return False  # words that only begin like one of ours
        if len(meant) == 1:
            self._change(uow, heard, meant[0], word.wish, words, now)
        elif meant:
            self._answer(uow, heard, self._which(heard, speaking, meant, word.wish, words), now)
        else:
            none = words.nothing_to_pause if word.wish is Wish.PAUSE else words.nothing_to_resume
            self._answer(uow, heard, Text(body=none), now)
        return True

    def _tap(self, uow: UnitOfWork, heard: Heard, members: Sequence[Member], wish: Wish, now: datetime) -> None:
        """A row of a list of ours, maybe an old one: what it stands for is looked at now."""
        payload = heard.inbound.payload or ""
        uow.catalogue.hold()
        shops = {each.shop_id for each in _who_may(members, wish)}
        there = {each.id: each for each in uow.catalogue.campaigns.all() if shop_of_document(each.doc) in shops}
        for whom in sorted({each.address_index for each in members}):
            named = self._tokens.read(heard.tenant_id, wish.name.lower(), payload, there, for_whom=whom)
            if named is not None:
                self._change(uow, heard, there[named], wish, CHAT_WORDS["en"], now)
                return
        uow.tell(Figure.CHATS, "forged")

    def _change(
        self, uow: UnitOfWork, heard: Heard, standing: Revision, wish: Wish, words: ChatWords, now: datetime
    ) -> None:
        by = Actor(f"staff by {heard.channel}")
        try:
            change_state(uow, heard.tenant_id, standing, wish.value, now, by=by)
        except Conflict:
            none = words.nothing_to_pause if wish is Wish.PAUSE else words.nothing_to_resume
            self._answer(uow, heard, Text(body=none), now)
            return
        uow.tell(Figure.CHATS, wish.name.lower())
        stopped = uow.outbox.stop(_id(standing), now) if wish is Wish.PAUSE else 0
        said = words.paused if wish is Wish.PAUSE else words.resumed
        self._answer(uow, heard, Text(body=said.format(campaign=_title(standing), count=stopped)), now)

    def _which(
        self, heard: Heard, members: Sequence[Member], meant: Sequence[Revision], wish: Wish, words: ChatWords
    ) -> Content:
        whom, state = members[0].address_index, words.is_running if wish is Wish.PAUSE else words.is_paused
        rows = tuple(
            Row(
                id=self._tokens.make(heard.tenant_id, wish.name.lower(), each.id, for_whom=whom),
                title=_title(each)[:_TITLE],
                description=f"{shop_of_document(each.doc)}, {state}"[:_DESCRIPTION],
            )
            for each in meant[:_MOST_ROWS]
        )
        asked = words.which_to_pause if wish is Wish.PAUSE else words.which_to_resume
        adapter = self._adapter(heard.channel)
        if adapter is None or Capability.LIST not in adapter.capabilities:
            return Text(body="\n".join([asked, *(f"{wish.name.lower()} {_title(each)}" for each in meant)]))
        return Choice(body=asked, label=asked[:20], rows=rows)

    def _answer(self, uow: UnitOfWork, heard: Heard, content: Content, now: datetime) -> None:
        # to the shop, and not to a customer who may have the same number and wants no offers there
        self._replies.answer(uow, replace(heard, customers=()), content, now)


def _who_may(members: Sequence[Member], wish: Wish) -> list[Member]:
    """Whoever may make a shop louder has shown that the number is theirs; quieter, anybody whose it is said to be."""
    return [each for each in members if wish is Wish.PAUSE or each.verified_at is not None]


def _campaigns(uow: UnitOfWork, members: Sequence[Member], wish: Wish) -> list[Revision]:
    """The campaigns of their shops that this can be done to, by id."""
    shops = {each.shop_id for each in members}
    there = [each for each in uow.catalogue.campaigns.all() if shop_of_document(each.doc) in shops]
    return [each for each in there if each.state == _STATES[wish]]


def _names(campaign: Revision) -> set[str]:
    return {plain(campaign.id), plain(_title(campaign))}


def _title(campaign: Revision) -> str:
    return str(campaign.doc.get("name") or campaign.id)


def _id(campaign: Revision) -> CampaignId:
    return CampaignId(campaign.id)
