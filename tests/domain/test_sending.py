"""What goes out is named so that it is recognised when it comes back, and printed without what is personal."""

from datetime import UTC, datetime

import pytest

from nearcast.domain.channel_event import Inbound, InboundKind, Receipt, Unparsed
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import MessageId, TenantId
from nearcast.domain.position import Position
from nearcast.domain.sending import (
    Accepted,
    Button,
    LearntKey,
    Outbound,
    Purpose,
    Recipient,
    Template,
    Text,
    tagged_message,
)

AT = datetime(2026, 6, 2, 10, tzinfo=UTC)
HIDDEN = "hidden"


def test_a_tag_of_ours_names_its_message() -> None:
    assert tagged_message("nc1:m-1") == MessageId("m-1")


@pytest.mark.parametrize("tag", [None, "", "other:m-1", "m-1"])
def test_a_tag_of_somebody_else_names_none(tag: str | None) -> None:
    assert tagged_message(tag) is None


def test_a_recipient_is_reached_somehow() -> None:
    with pytest.raises(InvalidInput, match="needs an address or a user id"):
        Recipient()
    assert Recipient(user_id="US.1").address is None


def test_nothing_personal_is_printed() -> None:
    to = Recipient(address=HIDDEN, user_id=HIDDEN)
    text = Text(body=HIDDEN, buttons=(Button(id=HIDDEN, title="Stop"),), title=HIDDEN, url=HIDDEN)
    template = Template(
        name="offer",
        language="de",
        variables=(HIDDEN,),
        header=HIDDEN,
        payloads=(HIDDEN,),
        url_suffix=HIDDEN,
        code=HIDDEN,
        body=HIDDEN,
    )
    for content in (text, template):
        outbound = Outbound(
            id=MessageId("m"),
            tenant_id=TenantId("t"),
            sender="t",
            to=to,
            content=content,
            purpose=Purpose.SERVICE,
            not_after=AT,
            reply_to=HIDDEN,
            opt_out_url=HIDDEN,
        )
        assert HIDDEN not in repr(outbound)
    learnt = (LearntKey(kind="wa_id", key=HIDDEN),)
    assert HIDDEN not in repr(Accepted(provider_id=HIDDEN, learnt=learnt))
    assert HIDDEN not in repr(Receipt(key=HIDDEN, at=AT, rank=None, provider_id=HIDDEN, learnt=learnt))
    inbound = Inbound(
        key=HIDDEN,
        at=AT,
        kind=InboundKind.LOCATION,
        sender_keys=learnt,
        received_by="1",
        provider_id=HIDDEN,
        text=HIDDEN,
        payload=HIDDEN,
        position=Position(52.5, 13.4),
        in_reply_to=HIDDEN,
    )
    assert HIDDEN not in repr(inbound)
    assert "52.5" not in repr(inbound)
    assert repr(Unparsed(key="u:1", what="field")) == "Unparsed(key='u:1', what='field', received_by=None)"
