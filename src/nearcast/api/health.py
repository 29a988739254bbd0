"""/healthz and /readyz, for whoever keeps the process running; they ask for no key."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from nearcast import __version__
from nearcast.api.pages import shows
from nearcast.api.route import App

router = APIRouter(tags=["health"])
_READY: dict[str, Any] = {"status": "ready", "checks": {"database": {"ok": True}, "schema": {"ok": True}}}
_NOT_READY: dict[str, Any] = {
    "status": "not ready",
    "checks": {"database": {"ok": False, "detail": "it does not answer"}},
}


@router.get(
    "/healthz",
    summary="Does the process answer",
    responses=shows("It does.", {"status": "ok", "version": __version__}),
)
async def healthz() -> JSONResponse:
    """Asks nobody else: a process that fails this should be started again."""
    return JSONResponse({"status": "ok", "version": __version__})


@router.get(
    "/readyz",
    summary="Can the process do its work",
    responses={**shows("It can.", _READY), **shows("It cannot now.", _NOT_READY, status=503)},
)
def readyz(app: App) -> JSONResponse:
    """Whether the database answers and has this version's schema, and whether the loops of a worker here go well."""
    checks = app.health.checks(app.worker_status())
    shown = {
        name: {"ok": check.is_ok, **({"detail": check.detail} if check.detail else {})}
        for name, check in checks.items()
    }
    is_ready = all(check.is_ok for check in checks.values())
    return JSONResponse({"status": "ready" if is_ready else "not ready", "checks": shown}, 200 if is_ready else 503)
