"""One mail to one server, which either has it or has not: who says so is the reply behind the last line."""

import re
import smtplib
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address

from nearcast.channels.attempts import refused_by_ourselves
from nearcast.channels.email.letter import MOST_CHARACTERS, dated, letter, recipient
from nearcast.channels.guarded_http import hurried
from nearcast.channels.one_way import OneWay
from nearcast.channels.tls import tls
from nearcast.domain.errors import InvalidInput
from nearcast.domain.sending import (
    Accepted,
    Attempt,
    NotSent,
    Outbound,
    ProviderError,
    Rejected,
    RetryClass,
    Scope,
    Unknown,
)
from nearcast.services.channel_ports import Capability, ChannelHealth, Limits

_TAKEN, _GO_ON = 250, 354
_POLICY = b"5.7."  # it is not the mailbox that is missing (RFC 3463)
_STARTS_WITH_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed in, and as whom. `tls`: from the first byte, from STARTTLS on, or not at all."""

    host: str
    port: int
    sender: Address
    tls: str = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_s: float = 10.0
    within_s: float = 30.0


class Email(OneWay):
    """Adapter of the channel `email`. Many threads may use it; each mail has a connection of its own."""

    name = "email"
    capabilities = Capability.TEXT
    limits = Limits(body=MOST_CHARACTERS)

    def __init__(self, server: MailServer, *, now: Callable[[], datetime]) -> None:
        self._server, self._now = server, now

    def render(self, outbound: Outbound) -> bytes:
        """The mail without its date."""
        return letter(outbound, sender=self._server.sender).as_bytes()

    @refused_by_ourselves
    def send(self, outbound: Outbound) -> Attempt:
        """One attempt. Unknown only where the server may have taken it: behind the last line, without a reply."""
        try:
            to = recipient(outbound.to.address or "").addr_spec
        except InvalidInput:
            return _refused("address", RetryClass.USER_UNREACHABLE, Scope.USER)
        raw = dated(letter(outbound, sender=self._server.sender), self._now())
        try:
            connection = self._connected()
        except smtplib.SMTPAuthenticationError as error:
            return _by_code(error.smtp_code, RetryClass.SENDER_STOP, Scope.SENDER)
        except (OSError, smtplib.SMTPException) as error:  # their texts may hold what the server was told
            return NotSent(reason=type(error).__name__)
        try:
            with hurried(lambda: _cut(connection), self._server.within_s):
                return _handed_in(connection, self._server.sender.addr_spec, to, raw)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                connection.close()

    def probe(self) -> ChannelHealth:
        """Whether the server lets us in."""
        try:
            connection = self._connected()
        except (OSError, smtplib.SMTPException) as error:
            return ChannelHealth(is_ready=False, what=type(error).__name__)
        connection.close()
        return ChannelHealth(is_ready=True, what="the mail server lets us in")

    def _connected(self) -> smtplib.SMTP:
        said = self._server
        # named, for else it would ask the network for its own name
        own = said.sender.domain
        if said.tls == "always":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                said.host, said.port, own, timeout=said.timeout_s, context=tls()
            )
        else:
            connection = smtplib.SMTP(said.host, said.port, own, timeout=said.timeout_s)
        try:
            with hurried(lambda: _cut(connection), said.within_s):
                connection.ehlo_or_helo_if_needed()
                if said.tls == "starttls":
                    connection.starttls(context=tls())
                    connection.ehlo_or_helo_if_needed()
                if said.user is not None:
                    connection.login(said.user, said.password or "")
        except BaseException:
            connection.close()
            raise
        return connection


def _handed_in(connection: smtplib.SMTP, sender: str, to: str, raw: bytes) -> Attempt:
    try:
        code, _ = connection.mail(sender)
        if code != _TAKEN:
            return _by_code(code, RetryClass.SENDER_STOP, Scope.SENDER)
        code, why = connection.rcpt(to)
        if code not in (_TAKEN, 251):
            if why.startswith(_POLICY):
                return _by_code(code, RetryClass.BUG, Scope.REQUEST)
            return _by_code(code, RetryClass.USER_UNREACHABLE, Scope.USER)
        code, _ = connection.docmd("DATA")
        if code != _GO_ON:
            return _by_code(code, RetryClass.BUG, Scope.REQUEST)
        connection.send(_STARTS_WITH_DOT.sub(b"..", raw) + b".\r\n")
    except (OSError, smtplib.SMTPException) as error:
        return NotSent(reason=type(error).__name__)
    try:
        code, _ = connection.getreply()
    except (OSError, smtplib.SMTPException) as error:
        return Unknown(reason=type(error).__name__)
    return Accepted() if code == _TAKEN else _by_code(code, RetryClass.BUG, Scope.REQUEST)


def _by_code(code: int, for_good: RetryClass, scope: Scope) -> Rejected:
    """A refusal that begins with 5 is for good, one with 4 is for now (RFC 5321, 4.2.1)."""
    if code >= 500:
        return _refused(str(code), for_good, scope)
    return _refused(str(code), RetryClass.RETRY, Scope.REQUEST)


def _refused(code: str, retry: RetryClass, scope: Scope) -> Rejected:
    return Rejected(error=ProviderError(provider="smtp", code=code, retry=retry, scope=scope))


def _cut(connection: smtplib.SMTP) -> None:
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
