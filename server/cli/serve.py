"""`rawcog serve`: gunicorn with the settings of `config/`, for a config file or for files and folders.

The command becomes gunicorn's master, so that signals and exit codes are gunicorn's own.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import click

import server
from cogread.cli.main import one_line_errors
from server.cli.layer_files import config_text, is_config, layer_files
from server.http.reply import local_url
from server.settings.load import ConfigError, deployment

PROJECT_FOLDER: Final = Path(server.__file__).resolve().parent.parent
"""The checkout, or the folder of the installed packages: `config` and `data` are beside `server`."""
MOST_REASONS: Final = 20
"""Number of refused files that are listed by name."""

_OPEN: Final = """
import sys, time, urllib.request, webbrowser
for _ in range(100):
    try:
        urllib.request.urlopen(sys.argv[1] + "/health/live", timeout=5)
    except OSError:
        time.sleep(0.2)
    else:
        webbrowser.open(sys.argv[1])
        break
"""


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    envvar="PORT",
    type=click.IntRange(0, 65535),
    help="Default: PORT, else 8000. 0 takes a free one.",
)
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes. Default: WEB_CONCURRENCY, else 2.")
@click.option("--open", "opens", is_flag=True, help="Open the page of the layers in the browser.")
def serve(paths: tuple[str, ...], host: str, port: int, workers: int | None, opens: bool) -> None:
    """Serve the layers of a config file, or COGs without one.

    PATH is a config file (*.toml) or a COG, each as a path, http://, https://, s3://, gs:// or az://; or a folder,
    which stands for every tiled TIFF in it and below. Without PATH, the config file that RAWCOG_CONFIG names is served,
    else the demo.

    \b
    rawcog serve ~/imagery
    rawcog serve layers.toml --port 9000 --workers 4
    rawcog serve s3://imagery/2025.tif scene.tif --open
    """
    environment = {**os.environ, "HOST": host, "PORT": str(port), "RAWCOG_CONFIG": _config(paths)}
    if workers is not None:
        environment["WEB_CONCURRENCY"] = str(workers)
    try:
        deployment(environment)
    except ConfigError as error:  # gunicorn reads WEB_CONCURRENCY at its import, where a wrong value is a traceback
        raise click.ClickException(str(error)) from error
    if opens:
        if port == 0:
            raise click.UsageError("--open needs to know the port: give --port a number other than 0.")
        subprocess.Popen([sys.executable, "-c", _OPEN, local_url(host, port)], start_new_session=True)  # noqa: S603
    command = [sys.executable, "-m", "gunicorn", "-c", str(PROJECT_FOLDER / "config" / "gunicorn.conf.py"), "wsgi:app"]
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)  # noqa: S606


def _config(paths: tuple[str, ...]) -> str:
    """The path of the config file."""
    if not paths:
        return os.environ.get("RAWCOG_CONFIG") or str(PROJECT_FOLDER / "config" / "layers.toml")
    configs = [path for path in paths if is_config(path)]
    if configs and len(paths) > 1:
        raise click.UsageError(f"A config file is served alone; found {len(paths)} paths, among them {configs[0]}.")
    if configs:
        return configs[0] if "://" in configs[0] else str(Path(configs[0]).absolute())
    return _config_of_files(paths)


def _config_of_files(paths: tuple[str, ...]) -> str:
    for path in paths:  # of others, the layer states that its file is missing, as a bucket may be reached later
        if ":" not in path and not path.startswith("/vsi") and not Path(path).exists():
            raise click.ClickException(f"{path}: no such file or folder")
    with one_line_errors():
        layers, refused = layer_files(paths)
    for path, reason in refused[:MOST_REASONS]:
        click.echo(f"left out: {path}: {reason}", err=True)
    if len(refused) > MOST_REASONS:
        click.echo(f"left out: {len(refused) - MOST_REASONS} more", err=True)
    if not layers:
        raise click.ClickException(f"no tiled TIFF in {', '.join(paths)}")
    return _open_file(config_text(layers))


def _open_file(text: str) -> str:
    """A file without a name, which the server reads by its descriptor and which ends with it.

    It is in memory where the system has that (Linux): a container may have no writable folder.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("layers.toml")
    else:
        with TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    with open(descriptor, "w", closefd=False) as stream:
        stream.write(text)
    os.set_inheritable(descriptor, True)
    return f"/dev/fd/{descriptor}"
