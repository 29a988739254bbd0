"""What webhooks are signed with: secrets that are kept nowhere, for the installation's key makes them again."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from nearcast.domain.ids import TenantId

SIGNATURE = "Nearcast-Signature"


class WebhookSecrets:
    """One secret for each webhook and generation; another installation's key makes others."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def of(self, tenant_id: TenantId, webhook_id: str, generation: int) -> str:
        """The secret of a generation, counted from 1."""
        said = f"webhook {generation} {len(webhook_id)}:{webhook_id}{tenant_id}".encode()
        return f"whsec_{urlsafe_b64encode(hmac.digest(self._secret, said, 'sha256')).decode()}"


def signature(secrets: Sequence[str], at_s: int, body: bytes) -> str:
    """`t=SECONDS,v1=HEX`, one `v1` for each secret: the HMAC-SHA256, under the secret's text, of SECONDS, a full stop
    and the body. Whoever receives it takes any of them, and refuses what is minutes old.
    """
    signed = f"{at_s}.".encode() + body
    return ",".join([f"t={at_s}", *(f"v1={hmac.digest(each.encode(), signed, 'sha256').hex()}" for each in secrets)])
