"""Every error that cogread raises.

    CogError
    ├── UriError                 the URI has no supported form
    ├── SettingError             a variable of the environment has an invalid value
    ├── SourceError              bytes of the source could not be read
    │   ├── SourceNotFound       there is no such file or object
    │   ├── SourceForbidden      the origin refuses the credentials, or the lack of them
    │   ├── SourceBusy           the origin throttles (429, 503); `retry_after_s`
    │   ├── SourceTimeout        the origin did not answer in time
    │   │   └── OutOfTime        the caller's deadline passed: no fault of the source
    │   ├── SourceUnreachable    no connection (DNS, refused, reset)
    │   ├── SourceProtocolError  the reply does not match the request (no 206, other range, short body)
    │   └── SourceChanged        the source is not the version that was expected
    ├── FormatError              the file is no TIFF, or a damaged or hostile one
    │   └── UnsupportedFormat    a sound file of a kind that is not supported (strips, say)
    ├── UndefinedCrs             the file states no CRS, or none that is beyond doubt
    └── TileError                the file is sound, but this tile cannot be delivered
        ├── TileOutOfRange       outside of the grid
        ├── TileDamaged          the stored bytes are not a tile
        └── FormatNotOffered     not offered in this representation

A message states the value, the wanted value and the place. It may name the source (see `Source.name`, which holds no
credentials); the caller decides how much of it reaches a client. Bytes of the file or reply are the error's `evidence`.
"""

_MAX_EVIDENCE_BYTES = 64


class CogError(Exception):
    """Base class of every error of this package.

    Attributes:
        message: the error without its evidence.
        evidence: the first bytes of the faulty value; None: the message needs none.
    """

    def __init__(self, message: str = "", evidence: bytes | None = None) -> None:
        """Create an error.

        Args:
            message: the value, the wanted value and the place, in numbers and words of this package.
            evidence: bytes of the file or reply. They may be a reply that no client may see: `str()` includes them, for
                logs and for readers of the file; `message` does not.
        """
        super().__init__(message)
        self.message = message
        self.evidence = None if evidence is None else evidence[:_MAX_EVIDENCE_BYTES]

    def __str__(self) -> str:
        return self.message if self.evidence is None else f"{self.message} (found {self.evidence!r})"


class UriError(CogError):
    """The URI has no supported form or scheme."""


class SettingError(CogError):
    """A variable of the environment has an invalid value."""


class SourceError(CogError):
    """Bytes could not be read."""


class SourceNotFound(SourceError):
    """There is no such file or object."""


class SourceForbidden(SourceError):
    """The origin refuses: missing, wrong or expired credentials."""


class SourceBusy(SourceError):
    """The origin throttles requests.

    Attributes:
        retry_after_s: seconds that the origin asks to wait; None: it states none.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SourceTimeout(SourceError):
    """No answer, or not all of it, in time."""


class OutOfTime(SourceTimeout):
    """The caller's deadline passed while it waited for others; says nothing about the source."""


class SourceUnreachable(SourceError):
    """No connection to the origin."""


class SourceProtocolError(SourceError):
    """The origin's reply does not match the request."""


class SourceChanged(SourceError):
    """The source is no longer the version that was expected."""


class FormatError(CogError):
    """The file is no TIFF, or a damaged one."""


class UnsupportedFormat(FormatError):
    """A TIFF of a kind that is not supported; the message says how to convert it."""


class UndefinedCrs(CogError):
    """The file states no CRS, or none that is beyond doubt; the message is a clause about the file: "its unit is …"."""


class TileError(CogError):
    """This tile cannot be delivered; others of the file may."""


class TileOutOfRange(TileError):
    """The tile is outside of the grid."""


class TileDamaged(TileError):
    """The tile's place in the file, or its bytes, are not those of a tile."""


class FormatNotOffered(TileError):
    """The tile is not offered in this representation."""
