"""Settings from the environment, prefix NEARCAST_. This is the only reader of the environment."""

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_PREFIX = "NEARCAST_"
_SHORTEST_KEY = 32


class SettingsError(ValueError):
    """A variable that is unknown or wrong; the text names it and never shows its value."""


class Settings(BaseSettings):
    """Everything has a default for a laptop.

    `watch_port` is where a process without the role `api` answers for its health and its figures.
    `log_level` `debug` tells of every request and of every step of the worker that did something. `shutdown_s` is how
    long a process may take to finish what is in hand once it is told to end; before that, it goes on for `drain_s` and
    only says that it is not ready, so that whoever shares requests out turns to others. `lease_s` is how long a message
    that is being sent is left to its process, if that is never heard of again.
    `sends_at_once` is how many messages a process has under way at providers at the same time.
    `partition_lease_s` is how long a worker that died keeps its part of the ping log from the others.
    `backlog_pings` is how many pings of one tenant may wait to be decided before no more are taken.
    `fallback_channel` is where messages go whose channel has no provider set up here: `console` prints them, `none`
    lets them fail. `geocoder_url` is a search service like Nominatim, for geofences that are given as an address;
    without it no addresses are looked up. `webhook_networks` says where webhooks may lead: to `public` addresses,
    or to `any`, within networks of one's own and on this machine too. `quiet_hours` are those that hold for every
    tenant, as JSON, in the words of a tenant's own. `secret_key` is made on first start and kept in the database where
    it is not given. `data_key` seals addresses: one key or several with commas between, of which the first seals and
    all open. The channel whatsapp is set up where `whatsapp_token` and `whatsapp_phone_number_id` are given;
    `whatsapp_app_secrets` are those that sign its webhooks, with commas between, `whatsapp_verify_token` is what Meta
    shows when it is told to send them here, and `whatsapp_marketing_api` says that the number may use the Marketing
    Messages API. Instead of the token `whatsapp_token_file` may name a file that has it, which is read anew when it is
    changed. Templates are read back every `whatsapp_templates_h` hours; 0 is never. To `whatsapp_people_a_day` people
    it writes in any 24 hours, until Meta says another number; 0 is any.

    `webpush_key` signs what is pushed to browsers; made on first start and kept in the database where it is not given.
    `webpush_contact` is who answers for it to push services. Mail is set up by `smtp_host` and `smtp_from`, text
    messages by `twilio_account_sid`, `twilio_auth_tokens` and either `twilio_from` or `twilio_messaging_service_sid`,
    a bot of Telegram by `telegram_token` and `telegram_webhook_secrets`, with `telegram_bot_name` for links to it. Of
    several tokens or secrets with commas between the first is used, and all are taken of who signs with them.
    Payments by link are set up by `payments_secret_key` and `payments_webhook_secrets` of a payment provider; whoever
    has paid is led to `payments_return_url`, else to `public_url`.
    `sender_tenants` says whose numbers and accounts at providers are, as JSON of accounts with their tenants; one that
    is not in it is that of all tenants here.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    database_url: str = "sqlite:///nearcast.db"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    watch_port: int | None = Field(default=None, ge=0, le=65_535)
    public_url: str | None = None
    secret_key: SecretStr | None = Field(default=None, min_length=_SHORTEST_KEY)
    data_key: SecretStr | None = None
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    shutdown_s: float = Field(default=20.0, ge=1, le=600)
    drain_s: float = Field(default=0.0, ge=0, le=600)
    lease_s: float = Field(default=60.0, ge=1)
    sends_at_once: int = Field(default=128, ge=1, le=256)
    partition_lease_s: float = Field(default=5.0, ge=0.2)
    backlog_pings: int = Field(default=1_000_000, ge=1)
    fallback_channel: Literal["console", "none"] = "console"
    quiet_hours: str | None = None
    webhook_networks: Literal["public", "any"] = "public"
    geocoder_url: str | None = Field(default=None, pattern="^https?://[^/]+")
    whatsapp_base_url: str = Field(default="https://graph.facebook.com", pattern="^https?://[^/]+")
    whatsapp_api_version: str = Field(default="v23.0", pattern=r"^v[0-9]+\.[0-9]+$")
    whatsapp_token: SecretStr | None = None
    whatsapp_token_file: Path | None = None
    whatsapp_templates_h: float = Field(default=6.0, ge=0, le=168)
    whatsapp_phone_number_id: str | None = Field(default=None, pattern="^[0-9]+$", validate_default=True)
    whatsapp_business_account_id: str | None = Field(default=None, pattern="^[0-9]+$")
    whatsapp_app_secrets: SecretStr | None = None
    whatsapp_verify_token: SecretStr | None = None
    whatsapp_marketing_api: bool = False
    whatsapp_people_a_day: int = Field(default=250, ge=0)
    webpush_key: SecretStr | None = None
    webpush_contact: str | None = Field(default=None, pattern="^(mailto:[^@ ]+@[^@ ]+|https://[^/ ]+)$")
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65_535)
    smtp_tls: Literal["starttls", "always", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str | None = Field(default=None, pattern="^[^@]+@[^@ >]+>?$")
    twilio_base_url: str = Field(default="https://api.twilio.com", pattern="^https?://[^/]+")
    twilio_account_sid: str | None = Field(default=None, pattern="^AC[0-9a-zA-Z]+$")
    twilio_auth_tokens: SecretStr | None = None
    twilio_from: str | None = Field(default=None, pattern=r"^(\+[1-9][0-9]{6,14}|[0-9]{3,8}|[A-Za-z0-9 ]{1,11})$")
    twilio_messaging_service_sid: str | None = Field(default=None, pattern="^MG[0-9a-zA-Z]+$")
    telegram_base_url: str = Field(default="https://api.telegram.org", pattern="^https?://[^/]+")
    telegram_token: SecretStr | None = None
    telegram_bot_name: str | None = Field(default=None, pattern="^[A-Za-z0-9_]{5,32}$")
    telegram_webhook_secrets: SecretStr | None = None
    payments_base_url: str = Field(default="https://api.stripe.com", pattern="^https?://[^/]+")
    payments_secret_key: SecretStr | None = Field(default=None, min_length=8)
    payments_webhook_secrets: SecretStr | None = None
    payments_return_url: str | None = Field(default=None, pattern="^https?://[^/]+")
    sender_tenants: str | None = None

    @property
    def data_keys(self) -> tuple[str, ...]:
        """The first one seals; empty where none is given."""
        return () if self.data_key is None else tuple(self.data_key.get_secret_value().split(","))

    @field_validator("data_key")
    @classmethod
    def _are_keys(cls, said: SecretStr | None) -> SecretStr | None:
        if said is not None and any(len(key) < _SHORTEST_KEY for key in said.get_secret_value().split(",")):
            raise ValueError(f"each key has {_SHORTEST_KEY} characters or more, and commas stand between them")
        return said

    @field_validator("whatsapp_token")
    @classmethod
    def _is_token(cls, said: SecretStr | None) -> SecretStr | None:
        if said is not None and not re.fullmatch("[!-~]+", said.get_secret_value()):
            raise ValueError("a token has no blanks, and letters of ASCII alone")
        return said

    @field_validator("whatsapp_phone_number_id")
    @classmethod
    def _goes_with_a_token(cls, said: str | None, info: ValidationInfo) -> str | None:
        ways = ("whatsapp_token", "whatsapp_token_file")
        has_token = any(info.data.get(each) is not None for each in ways)
        if has_token and said is None:
            raise ValueError(f"{_PREFIX}WHATSAPP_TOKEN is given, and this is not")
        if said is not None and info.data.keys() >= set(ways) and not has_token:
            raise ValueError(f"it is given, and {_PREFIX}WHATSAPP_TOKEN is not")
        return said


def read_settings() -> Settings:
    """The settings of this process; SettingsError names the variable that is unknown or wrong."""
    known = {_PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.upper().startswith(_PREFIX) and name.upper() not in known)
    if unknown:
        raise SettingsError(f"{unknown[0]} is not a setting; there are {', '.join(sorted(known))}")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise SettingsError(f"{_PREFIX}{str(first['loc'][0]).upper()}: {first['msg']}") from None
