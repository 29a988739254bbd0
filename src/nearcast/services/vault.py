"""What addresses are kept under: sealed, so that a copy of the database tells none, and by a keyed hash, to be found.

Sealed is AES-256-GCM with a nonce of its own; whose address it is, and on which channel, is sealed with it: moved to
another row it does not open. The hash is HMAC-SHA-256 with a key of its own, which stays when the sealing keys change.
"""

import hashlib
import hmac
import secrets
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nearcast.domain.errors import InvalidInput, NearcastError
from nearcast.domain.ids import CustomerId, TenantId

SHORTEST_KEY = 32
_NONCE_BYTES = 12
_FORM = "1"


class CannotOpen(NearcastError):
    """What is sealed was changed, or moved, or its key is not among ours. Says nothing of what is in it."""

    code = "cannot_open"


class Seals:
    """Texts that only who has the keys can read. Seals with the first of its keys and opens with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Keys are secrets of 32 characters or more, of which the real ones are derived; InvalidInput for others."""
        if not keys:
            raise InvalidInput("there is no key")
        self._ciphers = {_key_id(key): AESGCM(_derived(key, b"sealing")) for key in reversed(keys)}
        self.key_id = _key_id(keys[0])

    @property
    def prefix(self) -> str:
        """What all begins with that is sealed with the first key."""
        return f"{_FORM}.{self.key_id}."

    def seal_text(self, text: str, *, of: str) -> str:
        """A text as it is kept, tied to what it is `of`: `1.KEY.TEXT`, the key by its id, the text in base64."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        hidden = self._ciphers[self.key_id].encrypt(nonce, text.encode(), of.encode())
        return f"{self.prefix}{urlsafe_b64encode(nonce + hidden).decode()}"

    def open_text(self, sealed: str, *, of: str) -> str:
        """The text; CannotOpen where it is of something else."""
        form, _, rest = sealed.partition(".")
        key_id, _, hidden = rest.partition(".")
        if form != _FORM or key_id not in self._ciphers:
            raise CannotOpen(f"it is sealed with the key {key_id[:16]!r}, which NEARCAST_DATA_KEY does not hold")
        try:
            raw = urlsafe_b64decode(hidden)
            return self._ciphers[key_id].decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], of.encode()).decode()
        except (InvalidTag, ValueError):
            raise CannotOpen("what is sealed was changed, or belongs to something else") from None


class Vault(Seals):
    """Addresses of customers, each sealed for that customer on that channel. Many threads may use it."""

    def __init__(self, keys: Sequence[str], index_key: str) -> None:
        super().__init__(keys)
        self._index_key = _derived(index_key, b"address index")
        self._voucher_key = _derived(index_key, b"vouchers")
        self._tap_key = _derived(index_key, b"taps")

    @property
    def voucher_key(self) -> bytes:
        """What the codes of vouchers are made with; it stays when the sealing keys change."""
        return self._voucher_key

    @property
    def tap_key(self) -> bytes:
        """What the ids of buttons and rows are signed with; it stays when the sealing keys change."""
        return self._tap_key

    def seal(self, tenant_id: TenantId, customer_id: CustomerId, channel: str, address: str) -> str:
        """An address as it is kept."""
        return self.seal_text(address, of=_of(tenant_id, customer_id, channel))

    def open(self, tenant_id: TenantId, customer_id: CustomerId, channel: str, sealed: str) -> str:
        """The address; CannotOpen where it is not that customer's on that channel."""
        return self.open_text(sealed, of=_of(tenant_id, customer_id, channel))

    def blind_index(self, channel: str, address: str) -> str:
        """The same for one address for ever, and for nobody to compute without the key. A telephone number has the same
        on every channel.
        """
        return hmac.new(self._index_key, normal(channel, address).encode(), hashlib.sha256).hexdigest()


def normal(channel: str, address: str) -> str:
    """An address as it is compared: mail in lower case, without what is left and right of it. Telephone numbers are
    E.164 already.
    """
    plain = unicodedata.normalize("NFC", address).strip()
    return plain.lower() if "@" in plain or channel == "email" else plain


def _of(tenant_id: TenantId, customer_id: CustomerId, channel: str) -> str:
    return "|".join(f"{len(name)}:{name}" for name in (tenant_id, customer_id, channel))


def _derived(key: str, purpose: bytes) -> bytes:
    if len(key) < SHORTEST_KEY:
        raise InvalidInput(f"a key has {SHORTEST_KEY} characters or more")
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"nearcast " + purpose).derive(key.encode())


def _key_id(key: str) -> str:
    return _derived(key, b"key id")[:4].hex()
