"""The demo's page: one look at the city, with you in it. For a loopback address: it asks for no key.

What is wrong with a request is raised as the project's errors; the app that holds these routes turns them into answers.
"""

from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nearcast.console.static_files import static_files
from nearcast.domain.errors import InvalidInput, NotAllowed, NotFound
from nearcast.services.demo.demo import Demo

_MOST_BYTES = 1_000


class Place(BaseModel):
    """Where you were dropped, in degrees."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)


def demo_pages(demo: Demo) -> APIRouter:
    """The routes of the page, its files and what it polls."""
    router = APIRouter(include_in_schema=False)
    files_by_name = static_files("static")

    @router.get("/")
    def page() -> Response:
        return files_by_name["index.html"]

    @router.get("/demo/city")
    def city() -> dict[str, Any]:
        return demo.map()

    @router.get("/demo/state")
    def state(after: str = "0") -> dict[str, Any]:
        if not (after.isascii() and after.isdecimal() and len(after) < 16):
            raise InvalidInput("a cursor is a number that this page was given before", place="after")
        return demo.state(int(after))

    @router.post("/demo/you", status_code=204)
    def move_you(place: Annotated[Place, Depends(_place)]) -> None:
        demo.move_you(place.lat, place.lon)

    @router.post("/demo/stop", status_code=204, dependencies=[Depends(_from_this_page)])
    def stop_you() -> None:
        demo.stop_you()

    @router.get("/demo/{name}")
    def file(name: str) -> Response:
        if name not in files_by_name:
            raise NotFound("the demo's page has no such file")
        return files_by_name[name]

    return router


def _from_this_page(request: Request) -> None:
    """Refuse what another site's page sends through this browser; programs outside browsers say neither.

    Its own name may lead here too, and then the browser takes it for the same site: so may no name but ours.
    """
    if not _is_here(request.url.hostname or "", request.scope["server"][0]):
        raise NotAllowed("the demo is asked by the address that it prints")
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
    same_host = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not same_host or site not in ("same-origin", "none"):
        raise NotAllowed("only the demo's own page may do this")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415)


def _is_here(host: str, listening: str) -> bool:
    """Whether a host is this machine to itself, or the address that the request came to."""
    try:
        address = ip_address(host)
        return address.is_loopback or address == ip_address(listening)
    except ValueError:
        return host == "localhost"


async def _place(request: Request) -> Place:
    _from_this_page(request)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise HTTPException(413)
    try:
        return Place.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise InvalidInput(first["msg"], place=where) from None
