"""SOURCE of a command line -> the layer that a server has of it: a layer of the config file, or of one file."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import click

from cogread.cli.main import one_line_errors
from cogread.cli.table import printable
from cogread.deadline import NEVER
from cogread.sources import Source, make_source
from server import create_app
from server.access.authenticator import CALLER, Authenticator
from server.access.caller import Access, Caller
from server.cli.layer_files import candidate_files, config_text
from server.export.errors import ExportError
from server.export.pictures import address_of
from server.http.errors import ServerError, UnknownLayer
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.settings.load import ConfigError, Settings, load
from server.tiles.request import TileRequest
from server.tiles.service import Tiles
from server.web.context import context_of

_READ_S: Final = 120.0
"""Longest time of a read."""
_RETRIES: Final = 3


class _Operator(Caller):
    """The caller at the command line, which may read all layers."""

    __slots__ = ()

    def check(self, name: str, access: Access) -> None:
        """Require nothing."""


@dataclass(frozen=True, slots=True)
class LayerSource:
    """A layer as a worker has it."""

    layer: Layer
    opened: LayerVersion
    tiles: Tiles
    authenticator: Authenticator
    caller: Caller
    has_shared_cache: bool
    """There is a Redis."""

    def serve(self, grid: str, place: tuple[int, int, int], tile_format: str) -> bytes:
        """The body that the server sends for a tile at z, x, y; empty where it sends none.

        Raises:
            CogError: the tile cannot be given.
            ServerError: the grid or the format is not one of the layer.
        """
        address = address_of(self.layer.config.name, grid, place, tile_format)
        path = address.path(address.template)
        request = TileRequest(f"{path}?{address.query}", None, False, {CALLER: self.caller}, self.authenticator)
        reply = self.tiles.serve(request, address)
        if reply.close is not None:
            reply.close()
        return reply.body if reply.status == HTTPStatus.OK else b""

    def origin(self) -> Source:
        """The file without the tiers, for reads of some MB, which take longer than that of a tile may."""
        config = self.layer.config
        return make_source(config.uri, replace(config.options, total_timeout_s=_READ_S, retries=_RETRIES))


def layer_source(source: str) -> LayerSource:
    """Open a layer.

    Args:
        source: a path or URI, else the name of a layer of the config file.

    Raises:
        CogError: the file cannot be opened.
        ServerError: there is no such layer.
        ConfigError: the config file is wrong.
    """
    is_file = "/" in source or Path(source).exists()
    settings = _of_file(source) if is_file else load(_quiet(os.environ))
    context = context_of(create_app(settings))
    operator = _Operator(context.authenticator, "", "")
    try:
        layer = context.catalog.layer(next(iter(settings.layers)) if is_file else source, operator)
    except UnknownLayer as error:
        raise UnknownLayer(f"{source}: no such file, and no such layer in {settings.config_name}") from error
    has_shared_cache = context.cache is not None
    return LayerSource(layer, layer.open(NEVER), context.tiles, context.authenticator, operator, has_shared_cache)


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn errors that a user can act on into click's one-line errors."""
    with one_line_errors():
        try:
            yield
        except (ServerError, ConfigError, ExportError) as error:
            raise click.ClickException(printable(str(error))) from error


def _of_file(source: str) -> Settings:
    """Settings of a server of one file."""
    with NamedTemporaryFile("w+", suffix=".toml") as file:
        file.write(config_text(candidate_files([source])))
        file.flush()
        return load(_quiet({**os.environ, "RAWCOG_CONFIG": file.name}))


def _quiet(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without a log of requests, unless it asks for one."""
    return {"LOG_LEVEL": "error", **environment}
