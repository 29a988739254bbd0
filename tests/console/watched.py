"""A page in a real browser, and what it should not do."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Page

PATIENCE_MS = 30_000  # the machine may be busy with other tests


@dataclass
class Watched:
    """A page, and what it should not do."""

    page: Page
    errors: list[str] = field(default_factory=list)
    hosts: set[str | None] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))
