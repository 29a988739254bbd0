"""/v1/settings: the rules that hold for all of a tenant."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from nearcast.api.pages import IfMatch, answered, etag, example, expected_revision, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to, shown_once
from nearcast.services.access import Principal
from nearcast.services.ports import Revision
from nearcast.services.scenario import SettingsShape

router = APIRouter(prefix="/v1/settings", tags=["settings"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "tenant": {"timezone": "Europe/Berlin"},
    "presence": {"profile": "robust", "dwell_s": 120, "lateness_s": 300, "gap_s": 1800},
    "ping_rules": {"max_age_s": 300, "max_accuracy_m": 75, "max_future_s": 60},
    "policy": {
        "quiet_hours": [
            {"from": "21:00", "until": "08:00"},
            {"days": ["sun", "holiday"], "from": "00:00", "until": "24:00", "channels": ["sms"]},
        ],
        "holidays": "DE-BE",
        "jurisdictions": True,
        "caps": [{"id": "a-day", "scope": "customer", "kind": "calendar", "unit": "day", "limit": 2}],
        "holdout": {"percent": 5, "salt": "holdout:global:2026Q4"},
    },
}


@router.get(
    "",
    summary="Read the settings",
    openapi_extra=open_to(),
    responses=shows("Time zone, presence, ping rules and policy.", _EXAMPLE),
)
def read_settings(app: App, asker: Asker) -> JSONResponse:
    """The rules in force, their revision as the ETag."""
    return _shown(app.tenants.settings(asker.tenant_id))


@router.put(
    "",
    summary="Replace the settings",
    openapi_extra={**open_to(), **example(SettingsShape, _EXAMPLE)},
    responses=shows("The rules as kept.", _EXAMPLE),
)
def put_settings(app: App, asker: Asker, settings: SettingsShape, if_match: IfMatch = None) -> JSONResponse:
    """The whole document: what is left out does not hold any more, quiet hours and caps too. Workers go by it from
    their next step on, and decide queued messages again by it before they send them. `jurisdictions` adds the hours of
    the countries and states that customers may be in; a list of states, like US-NY, leaves out those whose clocks are
    the same. Quiet hours of the platform and of customers hold beside these.
    """
    now, expected = app.clock.now(), expected_revision(if_match)

    def put(by: Principal) -> Revision:
        tenant_id = by.tenant_id
        return app.tenants.put_settings(tenant_id, settings, now, by=by.actor, expected=expected, keep=by.keep)

    return shown_once(asker, put, _shown)


def _shown(settings: Revision) -> JSONResponse:
    return answered(settings.doc, headers=etag(settings))
