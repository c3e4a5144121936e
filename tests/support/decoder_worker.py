"""A process that decodes one tile of 64 x 64 bytes, and tells what it cost.

python -m tests.support.decoder_worker TILE COMPRESSION BANDS    prints "damaged" or "whole", and KiB of memory taken
"""

import resource
import sys
from pathlib import Path

from cogread.errors import TileDamaged
from cogread.image import Image
from cogread.wrap.decode import pixels
from tests.support import handmade as hm
from tests.support.cogs import cog_of


def image_of(compression: int, *, bands: int = 1, height: int = 64) -> Image:
    """An image of bytes in tiles of 64 x 64."""
    fields: dict[int, hm.Field] = {
        hm.COMPRESSION: (hm.SHORT, [compression]),
        hm.PHOTOMETRIC: (hm.SHORT, [2 if bands > 1 else 1]),
    }
    return cog_of(hm.tiff(hm.image(64, height, (64, 64), samples=bands).having(fields))).full


def main(path: str, compression: str, bands: str) -> None:
    """Decode, and print."""
    tile, image = Path(path).read_bytes(), image_of(int(compression), bands=int(bands))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        pixels.samples(image, tile, 64)
        outcome = "whole"
    except TileDamaged:
        outcome = "damaged"
    print(outcome, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
