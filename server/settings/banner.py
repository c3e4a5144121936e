"""The banner that the server prints when it is ready: version, address, and commands that try a layer."""

import shlex
from contextlib import suppress
from threading import Thread
from typing import Final

from cogread import __version__
from cogread.errors import CogError
from cogread.reader import open_cog
from cogread.wrap import wrappers_of
from server.access.caller import PUBLIC
from server.http.reply import local_url
from server.resilience.layer_fault import one_layer
from server.settings.load import Settings

FILES_S: Final = 2.0
"""Longest wait for files: a mount that hangs must not stop the start."""


UNNAMED: Final = "/dev/fd/"
"""Beginning of the name of a config that `rawcog serve` made of the files it was given."""


def banner(settings: Settings, address: tuple[str, int] | str, *, is_tls: bool) -> str:
    """Write the banner.

    Args:
        settings: the current ones.
        address: that the server listens on: host and port, or the path of a Unix socket.
        is_tls: the server speaks TLS.
    """
    scheme = "https" if is_tls else "http"
    if isinstance(address, str):
        place = f"unix:{address}"
        commands = [f"curl --unix-socket {shlex.quote(address)} {scheme}://localhost/layers"]
    else:
        place = local_url(*address, scheme)
        commands = _commands(settings, place) or [f"curl {place}/layers"]
    counts = {"layer": len(settings.layers), "collection": len(settings.collections)}
    spelled = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items() if count]
    serves = f"rawcog {__version__} serves {' and '.join(spelled) or 'no layers'} on {place}"
    return "\n".join([serves, *(f"Try:  {command}" for command in commands), ""])


def start_line(settings: Settings, workers: int) -> str:
    """Describe what starts, as fields for the log.

    Args:
        settings: the current ones.
        workers: their number.
    """
    memory_mib = settings.server.memory_bytes >> 20
    fields = {
        "version": __version__,
        "layers": len(settings.layers),
        "collections": len(settings.collections),
        "workers": workers,
        "threads": settings.threads,
        "cache": f"{memory_mib}MiB{'+redis' if settings.redis_url else ''}",
        "metrics": "on" if settings.has_metrics else "off",
        "config": "-" if settings.config_name.startswith(UNNAMED) else shlex.quote(settings.config_name),
    }
    return "rawcog started: " + " ".join(f"{key}={value}" for key, value in fields.items())


def _commands(settings: Settings, url: str) -> list[str]:
    """Commands for GDAL and curl; none if the files do not answer in time."""
    commands: list[str] = []
    reader = Thread(target=lambda: commands.extend(_first_layer_commands(settings, url)), name="banner", daemon=True)
    reader.start()
    reader.join(FILES_S)
    return commands[:]


def _first_layer_commands(settings: Settings, url: str) -> list[str]:
    """Commands for the first layer in a local file with tiles that browsers show. Origins are not asked, and private
    layers need more than a line."""
    for layer in settings.layers.values():
        if layer.uri.scheme != "file" or layer.access != PUBLIC:
            continue
        with suppress(CogError), one_layer(layer.name):  # the layer's JSON gives the reason
            with open_cog(layer.uri.location) as reader:
                levels = reader.cog.levels[::-1]
            layer_url = f"{url}/layers/{layer.name}"
            for z, level in enumerate(levels):
                for wrapper in wrappers_of(level):
                    extension = wrapper.extension
                    tile = f"curl -o tile.{extension} {layer_url}/tiles/native/{z}/0/0.{extension}"
                    return [f"gdalinfo {layer_url}/gdal.vrt", tile]
    return []
