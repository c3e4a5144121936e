"""The blobs of a storage account at Azure, on 127.0.0.1: an `Origin` that refuses what Azure refuses.

A signature must be the one that Microsoft's own client makes for the request, and lists come in short pages.
"""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.pipeline.transport import HttpRequest
from azure.storage.blob import BlobSasPermissions, generate_blob_sas
from azure.storage.blob._shared.authentication import SharedKeyCredentialPolicy

from cogread.sources import SourceOptions
from tests.support.origin import Fault, Origin, Reply, Request

ACCOUNT: Final = "fieldwork"
KEY: Final = b64encode(b"hush" * 16).decode()
SAS: Final = "sv=2021-12-02&sr=c&sp=rl&sig=hush%2Bhush%3D"
TOKEN: Final = "hush-token"
PAGE: Final = 3
"""Names in a page of a list."""
_SAS_MODULES: Final = ("_shared_access_signature", "_shared.shared_access_signature")
_UNSIGNED: Final = ("authorization", "host")


class Blobs(Origin):
    """The service; `put` takes the name of a container and a blob, from a slash on."""

    public = "public"
    """Container that needs no credentials."""

    @property
    def endpoint(self) -> str:
        """The endpoint, as emulators have it, with the account in the path."""
        return f"{self.url}/{ACCOUNT}"

    @property
    def options(self) -> SourceOptions:
        """Options with which cogread reaches it."""
        return SourceOptions(endpoint_url=self.endpoint, account=ACCOUNT, access_key=KEY)

    def store(self, container: str, name: str, data: bytes) -> str:
        """Store a blob; its URI."""
        self.put(f"/{ACCOUNT}/{container}/{name}", data)
        return f"az://{container}/{name}"

    def note(self, request: Request) -> tuple[Reply, Fault | None]:
        """See `Origin.note`."""
        reply, fault = super().note(request)
        place = urlsplit(request.path)
        if not self._is_allowed(request, place.query):
            return Reply(403, {"x-ms-error-code": "AuthenticationFailed", "Content-Length": "0"}), None
        query = parse_qs(place.query)
        return (self._list(place.path, query) if query.get("comp") == ["list"] else reply), fault

    def _is_allowed(self, request: Request, query: str) -> bool:
        authorization = request.headers.get("authorization")
        if authorization is None:
            is_public = request.path.startswith(f"/{ACCOUNT}/{self.public}")
            return is_public or query.endswith(SAS) or is_signed_by_azure(request.path)
        return authorization in (f"Bearer {TOKEN}", signature_by_azure(f"{self.url}{request.path}", request))

    def _list(self, path: str, query: dict[str, list[str]]) -> Reply:
        start = int(query.get("marker", ["2!0"])[0].removeprefix("2!"))
        whole = f"{unquote(path)}/"
        names = sorted(name.removeprefix(whole) for name in self._resources if name.startswith(whole))
        names = [name for name in names if name.startswith(query.get("prefix", [""])[0])]
        page, end = names[start : start + PAGE], start + PAGE
        blobs = "".join(f"<Blob><Name>{escape(name)}</Name></Blob>" for name in page)
        marker = f"<NextMarker>2!{end}</NextMarker>" if end < len(names) else "<NextMarker />"
        body = f"<?xml version='1.0'?><EnumerationResults><Blobs>{blobs}</Blobs>{marker}</EnumerationResults>".encode()
        return Reply(200, {"Content-Length": str(len(body)), "Content-Type": "application/xml"}, body)


def signature_by_azure(url: str, request: Request) -> str:
    """The Authorization header that Microsoft's client gives the recorded request.

    That client sends `x-ms-range`; it signs Range, as the service does, by another name.
    """
    own = {"range": "byte_range"}
    headers = {own.get(name, name): value for name, value in request.headers.items() if name not in _UNSIGNED}
    theirs: Any = HttpRequest("GET", url, headers=headers)
    policy: Any = SharedKeyCredentialPolicy
    policy(ACCOUNT, KEY).on_request(PipelineRequest(theirs, PipelineContext(None)))
    return str(theirs.headers["Authorization"])


def is_signed_by_azure(path: str) -> bool:
    """Tell whether the query of a URL is the one that Microsoft's client makes to sign it, until the same instant."""
    place = urlsplit(path)
    query = dict(parse_qsl(place.query))
    if "se" not in query or datetime.fromisoformat(query["se"]) < datetime.now(UTC):
        return False
    _, _, container, name = unquote(place.path).split("/", 3)
    version = query["sv"]  # the client signs for its own
    modules = [f"azure.storage.blob.{name}.X_MS_VERSION" for name in _SAS_MODULES]
    with patch(modules[0], version), patch(modules[1], version):
        theirs = generate_blob_sas(
            *(ACCOUNT, container, name),
            account_key=KEY,
            permission=BlobSasPermissions(read=True),
            expiry=datetime.fromisoformat(query["se"]),
            protocol=query["spr"],
        )
    return dict(parse_qsl(theirs)) == query
