"""Channels that begin on a page of ours, where customers give the address themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class OwnChannels:
    """`browser_key` is what browsers subscribe with, `bot_name` a bot of Telegram's, None for no bot.
    `subscription_address` makes an address of what a browser says; InvalidInput where it is no subscription.
    """

    browser_key: str
    bot_name: str | None
    subscription_address: Callable[[str], str]

    def chat_link(self, token: str) -> str:
        """Where a person begins to talk with the bot, who learns the token from it."""
        return f"https://t.me/{self.bot_name}?start={quote(token)}"
