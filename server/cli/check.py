"""`rawcog check`: the files of layers as they would be served, and their problems with the lines that mend them.

Exit code 1 if a file has a problem, 0 if all are sound.
"""

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final, NamedTuple

import click
import msgspec

from cogread.cli.main import one_line_errors
from cogread.cli.output import write_stdout
from cogread.cli.table import printable
from cogread.errors import CogError
from cogread.sources import SourceOptions, SourceUri, parse_uri
from cogread.sources.gdal_env import options_from_environment
from server.cli.inspection import Report, inspect
from server.cli.layer_files import candidate_files, is_config
from server.cli.problems import Problem
from server.cli.progress import in_parallel
from server.cli.report_table import report_table
from server.collections import Query, make_rule
from server.collections.rule import MOST_LISTED
from server.layers.collection import SEPARATOR
from server.settings.layer_config import CollectionConfig
from server.settings.load import ConfigError, load

_BAD: Final = ("error", "problem")


class _File(NamedTuple):
    layer: str
    uri: SourceUri
    options: SourceOptions


@click.command()
@click.argument("paths", nargs=-1, metavar="[CONFIG | URI | FOLDER]...")
@click.option("--json", "as_json", is_flag=True, help="A JSON array of the layers instead of a table.")
@click.option("--strict", is_flag=True, help="Notes count as problems.")
@click.option("--web-maps", "wants_web_maps", is_flag=True, help="Check the alignment to web maps in any CRS.")
@click.pass_context
def check(context: click.Context, paths: tuple[str, ...], as_json: bool, strict: bool, wants_web_maps: bool) -> None:
    """Check files before they are served.

    Each layer of a config file (*.toml), each TIFF of a folder and each file or URI is opened. For each problem there
    is the line of GDAL that writes a file without it, from in.tif to out.tif. Errors are files that are not served,
    problems make a layer slow or hide it, notes are remarks. Without PATH, the config file that RAWCOG_CONFIG names is
    checked, else the demo.

    \b
    rawcog check ~/imagery
    rawcog check layers.toml --strict
    rawcog check scene.tif --web-maps --json

    Exit code 1 if there is an error or a problem, else 0; 2 for wrong usage.
    """
    with one_line_errors():
        reports = _reports(paths, wants_web_maps)
        write_stdout(_json(reports) if as_json else "".join(f"{line}\n" for line in report_table(reports)))
    bad = (*_BAD, "note") if strict else _BAD
    context.exit(int(any(problem.grade in bad for report in reports for problem in report.problems)))


def _reports(paths: tuple[str, ...], wants_web_maps: bool) -> list[Report]:
    files, refused = _files(paths)
    if not files and not refused:
        raise click.ClickException(f"no TIFF in {', '.join(paths)}")
    return refused + in_parallel(
        lambda file: inspect(file.layer, file.uri, file.options, wants_web_maps=wants_web_maps), files, "checking"
    )


def _json(reports: list[Report]) -> str:
    return msgspec.json.format(msgspec.json.encode([asdict(report) for report in reports]), indent=2).decode() + "\n"


def _files(paths: tuple[str, ...]) -> tuple[list[_File], list[Report]]:
    """The files to check, and reports of those whose URI is none."""
    configs = [path for path in paths if is_config(path)]
    files = [file for config in (configs if paths else [None]) for file in _of_config(config)]
    refused: list[Report] = []
    for each in candidate_files([path for path in paths if path not in configs]):
        try:
            uri = parse_uri(each.uri)
            files.append(_File(each.name, uri, options_from_environment(uri.scheme, os.environ)))
        except CogError as error:
            problem = Problem("unreadable", "error", printable(str(error)), None)
            refused.append(Report(each.name, printable(each.title), None, (problem,)))
    return files, refused


def _of_config(path: str | None) -> Iterator[_File]:
    try:
        settings = load(os.environ if path is None else {**os.environ, "RAWCOG_CONFIG": path})
    except ConfigError as error:
        raise click.ClickException(printable(str(error))) from error
    yield from (_File(name, layer.uri, layer.options) for name, layer in settings.layers.items())
    for collection in settings.collections.values():
        yield from _of_collection(collection)


def _of_collection(config: CollectionConfig) -> Iterator[_File]:
    """The members of a collection, where they can be listed."""
    rule, query = make_rule(config), Query(limit=MOST_LISTED)
    while rule.is_listable:
        try:
            page = rule.page(query)
        except CogError as error:
            raise click.ClickException(printable(f"collection {config.name!r}: {error}")) from error
        for member in page.members:
            if member.refusal is None:
                options = config.options_for(member.uri.scheme, member.is_own)
                yield _File(f"{config.name}{SEPARATOR}{member.name}", member.uri, options)
        if page.next is None:
            return
        query = query._replace(after=page.next)
