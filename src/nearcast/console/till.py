"""The page of the till: scan a voucher or type its code, and see whether it was taken.

The page asks the API as the owner of the key that is typed in there once, and keeps it until its window is closed.
"""

from fastapi import APIRouter, Response

from nearcast.console.static_files import static_files
from nearcast.domain.errors import NotFound

_HEADERS = {"Permissions-Policy": "camera=(self), geolocation=(), microphone=()"}


def till_pages() -> APIRouter:
    """The routes of the page and its files."""
    router = APIRouter(include_in_schema=False)
    files_by_name = static_files("till_static", _HEADERS)

    @router.get("/till")
    def page() -> Response:
        return files_by_name["index.html"]

    @router.get("/till/{name}")
    def file(name: str) -> Response:
        if name not in files_by_name:
            raise NotFound("the till has no such file")
        return files_by_name[name]

    return router
