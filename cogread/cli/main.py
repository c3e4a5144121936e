"""The command lines: `python -m cogread`, and the common part of COGDumper's three commands.

The only module of the package that reads the environment. Errors are one line on standard error and exit code 1, those
of usage 2. Standard output holds the result and nothing else.
"""

import functools
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

import click
import msgspec

from cogread import __version__
from cogread.cli.dump import tile_file
from cogread.cli.output import write, write_stdout
from cogread.cli.table import printable, table
from cogread.description import describe
from cogread.errors import CogError, FormatError, TileError
from cogread.reader import BLOCK_BYTES, CogReader
from cogread.sources import open_source, parse_uri
from cogread.sources.gdal_env import first_read_bytes, options_from_environment

INTERRUPTED: Final = 130
"""Exit code: 128 + SIGINT, as shells have it."""
_HELP: Final = {"help_option_names": ["-h", "--help"]}
_VERSION: Final = {"version": __version__, "message": "%(version)s"}
_VERBOSE: Final = click.Option(["-v", "--verbose"], is_flag=True, help="Log the byte ranges that are read.")
_XYZ: Final = click.Option(
    ["--xyz"],
    type=(int, int, int),
    default=(0, 0, 0),
    metavar="X Y Z",
    help="Column, row and overview level of the tile; level 0 is the full resolution. Default: 0 0 0.",
)
_DUMP_OPTIONS: Final = (
    click.Option(
        ["-o", "--output"],
        metavar="PATH",
        help="A file; a folder: an existing one, or with a slash at its end one that is made; - for standard output.",
    ),
    click.Option(
        ["--band"],
        default=1,
        metavar="N",
        help="The band whose tile is wanted, from 1, in a file that keeps each band in tiles of its own. Default: 1.",
    ),
    click.Option(
        ["--mask", "with_mask"],
        is_flag=True,
        help="Append the stored bytes of the mask's tile to a JPEG, as COGDumper did. Off by default: they are no part "
        "of the JPEG, nothing in it tells where they begin, and some programs refuse what has bytes left over.",
    ),
    _VERBOSE,
)


def _with(*options: click.Option) -> Callable[[click.Command], click.Command]:
    """Append these options to a command's own."""

    def decorate(command: click.Command) -> click.Command:
        command.params.extend(options)
        return command

    return decorate


def dumper(kind: str) -> Callable[[Callable[..., str]], click.Command]:
    """Turn a function from options to a URI of this kind (file, http, s3) into one of COGDumper's commands."""

    def decorate(to_uri: Callable[..., str]) -> click.Command:
        """Make the command of a function."""

        @_with(_XYZ, *_DUMP_OPTIONS)
        @click.command(context_settings=_HELP)
        @click.version_option(**_VERSION)
        @functools.wraps(to_uri)
        def command(
            xyz: tuple[int, int, int], output: str | None, band: int, with_mask: bool, verbose: bool, **options: str
        ) -> None:
            """Extract a tile; the docstring of `to_uri` takes the place of this one in the help."""
            col, row, level = xyz
            uri, name = to_uri(**options), f"{kind}_{col}_{row}_{level}"
            with one_line_errors():
                scheme = parse_uri(uri).scheme
                if scheme not in (kind, f"{kind}s"):
                    raise click.UsageError(f"A source of scheme {scheme!r}, wanted {kind!r}; `cogread tile` takes any.")
                _dump(uri, (level, col, row), name, output, band, with_mask, verbose)

        return command

    return decorate


@click.group(context_settings=_HELP)
@click.version_option(**_VERSION)
def main() -> None:
    """Inspect Cloud Optimized GeoTIFFs and extract tiles as they are stored.

    A URI is a path, or begins with http://, https://, s3://, gs://, az://, /vsicurl/, /vsis3/, /vsigs/ or /vsiaz/.
    """


@_with(_VERBOSE)
@main.command()
@click.argument("uri")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def info(uri: str, as_json: bool, verbose: bool) -> None:
    """Describe the COG at URI: image, place, levels, formats."""
    with one_line_errors(), open_reader(uri, verbose) as reader:
        description = describe(reader.cog, printable(reader.source.name))
        if as_json:
            write_stdout(msgspec.json.format(msgspec.json.encode(description), indent=2).decode() + "\n")
        else:
            write_stdout(table(description))


@_with(*_DUMP_OPTIONS)
@main.command(context_settings={"ignore_unknown_options": True})  # lets -1 through: a number that is out of range
@click.argument("uri")
@click.argument("level", type=int)
@click.argument("col", type=int)
@click.argument("row", type=int)
def tile(
    uri: str, level: int, col: int, row: int, output: str | None, band: int, with_mask: bool, verbose: bool
) -> None:
    """Write a stored tile of the COG at URI to a file, and print the file's name.

    LEVEL 0 is the full resolution. JPEG and WebP tiles become pictures. Of other codecs the stored bytes are written
    as they are. With `-o -` standard output is the tile and nothing else.
    """
    with one_line_errors():
        written = _dump(uri, (level, col, row), f"tile_{level}_{col}_{row}", output, band, with_mask, verbose)
        if output != "-":
            write_stdout(f"{printable(written)}\n")


def _dump(
    uri: str, place: tuple[int, int, int], name: str, output: str | None, band: int, with_mask: bool, verbose: bool
) -> str:
    """Write the tile at (level, col, row); `name` is the default one, without its extension.

    Returns:
        Name of the output.
    """
    with open_reader(uri, verbose) as reader:
        file = tile_file(reader, *place, band=band, with_mask=with_mask)
        written = write(output, f"{name}.{file.extension}", file.data)
        logging.getLogger("cogread").info("wrote %s, %d bytes", written, len(file.data))
        for note in file.notes:
            click.echo(printable(f"{written}: {note}"), err=True)
    return written


@contextmanager
def open_reader(uri: str, verbose: bool) -> Iterator[CogReader]:
    """Open the COG as the environment says; errors of its content name it."""
    options = options_from_environment(parse_uri(uri).scheme, os.environ)
    first_bytes = first_read_bytes(os.environ, BLOCK_BYTES)
    with _logged(verbose), closing(open_source(uri, options)) as source:
        try:
            yield CogReader(source, first_bytes)
        except (FormatError, TileError) as error:
            raise type(error)(f"{source.name}: {error}") from error


@contextmanager
def _logged(verbose: bool) -> Iterator[None]:
    """Show the package's own INFO lines, and no one else's: boto's contain credentials."""
    log = logging.getLogger("cogread")
    if not verbose:
        yield
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn errors that a user can act on into click's one-line errors."""
    try:
        yield
    except CogError as error:
        raise click.ClickException(printable(str(error))) from error
    except BrokenPipeError:
        raise  # the reader of the output closed it; click exits silently
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(printable(f"{place}{error.strerror or error}")) from error
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)  # a usual exit joins the threads that wait for an origin
