"""Every error that cogread raises.

    CogError
    ├── UriError                 the URI is of no known form
    ├── SettingError             a variable of the environment has a value that it cannot have
    ├── SourceError              bytes could not be read from where they are
    │   ├── SourceNotFound       there is no such file or object
    │   ├── SourceForbidden      the origin refuses us (credentials)
    │   ├── SourceBusy           the origin asks for patience (429, 503); `retry_after_s`
    │   ├── SourceTimeout        the origin did not answer in time
    │   │   └── OutOfTime        the caller's deadline passed: no fault of the source
    │   ├── SourceUnreachable    no connection (DNS, refused, reset)
    │   ├── SourceProtocolError  the reply is not what was asked for (no 206, other range, short body)
    │   └── SourceChanged        the source is not the version that was expected
    ├── FormatError              the file is no TIFF, or a damaged or hostile one
    │   └── UnsupportedFormat    a sound file of a kind that is not read (strips, say)
    ├── UndefinedCrs             the file states no CRS, or none that is beyond doubt
    └── TileError                the file is sound, but this tile cannot be given
        ├── TileOutOfRange       outside of the grid
        ├── TileDamaged          the stored bytes are not a tile
        └── FormatNotOffered     not to be had in this representation

A message says what was found, what was wanted and where. It may name the source (see `Source.name`, which holds no
credentials); what of it reaches a client is for the caller to decide. Bytes that were read are the error's `evidence`.
"""

_MOST_EVIDENCE_BYTES = 64


class CogError(Exception):
    """Base class of every error of this package.

    Attributes:
        message: the error without the bytes that were found.
    """

    def __init__(self, message: str = "", evidence: bytes | None = None) -> None:
        """Make an error.

        Args:
            message: what was found, what was wanted and where, in numbers and words of this package.
            evidence: the first of the bytes that were found. They may be a reply that no client may see: `str()` has
                them, for logs and for readers of the file; `message` has not.
        """
        super().__init__(message)
        self.message = message
        self.evidence = None if evidence is None else evidence[:_MOST_EVIDENCE_BYTES]

    def __str__(self) -> str:
        return self.message if self.evidence is None else f"{self.message} (found {self.evidence!r})"


class UriError(CogError):
    """The URI is of no form or scheme that is known."""


class SettingError(CogError):
    """A variable of the environment has a value that it cannot have."""


class SourceError(CogError):
    """Bytes could not be read."""


class SourceNotFound(SourceError):
    """There is no such file or object."""


class SourceForbidden(SourceError):
    """The origin refuses: missing, wrong or expired credentials."""


class SourceBusy(SourceError):
    """The origin is there but throttles us.

    Attributes:
        retry_after_s: seconds after which the origin wants to be asked again, or None if it did not say.
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
    """The origin's reply is not what was asked for."""


class SourceChanged(SourceError):
    """The source is no longer the version that was expected."""


class FormatError(CogError):
    """Not a TIFF, or a damaged one."""


class UnsupportedFormat(FormatError):
    """A TIFF of a kind that is not read; the message says how to mend it."""


class UndefinedCrs(CogError):
    """The file states no CRS, or none that is beyond doubt; the message is a clause about the file: "its unit is …"."""


class TileError(CogError):
    """This tile cannot be given; others of the file may."""


class TileOutOfRange(TileError):
    """The tile is outside of the grid."""


class TileDamaged(TileError):
    """The tile's place in the file, or its bytes, are not those of a tile."""


class FormatNotOffered(TileError):
    """The tile is not to be had in this representation."""
