"""What the server says when it is ready: its address, and a line that fetches a tile."""

from contextlib import suppress
from threading import Thread
from typing import Final

from cogread.errors import CogError
from cogread.reader import open_cog
from cogread.wrap import offered
from server.http.reply import local_url
from server.resilience.layer_fault import one_layer
from server.settings.load import Settings

PATIENCE_S: Final = 2.0
"""Longest wait for the files."""


def lines(settings: Settings, host: str, port: int) -> list[str]:
    """The lines to print.

    Args:
        settings: those in force.
        host: where the server listens.
        port: likewise.
    """
    root = local_url(host, port)
    count = len(settings.layers)
    return [
        f"rawcog serves {count} layer{'' if count == 1 else 's'} on {root}",
        *(f"Try:  {line}" for line in _lines_of_a_layer(settings, root) or [f"curl {root}/layers"]),
    ]


def _lines_of_a_layer(settings: Settings, root: str) -> list[str]:
    """Lines for GDAL and curl; none where the files do not answer soon: a hung mount must not stop the start."""
    found: list[list[str]] = []
    looking = Thread(target=lambda: found.append(_lines_of_the_first(settings, root)), name="greeting", daemon=True)
    looking.start()
    looking.join(PATIENCE_S)
    return found[0] if found else []


def _lines_of_the_first(settings: Settings, root: str) -> list[str]:
    """Lines of the first layer in a local file that browsers can show; others are not opened for a greeting."""
    for layer in settings.layers.values():
        if layer.uri.scheme != "file":
            continue
        with suppress(CogError), one_layer(layer.name):  # its JSON gives the reason
            with open_cog(layer.uri.location) as reader:
                levels = reader.cog.levels[::-1]
            url = f"{root}/layers/{layer.name}"
            for z, level in enumerate(levels):
                for wrapper in offered(level):
                    extension = wrapper.extension
                    tile = f"curl -o tile.{extension} {url}/tiles/native/{z}/0/0.{extension}"
                    return [f"gdalinfo {url}/gdal.vrt", tile]
    return []
