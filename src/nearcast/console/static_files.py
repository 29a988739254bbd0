"""The files of a page, read once, each with what a browser may do with it: load nothing from anywhere else."""

from collections.abc import Mapping
from importlib.resources import files

from fastapi import Response

_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def static_files(folder: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Response]:
    """The answers of a folder of the console by file name; `headers` are more of them, for all."""
    found = {}
    for file in files("nearcast.console").joinpath(folder).iterdir():
        kind = _TYPES.get(file.name[file.name.rfind(".") :])
        if kind is not None:
            found[file.name] = Response(file.read_bytes(), media_type=kind, headers={**_HEADERS, **(headers or {})})
    return found
