"""`/static/{digest}/{file}`: scripts and styles of the pages, under URLs that change when any of the files does.

`/favicon.ico` is the icon of the pages again: for a JSON document, which names no icon, browsers ask for it there.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from flask import Response

from server.http.errors import UnknownUrl
from server.http.reply import IMMUTABLE, cache_control
from server.web.packed import PackedDocument, pack
from server.web.replies import document

FOLDER: Final = Path(__file__).resolve().parent.parent / "static"
MEDIA_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Suffix -> media type; files with other suffixes are not served."""
ICON: Final = "icon.svg"
ICON_S: Final = 86400
"""Lifetime of `/favicon.ico`, whose URL never changes."""


class StaticFiles(NamedTuple):
    """All files, in memory, as they are few and small."""

    documents: dict[str, PackedDocument]
    """Path below the folder -> content."""
    digest: str
    """One digest of all files, since scripts import one another by relative URLs."""


@cache
def static_files() -> StaticFiles:
    """Read the files, once in a worker."""
    paths = sorted(path for path in FOLDER.rglob("*") if path.suffix in MEDIA_TYPES)
    documents = {path.relative_to(FOLDER).as_posix(): pack((path.read_bytes(),)) for path in paths}
    digest = sha256("".join(name + document.etag for name, document in documents.items()).encode())
    return StaticFiles(documents, digest.hexdigest()[:16])


def static_file(digest: str, name: str) -> Response:
    """Send a file. A digest of another release gets the current file, which caches have to revalidate."""
    files = static_files()
    if name not in files.documents:
        raise UnknownUrl(f"no static file {name[:100]!r}")
    return _reply(files, name, IMMUTABLE if digest == files.digest else "no-cache")


def favicon() -> Response:
    """Send the icon."""
    return _reply(static_files(), ICON, cache_control(ICON_S))


def _reply(files: StaticFiles, name: str, policy: str) -> Response:
    return document(files.documents[name], MEDIA_TYPES[Path(name).suffix], policy)
