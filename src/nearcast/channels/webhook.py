"""Events over HTTP: to the internet, and into networks of one's own only where that is allowed."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from nearcast.channels.guarded_http import Guarded, NotAllowed, looked_up
from nearcast.services.event_ports import Answer, Post

_AT_ONCE = 16


class WebhookSender:
    """Posts events; the other side may be silent for `timeout_s` at a time, and has `within_s` for all of its answer.
    What it says is not read, but for its status.
    """

    def __init__(
        self,
        *,
        allows_private: bool,
        timeout_s: float = 5.0,
        within_s: float = 15.0,
        addresses: Callable[[str, int], list[str]] = looked_up,
    ) -> None:
        self._http = Guarded(allows_private=allows_private, timeout_s=timeout_s, within_s=within_s, addresses=addresses)

    def send_all(self, posts: Sequence[Post]) -> list[Answer]:
        """One attempt each, side by side."""
        with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(posts))), thread_name_prefix="nearcast webhook") as pool:
            return list(pool.map(self._send, posts))

    def _send(self, post: Post) -> Answer:
        try:
            return Answer(self._http.post(post.url, post.headers, post.body).status)
        except NotAllowed:
            return Answer(None, "private_network")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:  # their texts hold the address
            return Answer(None, type(error).__name__)
