"""Whom the world's certificates vouch for. Reading them takes longer than many a request: it is done once."""

import ssl
from functools import cache

import httpx


@cache
def tls() -> ssl.SSLContext:
    """For clients; the environment has no say in it."""
    return httpx.create_ssl_context(trust_env=False)
