"""The identity of a source: layers with equal identities share cache entries, in a worker and in Redis.

Strategy: two sources are equal if they read the same location with the same credentials. The identity is a digest of
both. It is a part of each key in Redis, which other clients of Redis may read, and the location is no secret: a fast
digest would let them test billions of passwords a second. So the digest is keyed with a slow one (scrypt) of the
credentials, which takes 16 MiB and a twentieth of a second for each guess. Its salt is the location, as a fleet has no
other value in common.

Credentials that rotate by themselves are left out, else each rotation would empty the cache: keys of roles, of single
sign-on and of processes, and all keys with a session token from boto3's chain. In their place stand the name of the
profile, its entries in the AWS files, and the role.
"""

from collections.abc import Iterator, Mapping
from configparser import Error as ConfigFileError
from configparser import RawConfigParser
from functools import lru_cache
from hashlib import blake2b, scrypt
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Final

from cogread.sources import BUCKETS, SourceOptions, SourceUri
from cogread.sources.http_client.url import split_url

_COST: Final = {"n": 1 << 14, "r": 8, "p": 1, "maxmem": 32 << 20}
_KEYS: Final = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_MOST_PROFILES: Final = 8
"""Length of a chain of profiles linked by `source_profile`."""

Secrets = tuple[str, ...]


class Identities:
    """Identities of the sources of one configuration. Reads each file of credentials once."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Prepare; files are read on demand.

        Args:
            env: the environment of boto3 and requests.
        """
        self._env = env
        self._home = Path(env.get("HOME") or "~").expanduser()
        self._of_profile: dict[str | None, Secrets] = {}
        self._of_host: dict[str, Secrets] = {}

    def of(self, uri: SourceUri, options: SourceOptions) -> str:
        """Return the identity of a source, a digest in hexadecimal.

        Args:
            uri: location of the layer's file.
            options: options of its origin.
        """
        if uri.scheme == "s3":
            origin, rest, secrets = self._s3(uri, options)
        elif uri.scheme in ("http", "https"):
            origin, rest, secrets = self._http(uri, options)
        elif uri.scheme in BUCKETS:
            origin, rest, secrets = self._bucket(uri, options)
        else:  # without credentials
            origin, rest, secrets = uri.scheme, [uri.location], ()
        key = _slow_digest(origin, secrets) if secrets else b""
        place = [origin, *rest, options.validators]
        return blake2b("\0".join(place).encode("utf-8", "surrogateescape"), key=key, digest_size=16).hexdigest()

    def _http(self, uri: SourceUri, options: SourceOptions) -> tuple[str, list[str], Secrets]:
        url = split_url(uri.location)
        if options.bearer_token is not None:
            secrets: Secrets = ("bearer", options.bearer_token)
        elif options.username is not None:
            secrets = ("basic", options.username, options.password or "")
        elif url.userinfo is not None:
            secrets = ("url", url.userinfo)
        else:
            secrets = self._netrc(url.origin.host)
        return " ".join(map(str, url.origin)), [url.target], secrets

    def _s3(self, uri: SourceUri, options: SourceOptions) -> tuple[str, list[str], Secrets]:
        env = self._env
        profile = options.profile or env.get("AWS_PROFILE") or ""
        rest = [uri.location, profile, "unsigned" * options.anonymous]
        origin = f"s3 {_endpoint(options, env)} {options.region or ''}"
        if options.anonymous:
            return origin, rest, ()
        if options.access_key_id is not None:
            keys = ("keys", options.access_key_id, options.secret_access_key or "", options.session_token or "")
            return origin, rest, keys
        return origin, [*rest, env.get("AWS_ROLE_ARN") or ""], self._chain(options.profile)

    def _bucket(self, uri: SourceUri, options: SourceOptions) -> tuple[str, list[str], Secrets]:
        origin = f"{uri.scheme} {options.endpoint_url or ''} {options.account or ''}"
        rest = [uri.location, options.user_project or "", "unsigned" * options.anonymous]
        if options.anonymous:
            return origin, rest, ()
        names = ("access_key_id", "secret_access_key", "access_key", "sas_token", "bearer_token")
        secrets = [f"{name}={value}" for name in names if (value := getattr(options, name)) is not None]
        if not secrets and uri.scheme == "gs":
            secrets = [self._google_file()]
        elif not secrets:
            secrets = [f"{name}={value}" for name, value in sorted(self._env.items()) if name.startswith("AZURE_")]
        return origin, rest, tuple(secrets)

    def _google_file(self) -> str:
        """Content of the file of Google's application default credentials, if there is one."""
        folder = Path(self._env.get("CLOUDSDK_CONFIG") or self._home / ".config" / "gcloud")
        path = Path(self._env.get("GOOGLE_APPLICATION_CREDENTIALS") or folder / "application_default_credentials.json")
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError):  # Google's package reports the error
            return ""

    def _chain(self, profile: str | None) -> Secrets:
        """Credentials of boto3's chain that do not rotate: from the environment, else from the AWS files."""
        secrets = self._of_profile.get(profile)
        if secrets is None:
            names = [name.upper() for name in _KEYS]
            keys = tuple(self._env.get(name) or "" for name in names)
            if profile is None and keys[0]:  # before the files, unless a profile is asked for
                secrets = () if keys[2] else keys[:2]
            else:
                secrets = tuple(self._profile(profile or self._env.get("AWS_PROFILE") or "default"))
            self._of_profile[profile] = secrets
        return secrets

    def _profile(self, name: str) -> Iterator[str]:
        """Entries of a profile and of its source profiles in the AWS files."""
        credentials = self._aws_file("AWS_SHARED_CREDENTIALS_FILE", "credentials")
        config = self._aws_file("AWS_CONFIG_FILE", "config")
        for _ in range(_MOST_PROFILES):
            values = dict(config[f"profile {name}"]) if f"profile {name}" in config else {}
            values |= dict(config[name]) if name == "default" and name in config else {}
            values |= dict(credentials[name]) if name in credentials else {}
            if "aws_session_token" in values:
                values = {key: value for key, value in values.items() if key not in _KEYS}
            yield from (f"{key}={value}" for key, value in sorted(values.items()))
            if values.get("source_profile", name) == name:
                return
            name = values["source_profile"]

    def _aws_file(self, variable: str, name: str) -> RawConfigParser:
        parser = RawConfigParser(strict=False)
        path = Path(self._env.get(variable) or self._home / ".aws" / name).expanduser()
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RuntimeError, ConfigFileError):  # boto3 reports the error
            return RawConfigParser()
        return parser

    def _netrc(self, host: str) -> Secrets:
        """User and password of a host in the netrc file that requests reads."""
        if host not in self._of_host:
            named = self._env.get("NETRC")
            paths = [Path(named)] if named else [self._home / ".netrc", self._home / "_netrc"]
            path = next((path for path in paths if path.is_file()), None)
            try:
                login = netrc(path).authenticators(host) if path else None
            except (OSError, ValueError, NetrcParseError):
                login = None
            self._of_host[host] = ("netrc", login[0] or "", login[2] or "") if login else ()
        return self._of_host[host]


def _endpoint(options: SourceOptions, env: Mapping[str, str]) -> str:
    """The effective endpoint by botocore's rules; the AWS files count by the profile's entries."""
    if options.endpoint_url or env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return options.endpoint_url or ""
    return env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or ""


@lru_cache(maxsize=4096)
def _slow_digest(origin: str, secrets: Secrets) -> bytes:
    """A digest of the credentials. Cached, as it takes a twentieth of a second and all layers of a source share it."""
    secret = "\0".join(secrets).encode("utf-8", "surrogateescape")
    return scrypt(secret, salt=f"rawcog {origin}".encode(), dklen=32, **_COST)
