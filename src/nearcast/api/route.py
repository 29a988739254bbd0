"""The way of a request: who asks, may they, what did they send, did it come before, and only then the handler."""

import hashlib
import json
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from nearcast.api.address import with_slashes
from nearcast.api.body import MIB, parse_json, read_body
from nearcast.api.problems import Refusal
from nearcast.domain.errors import NotAllowed, OutOfSight, StoreUnavailable
from nearcast.domain.ids import CustomerId
from nearcast.services.access import Principal, Role
from nearcast.services.answering import nobody_asks_again
from nearcast.services.application import Application
from nearcast.services.once import Answer, Pending, StillRunning
from nearcast.services.once import Request as Wanted
from nearcast.services.ports import UnitOfWork

_WRITES = ("POST", "PUT", "PATCH", "DELETE")
_JSON = ("application/json", "application/geo+json")
_log = logging.getLogger(__name__)
T = TypeVar("T")
Shown = TypeVar("Shown", bound=Response)
bearer = HTTPBearer(auto_error=False, description="An API key: `nearcast keys create`")


def open_to(*roles: Role, max_bytes: int = MIB, media: Iterable[str] = _JSON) -> dict[str, Any]:
    """What a route says of itself, for `openapi_extra`: who may ask, and what it reads. An operator may always."""
    said = sorted({*(role.value for role in roles), Role.OPERATOR.value})
    return {"x-roles": said, "x-max-bytes": max_bytes, "x-media": list(media)}


class KeyedRoute(APIRoute):
    """A route that asks for an API key, and answers a write with an Idempotency-Key once."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        extra = self.openapi_extra or {}
        roles = [Role(name) for name in extra["x-roles"]]
        max_bytes, media = extra["x-max-bytes"], extra["x-media"]
        known = {parameter.alias for parameter in self.dependant.query_params}
        known |= {p.alias for part in self.dependant.dependencies for p in part.query_params}

        async def answer(request: Request) -> Response:
            application: Application = request.app.state.application
            asker = await _asker(application, request)
            try:
                return await answer_to(asker, application, request)
            except (NotAllowed, OutOfSight) as error:
                route = f"{request.method} {request.scope['route'].path}"
                await run_in_threadpool(application.audit.denied, asker, error, route, application.clock.now())
                raise

        async def answer_to(asker: Principal, application: Application, request: Request) -> Response:
            asker.require(roles)
            request.scope["path_params"] = {k: with_slashes(v) for k, v in request.path_params.items()}
            if "\0" in request.scope["path"] or any("\0" in value for value in request.query_params.values()):
                raise Refusal(400, "NUL stands in no name")
            unknown = sorted(set(request.query_params) - known)
            if unknown:
                said = f"there is no parameter {unknown[0]!r} here; there are {', '.join(sorted(known)) or 'none'}"
                raise Refusal(400, said)
            request.state.asker = asker
            raw = await read_body(request, max_bytes)
            read = _Read(request, raw)
            if raw and request.method in _WRITES:
                read.check_media(media)
            key = request.headers.get("idempotency-key") if request.method in _WRITES else None
            return await (handle(read) if key is None else _once(application, read, raw, asker, key, handle))

        return answer


class _Read(Request):
    """A request whose body has been read."""

    def __init__(self, request: Request, raw: bytes) -> None:
        super().__init__(request.scope, request.receive)
        self._body = raw

    def check_media(self, media: Iterable[str]) -> None:
        packed = self.headers.get("content-encoding", "identity").strip().lower()
        if packed != "identity":
            raise Refusal(415, f"this route reads no body that is packed as {packed[:60]}: send it as it is")
        said = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if said not in media:
            raise Refusal(415, f"this route reads {' or '.join(media)}, not {said[:60] or 'an unnamed media type'}")

    async def json(self) -> Any:
        if not hasattr(self.state, "body"):
            self.state.body = self._named(parse_json(self._body))
        return self.state.body

    def _named(self, document: Any) -> Any:
        """A document that is put and does not name itself has the name of its address."""
        name = next(iter(self.path_params.values()), None)
        is_nameless = isinstance(document, dict) and document.get("id") is None and "geometry" not in document
        return {**document, "id": name} if self.method == "PUT" and name is not None and is_nameless else document


async def _asker(application: Application, request: Request) -> Principal:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        found = await run_in_threadpool(application.access.authenticate, token.strip(), application.clock.now())
        if found is not None:
            return found
    raise Refusal(401, "send an API key: Authorization: Bearer nc_…", {"WWW-Authenticate": "Bearer"})


async def _once(
    application: Application,
    request: _Read,
    raw: bytes,
    asker: Principal,
    key: str,
    handle: Callable[[Request], Coroutine[Any, Any, Response]],
) -> Response:
    route = f"{request.method} {request.scope['route'].path}"
    address = f"{request.url.path}?{request.url.query}\n".encode()  # codes stand in some, which nobody is to read here
    about = request.path_params.get("customer_id")
    wanted = Wanted(
        asker=asker,
        key=key,
        route=route,
        body_sha256=hashlib.sha256(address + raw).hexdigest(),
        customer_id=None if about is None else CustomerId(about),
    )
    found = await run_in_threadpool(application.once.begin, wanted, application.clock.now())
    if isinstance(found, Answer):
        return _again(found)

    def keep(uow: UnitOfWork, response: Response) -> None:
        answer = _kept(response)
        found.keep(uow, answer, customer_id=_made(request, answer.content["body"]))

    request.state.asker = replace(asker, keep=keep)
    try:
        response = await handle(request)
    except Exception:  # one that is cancelled may be at work still: its key stays taken
        await run_in_threadpool(application.once.forget, found)
        raise
    if not found.is_kept:
        await _finish(application, request, found, response)
    return response


async def _finish(application: Application, request: Request, pending: Pending, response: Response) -> None:
    try:
        await run_in_threadpool(application.once.finish, pending, _kept(response))
    except (StoreUnavailable, StillRunning):  # nothing was written: whoever asks again comes to the same
        _log.warning("the answer to %s %s could not be kept", request.method, request.scope["route"].path)


def _kept(response: Response) -> Answer:
    body = json.loads(bytes(response.body) or b"null")
    return Answer(response.status_code, {"body": body, "etag": response.headers.get("etag")})


def shown_once(asker: Principal, do: Callable[[Principal], T], show: Callable[[T], Shown]) -> Shown:
    """The answer to a write. What it comes to is shown; where there is a key, that is kept before the write commits.

    Every route that writes answers by this: else a process that dies behind the commit leaves no answer.
    """

    def keep(uow: UnitOfWork, result: T) -> None:
        asker.keep(uow, show(result))

    return show(do(asker if asker.keep is nobody_asks_again else replace(asker, keep=keep)))


def gone_once(asker: Principal, do: Callable[[Principal], None]) -> Response:
    """As `shown_once`, of a write that has no more to say: 204."""
    return shown_once(asker, do, lambda _: Response(status_code=204))


def _made(request: Request, body: Any) -> CustomerId | None:
    """The customer whom this answer is the first to name, or is about where the address names none."""
    if not isinstance(body, dict):
        return None
    named = body.get("id" if request.scope["route"].path == "/v1/customers" else "customer_id")
    return None if named is None else CustomerId(named)


def _again(before: Answer) -> Response:
    etag = before.content["etag"]
    headers = {"Idempotency-Replay": "true", **({"ETag": etag} if etag else {})}
    if before.status == 204:
        return Response(status_code=204, headers=headers)
    return JSONResponse(before.content["body"], before.status, headers)


def the_application(request: Request) -> Application:
    application: Application = request.app.state.application
    return application


def the_asker(request: Request) -> Principal:
    asker: Principal = request.state.asker
    return asker


App = Annotated[Application, Depends(the_application)]
Asker = Annotated[Principal, Depends(the_asker)]
