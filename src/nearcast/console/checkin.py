"""The check-in page: a guest's phone shares its position while the page is open, without any app.

The page knows its device's token from the fragment of the link that opened it, which no server sees.
"""

from fastapi import APIRouter, Response

from nearcast.console.static_files import static_files
from nearcast.domain.errors import NotFound

_HEADERS = {
    "Permissions-Policy": "geolocation=(self), camera=(), microphone=()",
    "Service-Worker-Allowed": "/checkin",  # the worker's file lies below the page that it keeps
}


def checkin_pages() -> APIRouter:
    """The routes of the page and its files."""
    router = APIRouter(include_in_schema=False)
    files_by_name = static_files("checkin_static", _HEADERS)

    @router.get("/checkin")
    def page() -> Response:
        return files_by_name["index.html"]

    @router.get("/checkin/{name}")
    def file(name: str) -> Response:
        if name not in files_by_name:
            raise NotFound("the check-in page has no such file")
        return files_by_name[name]

    return router
