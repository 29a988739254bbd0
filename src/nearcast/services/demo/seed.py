"""The sample city as a tenant on a store: all of it in one commit, so that a seed that was broken off is sown again."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from nearcast.domain.campaign import CampaignState
from nearcast.domain.case import Send
from nearcast.domain.consent import LOCATION, NEARBY
from nearcast.domain.ids import CustomerId
from nearcast.geo.validate import geofences_from_collection
from nearcast.services.contacts import Contacts
from nearcast.services.demo.city import START, TENANT, DemoCity, ledger_line
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.prior_sends import prior_send
from nearcast.services.scenario import ConsentShape, EventShape
from nearcast.sim.calendar import TIMEZONE
from nearcast.sim.city import SETTINGS, City

_STATE_AFTER = {"activate": CampaignState.ACTIVE, "pause": CampaignState.PAUSED, "end": CampaignState.ENDED}
_WORKER_MAY_LAG_S = 10.0


def seed(store: Store, demo: DemoCity, contacts: Contacts, *, speed: float) -> datetime:
    """Make the city a tenant of the store; the instant at which its clock starts, `speed` times as fast as life.

    A store that has the city already is left as it is, and its clock goes on where it stood.
    """
    store.add_tenant(TENANT, START)
    with store.writing(TENANT) as uow:
        standing, settings = uow.catalogue.settings(), _settings(speed)
        decided: list[datetime] = [row["decided_at"] for row in uow.match_log.page(limit=1).items]
        since = max([START, *decided])
        if standing is None or standing.doc != settings:
            uow.catalogue.put_settings(settings, since)
        if standing is None:
            before = [event for event in demo.events if event.at <= START]
            _put_catalogue(uow, demo.city, {e.campaign.id: e.campaign.action for e in before if e.campaign})
            _put_people(uow, demo, contacts, before)
        uow.commit()
    return since


def _settings(speed: float) -> dict[str, Any]:
    """The city's own. A ping ages by the demo's clock: however fast that is, a worker may come to it a while later."""
    rules = SETTINGS["ping_rules"]
    return {**SETTINGS, "ping_rules": {**rules, "max_age_s": max(rules["max_age_s"], speed * _WORKER_MAY_LAG_S)}}


def _put_catalogue(uow: UnitOfWork, city: City, actions: Mapping[str, str]) -> None:
    for shop in city.shops:
        uow.catalogue.shops.put(shop.id, shop.row(), START)
    collection = {"type": "FeatureCollection", "features": city.fences}
    for geofence, feature in zip(geofences_from_collection(collection, place="city"), city.fences, strict=True):
        uow.catalogue.geofences.put_geofence(geofence, feature, START)
    for campaign in city.campaigns:
        state = _STATE_AFTER[actions.get(campaign["id"], "activate")]
        uow.catalogue.campaigns.put_campaign(campaign["id"], campaign, START, state=state)


def _put_people(uow: UnitOfWork, demo: DemoCity, contacts: Contacts, before: Iterable[EventShape]) -> None:
    documents = {CustomerId(customer.id): customer.row() for customer in demo.city.customers}
    documents[demo.you] = {"id": demo.you, "timezone": TIMEZONE}
    docs = {key: {name: value for name, value in row.items() if name != "id"} for key, row in documents.items()}
    uow.customers.upsert(docs, START)
    addresses = {
        key: [{"channel": each, "address": _address(demo, key, each)} for each in demo.channels] for key in docs
    }
    contacts.write(uow, TENANT, addresses)
    said = (ledger_line(event) for event in before if event.consent)
    uow.consents.append_all([*said, *_your_consents(demo)])
    uow.sends.append(_earlier_sends(demo.city, before))


def _address(demo: DemoCity, customer_id: CustomerId, channel: str) -> str:
    return demo.numbers[customer_id] if channel == "whatsapp" else f"demo:{customer_id}"


def _your_consents(demo: DemoCity) -> Iterator[LedgerLine]:
    asked_at = START - timedelta(days=1)
    told: list[dict[str, Any]] = [{"purpose": LOCATION, "action": "granted", "at": asked_at}]
    for channel in demo.channels:
        for action, minutes in (("granted", 1), ("confirmed", 2)):
            at = asked_at + timedelta(minutes=minutes)
            told.append({"purpose": NEARBY, "channel": channel, "action": action, "at": at})
    for said in told:
        consent = ConsentShape.model_validate({"customer_id": demo.you, **said})
        yield ledger_line(EventShape(at=said["at"], consent=consent))


def _earlier_sends(city: City, events: Iterable[EventShape]) -> Iterator[tuple[CustomerId, Send]]:
    campaigns = {campaign["id"]: campaign for campaign in city.campaigns}
    for event in events:
        if (said := event.prior_send) is not None:
            campaign = campaigns.get(said.campaign_id, {})
            send = prior_send(said, event.at, shop_id=campaign.get("shop_id"), channel=campaign.get("channel"))
            if send is not None:
                yield CustomerId(said.customer_id), send
