"""The fake as a whole: a server with a thread of its own, which can be started and stopped."""

import socket
from collections.abc import Callable
from datetime import datetime

from nearcast.fake_whatsapp.cloud import Cloud
from nearcast.fake_whatsapp.control import Control
from nearcast.fake_whatsapp.graph import Graph
from nearcast.fake_whatsapp.http import Answer, HttpServer, Request
from nearcast.fake_whatsapp.settings import FakeSettings

_OURS = ("/_control/", "/phone/")


class FakeWhatsApp:
    """Serves on `listening` from `start` until `stop`; `clock` is what its receipts and limits go by."""

    def __init__(self, settings: FakeSettings, listening: socket.socket, *, clock: Callable[[], datetime]) -> None:
        self._cloud = Cloud(settings, clock)
        self._graph = Graph(self._cloud)
        self._control = Control(self._cloud, self._graph)
        self._server = HttpServer(listening, self._handle, self._cloud.emitter.run)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    async def _handle(self, request: Request) -> Answer | None:
        if request.path.startswith(_OURS):
            return self._control.handle(request)
        return await self._graph.handle(request)
