"""How an httpx client speaks to a service on this machine."""

import ssl
from collections.abc import Mapping
from typing import Any

LOOPBACK: Mapping[str, Any] = {
    "trust_env": False,
    "timeout": 30,
    # nothing is encrypted here, and reading the world's certificates takes longer than many a test
    "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
}
