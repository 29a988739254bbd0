"""The key that push services know us by. A browser's subscription is tied to it: with another one all are lost."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nearcast.domain.errors import InvalidInput

_BYTES = 32
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def new_key() -> str:
    """A private key of the curve P-256 as it is written: 32 bytes in base64url without padding."""
    return _written((secrets.randbelow(_ORDER - 1) + 1).to_bytes(_BYTES))


def private_key(said: str) -> EllipticCurvePrivateKey:
    """The key that is written so; InvalidInput, which does not show it, where it is none."""
    try:
        raw = urlsafe_b64decode(said + "=" * (-len(said) % 4))
        if len(raw) != _BYTES:
            raise ValueError
        return derive_private_key(int.from_bytes(raw), SECP256R1())
    except ValueError:
        raise InvalidInput(
            "is not a private key of P-256: 32 bytes in base64url", place="NEARCAST_WEBPUSH_KEY"
        ) from None


def public_key(said: str) -> str:
    """What browsers ask for as `applicationServerKey`."""
    point = private_key(said).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return _written(point)


def _written(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
