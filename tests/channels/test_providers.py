"""Which channels the settings of a process set up."""

from datetime import UTC, datetime

import pytest

from nearcast.channels.console import Console
from nearcast.providers import providers, ways_out
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
