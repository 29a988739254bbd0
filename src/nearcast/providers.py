"""Which providers' channels are set up, by the settings of this process."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.utils import parseaddr
from time import monotonic

from pydantic import SecretStr

from nearcast.channels.by_name import ByName
from nearcast.channels.console import Console
from nearcast.channels.webpush.keys import new_key, private_key
from nearcast.domain.errors import InvalidInput
from nearcast.services.accounts import Accounts, read_tenants_of
from nearcast.services.addresses import Geocoder
from nearcast.services.channel_ports import Adapter, WaysOut
from nearcast.services.contacts import Contacts
from nearcast.services.cursors import Cursors
from nearcast.services.event_ports import EventSender
from nearcast.services.identities import Identities
from nearcast.services.inbox import Inbox, InboxParts, make_inbox
from nearcast.services.opt_out_links import OptOutLinks
from nearcast.services.outbound import PostRoom
from nearcast.services.paying import Paying, PayingParts, make_paying
from nearcast.services.payment_ports import PaymentPort
from nearcast.services.provider_care import ProviderCare
from nearcast.services.pseudonyms import Pseudonyms
from nearcast.services.quiet_hours import read_platform
from nearcast.services.replies import Replies
from nearcast.services.secret_ports import Secrets
from nearcast.services.sender_states import NOBODY_IN_PARTICULAR, SenderStates
from nearcast.services.tap_ids import TapIds
from nearcast.services.template_ports import TemplateDirectory
from nearcast.services.terms import Terms
from nearcast.services.vault import Vault
from nearcast.settings import Settings
from nearcast.store.sql_store import SqlStore

_NOBODY = "mailto:webpush@localhost"


def providers(settings: Settings, now: Callable[[], datetime], push_key: str | None = None) -> dict[str, Adapter]:
    """An adapter for each channel that is set up, by its name; none of them has been asked anything yet. That for
    browsers needs a `push_key` alone. InvalidInput names a setting that is missing.
    """
    made = (
        _whatsapp(settings, now),
        _webpush(settings, push_key, now),
        _email(settings, now),
        _sms(settings, now),
        _telegram(settings, now),
    )
    return {adapter.name: adapter for adapter in made if adapter is not None}


def browser_key(settings: Settings, store: Secrets, at: datetime) -> str:
    """The private key that push services know us by."""
    if settings.webpush_key is None:
        return store.secret("webpush_key", new_key(), at)
    given = settings.webpush_key.get_secret_value()
    private_key(given)
    return given


def ways_out(settings: Settings, adapters: Mapping[str, Adapter]) -> WaysOut:
    """What live messages leave through: those of other channels through the fallback, where there is one."""
    console = Console()
    return ByName({"console": console, **adapters}, console if settings.fallback_channel == "console" else None)


def post_room(
    settings: Settings,
    adapters: Mapping[str, Adapter],
    vault: Vault,
    states: SenderStates,
    public_url: str,
    taps: TapIds,
) -> PostRoom:
    """What messages need on their way out. Only for providers it is worth while to have several under way."""
    contacts = Contacts(vault)
    return PostRoom(
        contacts=contacts,
        opt_outs=OptOutLinks(vault, public_url),
        senders=states,
        identities=Identities(vault, contacts),
        taps=taps,
        at_once=settings.sends_at_once if adapters else 1,
    )


def sender_states(settings: Settings, adapters: Mapping[str, Adapter]) -> SenderStates:
    """The accounts that messages leave from, and what their providers let through."""
    accounts = {"whatsapp": settings.whatsapp_phone_number_id or NOBODY_IN_PARTICULAR}
    limits = {name: adapter.limits for name, adapter in adapters.items()}
    if "whatsapp" in limits:
        people = settings.whatsapp_people_a_day or None
        limits["whatsapp"] = replace(limits["whatsapp"], unique_recipients_24h=people)
    return SenderStates({name: accounts.get(name, NOBODY_IN_PARTICULAR) for name in adapters}, limits)


def template_directory(settings: Settings) -> TemplateDirectory | None:
    """Where templates are asked for; None where no business account is set up."""
    token = _whatsapp_token(settings)
    if token is None or settings.whatsapp_business_account_id is None:
        return None
    from nearcast.channels.whatsapp.graph import Graph
    from nearcast.channels.whatsapp.templates import WhatsAppTemplates

    graph = Graph(
        base_url=settings.whatsapp_base_url,
        version=settings.whatsapp_api_version,
        token=token,
    )
    return WhatsAppTemplates(graph, settings.whatsapp_business_account_id)


def inbox(settings: Settings, store: SqlStore, whole: SqlStore, parts: InboxParts) -> Inbox:
    """What deals with what comes in: through `store` as providers bring it, through `whole` afterwards."""
    tokens = {"whatsapp": _said(settings.whatsapp_verify_token)}
    return make_inbox(
        store,
        whole,
        parts,
        accounts(settings, whole),
        {channel: token for channel, token in tokens.items() if token},
    )


# What speaks to providers takes as long to load as all else, and most processes have none.


def geocoder(settings: Settings) -> Geocoder | None:
    """What looks addresses up."""
    if settings.geocoder_url is None:
        return None
    from nearcast.feeds.geocoder import SearchService

    return SearchService(settings.geocoder_url)


def event_sender(settings: Settings) -> EventSender:
    """What events leave through."""
    from nearcast.channels.webhook import WebhookSender

    return WebhookSender(allows_private=settings.webhook_networks == "any")


def paying(settings: Settings, store: SqlStore, whole: SqlStore, vault: Vault, secret: str, replies: Replies) -> Paying:
    """What deals with payments: through `store` for those who ask, through `whole` by itself."""
    parts = PayingParts(
        port=payment_provider(settings),
        vault=vault,
        contacts=Contacts(vault),
        terms=Terms(read_platform(settings.quiet_hours)),
        replies=replies,
        pseudonyms=Pseudonyms(secret),
        cursors=Cursors(secret),
    )
    return make_paying(store, whole, parts)


def payment_provider(settings: Settings) -> PaymentPort | None:
    """What payments are asked of; None where none is set up. InvalidInput names a setting that is missing."""
    if settings.payments_secret_key is None:
        return None
    from nearcast.channels.provider_http import Provider
    from nearcast.channels.stripe.checkout import StripeAccount, StripeCheckout

    account = StripeAccount(
        secrets=_listed(settings.payments_webhook_secrets, "NEARCAST_PAYMENTS_WEBHOOK_SECRETS"),
        return_url=_given(settings.payments_return_url or settings.public_url, "NEARCAST_PAYMENTS_RETURN_URL"),
    )
    key = settings.payments_secret_key.get_secret_value()
    return StripeCheckout(account, Provider(settings.payments_base_url, monotonic_s=monotonic, bearer=key))


def _whatsapp(settings: Settings, now: Callable[[], datetime]) -> Adapter | None:
    token = _whatsapp_token(settings)
    if token is None or settings.whatsapp_phone_number_id is None:
        return None
    from nearcast.channels.whatsapp.adapter import Account, WhatsApp

    account = Account(
        base_url=settings.whatsapp_base_url,
        version=settings.whatsapp_api_version,
        phone_number_id=settings.whatsapp_phone_number_id,
        token=token,
        app_secrets=tuple(filter(None, _said(settings.whatsapp_app_secrets).split(","))),
        verify_token=_said(settings.whatsapp_verify_token),
        marketing_api=settings.whatsapp_marketing_api,
    )
    return WhatsApp(account, now=now)


def _whatsapp_token(settings: Settings) -> str | Callable[[], str] | None:
    if settings.whatsapp_token_file is None:
        return None if settings.whatsapp_token is None else settings.whatsapp_token.get_secret_value()
    place = "NEARCAST_WHATSAPP_TOKEN_FILE"
    if settings.whatsapp_token is not None:
        raise InvalidInput("is one of two: NEARCAST_WHATSAPP_TOKEN is there too", place=place)
    from nearcast.channels.secret_file import SecretFile

    return SecretFile(settings.whatsapp_token_file, place=place)


def accounts(settings: Settings, whole: SqlStore) -> Accounts:
    """Whose the numbers and accounts at providers are."""
    own = {settings.whatsapp_phone_number_id, settings.whatsapp_business_account_id} - {None}
    known = {"whatsapp": frozenset(map(str, own))}
    return Accounts(known, read_tenants_of(settings.sender_tenants), whole.tenants)


def provider_care(
    settings: Settings,
    whole: SqlStore,
    states: SenderStates,
    adapters: Mapping[str, Adapter],
    directory: TemplateDirectory | None,
) -> ProviderCare:
    """What asks providers how we stand there."""
    hours = settings.whatsapp_templates_h
    return ProviderCare(
        whole,
        states,
        adapters,
        directory,
        accounts(settings, whole).tenants,
        reads_every=timedelta(hours=hours) if hours else None,
    )


def _said(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()


def _webpush(settings: Settings, key: str | None, now: Callable[[], datetime]) -> Adapter | None:
    if key is None:
        return None
    from nearcast.channels.guarded_http import Guarded
    from nearcast.channels.webpush.push import WebPush

    is_inside = settings.webhook_networks == "any"
    own = settings.public_url if (settings.public_url or "").startswith("https://") else None
    http = Guarded(allows_private=is_inside, timeout_s=10, within_s=20)
    contact = settings.webpush_contact or own or _NOBODY
    return WebPush(key, contact=contact, http=http, now=now, needs_tls=not is_inside)


def _email(settings: Settings, now: Callable[[], datetime]) -> Adapter | None:
    if settings.smtp_host is None:
        return None
    from nearcast.channels.email.letter import recipient
    from nearcast.channels.email.smtp import Email, MailServer

    _needs_public_url(settings, "mail ends with one click, by a link")
    name, address = parseaddr(_given(settings.smtp_from, "NEARCAST_SMTP_FROM"))
    try:
        sender = recipient(address)
    except InvalidInput:
        raise InvalidInput("is not a mail address", place="NEARCAST_SMTP_FROM") from None
    server = MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=Address(name, sender.username, sender.domain),
        tls=settings.smtp_tls,
        user=settings.smtp_user,
        password=_said(settings.smtp_password),
    )
    return Email(server, now=now)


def _sms(settings: Settings, now: Callable[[], datetime]) -> Adapter | None:
    if settings.twilio_account_sid is None:
        return None
    from nearcast.channels.provider_http import Login, Provider
    from nearcast.channels.sms.twilio import Account, Sms

    tokens = _listed(settings.twilio_auth_tokens, "NEARCAST_TWILIO_AUTH_TOKENS")
    account = Account(
        sid=settings.twilio_account_sid,
        tokens=tokens,
        sender=settings.twilio_from,
        service_sid=settings.twilio_messaging_service_sid,
        webhook_url=settings.public_url and f"{settings.public_url.rstrip('/')}/v1/webhooks/sms",
    )
    if account.hears_no_answer:
        _needs_public_url(settings, "nobody can answer a name of letters, and a link must end it")
    login = Login(user=account.sid, password=tokens[0])
    return Sms(account, Provider(settings.twilio_base_url, monotonic_s=monotonic, login=login), now=now)


def _telegram(settings: Settings, now: Callable[[], datetime]) -> Adapter | None:
    if settings.telegram_token is None:
        return None
    from nearcast.channels.provider_http import Provider
    from nearcast.channels.telegram.bot import Bot, Telegram

    secrets = _listed(settings.telegram_webhook_secrets, "NEARCAST_TELEGRAM_WEBHOOK_SECRETS")
    bot = Bot(token=settings.telegram_token.get_secret_value(), secrets=secrets)
    return Telegram(bot, Provider(settings.telegram_base_url, monotonic_s=monotonic), now=now)


def _given(said: str | None, name: str) -> str:
    if said is None:
        raise InvalidInput("is missing", place=name)
    return said


def _listed(said: SecretStr | None, name: str) -> list[str]:
    found = [each for each in _said(said).split(",") if each]
    if not found:
        raise InvalidInput("is missing", place=name)
    return found


def _needs_public_url(settings: Settings, why: str) -> None:
    if settings.public_url is None:
        raise InvalidInput(f"is missing: {why}", place="NEARCAST_PUBLIC_URL")
