"""The server's own errors, and exception -> status: the only place that picks an error status."""

from typing import Final

from cogread.errors import (
    CogError,
    FormatNotOffered,
    SourceBusy,
    SourceChanged,
    SourceNotFound,
    SourceTimeout,
    TileOutOfRange,
)


class ServerError(Exception):
    """Base class of the server's own errors; their messages are for the client."""


class UnknownLayer(ServerError):
    """The config has no layer of this name."""


class Unauthorized(ServerError):
    """The request has no credentials for a layer, or an unknown token.

    Attributes:
        challenge: value of WWW-Authenticate.
    """

    def __init__(self, message: str, challenge: str) -> None:
        super().__init__(message)
        self.challenge = challenge


class Forbidden(ServerError):
    """The credentials of the request do not open the layer."""


class UnknownGrid(ServerError):
    """The layer has no tile matrix set of this name."""


class UnknownTime(ServerError):
    """The layer has no member of this time, or none on its grid."""


class BadRequest(ServerError):
    """Invalid query parameter."""


class UnknownUrl(ServerError):
    """Nothing is served at this path."""


class NotAcceptable(ServerError):
    """None of the representations is acceptable to the client."""


class PreconditionFailed(ServerError):
    """The client asks for a version that is not the current one."""


class RangeNotSatisfiable(ServerError):
    """A range that begins beyond the end of the representation.

    Attributes:
        size_bytes: size of the whole representation.
    """

    def __init__(self, message: str, size_bytes: int) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes


class NotSupported(ServerError):
    """An operation of a standard that the server does not implement."""


class ListBusy(ServerError):
    """All places for requests that wait for a list of layers are taken."""


class LayerFault(CogError):
    """A fault of the server in handling one layer's file; other layers are unaffected."""


class ListUnavailable(CogError):
    """The list of a collection's members cannot be read.

    Attributes:
        collection: its name.
        cause: the error of the list, which gives the status.
    """

    def __init__(self, collection: str, cause: CogError) -> None:
        super().__init__(str(cause))
        self.collection, self.cause = collection, cause


class ServerBusy(ServerError):
    """The worker has no memory or no decoder left for the request."""


STATUS: Final[dict[type[Exception], int]] = {
    BadRequest: 400,
    Unauthorized: 401,
    Forbidden: 403,
    UnknownLayer: 404,
    UnknownGrid: 404,
    UnknownTime: 404,
    UnknownUrl: 404,
    TileOutOfRange: 404,
    FormatNotOffered: 404,
    SourceNotFound: 404,
    NotAcceptable: 406,
    PreconditionFailed: 412,
    RangeNotSatisfiable: 416,
    NotSupported: 501,
    ListBusy: 503,
    ServerBusy: 503,
    SourceBusy: 503,
    SourceChanged: 503,
    SourceTimeout: 504,
    CogError: 502,
}
"""The first class of the exception's MRO counts; an exception without an entry is a fault of the server, 500."""


def cause_of(error: BaseException) -> BaseException:
    """Return the error that gives the status: that of its list, where a collection is unavailable."""
    return error.cause if isinstance(error, ListUnavailable) else error


def status_of(error: BaseException) -> int:
    """Return the status of the reply to a request that ended in `error`."""
    return next((STATUS[kind] for kind in type(cause_of(error)).__mro__ if kind in STATUS), 500)
