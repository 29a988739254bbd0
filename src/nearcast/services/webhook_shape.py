"""How a webhook is written from outside, and how it is kept."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from nearcast.domain.ids import ShopId
from nearcast.domain.networks import as_address
from nearcast.domain.visit import TransitionKind
from nearcast.domain.webhook import Webhook
from nearcast.services.scalars import Id, parse_instant
from nearcast.services.scenario import Shape

_LONGEST_URL = 1000
_LOOPBACK = "localhost"


def _url(said: str) -> str:
    if len(said) > _LONGEST_URL or not said.isascii() or not said.isprintable() or " " in said:
        raise ValueError(f"is not an address of at most {_LONGEST_URL} ASCII characters without spaces")
    try:
        parts = urlsplit(said)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not an address like https://example.com/hook") from None
    if not host or port == 0:
        raise ValueError("is not an address like https://example.com/hook")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("has a name, a password or a # in it, which are not sent")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError("begins with https://, or with http:// on this machine alone")
    return said


def _is_loopback(host: str) -> bool:
    address = as_address(host)
    return host == _LOOPBACK or (address is not None and address.is_loopback)


def _each_once(kinds: list[TransitionKind]) -> list[TransitionKind]:
    if len(set(kinds)) < len(kinds):
        raise ValueError("names one twice")
    return kinds


class WebhookShape(Shape):
    """Where events go, and which: without `shop_ids` those of every geofence. `with_position` adds the position of
    customers who agreed to `location.sharing`.
    """

    url: Annotated[str, AfterValidator(_url)]
    events: Annotated[
        list[Annotated[TransitionKind, Field(strict=False)]], Field(min_length=1), AfterValidator(_each_once)
    ]
    shop_ids: Annotated[list[Id], Field(min_length=1, max_length=1000)] | None = None
    with_position: bool = False


def webhook_of(key: str, doc: Mapping[str, Any]) -> Webhook:
    """A webhook from the document that is kept."""
    return Webhook(
        id=key,
        url=doc["url"],
        kinds=frozenset(map(TransitionKind, doc["events"])),
        shop_ids=None if doc["shop_ids"] is None else frozenset(map(ShopId, doc["shop_ids"])),
        with_position=doc["with_position"],
        generation=doc["generation"],
        previous_until=None if doc["previous_until"] is None else parse_instant(doc["previous_until"]),
    )
