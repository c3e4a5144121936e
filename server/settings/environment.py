"""Variables of the environment, checked; `load` reads them and passes them in.

Each function raises `SettingError` with the name of a variable whose value is wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cogread.errors import SettingError
from server.cache import open_cache
from server.logs.line_format import FORMATS

LOOPBACK: Final = "127.0.0.1"

THREADS: Final = 32
"""Threads of each worker; bulkheads take their sizes from it."""

LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")

_HOST: Final = re.compile(
    r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9]+)?"
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """Settings of gunicorn."""

    host: str
    port: int
    workers: int
    log_level: str
    threads: int = THREADS
    """Threads of each worker."""
    log_format: str = FORMATS[0]
    metrics_host: str = LOOPBACK
    metrics_port: int | None = None


def deployment(env: Mapping[str, str]) -> Deployment:
    """Read HOST, PORT, WEB_CONCURRENCY, LOG_LEVEL, LOG_FORMAT, RAWCOG_METRICS_HOST and RAWCOG_METRICS_PORT.

    A platform that sets PORT expects the server on every interface; without it the server stays on loopback.
    """
    port, own_port = _number(env, "PORT", 8000, 0, 65535), metrics_port(env)
    if own_port == port:
        raise SettingError(f"RAWCOG_METRICS_PORT: found {port}, which is PORT too; wanted a port of its own")
    return Deployment(
        host=_host(env, "HOST", "0.0.0.0" if env.get("PORT") else LOOPBACK),  # noqa: S104 - a platform's router
        port=port,
        workers=_number(env, "WEB_CONCURRENCY", 2, 1, 1024),
        log_level=log_level(env),
        log_format=log_format(env),
        metrics_host=_host(env, "RAWCOG_METRICS_HOST", LOOPBACK),
        metrics_port=own_port,
    )


def redis_url(env: Mapping[str, str], tls_verify: bool) -> str | None:
    """Read REDIS_URL, of which a cache can be made; None: there is no Redis."""
    url = env.get("REDIS_URL") or None
    try:
        open_cache(url, tls_verify)
    except ValueError as error:
        raise SettingError(f"REDIS_URL: {error}") from error
    return url


def log_level(env: Mapping[str, str]) -> str:
    """Read LOG_LEVEL, one of LOG_LEVELS."""
    level = (env.get("LOG_LEVEL") or "info").lower()
    if level not in LOG_LEVELS:
        raise SettingError(f"LOG_LEVEL: found {level!r}, wanted one of {', '.join(LOG_LEVELS)}")
    return level


def log_format(env: Mapping[str, str]) -> str:
    """Read LOG_FORMAT, one of `server.logs.line_format.FORMATS`."""
    line_format = (env.get("LOG_FORMAT") or FORMATS[0]).lower()
    if line_format not in FORMATS:
        raise SettingError(f"LOG_FORMAT: found {line_format[:100]!r}, wanted one of {', '.join(FORMATS)}")
    return line_format


def has_traces(env: Mapping[str, str]) -> bool:
    """Tell whether the variables of OpenTelemetry name a collector and do not turn the SDK off."""
    is_named = env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return bool(is_named) and env.get("OTEL_SDK_DISABLED", "").lower() != "true"


def metrics_port(env: Mapping[str, str]) -> int | None:
    """Read RAWCOG_METRICS_PORT; None: metrics have no port of their own."""
    return _number(env, "RAWCOG_METRICS_PORT", 0, 1, 65535) if env.get("RAWCOG_METRICS_PORT") else None


def _host(env: Mapping[str, str], name: str, default: str) -> str:
    text = env.get(name) or default
    if not _HOST.fullmatch(text):
        raise SettingError(f"{name}: found {text[:100]!r}, wanted a name or an IP address, such as 127.0.0.1 or ::1")
    return text


def _number(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = env.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise SettingError(f"{name}: found {text!r}, wanted a number from {least} to {most}")
    return int(text)
