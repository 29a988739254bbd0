"""What customers are shown before they agree, in their language, with the name of whoever asks in it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nearcast.services.documents import read_document

_TEXTS = Path(__file__).with_name("onboarding_notice.yaml")
_FALLBACK = "en"


@dataclass(frozen=True, slots=True)
class Notice:
    """One text as it is shown; `version` is that of its wording."""

    version: str
    language: str
    text: str

    @property
    def kept(self) -> dict[str, str]:
        """As a line of the ledger has it: the text with its hash, for the names in it change."""
        hashed = hashlib.sha256(self.text.encode()).hexdigest()
        return {
            "id": "onboarding",
            "version": self.version,
            "language": self.language,
            "text_sha256": hashed,
            "text": self.text,
        }


def language_of(said: str | None) -> str:
    """The language of ours that comes nearest to a language tag."""
    wanted = (said or "").partition("-")[0].lower()
    return wanted if wanted in _texts()["texts"] else _FALLBACK


def notice(about: str, language: str, *, controller: str, contact: str, channel: str = "") -> Notice:
    """The text about `location`, `nearby` or a channel that has its own, in one of our languages."""
    said = _texts()
    text: str = said["texts"][language][about]
    filled = text.format(controller=controller, contact=contact, channel=channel)
    return Notice(said["version"], language, filled)


@cache
def _texts() -> Mapping[str, Any]:
    found: Mapping[str, Any] = read_document(_TEXTS)
    return found
