"""Sealed messages of OwnTracks: a libsodium secret box whose key is a shared secret, cut or filled to 32 bytes
(https://owntracks.org/booklet/features/encrypt).
"""

import binascii
import json
from base64 import b64decode, b64encode

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from nearcast.feeds.phone import NoFix, document


def unseal(body: bytes, secret: str | None) -> tuple[bytes | None, bool]:
    """The message in a sealed one, None where the secret does not open it, and whether it was sealed."""
    try:
        found = document(body)
    except NoFix:
        return body, False
    if not isinstance(found, dict) or found.get("_type") != "encrypted":
        return body, False
    try:
        return _box(secret or "").decrypt(b64decode(found.get("data", ""), validate=True)), True
    except (CryptoError, binascii.Error, TypeError, ValueError):
        return None, True


def seal(answer: bytes, secret: str | None) -> bytes:
    """An answer as one sealed message."""
    hidden = b64encode(bytes(_box(secret or "").encrypt(answer))).decode()
    return json.dumps({"_type": "encrypted", "data": hidden}).encode()


def _box(secret: str) -> SecretBox:
    return SecretBox(secret.encode()[: SecretBox.KEY_SIZE].ljust(SecretBox.KEY_SIZE, b"\0"))
