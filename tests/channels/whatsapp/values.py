"""Messages on their way to a number, and what can stand in them."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from nearcast.channels.whatsapp.adapter import Account
from nearcast.domain.ids import MessageId, TenantId
from nearcast.domain.sending import (
    Button,
    Choice,
    Content,
    LocationRequest,
    Outbound,
    Purpose,
    Recipient,
    Row,
    Template,
    Text,
)

NOW = datetime(2026, 6, 2, 10, tzinfo=UTC)
NUMBER = "+4915112345678"
BEARER = "token-that-nobody-may-see"
VERIFY = "verify me"
PHONE_ID = "106540352242922"
ACCOUNT = Account(
    base_url="https://graph.example",
    version="v23.0",
    phone_number_id=PHONE_ID,
    token=BEARER,
    app_secrets=("new secret", "old secret"),
    verify_token=VERIFY,
)
TEXT = Text(body="The offer is gone.")
TEMPLATE = Template(
    name="coffee_nearby",
    language="de",
    variables=("Anna", "Café Central", "17:30"),
    payloads=("stop:offers",),
    body="Anna: Café Central, until 17:30",
)


def outbound(content: Content = TEXT, /, **changes: Any) -> Outbound:
    """A service message to one number."""
    said: dict[str, Any] = {
        "id": MessageId("m-1"),
        "tenant_id": TenantId("t1"),
        "sender": "t1",
        "to": Recipient(address=NUMBER),
        "content": content,
        "purpose": Purpose.SERVICE,
        "not_after": NOW,
    }
    return Outbound(**said | changes)


def offer(content: Content = TEMPLATE, /, **changes: Any) -> Outbound:
    return outbound(content, purpose=Purpose.MARKETING, **changes)


_letters = st.characters(codec="utf-8")
_words = st.text(_letters, min_size=1).filter(lambda said: said.strip())
_names = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=20)
_ids = st.text("abcdef0123456789:-", min_size=1, max_size=300)


def _texts(most: int) -> st.SearchStrategy[str]:
    return st.text(_letters, min_size=1, max_size=most + 2)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _id(said: Button | Row) -> str:
    return said.id


def _title(said: Button | Row) -> str:
    return said.title


_buttons = st.builds(Button, id=_ids, title=_texts(20))
_rows = st.builds(Row, id=_ids, title=_texts(24), description=st.text(_letters, max_size=74))
contents: st.SearchStrategy[Content] = st.one_of(
    st.builds(
        Text,
        body=_words,
        buttons=st.lists(_buttons, max_size=4, unique_by=(_id, _title)).map(tuple),
        url=st.none() | st.just("https://nearcast.example/v/1"),
    ),
    st.builds(Choice, body=_words, label=_texts(20), rows=st.lists(_rows, max_size=11, unique_by=_id).map(tuple)),
    st.builds(LocationRequest, body=_words),
    st.builds(
        Template,
        name=_names,
        language=st.sampled_from(["de", "en_US", "pt_BR", "zh_CN", "fil", "German"]),
        variables=st.lists(_texts(30), max_size=4).map(tuple),
        variable_names=st.just(()) | st.lists(_names, max_size=4).map(tuple),
        header=st.none() | _texts(60),
        header_image=st.none() | st.sampled_from(["https://nearcast.example/cup.png", "http://nearcast.example/cup"]),
        payloads=st.lists(_ids, max_size=4).map(tuple),
        url_suffix=st.none() | _ids,
        code=st.none() | st.text("ABC019-", max_size=17),
        button_indexes=st.just(()) | st.lists(st.integers(-1, 10), max_size=6).map(tuple),
        ends_at=st.none() | st.integers(1_700_000_000, 1_900_000_000).map(_instant),
    ),
)
outbounds = st.builds(
    outbound,
    contents,
    to=st.sampled_from(
        [
            Recipient(address=NUMBER),
            Recipient(user_id="US.13491208655302741918"),
            Recipient(address=NUMBER, user_id="DE.ENT.13491208655302741918"),
            Recipient(address="015112345678"),
        ]
    ),
    purpose=st.sampled_from(Purpose),
    reply_to=st.none() | st.just("wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQ="),
)
