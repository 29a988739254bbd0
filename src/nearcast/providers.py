"""Which providers' channels are set up, by the settings of this process."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from pydantic import SecretStr

from nearcast.channels.by_name import ByName
from nearcast.channels.console import Console
from nearcast.services.channel_ports import Adapter, WaysOut
from nearcast.services.sender_states import NOBODY_IN_PARTICULAR, SenderStates
from nearcast.services.template_ports import TemplateDirectory
from nearcast.settings import Settings


def providers(settings: Settings, now: Callable[[], datetime]) -> dict[str, Adapter]:
    """An adapter for each channel that is set up, by its name; none of them has been asked anything yet."""
    made = [_whatsapp(settings, now)]
    return {adapter.name: adapter for adapter in made if adapter is not None}


def ways_out(settings: Settings, adapters: Mapping[str, Adapter]) -> WaysOut:
    """What live messages leave through: those of other channels through the fallback, where there is one."""
    console = Console()
    return ByName({"console": console, **adapters}, console if settings.fallback_channel == "console" else None)


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
    if settings.whatsapp_token is None or settings.whatsapp_business_account_id is None:
        return None
    from nearcast.channels.whatsapp.graph import Graph
    from nearcast.channels.whatsapp.templates import WhatsAppTemplates

    graph = Graph(
        base_url=settings.whatsapp_base_url,
        version=settings.whatsapp_api_version,
        token=settings.whatsapp_token.get_secret_value(),
    )
    return WhatsAppTemplates(graph, settings.whatsapp_business_account_id)


# What speaks to providers takes as long to load as all else, and most processes have none.


def _whatsapp(settings: Settings, now: Callable[[], datetime]) -> Adapter | None:
    if settings.whatsapp_token is None or settings.whatsapp_phone_number_id is None:
        return None
    from nearcast.channels.whatsapp.adapter import Account, WhatsApp

    account = Account(
        base_url=settings.whatsapp_base_url,
        version=settings.whatsapp_api_version,
        phone_number_id=settings.whatsapp_phone_number_id,
        token=settings.whatsapp_token.get_secret_value(),
        app_secrets=tuple(filter(None, _said(settings.whatsapp_app_secrets).split(","))),
        verify_token=_said(settings.whatsapp_verify_token),
        marketing_api=settings.whatsapp_marketing_api,
    )
    return WhatsApp(account, now=now)


def _said(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
