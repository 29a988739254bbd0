"""Transitions as CloudEvents 1.0, with the names of CAMARA's geofencing subscriptions where it has one.

Nobody's position is in them but where a webhook asks for it and the customer agreed to `location.sharing`.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from nearcast.domain.consent import SHARING, consent_state
from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.ids import CustomerId, VisitId
from nearcast.domain.visit import Transition, TransitionKind
from nearcast.domain.webhook import Webhook
from nearcast.services.event_ports import NewEvent
from nearcast.services.world import World

_CAMARA = "org.camaraproject.geofencing-subscriptions.v0"
TYPES = {
    TransitionKind.ENTER: f"{_CAMARA}.area-entered",
    TransitionKind.EXIT: f"{_CAMARA}.area-left",
    TransitionKind.DWELL: "nearcast.geofencing.v1.area-dwelled",
    TransitionKind.CROSS: "nearcast.geofencing.v1.area-crossed",
}
MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"


def event_id(visit: VisitId, kind: TransitionKind) -> str:
    """The name of a transition towards the outside, the same for ever."""
    return f"{visit}.{kind.value}"


def events_of(world: World) -> Iterator[NewEvent]:
    """What the webhooks of a world are to hear of its transitions."""
    for customer_id, told in world.transitions.values():
        geofence = world.geofences.at(told.geofence_id, told.at)
        for webhook in world.webhooks:
            if webhook.hears_of(told.kind, geofence.shop_id if geofence else None):
                yield NewEvent(
                    webhook_id=webhook.id,
                    event_id=event_id(told.visit_id, told.kind),
                    customer_id=customer_id,
                    doc=_cloud_event(world, webhook, customer_id, told, geofence),
                    at=told.decided_at or told.at,
                )


def _cloud_event(
    world: World, webhook: Webhook, customer_id: CustomerId, told: Transition, geofence: Geofence | None
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "subscriptionId": webhook.id,
        "customer_id": customer_id,
        "geofence_id": told.geofence_id,
        "geofence_revision": told.geofence_revision,
        "shop_id": geofence.shop_id if geofence else None,
        "visit_id": told.visit_id,
        "kind": told.kind.value,
        "decided_at": told.decided_at,
        "initial": told.initial,
        "inferred": told.inferred,
        "reason": told.reason.value if told.reason else None,
        "duration_s": told.duration_s,
    }
    if geofence is not None and isinstance(geofence.boundary, Circle):
        circle = geofence.boundary
        center = {"latitude": circle.center.lat_deg, "longitude": circle.center.lon_deg}
        data["area"] = {"areaType": "CIRCLE", "center": center, "radius": circle.radius_m}
    if webhook.with_position and told.fix is not None and _shares(world, customer_id, told):
        where = told.fix.position
        data["position"] = {"lat": where.lat_deg, "lon": where.lon_deg, "accuracy_m": told.fix.accuracy_m}
    return {
        "specversion": "1.0",
        "id": event_id(told.visit_id, told.kind),
        "source": f"urn:nearcast:{quote(world.tenant.id, safe='')}",
        "type": TYPES[told.kind],
        "subject": told.geofence_id,
        "time": told.at,
        "datacontenttype": "application/json",
        "data": data,
    }


def _shares(world: World, customer_id: CustomerId, told: Transition) -> bool:
    now = told.decided_at or told.at
    return consent_state(world.consents.get(customer_id, ()), SHARING, now=now).is_live
