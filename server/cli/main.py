"""`rawcog`: serve files, sign URLs, check and describe files, extract tiles.

Exit codes: 0 success; 1 an error, with one line on standard error; 2 wrong usage; 130 interrupted.
"""

import click

from cogread import __version__
from cogread.cli.crop import crop_command
from cogread.cli.main import info, tile
from server.cli.check import check
from server.cli.export import export_command
from server.cli.serve import serve
from server.cli.sign import sign
from server.cli.verify import verify_command
from server.cli.warm import warm_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
def main() -> None:
    """Serve Cloud Optimized GeoTIFFs to maps and GIS clients without decoding them.

    \b
    rawcog serve ~/imagery               serve every COG in a folder on http://127.0.0.1:8000
    rawcog serve s3://imagery/2025.tif   serve one COG of a bucket
    rawcog check ~/imagery               find what would be slow or not shown, and how to mend it
    rawcog sign naip --for 1d            print a signed URL of a layer that takes one
    rawcog info scene.tif                print size, bands, CRS, levels, formats
    rawcog tile scene.tif 0 3 2          write a stored tile: level, column, row
    rawcog export scene.tif scene.pmtiles   copy all tiles into one file
    rawcog crop scene.tif part.tif --window 0,0,600,400   copy a part into a new COG
    rawcog verify scene.tif scene.pmtiles   compare an export with what is served
    rawcog warm naip --zooms 0-12        fill Redis, or a proxy, before users come

    Shell completion: `eval "$(_RAWCOG_COMPLETE=bash_source rawcog)"`, likewise zsh_source and fish_source.
    """


for command in (serve, check, sign, info, tile, export_command, crop_command, verify_command, warm_command):
    main.add_command(command)
