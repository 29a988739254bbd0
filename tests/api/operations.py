"""What the service says of itself: its operations, and requests made from their own examples."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from tests.api.service import Service
from tests.loopback import LOOPBACK

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One method on one path, with what /openapi.json says of it."""

    method: str
    path: str
    said: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def roles(self) -> list[str]:
        """Whose keys may; empty where nobody needs one."""
        return list(self.said.get("x-roles", ()))

    @property
    def parameters(self) -> dict[str, list[str]]:
        """Names by where they stand: path, query, header."""
        found: dict[str, list[str]] = {"path": [], "query": [], "header": []}
        for each in self.said.get("parameters", ()):
            found[each["in"]].append(each["name"])
        return found

    @property
    def media(self) -> dict[str, Any]:
        """Examples of its request body by media type."""
        content = self.said.get("requestBody", {}).get("content", {})
        return {
            name: _example(each) for name, each in content.items() if each.get("schema", {}).get("format") != "binary"
        }

    @property
    def answer(self) -> tuple[int, Any]:
        """The status of its first answer, and the example of it; None where it has no body."""
        status, said = next(iter(self.said["responses"].items()))
        return int(status), said.get("content", {}).get("application/json", {}).get("example")


def _example(content: dict[str, Any]) -> Any:
    found = content.get("example", content.get("schema", {}).get("examples", [None])[0])
    return found if found is not None else content.get("examples")


def document(service: Service) -> dict[str, Any]:
    """What /openapi.json says."""
    found: dict[str, Any] = httpx.get(f"{service.url}/openapi.json", **LOOPBACK).json()
    return found


def operations(service: Service) -> Iterator[Operation]:
    """Everything that can be asked for."""
    for path, methods in document(service)["paths"].items():
        for method, said in methods.items():
            yield Operation(method.upper(), path, said)
