"""A client that is not ours asks the fake, and reads what it tells: so the fake speaks as the provider does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pywa import errors
from pywa.client import WhatsApp
from pywa.types import templates
from pywa.types.callback import Button, Section, SectionList, SectionRow

from tests.e2e.whatsapp.fake import ACCOUNT_ID, ANNA, NUMBER_ID, SECRET, TOKEN, Fake, Hook
from tests.loopback import LOOPBACK


@pytest.fixture
def client(fake: Fake) -> Iterator[WhatsApp]:
    with httpx.Client(**LOOPBACK) as session:
        made = WhatsApp(
            phone_id=NUMBER_ID,
            token=TOKEN,
            session=session,
            server=None,
            waba_id=ACCOUNT_ID,
            app_secret=SECRET,
            verify_token="unused",  # noqa: S106
        )
        session.base_url = f"{fake.url}/v23.0"
        yield made


def _offer(name: str = "cafe_offer") -> templates.Template:
    return templates.Template(
        name=name,
        language=templates.TemplateLanguage.ENGLISH,
        category=templates.TemplateCategory.MARKETING,
        parameter_format=templates.ParamFormat.NAMED,
        components=[
            templates.BodyText("Hi {{name}}, come to us by {{time}} today", name="Ann", time="5 pm"),
            templates.Buttons(buttons=[templates.QuickReplyButton(text="Stop offers")]),
        ],
    )


def test_it_writes_a_template_and_sends_it(fake: Fake, client: WhatsApp) -> None:
    created = client.create_template(_offer())
    assert created.status == templates.TemplateStatus.APPROVED
    assert client.get_template(created.id).name == "cafe_offer"
    sent = client.send_template(
        to=ANNA,
        name="cafe_offer",
        language=templates.TemplateLanguage.ENGLISH,
        params=[
            templates.BodyText.params(name="Ann", time="18:00"),
            templates.QuickReplyButton.params(callback_data="stop", index=0),
        ],
        tracker="nc1:m1",
    )
    (bubble,) = fake.bubbles(ANNA)
    assert (bubble["id"], bubble["text"]) == (sent.id, "Hi Ann, come to us by 18:00 today")
    assert fake.look("counts")["accepted"] == {"nc1:m1": 1}


def test_it_sends_an_offer_for_a_limited_time(fake: Fake, client: WhatsApp) -> None:
    offer = templates.Template(
        name="happy_hour",
        language=templates.TemplateLanguage.ENGLISH,
        category=templates.TemplateCategory.MARKETING,
        components=[
            templates.LimitedTimeOffer(text="Happy hour", has_expiration=True),
            templates.BodyText("Coffee for half of it until we close"),
            templates.Buttons(
                buttons=[
                    templates.CopyCodeButton(example="CAFE50"),
                    templates.URLButton(text="Look", url="https://cafe.example/{{1}}", example="x"),
                ]
            ),
        ],
    )
    client.create_template(offer)
    ends_at = datetime.now(UTC) + timedelta(hours=1)
    client.send_template(
        to=ANNA,
        name="happy_hour",
        language=templates.TemplateLanguage.ENGLISH,
        params=[
            templates.LimitedTimeOffer.params(expiration_time=ends_at),
            templates.CopyCodeButton.params(coupon_code="CAFE50", index=0),
            templates.URLButton.params(url_variable="today", index=1),
        ],
        use_mm_lite_api=True,
    )
    (bubble,) = fake.bubbles(ANNA)
    assert [button["title"] for button in bubble["buttons"]] == ["Copy CAFE50", "Look"]
    assert bubble["buttons"][1]["url"] == "https://cafe.example/today"


def test_it_talks_to_who_wrote_first(fake: Fake, client: WhatsApp) -> None:
    fake.person(ANNA, say="Are you open?")
    client.send_message(to=ANNA, text="We are", preview_url=False)
    client.send_message(to=ANNA, text="Which?", buttons=[Button("Yes", "yes"), Button("No", "no")])
    rows = [SectionRow(title="Café", callback_data="cafe", description="200 m")]
    client.send_message(to=ANNA, text="Where?", buttons=SectionList("Choose", [Section("Near", rows)]))
    client.request_location(to=ANNA, text="Where are you?")
    assert [bubble["text"] for bubble in fake.bubbles(ANNA)[1:]] == ["We are", "Which?", "Where?", "Where are you?"]


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        (131056, errors.TooManyMessages),
        (130429, errors.RateLimitHit),
        (132015, errors.TemplatePaused),
        (131047, errors.ReEngagementMessage),
    ],
)
def test_it_understands_each_refusal(
    fake: Fake, client: WhatsApp, code: int, raised: type[errors.WhatsAppError]
) -> None:
    fake.person(ANNA, say="Hello")
    fake.script("error", code=code)
    with pytest.raises(raised):
        client.send_message(to=ANNA, text="Hello")


def test_it_reads_what_the_fake_tells(fake: Fake, webhook: Hook, client: Any) -> None:
    seen: list[Any] = []
    client.on_message()(lambda _, said: seen.append(("message", said.text, said.from_user.wa_id)))
    client.on_message_status()(lambda _, status: seen.append((status.status.value, status.tracker)))
    client.on_callback_button()(lambda _, tapped: seen.append(("tap", tapped.data)))
    client.on_user_marketing_preferences()(lambda _, said: seen.append(("preference", said.value.value)))

    client.create_template(_offer())
    params: list[Any] = [
        templates.BodyText.params(name="Ann", time="18:00"),
        templates.QuickReplyButton.params(callback_data="stop", index=0),
    ]
    language = templates.TemplateLanguage.ENGLISH
    client.send_template(to=ANNA, name="cafe_offer", language=language, params=params, tracker="nc1:m1")
    fake.all_told()
    fake.person(ANNA, say="Hello")
    fake.person(ANNA, tap={"message": fake.bubbles(ANNA)[0]["id"], "button": 0})
    fake.person(ANNA, prefer=False)
    fake.all_told()
    for raw in webhook.bodies:
        assert client.webhook_update_handler(raw) == ("ok", 200)
    assert sorted(map(str, seen)) == sorted(
        map(
            str,
            [
                ("sent", "nc1:m1"),
                ("delivered", "nc1:m1"),
                ("message", "Hello", ANNA.removeprefix("+")),
                ("tap", "stop"),
                ("preference", "stop"),
            ],
        )
    )
