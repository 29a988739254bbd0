"""A secret in a file, which may be changed under us: whoever renews it need not begin us anew."""

import logging
import re
from pathlib import Path

from nearcast.domain.errors import InvalidInput

_TOKEN = re.compile("[!-~]+")
_log = logging.getLogger(__name__)


class SecretFile:
    """Read again when the file has changed. While there is nothing in it that is a secret, the last one holds: a token
    has no blanks, and letters of ASCII alone.
    """

    def __init__(self, path: Path, *, place: str) -> None:
        self._path, self._known, self._secret = path, (0, 0, 0), ""
        self()
        if not self._secret:
            raise InvalidInput("cannot be read, or holds no token", place=place)

    def __call__(self) -> str:
        try:
            now = self._path.stat()
            seen = now.st_mtime_ns, now.st_size, now.st_ino
            if seen != self._known:
                said = self._path.read_text("utf-8").strip()
                self._secret = said if _TOKEN.fullmatch(said) else self._secret
                self._known = seen
        except (OSError, UnicodeError) as error:
            _log.warning("a secret could not be read from its file: %s", type(error).__name__)
        return self._secret
