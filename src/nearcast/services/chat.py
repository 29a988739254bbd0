"""Who answers in a chat what is not about getting messages: whoever reserves, a shop's staff, who asks for
offers."""

from collections.abc import Callable, Sequence

from nearcast.services.channel_ports import WayOut
from nearcast.services.conversation import Handler
from nearcast.services.identities import Identities
from nearcast.services.local_search import LocalSearch
from nearcast.services.replies import Replies
from nearcast.services.reservation_chat import ReservationChat
from nearcast.services.reservations import Booking
from nearcast.services.row_tokens import RowTokens
from nearcast.services.staff import Staff
from nearcast.services.staff_words import StaffWords
from nearcast.services.tap_ids import TapIds
from nearcast.services.terms import Terms


def chat_handlers(
    staff: Staff,
    identities: Identities,
    terms: Terms,
    tokens: RowTokens,
    taps: TapIds,
    booking: Booking,
    through: Callable[[str], WayOut | None],
) -> Callable[[Replies], Sequence[Handler]]:
    """The handlers in their order, for whoever has the replies that they answer with."""

    def handlers(replies: Replies) -> Sequence[Handler]:
        return (
            ReservationChat(booking, terms, replies, taps, through),
            StaffWords(staff, identities, replies, tokens, through),
            LocalSearch(terms, replies, tokens, through),
        )

    return handlers
