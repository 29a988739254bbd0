"""What a customer said, with the proof of it: as a document from outside, as a line of the ledger, as it is shown."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from nearcast.domain.chain import Link
from nearcast.domain.consent import GIVEN, ConsentAction, ConsentEvent, consent_state, in_ledger_order, needs_channel
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId, TenantId, consent_event_id
from nearcast.services.assembly import consent_event
from nearcast.services.contact_ports import SealedContact
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.report import as_json
from nearcast.services.scalars import Id, Instant
from nearcast.services.scenario import ConsentEventShape, ConsentShape, Shape
from nearcast.services.texts import ChannelName, LanguageTag, LongText, Printable, Purpose, Sha256, ShortText, matching

Jurisdiction = Annotated[
    str, AfterValidator(matching(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", "is not a country or a part of one, like DE or US-FL"))
]
LawfulBasis = Literal[
    "consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests"
]
CaptureMethod = Literal["web_form", "app", "sms_keyword", "double_opt_in", "paper_scan", "file_import", "api_import"]


def _nameless(text: str) -> str:
    if _ADDRESSES.search(text):
        raise ValueError(
            "looks like an address: lines of the ledger stay when a customer is erased, and must name nobody"
        )
    return text


_ADDRESSES = re.compile(r"\S+@\S+|\+(?:[\s()./-]*\d){7,}")  # e-mail, or a telephone number in E.164
_Nameless = AfterValidator(_nameless)
ShortMark = Annotated[ShortText, _Nameless]
LongMark = Annotated[LongText, _Nameless]


def _masked(said: Any) -> Any:
    """What was said without the addresses in it."""
    if isinstance(said, dict):
        return {name: _masked(value) for name, value in said.items()}
    return _ADDRESSES.sub("[address]", said) if isinstance(said, str) else said


class NoticeShape(Shape):
    """What the customer was shown: which text, in which language, and the SHA-256 of it; the text itself if wanted."""

    id: ShortMark | None = None
    version: ShortMark
    language: LanguageTag
    text_sha256: Sha256
    text: Annotated[str, StringConstraints(min_length=1, max_length=20_000)] | None = None

    @model_validator(mode="after")
    def _is_of_that_text(self) -> "NoticeShape":
        if self.text is not None and hashlib.sha256(self.text.encode()).hexdigest() != self.text_sha256:
            raise ValueError("text_sha256 is not that of the text")
        return self


class DoubleOptInShape(Shape):
    """Both steps of a double opt-in: when the request to confirm was sent, and when it was answered."""

    token_id: ShortMark | None = None
    sent_at: Instant
    clicked_at: Instant


class EvidenceShape(Shape):
    """What else proves it: a double opt-in, the message that came in, the SHA-256 of a scan or of a file."""

    double_opt_in: DoubleOptInShape | None = None
    inbound_message_id: ShortMark | None = None
    file_sha256: Sha256 | None = None


class ProofShape(Shape):
    """What an auditor asks for besides the notice and the source: how it was taken down and by whom, under which law,
    and how it can be withdrawn. Only of the controller, recipients and the way to withdraw there may be addresses.
    """

    purpose_version: ShortMark | None = None
    jurisdiction: Jurisdiction | None = None
    lawful_basis: LawfulBasis | None = None
    ui_context: LongMark | None = None
    capture_method: CaptureMethod | None = None
    actor: Literal["self", "agent", "system"] | None = None
    evidence: EvidenceShape | None = None
    controller: LongText | None = None
    recipients: Annotated[list[LongText], Field(max_length=20)] | None = None
    withdrawal_method: LongText | None = None


class ConsentDocument(ConsentEventShape, ProofShape):
    """What a customer said, now unless it says when. A consent to `marketing.…` that is given needs a channel; the
    sender is the tenant where it is not said. `notice` and `source` are the proof of it: keep them. What looks like an
    e-mail address or a telephone number is refused: the ledger outlives the customer. Of a withdrawal it is left out:
    that must never fail.
    """

    purpose: Purpose
    channel: ChannelName | None = None
    sender: Annotated[Id, StringConstraints(max_length=200), Printable] | None = None
    notice: NoticeShape | None = None
    source: LongMark | None = None

    @model_validator(mode="before")
    @classmethod
    def _never_fails_to_withdraw(cls, said: Any) -> Any:
        if not isinstance(said, dict) or said.get("action") != ConsentAction.WITHDRAWN.value:
            return said
        return {**said, **{name: _masked(said[name]) for name in ("source", "ui_context", "evidence") if name in said}}

    @property
    def proof(self) -> dict[str, Any]:
        """What is said of it besides the notice and the source, by name."""
        said = self.model_dump(include=set(ProofShape.model_fields), exclude_none=True)
        found: dict[str, Any] = json.loads(as_json(said))
        return found

    @property
    def lacks_proof(self) -> str | None:
        """Which proof is missing of a consent that is given: what was shown, or where it comes from."""
        missing = [name for name in ("notice", "source") if getattr(self, name) is None]
        return missing[0] if missing and self.action in GIVEN else None

    @property
    def is_claim(self) -> bool:
        """Whether it confirms without a proof, and is not live by being granted."""
        return self.action is ConsentAction.CONFIRMED and self.lacks_proof is not None and needs_channel(self.purpose)

    def provable(self) -> "ConsentDocument":
        """What is left of it without a proof: a confirmation that nobody can show is no more than a grant. InvalidInput
        for what is live by being granted.
        """
        if self.lacks_proof and not needs_channel(self.purpose):
            raise InvalidInput("is missing: without a proof nothing is agreed to", place=self.lacks_proof)
        return self.model_copy(update={"action": ConsentAction.GRANTED}) if self.is_claim else self


def ledger_line(
    tenant_id: TenantId, customer_id: CustomerId, said: ConsentDocument, now: datetime, *, place: str = ""
) -> LedgerLine:
    """What a customer said as a line that has no name yet; InvalidInput within `place` for what cannot be."""
    at, dot = said.at or now, f"{place}." if place else ""
    is_given = said.action in GIVEN
    if is_given and said.channel is None and needs_channel(said.purpose):
        raise InvalidInput(f"is missing: a consent to {said.purpose} is to one channel", place=f"{dot}channel")
    if said.valid_until is not None and said.valid_until <= at:
        raise InvalidInput("is not after the consent was given", place=f"{dot}valid_until")
    heard = said.model_dump(include=set(ConsentEventShape.model_fields), exclude_none=True)
    shape = ConsentShape.model_validate({**heard, "customer_id": customer_id, "at": at})
    return LedgerLine(
        event=consent_event(shape, tenant_id, "", place=place),
        recorded_at=now,
        notice=said.notice.model_dump(exclude_none=True) if said.notice else None,
        source=said.source,
        proof=said.proof or None,
    )


def named(line: LedgerLine, tenant_id: TenantId, subject: str, *, actor_id: str | None = None) -> LedgerLine:
    """A line with the name that what it says has, whoever hands it in: the same again is the same line."""
    content = [*_said(line.event).values(), line.notice, line.source, *([line.proof] if line.proof else [])]
    event = replace(line.event, event_id=consent_event_id(tenant_id, subject, as_json(content)))
    proof = {**(line.proof or {}), **({"actor_id": actor_id} if actor_id else {})}
    return replace(line, event=event, proof=proof or None)


def with_state(line: LedgerLine, standing: Iterable[ConsentEvent], now: datetime) -> LedgerLine:
    """A line that says what its consent came to when it was written behind those that stand."""
    event = line.event
    events = in_ledger_order([*standing, event])
    at = max(now, event.at)
    state = consent_state(events, event.purpose, channel=event.channel, sender=event.sender, now=at)
    return replace(line, proof={**(line.proof or {}), "state_after": state.status.value})


def with_address(line: LedgerLine, addresses: Iterable[SealedContact]) -> LedgerLine:
    """A line that says which of the customer's addresses it is about: the one on its channel, if there is one. What it
    says already stays.
    """
    if line.address_index is not None:
        return line
    channel = line.event.channel
    return replace(line, address_index=next((a.address_index for a in addresses if a.channel == channel), None))


def line_row(line: LedgerLine) -> dict[str, Any]:
    """A line as the API shows it: what was said, its proof as far as there is any, and its place in the chain."""
    return {
        "event_id": line.event.event_id,
        **_said(line.event),
        "notice": line.notice,
        "source": line.source,
        "recorded_at": line.recorded_at,
        **(line.proof or {}),
        **({"address_index": line.address_index} if line.address_index else {}),
        **(_place(line.link) if line.link else {}),
    }


def link_row(link: Link) -> dict[str, Any]:
    """As `line_row`, of a line whose customer is no more."""
    left_out = {"tenant_id", "subject", "proof", *(() if link.content["address_index"] else ("address_index",))}
    said = {name: value for name, value in link.content.items() if name not in left_out}
    return {**said, **(link.content["proof"] or {}), **_place(link)}


def _place(link: Link) -> dict[str, Any]:
    return {"position": link.position, "prev_hash": link.prev_hash, "row_hash": link.row_hash}


def _said(event: ConsentEvent) -> dict[str, Any]:
    return {
        "purpose": event.purpose,
        "channel": event.channel,
        "sender": event.sender,
        "action": event.action.value,
        "at": event.at,
        "valid_until": event.valid_until,
    }
