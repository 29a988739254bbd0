"""Whether a webhook is Meta's: signed over its bytes as they came (messaging reference §2.1)."""

import hmac
from collections.abc import Iterable, Mapping

from nearcast.services.channel_ports import BadSignature

_HEADER = "x-hub-signature-256"
_MARK = "sha256="


def check_signature(headers: Mapping[str, str], raw: bytes, secrets: Iterable[str]) -> None:
    """BadSignature unless one of the secrets, the new one and those that are going out of use, has signed `raw`."""
    # as bytes: compare_digest refuses texts that are not ASCII, and a header may hold anything
    given = _header(headers).encode("utf-8", "surrogatepass")
    expected = [(_MARK + hmac.new(secret.encode(), raw, "sha256").hexdigest()).encode() for secret in secrets]
    if not any(hmac.compare_digest(given, each) for each in expected):
        raise BadSignature("the webhook is not signed with this app's secret")


def is_same(given: str | None, secret: str) -> bool:
    """Compared in constant time; nothing is the same as an empty secret."""
    said = (given or "").encode("utf-8", "surrogatepass")
    return bool(secret) and hmac.compare_digest(said, secret.encode())


def _header(headers: Mapping[str, str]) -> str:
    return next((said for name, said in headers.items() if name.lower() == _HEADER), "")
