"""Which channels the settings of a process set up."""

from datetime import UTC, datetime

import pytest

from nearcast.channels.console import Console
from nearcast.channels.webpush.keys import new_key
from nearcast.domain.errors import InvalidInput
from nearcast.providers import browser_key, providers, ways_out
from nearcast.services.channel_ports import way_out
from nearcast.settings import Settings, SettingsError, read_settings

NOW = datetime(2026, 6, 2, 10, tzinfo=UTC)


def given(monkeypatch: pytest.MonkeyPatch, said: dict[str, str]) -> Settings:
    for name, value in said.items():
        monkeypatch.setenv(f"NEARCAST_WHATSAPP_{name}", value)
    return read_settings()


def test_whatsapp_is_set_up_with_a_token_and_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    said = given(monkeypatch, {"TOKEN": "secret", "PHONE_NUMBER_ID": "1065", "APP_SECRETS": "new,old"})
    made = providers(said, lambda: NOW)
    assert list(made) == ["whatsapp"]
    assert way_out(ways_out(said, made), "whatsapp") is made["whatsapp"]
    assert "secret" not in repr(made)


def test_without_them_its_messages_go_where_those_of_no_channel_go(monkeypatch: pytest.MonkeyPatch) -> None:
    said = given(monkeypatch, {"BASE_URL": "http://127.0.0.1:9999", "API_VERSION": "v24.0"})
    assert providers(said, lambda: NOW) == {}
    assert isinstance(way_out(ways_out(said, {}), "whatsapp"), Console)


def said_of(monkeypatch: pytest.MonkeyPatch, **said: str) -> Settings:
    for name, value in said.items():
        monkeypatch.setenv(f"NEARCAST_{name}", value)
    return read_settings()


MAIL = {
    "SMTP_HOST": "mail.example",
    "SMTP_FROM": "Café <offers@offers.example>",
    "PUBLIC_URL": "https://offers.example",
}
TWILIO = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKENS": "hidden,older", "TWILIO_FROM": "+15005550006"}
TELEGRAM = {"TELEGRAM_TOKEN": "4711:hidden", "TELEGRAM_WEBHOOK_SECRETS": "hidden"}


@pytest.mark.parametrize(("name", "said"), [("email", MAIL), ("sms", TWILIO), ("telegram", TELEGRAM)])
def test_each_channel_is_set_up_by_settings_of_its_own(
    monkeypatch: pytest.MonkeyPatch, name: str, said: dict[str, str]
) -> None:
    made = providers(said_of(monkeypatch, **said), lambda: NOW)
    assert list(made) == [name]
    assert "hidden" not in repr(made) + repr(vars(made[name]))


def test_browsers_need_nothing_but_a_key_which_is_given_or_made(monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    assert list(providers(said_of(monkeypatch, WEBPUSH_KEY=key), lambda: NOW, key)) == ["webpush"]

    class NoStore:
        def secret(self, name: str, made: str, at: datetime) -> str:
            return f"{name} {len(made)}"

        def kept_secret(self, name: str) -> str | None:
            return None

        def replace_secret(self, name: str, value: str | None, at: datetime) -> None: ...

    assert browser_key(read_settings(), NoStore(), NOW) == key
    monkeypatch.delenv("NEARCAST_WEBPUSH_KEY")
    assert browser_key(read_settings(), NoStore(), NOW) == "webpush_key 43"
    with pytest.raises(InvalidInput, match="NEARCAST_WEBPUSH_KEY"):
        browser_key(said_of(monkeypatch, WEBPUSH_KEY="short"), NoStore(), NOW)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({**MAIL, "PUBLIC_URL": ""}, "NEARCAST_PUBLIC_URL"),
        ({**MAIL, "SMTP_FROM": ""}, "NEARCAST_SMTP_FROM"),
        ({**TWILIO, "TWILIO_AUTH_TOKENS": ","}, "NEARCAST_TWILIO_AUTH_TOKENS"),
        ({**TWILIO, "TWILIO_FROM": ""}, "NEARCAST_TWILIO_FROM"),
        ({**TWILIO, "TWILIO_FROM": "Cafe"}, "NEARCAST_PUBLIC_URL"),
        ({**TELEGRAM, "TELEGRAM_WEBHOOK_SECRETS": ""}, "NEARCAST_TELEGRAM_WEBHOOK_SECRETS"),
    ],
)
def test_half_a_channel_is_none_and_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], named: str
) -> None:
    with pytest.raises(InvalidInput, match=named) as raised:
        providers(said_of(monkeypatch, **said), lambda: NOW)
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"TOKEN": "secret"}, "NEARCAST_WHATSAPP_PHONE_NUMBER_ID: .*NEARCAST_WHATSAPP_TOKEN is given, and this is not"),
        ({"PHONE_NUMBER_ID": "1065"}, "NEARCAST_WHATSAPP_PHONE_NUMBER_ID: .*NEARCAST_WHATSAPP_TOKEN is not"),
        ({"TOKEN": "two words", "PHONE_NUMBER_ID": "1065"}, "NEARCAST_WHATSAPP_TOKEN: .*a token has no blanks"),
        ({"TOKEN": "secret", "PHONE_NUMBER_ID": "+49151"}, "NEARCAST_WHATSAPP_PHONE_NUMBER_ID: "),
        ({"API_VERSION": "23"}, "NEARCAST_WHATSAPP_API_VERSION: "),
        ({"BASE_URL": "graph.facebook.com"}, "NEARCAST_WHATSAPP_BASE_URL: "),
    ],
)
def test_what_does_not_go_together_is_named(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint) as raised:
        given(monkeypatch, said)
    assert "two words" not in str(raised.value)
