"""A client that is not ours builds the same bodies for the same messages."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import assume, given, settings
from pywa.client import WhatsApp
from pywa.types import templates
from pywa.types.callback import Button as TheirButton
from pywa.types.callback import Section, SectionList, SectionRow

from nearcast.channels.whatsapp.render import rendered
from nearcast.domain.errors import InvalidInput
from nearcast.domain.sending import Choice, LocationRequest, Outbound, Recipient, Template, Text
from tests.channels.whatsapp.values import BEARER, NUMBER, PHONE_ID, TEMPLATE, offer, outbounds

Json = dict[str, Any]
_header: Callable[..., templates.BaseParams] = templates.HeaderText.params
_picture: Callable[..., templates.BaseParams] = templates.HeaderImage.params
_body: Callable[..., templates.BaseParams] = templates.BodyText.params


class Client:
    """Theirs, on a wire that keeps what it sends."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, Json]] = []
        session = httpx.Client(transport=httpx.MockTransport(self._take))
        self.whatsapp = WhatsApp(phone_id=PHONE_ID, token=BEARER, session=session, server=None)

    def _take(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append((request.url.path.rpartition("/")[2], json.loads(request.content)))
        contact = {"input": NUMBER, "wa_id": NUMBER[1:], "user_id": "DE.134"}
        return httpx.Response(200, json={"contacts": [contact], "messages": [{"id": "wamid.x"}]})


@pytest.fixture(scope="module")
def client() -> Client:
    return Client()


def theirs(client: Client, sent: Outbound, *, is_marketing: bool = False) -> tuple[str, Json]:
    """The same message through the other client."""
    to = sent.to.address or sent.to.user_id or ""
    more: Json = {"tracker": sent.tag, "reply_to_message_id": sent.reply_to}
    client.bodies.clear()
    match sent.content:
        case Text(body=body, buttons=buttons):
            taps = [TheirButton(title=each.title, callback_data=each.id) for each in buttons]
            client.whatsapp.send_message(to, body, buttons=taps or None, **more)
        case Choice(body=body, label=label, rows=rows):
            lines = [
                SectionRow(title=row.title, callback_data=row.id, description=row.description or None) for row in rows
            ]
            client.whatsapp.send_message(to, body, buttons=SectionList(label, [Section(None, lines)]), **more)  # type: ignore[arg-type]
        case LocationRequest(body=body):
            client.whatsapp.request_location(to, body, **more)
        case Template() as template:
            said: Json = {"use_mm_lite_api": True, "message_activity_sharing": False} if is_marketing else {}
            language = templates.TemplateLanguage(template.language)
            client.whatsapp.send_template(to, template.name, language, parameters(template), **more, **said)
    (taken,) = client.bodies
    return taken


def parameters(template: Template) -> list[templates.BaseParams]:
    """What stands in a template, in the other client's words."""
    made: list[templates.BaseParams] = []
    if template.header_image is not None:
        made.append(_picture(image=template.header_image))
    elif template.header is not None:
        made.append(_header(template.header))
    if template.variables and template.variable_names:
        named = dict(zip(template.variable_names, template.variables, strict=True))
        made.append(_body(**named))
    elif template.variables:
        made.append(_body(*template.variables))
    if template.ends_at is not None:
        made.append(templates.LimitedTimeOffer.params(expiration_time=template.ends_at))
    taps: list[Callable[[int], templates.BaseParams]] = [
        lambda index, said=said: templates.QuickReplyButton.params(callback_data=said, index=index)  # type: ignore[misc]
        for said in template.payloads
    ]
    if (code := template.code) is not None:
        taps.append(lambda index: templates.CopyCodeButton.params(coupon_code=code, index=index))
    if (suffix := template.url_suffix) is not None:
        taps.append(lambda index: templates.URLButton.params(url_variable=suffix, index=index))
    indexes = template.button_indexes or range(len(taps))
    return [*made, *(tap(index) for tap, index in zip(taps, indexes, strict=True))]


def alike(said: Any) -> Any:
    """Without what may be written in two ways: the case of types, an index as a number, nothing for none."""
    if isinstance(said, list):
        return [alike(each) for each in said]
    if not isinstance(said, dict):
        return said
    made = {key: alike(each) for key, each in said.items() if each not in (None, [])}
    for key in ("type", "sub_type"):
        if isinstance(made.get(key), str):
            made[key] = made[key].lower()
    if "index" in made:
        made["index"] = str(made["index"])
    if made.get("expiration_time_ms", 0) < 1e12 and "expiration_time_ms" in made:
        made["expiration_time_ms"] *= 1_000  # they write seconds where the name says milliseconds
    return made


def ours(sent: Outbound, *, is_marketing: bool = False) -> Json:
    body: Json = json.loads(rendered(sent, is_marketing=is_marketing))
    return body


@given(sent=outbounds)
@settings(max_examples=100, deadline=None)
def test_any_message_has_the_same_body(client: Client, sent: Outbound) -> None:
    if isinstance(sent.content, Text):
        sent = replace(sent, content=replace(sent.content, url=None))  # that is put below the words by us alone
    if sent.to.address and sent.to.user_id:
        sent = replace(sent, to=Recipient(user_id=sent.to.user_id))  # they take one of the two
    try:
        mine = ours(sent)
    except InvalidInput:
        assume(False)
    way, body = theirs(client, sent)
    assert (way, alike(body)) == ("messages", alike(mine))


def test_marketing_has_the_same_body(client: Client) -> None:
    way, body = theirs(client, offer(), is_marketing=True)
    mine = ours(offer(), is_marketing=True)
    assert mine.pop("product_policy") == "CLOUD_API_FALLBACK"  # which it cannot say
    assert (way, alike(body)) == ("marketing_messages", alike(mine))


def test_an_offer_ends_at_whole_seconds_alike(client: Client) -> None:
    ends_at = datetime(2026, 6, 2, 17, 30, tzinfo=UTC)
    sent = offer(replace(TEMPLATE, ends_at=ends_at, code="COFFEE20", url_suffix="v/1", payloads=()))
    assert alike(theirs(client, sent)[1]) == alike(ours(sent))
