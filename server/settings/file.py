"""The keys of the config file, their types and defaults.

The text below a key is its description in the JSON Schema and in docs/configuration.md, where `python -m
server.settings.schema` writes it; links are relative to docs/. `decode` reads a file of these keys.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cogread.sources.protocol import Validators
from server.access.caller import Access

Empty = Literal["204", "404", "transparent"]
Age = Annotated[int, Meta(ge=0, le=31_536_000)]
File = bool | Literal["redirect"]
Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
RefreshSeconds = Annotated[float, Meta(ge=1, le=31_536_000)]
Timeout = Annotated[float, Meta(gt=0, le=25)]
Height = Annotated[float, Meta(ge=-32768, lt=32768)]


class FileError(Exception):
    """Invalid content of the config file; the message is one line that names the key."""


class ServerConfig(Struct, frozen=True):
    """Settings of the server."""

    title: str = "rawcog"
    """Title of the pages and documents."""
    revalidate_s: Seconds = 60.0
    """Time for which the version of a file is trusted before the origin is asked again. The version of a local file is
    checked at each request."""
    public_url: str | None = None
    """Beginning of the URLs in documents; see [Behind a proxy](operating.md#behind-a-proxy)."""
    trusted_proxies: Annotated[int, Meta(ge=0, le=10)] | tuple[str, ...] = 0
    """Proxies whose `X-Forwarded-Proto`, `-Host` and `-Prefix` are trusted: the number of proxies in a row (0 to 10),
    or a list of their networks, `["10.0.0.0/8"]`."""
    memory_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 40)] = 128 << 20
    """Bound of the caches of each worker: a quarter for parsed headers, three sixteenths for the summaries behind lists
    (some 2 kB a layer: 128 MiB hold 13,000), an eighth for whole replies, a sixteenth for tile plans and compressed
    documents, a sixteenth for ranges of `cog.tif`, the rest for bytes of files."""
    inflight_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 40)] = 256 << 20
    """Bound of the memory that each worker uses for large tiles while it makes and sends them."""
    cors_origins: tuple[str, ...] | Literal["*"] = "*"
    """Origins of the web pages that may read replies, such as `["https://maps.example.com"]`; `"*"`: all."""
    watch_s: Seconds = 0.0
    """Time within which all workers follow [a change of the config file](operating.md#changes-of-the-config-file); 0:
    at HUP only."""
    metrics: bool = False
    """Serve [`/metrics`](operating.md#metrics) for Prometheus; taken up when workers start."""


class Defaults(Struct, frozen=True):
    """Values for all layers and collections; a key in the table of one overrides them."""

    access: Access = "public"
    """The right to read the layer: `"public"`, for all; `"token"`, for callers with a token of `[tokens]`; `"signed"`,
    for signed URLs and for such tokens. See [Access](access.md)."""
    max_age_s: Age = 3600
    """`max-age` of `Cache-Control`."""
    empty: Empty = "204"
    """The reply to a sparse tile, which the file leaves out, and at URLs without a format to a tile that the mask hides
    as a whole: `"204"`, `"404"`, or `"transparent"` (a transparent PNG or WebP; 204 for other formats)."""
    cache_tiles: bool | None = None
    """`true`: worker memory and Redis keep tiles. By default worker memory keeps whole replies of local files all the
    same; `false` turns that off too. Default: false for local files, true for others."""
    file: File = True
    """`true`: the file itself is served, [by byte ranges](clients.md#the-file-itself). `"redirect"`, for
    buckets alone, sends clients to a presigned URL of the bucket, which is good for an hour, or as long as the
    signature of the request: rawcog passes on the right to read, the bucket its bytes. Google needs HMAC keys for it,
    Azure the key of the account, unless the bucket is public."""
    jxl: bool = False
    """`true`: JPEG tiles are also offered as JPEG XL (`jxl`), [repacked without loss](clients.md#jpeg-xl)."""
    terrain_nodata: Height = 0.0
    """The height in metres, from -32768 to below 32768, of pixels without one in [tiles of
    terrain](clients.md#terrain): nodata, masked, NaN or infinite, outside the image."""
    versioned_urls: bool = True
    """`true`: documents point to `/layers/{layer}@{version}/…`."""


class SourceConfig(Struct, frozen=True):
    """An origin and the access to it. Secrets are in the environment; the file names their variables."""

    type: Literal["http", "s3", "gs", "az"]
    """`"http"` for URIs of http and https, `"s3"`, `"gs"` (Google Cloud Storage) and `"az"` (Azure) for buckets."""
    endpoint_url: str | None = None
    """s3, gs, az: root of a compatible store, `http(s)://host[:port]`; of Azure that of the account's blobs."""
    region: str | None = None
    """s3: region of the buckets."""
    profile: str | None = None
    """s3: profile of the AWS configuration files."""
    access_key_id_env: str | None = None
    """s3, gs: variable with the access key, for Google an HMAC key; with `secret_access_key_env`."""
    secret_access_key_env: str | None = None
    """s3, gs: variable with the secret key."""
    session_token_env: str | None = None
    """s3: variable with the session token of temporary keys."""
    account: str | None = None
    """az: the storage account."""
    access_key_env: str | None = None
    """az: variable with the key of the account."""
    sas_token_env: str | None = None
    """az: variable with a shared access signature."""
    username_env: str | None = None
    """http: variable with the user; with `password_env`."""
    password_env: str | None = None
    """http: variable with the password."""
    bearer_token_env: str | None = None
    """http, gs, az: variable with the token of `Authorization: Bearer`."""
    anonymous: bool | None = None
    """s3, gs, az: send requests without credentials, for public buckets."""
    request_payer: bool | None = None
    """s3: accept the charges of a requester-pays bucket."""
    user_project: str | None = None
    """gs: project that is billed for requests, for requester-pays buckets."""
    virtual_hosting: bool | None = None
    """s3: the bucket is in the name of the host (`true`) or in the path (`false`)."""
    connect_timeout_s: Timeout = 2.0
    """Longest wait for a connection."""
    read_timeout_s: Timeout = 5.0
    """Longest wait for the next bytes."""
    redirect_hosts: tuple[str, ...] = ()
    """Other hosts to which a redirect may lead."""
    validators: Validators = "etag"
    """Comparison of the versions of a file, see below."""


class TokenConfig(Struct, frozen=True):
    """A token of callers. The secret is in the environment."""

    env: str
    """Variable with the secret: 16 characters or more of A-Z, a-z, 0-9 and `._~+/=-`."""
    layers: tuple[str, ...]
    """Names of the layers and collections that the token opens; `*` stands for any characters, so `ortho:*` is every
    member of the collection `ortho`."""


class LayerFields(Defaults, frozen=True, kw_only=True):
    """A layer, with the keys of `[defaults]` too."""

    uri: str
    """A path, `file:///path`, `http(s)://…`, `s3://bucket/key`, `gs://bucket/key`, `az://container/blob`, or GDAL's
    `/vsis3/`, `/vsigs/`, `/vsiaz/` and `/vsicurl/`."""
    source: str | None = None
    """Name of a `[sources.*]` table of the same type as the URI."""
    title: str | None = None
    """Title in lists, pages and documents. Default: the layer's name."""
    attribution: str | None = None
    """Attribution on the map and in documents; may hold links of the form `<a href="https://…">text</a>`, which
    documents without markup (WMTS, TMS, OGC API) leave out. Other tags are an error; character references such as
    `&copy;` are read as in HTML."""


class CollectionFields(Defaults, frozen=True, kw_only=True):
    """A collection, with the keys of `[defaults]` too: many layers by one rule, each of which is opened when asked for.

    The rule is that of one of the keys `uri`, `folder`, `prefix`, `stac` and `list`; see `server.settings.collections`.
    """

    uri: str | None = None
    """Template of the URIs, with parts in braces; the values of the parts are the names of the members."""
    match: dict[str, str] = {}
    """Part of `uri` and the regular expression of its values."""
    folder: str | None = None
    """Folder of local files."""
    prefix: str | None = None
    """Beginning of the URIs of objects: `s3://bucket/path/`, `gs://bucket/path/` or `az://container/path/`."""
    pattern: str | None = None
    """Files below `folder` or `prefix`: `*` stands for a part of a name, `**` for folders too. Default: all TIFFs."""
    stac: str | None = None
    """URL or path of a [STAC document](collections.md#stac)."""
    asset: str | None = None
    """Key of the asset of each STAC item, which may have `*`. Default: `visual`, else the first COG with the role
    `data`."""
    hosts: tuple[str, ...] = ()
    """Hosts and buckets (`s3://bucket`, `gs://bucket`, `az://container`) beside the document's own to which links of
    STAC, or of a list elsewhere, may lead."""
    list: str | None = None
    """Path or URL of a text or CSV file of names and URIs, see [lists](collections.md#text-and-csv-lists)."""
    refresh_s: RefreshSeconds = 300.0
    """Age at which the list of the members is read anew."""
    time: str | None = None
    """Template of the time of a member, with parts in braces: members on one grid are one layer in time. Default: they
    are not."""
    wmts: bool = False
    """`true`: the capabilities of the whole server list the members, up to a thousand."""
    source: str | None = None
    """Name of a `[sources.*]` table."""
    title: str | None = None
    """Title of a member, with parts in braces, or of the collection."""
    attribution: str | None = None
    """Attribution of the members, as that of a layer."""


class ConfigFile(Struct, frozen=True):
    """The config file of rawcog."""

    server: ServerConfig = ServerConfig()
    """Settings of the server."""
    defaults: Defaults = Defaults()
    """Values for all layers and collections; a key in the table of one overrides them."""
    sources: dict[str, SourceConfig] = {}
    """Origins by name, with credentials by the names of their variables."""
    tokens: dict[str, TokenConfig] = {}
    """Tokens of callers by name."""
    layers: dict[str, LayerFields] = {}
    """Layers by name."""
    collections: dict[str, CollectionFields] = {}
    """Collections by name: many layers by one rule."""
