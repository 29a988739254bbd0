"""A channel that keeps what would have been sent and accepts it at once."""

from nearcast.domain.message import Message
from nearcast.services.ports import SendOutcome


class Recorder:
    """For replays and forecasts: nothing leaves the machine."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, message: Message) -> SendOutcome:
        self.sent.append(message)
        return SendOutcome.ACCEPTED
