"""The identity of a source: layers of one identity share what is cached, in a worker and in Redis.

Strategy: two sources are one if they ask the same place as the same user. The place stands in the identity as it is,
the user as a digest of the secrets that prove it. The identity is a part of each key in Redis, where others may read
it, and the place is no secret; a fast digest, keyed with the secret or not, would let them try out passwords at
billions a second. So the key of the identity is a slow digest (scrypt), for which each guess takes 16 MiB and a
twentieth of a second. It is salted with the place, for want of a salt that a fleet could agree on beforehand.

Secrets that rotate on their own are left out, else every rotation would empty the cache: the keys of roles, of single
sign-on and of processes, and all keys that come with a session token from boto3's chain. There the user is the name of
the profile, what the AWS files say of it, and the role.
"""

from collections.abc import Iterator, Mapping
from configparser import Error as ConfigFileError
from configparser import RawConfigParser
from functools import lru_cache
from hashlib import blake2b, scrypt
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Final

from cogread.sources import SourceOptions, SourceUri
from cogread.sources.web import split_url

_COST: Final = {"n": 1 << 14, "r": 8, "p": 1, "maxmem": 32 << 20}
_KEYS: Final = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_MOST_PROFILES: Final = 8
"""Profiles that lead to each other by `source_profile`."""

Secrets = tuple[str, ...]


class Identities:
    """The identities of the sources of one configuration; files of credentials are read once."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Read nothing yet.

        Args:
            env: the environment that boto3 and requests will see.
        """
        self._env = env
        self._home = Path(env.get("HOME") or "~").expanduser()
        self._of_profile: dict[str | None, Secrets] = {}
        self._of_host: dict[str, Secrets] = {}

    def of(self, uri: SourceUri, options: SourceOptions) -> str:
        """The identity of a source, a digest.

        Args:
            uri: of the layer.
            options: how its origin is reached.
        """
        if uri.scheme == "s3":
            origin, rest, secrets = self._s3(uri, options)
        elif uri.scheme == "file":
            origin, rest, secrets = "file", [uri.location], ()
        else:
            origin, rest, secrets = self._http(uri, options)
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

    def _chain(self, profile: str | None) -> Secrets:
        """The secrets of boto3's chain that stay as they are: of the environment, else of the AWS files."""
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
        """What the AWS files say of a profile, and of those that it gets its credentials from."""
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
        except (OSError, ValueError, RuntimeError, ConfigFileError):  # boto3 will say what is wrong with it
            return RawConfigParser()
        return parser

    def _netrc(self, host: str) -> Secrets:
        """User and password of a host in the netrc file that requests will read."""
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
    """The effective one, as botocore finds it; what the configuration files say goes by the profile."""
    if options.endpoint_url or env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return options.endpoint_url or ""
    return env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or ""


@lru_cache(maxsize=4096)
def _slow_digest(origin: str, secrets: Secrets) -> bytes:
    """A digest of the secrets, which takes a twentieth of a second: kept, as all layers of a source have the same."""
    secret = "\0".join(secrets).encode("utf-8", "surrogateescape")
    return scrypt(secret, salt=f"rawcog {origin}".encode(), dklen=32, **_COST)
