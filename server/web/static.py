"""`/static/{digest}/{file}`: scripts and styles of the pages, under URLs that change when any of the files does."""

import gzip
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from flask import Response

from server.http.errors import UnknownUrl
from server.http.reply import IMMUTABLE
from server.web.replies import coded_document, takes_gzip

FOLDER: Final = Path(__file__).resolve().parent.parent / "static"
MEDIA_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Suffix -> media type; files with other suffixes are not served."""


class StaticFiles(NamedTuple):
    """All files, in memory, as they are few and small."""

    plain: dict[str, bytes]
    """Path below the folder -> content."""
    packed: dict[str, bytes]
    """Path below the folder -> content as gzip."""
    digest: str
    """One digest of all files, since scripts import one another by relative URLs."""


@cache
def static_files() -> StaticFiles:
    """Read the files, once in a worker."""
    paths = sorted(path for path in FOLDER.rglob("*") if path.suffix in MEDIA_TYPES)
    plain = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in paths}
    digest = sha256(b"".join(name.encode() + sha256(data).digest() for name, data in plain.items()))
    packed = {name: gzip.compress(data, mtime=0) for name, data in plain.items()}
    return StaticFiles(plain, packed, digest.hexdigest()[:16])


def static_file(digest: str, name: str) -> Response:
    """Send a file. A digest of another release gets the current file, which caches have to revalidate."""
    files = static_files()
    if name not in files.plain:
        raise UnknownUrl(f"no static file {name[:100]!r}")
    is_packed = takes_gzip()
    body = files.packed[name] if is_packed else files.plain[name]
    cache_control = IMMUTABLE if digest == files.digest else "no-cache"
    return coded_document(body, MEDIA_TYPES[Path(name).suffix], cache_control, is_packed)
