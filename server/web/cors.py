"""WSGI middleware that allows the pages of some origins alone to read replies (Fetch §3.2)."""

from collections.abc import Iterable, Set
from typing import TYPE_CHECKING, Any

from server.http.reply import CORS

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class CorsMiddleware:
    """Names the origin of the request in place of `*` if it is allowed, and allows none else."""

    def __init__(self, app: "WSGIApplication", origins: Set[str]) -> None:
        self._app, self._origins = app, origins

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Reply with the headers of the origin."""
        origin = environ.get("HTTP_ORIGIN")

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            """Allow the origin of the request alone."""
            own = [field for field in headers if field != CORS]
            own.append(("Vary", "Origin"))
            if origin in self._origins:
                own.append((CORS[0], str(origin)))
            return start_response(status, own, *exc_info)

        return self._app(environ, start)
