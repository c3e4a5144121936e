"""The configurations of layers and collections, with the defaults filled in."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cogread.sources import SourceOptions, SourceUri
from server.access.caller import Access
from server.settings.attribution import Attribution
from server.settings.file import CollectionFields, Empty, File
from server.settings.templates import UriTemplate


@dataclass(frozen=True, slots=True)
class LayerConfig:
    """The configuration of one layer, with the defaults filled in."""

    name: str
    title: str
    attribution: Attribution | None
    uri: SourceUri
    options: SourceOptions
    identity: str
    """Identity of the source; see `server.settings.origin_identity`."""
    access: Access
    max_age_s: int
    empty: Empty
    cache_tiles: bool
    """True: worker memory and Redis keep stored tiles."""
    cache_replies: bool
    """True: worker memory keeps whole replies, of local files too as long as they do not change."""
    file: File
    """True: the file itself is served; "redirect": by a presigned URL of its bucket."""
    jxl: bool
    """True: JPEG tiles are offered as JPEG XL too."""
    terrain_nodata: float
    """Height of pixels without one in tiles of terrain, in metres."""
    versioned_urls: bool
    source_name: str
    """Name of its source, or the scheme of its URI: a label of metrics."""
    collection: str | None = None
    """Name of the collection that the layer is a member of."""


@dataclass(frozen=True, slots=True)
class CollectionConfig:
    """The configuration of one collection."""

    name: str
    kind: str
    """The key of its rule, one of `server.settings.collections.KINDS`."""
    fields: CollectionFields
    """Its table, with the defaults filled in."""
    uri: SourceUri
    """The place that the rule names: a template, a folder, a prefix or a document."""
    template: UriTemplate | None = field(compare=False, repr=False)
    """The template of a collection by `uri`."""
    attribution: Attribution | None
    options: SourceOptions
    """Options of the origin of `uri`."""
    source: SourceOptions | None
    """Options of the source that its table names, which may be that of its members alone."""
    options_for: Callable[[str, bool], SourceOptions] = field(compare=False, repr=False)
    """Returns the options of origins of a scheme: those of its source where the scheme fits, else the environment's.
    True: the origin is that of `uri`; the source's credentials for HTTP go to no other."""
    member: Callable[[str, SourceUri, str, Attribution | None, bool], LayerConfig] = field(compare=False, repr=False)
    """Makes the configuration of a member of a whole name, a URI, a title and an attribution; True: see above."""

    @property
    def folder(self) -> str | None:
        """The folder that all files of the collection are below; None: there is none."""
        if self.uri.scheme != "file" or self.kind not in ("uri", "folder"):
            return None
        return self.uri.location.partition("{")[0].rpartition("/")[0] if self.kind == "uri" else self.uri.location

    @property
    def access(self) -> Access:
        """The right that it takes to read a member."""
        return self.fields.access

    @property
    def source_name(self) -> str:
        """Name of its source, or the scheme of its URI: a label of metrics."""
        return self.fields.source or self.uri.scheme.replace("https", "http")
