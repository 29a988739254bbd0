"""/v1/compliance: what a tenant has to show of its processing of personal data."""

from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from nearcast.api.pages import answered
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.services.access import Principal
from nearcast.services.application import Application
from nearcast.services.compliance import DOCUMENTS, FORMS
from nearcast.services.processing import Configuration, Installation
from nearcast.services.retention import Keep

router = APIRouter(prefix="/v1/compliance", tags=["compliance"], route_class=KeyedRoute)
Form = Literal["json", "markdown", "html"]


_EXAMPLE = Configuration(
    at=datetime(2026, 6, 2, 10, tzinfo=UTC),
    settings={"controller": {"name": "Café Central", "address": "1 High Street", "contact": "privacy@example.org"}},
    shops=1,
    geofences=[],
    campaigns=[],
    keys=[],
)
_HERE = Installation(product="PostgreSQL 17", has_data_key=True, covers_rows=True)


def _forms(name: str) -> dict[int | str, Any]:
    document = DOCUMENTS[name](_EXAMPLE, _HERE, Keep())
    title = document["title"]
    content = {
        "application/json": {"example": document},
        "text/markdown": {"example": f"# {title}\n"},
        "text/html": {"example": f"<!doctype html><title>{title}</title>"},
    }
    return {200: {"description": "As things stand now.", "content": content}}


@router.get(
    "/record-of-processing",
    summary="Record of processing activities",
    openapi_extra=open_to(),
    responses=_forms("record-of-processing"),
    response_class=JSONResponse,
)
def record_of_processing(app: App, asker: Asker, format: Form = "json") -> Response:
    """What Art. 30(1) GDPR asks for, from the live configuration: who answers for it (`controller` of the settings),
    purposes, data, recipients, retention, security measures in force. What nobody stated is `not stated`.
    """
    return _printed(app, asker, "record-of-processing", format)


@router.get(
    "/dpia",
    summary="Data protection impact assessment",
    openapi_extra=open_to(),
    responses=_forms("dpia"),
    response_class=JSONResponse,
)
def impact_assessment(app: App, asker: Asker, format: Form = "json") -> Response:
    """Filled in as far as the live configuration goes: description with figures, necessity, risks with their measures,
    what is open. How likely and how grave a risk is, is the controller's to say.
    """
    return _printed(app, asker, "dpia", format)


def _printed(app: Application, asker: Principal, name: str, form: Form) -> Response:
    document = app.compliance.document(name, asker.tenant_id, app.clock.now())
    if form == "json":
        return answered(document)
    text = FORMS[form](document)
    return HTMLResponse(text) if form == "html" else PlainTextResponse(text, media_type="text/markdown")
