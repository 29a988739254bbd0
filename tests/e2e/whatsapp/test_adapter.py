"""Our own adapter against the fake, over real sockets: what each attempt comes to, and what is read of each webhook."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from nearcast.channels.whatsapp.adapter import Account, WhatsApp
from nearcast.domain.channel_event import IdentityChange, Inbound, InboundKind, Preference, Receipt, TemplateChange
from nearcast.domain.ids import MessageId, TenantId
from nearcast.domain.sending import (
    Accepted,
    Attempt,
    Button,
    Choice,
    Content,
    LearntKey,
    LocationRequest,
    NotSent,
    Outbound,
    Purpose,
    Recipient,
    Rejected,
    RetryClass,
    Row,
    Template,
    Text,
    Unknown,
)
from tests.e2e.whatsapp.fake import ANNA, NUMBER_ID, SECRET, TOKEN, Fake, Hook

OFFER = Template(name="offer", language="en", variables=("Anna", "Café"), payloads=("stop",), body="Hi Anna")
Make = Callable[..., WhatsApp]


@pytest.fixture
def adapter(fake: Fake) -> Iterator[Make]:
    """An adapter for the fake's number; what is said differently is."""
    made: list[WhatsApp] = []

    def make(**changes: object) -> WhatsApp:
        said = {"base_url": fake.url, "version": "v23.0", "phone_number_id": NUMBER_ID, "token": TOKEN}
        account = Account(**{**said, "app_secrets": (SECRET,), **changes})  # type: ignore[arg-type]
        made.append(WhatsApp(account, now=lambda: datetime.now(UTC)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def _outbound(content: Content = OFFER, **changes: object) -> Outbound:
    said: dict[str, object] = {
        "id": MessageId("m1"),
        "tenant_id": TenantId("t1"),
        "sender": "t1",
        "to": Recipient(address=ANNA),
        "content": content,
        "purpose": Purpose.MARKETING,
        "not_after": datetime.now(UTC) + timedelta(hours=1),
    }
    return Outbound(**{**said, **changes})  # type: ignore[arg-type]


def test_an_offer_is_taken_and_the_person_has_more_names_than_one(fake: Fake, adapter: Make) -> None:
    fake.template()
    attempt = adapter().send(_outbound())
    assert isinstance(attempt, Accepted)
    assert {key.kind for key in attempt.learnt} == {"wa_id", "bsuid"}
    assert fake.look("counts")["accepted"] == {"nc1:m1": 1}
    assert fake.bubbles(ANNA)[0]["id"] == attempt.provider_id


def test_whoever_has_shown_no_number_is_written_to_by_their_id(fake: Fake, adapter: Make) -> None:
    fake.template()
    user_id = fake.person(ANNA)["user_id"]
    attempt = adapter().send(_outbound(to=Recipient(user_id=user_id)))
    assert isinstance(attempt, Accepted)
    assert attempt.learnt == (LearntKey(kind="bsuid", key=user_id),)
    assert len(fake.bubbles(ANNA)) == 1


@pytest.mark.parametrize(
    ("do", "kind"),
    [
        ("close", Unknown),
        ("close_unaccepted", Unknown),
        ("html", Unknown),
        ("html_accepted", Unknown),
        ("redirect", Unknown),
        ("no_id", Unknown),
        ("huge", Unknown),
        ("hold", Accepted),
    ],
)
def test_whatever_the_other_side_does_comes_to_an_attempt(
    fake: Fake, adapter: Make, do: str, kind: type[Attempt]
) -> None:
    fake.template()
    fake.script(do)
    attempt = adapter().send(_outbound())
    assert isinstance(attempt, kind)
    assert fake.look("counts")["requests"] == {"nc1:m1": 1}
    assert isinstance(attempt, Accepted) is (do == "hold")
    assert not isinstance(attempt, Accepted) or attempt.is_held


def test_nobody_there_is_nothing_sent(adapter: Make) -> None:
    assert isinstance(adapter(base_url="http://127.0.0.1:9").send(_outbound()), NotSent)


@pytest.mark.parametrize(
    ("code", "retry"),
    [
        (190, RetryClass.SENDER_STOP),
        (130429, RetryClass.THROTTLE),
        (131056, RetryClass.PAIR_WAIT),
        (131050, RetryClass.USER_OPTOUT),
        (131026, RetryClass.USER_UNREACHABLE),
        (131049, RetryClass.USER_COOLDOWN),
        (132015, RetryClass.TEMPLATE_STOP),
        (131016, RetryClass.RETRY),
        (131063, RetryClass.REPLAN),
        (132000, RetryClass.BUG),
    ],
)
def test_each_refusal_has_its_class_in_the_answer_as_in_a_receipt(
    fake: Fake, webhook: Hook, adapter: Make, code: int, retry: RetryClass
) -> None:
    fake.template()
    fake.behave(pair_interval_s=0)
    fake.script("error", code=code)
    fake.script("fail_later", code=code)
    attempt = adapter().send(_outbound())
    assert isinstance(attempt, Rejected)
    assert (attempt.error.code, attempt.error.retry) == (str(code), retry)
    assert isinstance(adapter().send(_outbound()), Accepted)
    fake.all_told()
    (event,) = adapter().parse(webhook.bodies[0])
    assert isinstance(event, Receipt)
    assert event.error is not None
    assert (event.error.code, event.error.retry, event.tag) == (str(code), retry, "nc1:m1")


def test_a_wrong_token_stops_the_sender(fake: Fake, adapter: Make) -> None:
    attempt = adapter(token="old").send(_outbound())  # noqa: S106
    assert isinstance(attempt, Rejected)
    assert attempt.error.retry is RetryClass.SENDER_STOP
    assert not adapter(token="old").probe().is_ready  # noqa: S106
    assert adapter().probe().is_ready


def test_everything_that_can_be_said_in_a_talk_is_taken(fake: Fake, adapter: Make) -> None:
    wamid = fake.person(ANNA, say="Hello")["id"]
    contents: list[Content] = [
        Text(body="We are open"),
        Text(body="Which?", buttons=(Button(id="y", title="Yes"), Button(id="n", title="No"))),
        Choice(body="Where?", label="Choose", rows=(Row(id="r1", title="Café", description="200 m"),)),
        LocationRequest(body="Where are you?"),
    ]
    for content in contents:
        attempt = adapter().send(_outbound(content, purpose=Purpose.SERVICE, reply_to=wamid))
        assert isinstance(attempt, Accepted), content
    assert len(fake.bubbles(ANNA)) == 1 + len(contents)


def test_marketing_goes_by_its_own_road_once_it_is_told_to(fake: Fake, adapter: Make) -> None:
    fake.template()
    fake.behave(marketing_on_messages=False)
    ours = adapter()
    assert isinstance(ours.send(_outbound()), Rejected)
    assert isinstance(ours.send(_outbound()), Accepted)
    apis = [(each["api"], each["body"].get("message_activity_sharing")) for each in fake.look("bodies")]
    assert apis == [("messages", None), ("marketing_messages", False)]


def test_nobody_in_the_states_is_sent_marketing(fake: Fake, adapter: Make) -> None:
    attempt = adapter().send(_outbound(to=Recipient(address="+12125550123")))
    assert attempt == NotSent(reason="market_blocked", is_final=True)
    assert fake.look("bodies") == []


@pytest.mark.parametrize("names", ["number", "id", "both"])
def test_everything_the_fake_tells_is_understood(fake: Fake, webhook: Hook, adapter: Make, names: str) -> None:
    fake.template()
    fake.behave(names=names, posts_at_once=1, read_ms=100, repeats=1)
    ours = adapter()
    assert isinstance(ours.send(_outbound()), Accepted)
    fake.all_told()
    fake.person(ANNA, tap={"message": fake.bubbles(ANNA)[0]["id"], "button": 0})
    fake.person(ANNA, say="STOP")
    fake.person(ANNA, pin={"lat": 52.52, "lon": 13.405})
    fake.person(ANNA, prefer=False)
    fake.person(ANNA, renumber="+4915199999999")
    fake.tell("templates/offer/en", {"status": "PAUSED", "title": "FIRST_PAUSE"})
    fake.all_told()
    for raw in webhook.bodies:
        ours.verify({"X-Hub-Signature-256": webhook.signed(raw)}, raw)
    events = {event.key: event for raw in webhook.bodies for event in ours.parse(raw)}
    told = sum(len(ours.parse(raw)) for raw in webhook.bodies)
    assert told == 2 * len(events)
    kinds = [type(event) for event in events.values()]
    assert kinds.count(Receipt) == 3
    assert [type(event) for event in events.values() if not isinstance(event, Receipt)] == [
        Inbound,
        Inbound,
        Inbound,
        Preference,
        IdentityChange,
        TemplateChange,
    ]
    written = [event for event in events.values() if isinstance(event, Inbound)]
    assert [event.kind for event in written] == [InboundKind.BUTTON, InboundKind.TEXT, InboundKind.LOCATION]
    assert [event.payload for event in written] == ["stop", None, None]
    assert all(event.tag == "nc1:m1" for event in events.values() if isinstance(event, Receipt))
