"""A message as mail: RFC 5322, with the headers by which mail programs offer a way out (RFC 2369, RFC 8058)."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from nearcast.channels.contents import as_text
from nearcast.domain.errors import InvalidInput
from nearcast.domain.sending import Outbound, Purpose

MOST_CHARACTERS = 10_000
_MOST_IN_SUBJECT = 120


def letter(outbound: Outbound, *, sender: Address) -> EmailMessage:
    """The mail without its date. InvalidInput for an offer without a way out, and for an address that is none."""
    text = as_text(outbound.content, channel="a mail", most=MOST_CHARACTERS)
    made = EmailMessage(policy=SMTP)
    made["From"] = sender
    made["To"] = recipient(outbound.to.address or "")
    made["Subject"] = _subject(text.title or text.body)
    made["Message-ID"] = f"<{outbound.id}@{sender.domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made["Expires"] = format_datetime(outbound.not_after)
    words = [text.body, *([text.url] if text.url else [])]
    if outbound.opt_out_url is not None:
        made["List-Unsubscribe"] = f"<{outbound.opt_out_url}>"
        made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        words.append(f"-- \nSTOP: {outbound.opt_out_url}")
    elif outbound.purpose is Purpose.MARKETING:
        raise InvalidInput("is missing: an offer by mail ends with one click", place="opt_out_url")
    whole = "\n\n".join(words).encode(errors="replace").decode()
    made.set_content(f"{whole}\n", cte="quoted-printable")
    return made


def dated(made: EmailMessage, now: datetime) -> bytes:
    """As it goes over the wire, with the instant that it leaves."""
    made["Date"] = format_datetime(now)
    return made.as_bytes()


def recipient(address: str) -> Address:
    """An address as mail writes it; InvalidInput, which does not show it, for what is none."""
    try:
        name, _, domain = address.rpartition("@")
        found = Address(username=name, domain=domain.encode("idna").decode())
        if not name or not domain or not address.isprintable() or " " in address:
            raise ValueError
        found.addr_spec.encode("ascii")
    except (ValueError, IndexError):
        raise InvalidInput("is not a mail address that every server takes", place="to") from None
    return found


def _subject(said: str) -> str:
    """On one line; what is too long ends at a word."""
    whole = " ".join("".join(each if each.isprintable() else " " for each in said).split())
    if len(whole) <= _MOST_IN_SUBJECT:
        return whole
    return whole[:_MOST_IN_SUBJECT].rsplit(" ", 1)[0] + " …"
