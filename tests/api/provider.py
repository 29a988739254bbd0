"""A provider of templates in memory, and a sender that one has stopped."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from nearcast.domain.errors import Conflict, ProviderAway
from nearcast.domain.ids import TenantId
from nearcast.domain.template import MessageTemplate
from nearcast.domain.template_draft import TemplateDraft
from nearcast.services.sender_states import SenderStates
from nearcast.services.senders import Senders
from nearcast.services.templates import Templates
from tests.api.service import Service


@dataclass
class Provider:
    """A provider's directory in memory, which files everything under marketing."""

    known: list[MessageTemplate] = field(default_factory=list)
    answers: bool = True

    def all(self, now: datetime) -> Sequence[MessageTemplate]:
        if not self.answers:
            raise ProviderAway("it does not answer")
        return self.known

    def create(self, draft: TemplateDraft, now: datetime) -> MessageTemplate:
        if draft.name == "refused":
            raise Conflict("the provider refuses it with code 2388024")
        made = MessageTemplate(
            name=draft.name,
            language=draft.language,
            provider_id="77",
            status="PENDING",
            category="MARKETING",
            components=draft.components,
            status_at=now,
            category_at=now,
        )
        self.known.append(made)
        return made


def with_provider(service: Service) -> Provider:
    """Until the service begins anew."""
    provider = Provider()
    app = replace(service.app, templates=Templates(service.store.for_api(), provider))
    service.server.state.application = app
    return provider


def of_the_first(service: Service) -> None:
    """Until the service begins anew, all senders are those of its first tenant."""
    senders = Senders(service.store, SenderStates({}, {}), lambda channel, sender: [TenantId("t1")])
    service.server.state.application = replace(service.app, senders=senders)


def stopped(service: Service, channel: str = "whatsapp") -> None:
    """A sender named 555 that its provider has stopped."""
    with service.store.writing(TenantId("t1")) as uow:
        state = uow.senders.hold(channel, "555")
        uow.senders.put(state.stopped("190", service.clock.at, service.clock.at))
        uow.commit()
