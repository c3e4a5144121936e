"""`python cogread/s3dumper.py`: COGDumper's command for objects of S3 and stores like it."""

import os
import sys

if not __package__:  # run as a script: its folder would hide other modules
    _folder = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [os.path.dirname(_folder), *(path for path in sys.path if path != _folder)]

import click

from cogread.cli.main import dumper


@dumper("s3")
@click.option("--bucket", required=True, help="Bucket.")
@click.option("--key", required=True, help="Key of the COG.")
def main(bucket: str, key: str) -> str:
    """Write a tile of a COG in S3, or a store like it, to a file.

    Credentials, region and endpoint come the usual ways of AWS (AWS_PROFILE, AWS_ENDPOINT_URL, roles) and of GDAL
    (AWS_NO_SIGN_REQUEST, AWS_S3_ENDPOINT, AWS_HTTPS, AWS_VIRTUAL_HOSTING, AWS_REQUEST_PAYER).
    """
    return f"s3://{bucket}/{key}"


if __name__ == "__main__":
    main()
