"""`python cogread/httpdumper.py`: COGDumper's command for files on a web server."""

import os
import sys

if not __package__:  # run as a script: its folder would hide other modules
    _folder = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [os.path.dirname(_folder), *(path for path in sys.path if path != _folder)]

import click

from cogread.cli.main import dumper


@dumper("http")
@click.option("--server", required=True, metavar="URL", help="Server, as http://localhost:8080.")
@click.option("--path", default="", help="Folder on the server.")
@click.option("--resource", required=True, help="Name of the COG in it.")
def main(server: str, path: str, resource: str) -> str:
    """Write a tile of a COG on a web server to a file.

    The server has to answer range requests. User and password may stand in the URL, as http://user:password@host.
    """
    return "/".join(filter(None, (server.rstrip("/"), path.strip("/"), resource.lstrip("/"))))


if __name__ == "__main__":
    main()
