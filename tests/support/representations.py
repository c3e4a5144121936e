"""Checks of served tiles against GDAL's view of the same place of the file.

`CHECKS` has for each representation what yields in what a reply differs, and may ask the server for more.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from tests.support.pictures import channels, is_same_jpeg
from tests.support.samples import numbers
from tests.support.spots import CODINGS, MASK, Client, Datasets, Reply, Spot, sha

Pixels = NDArray[Any]


def faults(client: Client, spot: Spot, extension: str, datasets: Datasets) -> Iterator[str]:
    """In what a tile in one representation is not as it must be."""
    if spot.plane and extension != "bin":
        return  # one file has all planes
    where = f"{spot.layer} {spot.kind} {spot.level}/{spot.col}/{spot.row}, plane {spot.plane}"
    query = f"?band={spot.plane + 1}" if spot.plane else ""
    reply = client.get(spot, extension, *((query, CODINGS) if extension == "bin" else ()))
    faults = [*reply.faults]
    if reply.status == 204:
        faults += ["204, but it is stored"] if spot.stored and (extension or is_visible(spot, datasets)) else []
    elif reply.status != 200:
        faults += [f"{reply.status}: {reply.body[:200]!r}"]
    else:
        faults += CHECKS[extension](Case(client, spot, datasets), reply)
    yield from (f"{where}, {extension}: {fault}" for fault in faults)


def is_visible(spot: Spot, datasets: Datasets) -> bool:
    """Tell whether GDAL takes any pixel of a tile for valid."""
    return bool(datasets.level(spot).dataset_mask(window=Window(*spot.window)).any())


class Case(NamedTuple):
    """The facts for a check."""

    client: Client
    spot: Spot
    datasets: Datasets

    @property
    def level(self) -> DatasetReader:
        return self.datasets.level(self.spot)

    @property
    def window(self) -> Window:
        return Window(*self.spot.window)

    def visible(self) -> Pixels:
        """(height, width): whether GDAL takes a pixel for valid."""
        mask: Pixels = self.level.dataset_mask(window=self.window) != 0
        return mask


def tif_faults(case: Case, reply: Reply) -> Iterator[str]:
    """As GDAL opens the file: the pixels, and all that says what and where they are."""
    level, full, window = case.level, case.datasets.full(case.spot), case.window
    with MemoryFile(reply.body) as memory, memory.open() as actual:
        if case.spot.kind == MASK:
            if not np.array_equal(actual.read(1) != 0, case.visible()):
                yield "other pixels"
            return
        if actual.dtypes != level.dtypes or not _is_same(actual.read(), level.read(window=window)):
            yield "other pixels"
        if not np.array_equal(actual.dataset_mask() != 0, case.visible()):
            yield "another mask"
        transform = full.transform if full.transform.is_identity else level.window_transform(window)
        if not actual.transform.almost_equals(transform, precision=1e-9 * max(map(abs, transform))):
            yield f"transform {actual.transform}, wanted {transform}"
        wanted = {fact: getattr(full, fact) for fact in ("nodata", "scales", "offsets", "units", "colorinterp")}
        wanted |= {"crs": full.crs, "mask_flag_enums": level.mask_flag_enums}
        if not _is_at(actual, level, window):
            yield "other ground control points"
        for fact, value in wanted.items():
            told = getattr(actual, fact)
            if told != value and str(told) != str(value):  # NaN is no other than itself
                yield f"{fact} {told}, wanted {value}"
        if ColorInterp.palette in full.colorinterp and actual.colormap(1) != full.colormap(1):
            yield "another palette"
        if actual.tags().get("AREA_OR_POINT") != full.tags().get("AREA_OR_POINT"):
            yield "AREA_OR_POINT"


def _is_at(tile: DatasetReader, level: DatasetReader, window: Window) -> bool:
    """Check that the ground control points of a level are the same in its tile."""
    (actual, crs), (wanted, level_crs) = tile.gcps, level.gcps
    moved = [(p.col - window.col_off, p.row - window.row_off, p.x, p.y, p.z) for p in wanted]
    told = [(p.col, p.row, p.x, p.y, p.z) for p in actual]
    return crs == level_crs and len(told) == len(moved) and np.allclose(told, moved, rtol=1e-12, atol=1e-9)


def _is_same(actual: Pixels, wanted: Pixels) -> bool:
    return np.array_equal(actual, wanted, equal_nan=wanted.dtype.kind in "fc")


def bin_faults(case: Case, reply: Reply) -> Iterator[str]:
    """The stored bytes where their codec is a content coding, else a new stream; undone, GDAL's samples in any case."""
    spot, described = case.spot, case.client.samples(case.spot)
    coding = described["coding"] or "zstd"
    if reply.headers.get("content-encoding", "identity") != coding:
        yield f"Content-Encoding {reply.headers.get('content-encoding')}, wanted {coding}"
    if described["coding"] and sha(reply.body) != spot.stored:
        yield "not the stored bytes"
    told = {key: reply.headers[f"rawcog-{key.replace('_', '-')}"] for key in described if key != "coding"}
    if told != {key: str(value).strip("[]").replace(" ", "") for key, value in described.items() if key != "coding"}:
        yield f"headers {told}, but the layer says {described}"
    query = f"?band={spot.plane + 1}&predictor=none" if spot.plane else "?predictor=none"
    plain = case.client.get(spot, "bin", query)
    yield from plain.faults
    if plain.headers["rawcog-predictor"] != "1" or "content-encoding" in plain.headers:
        yield f"described as {plain.headers}"
    if (plain.headers["etag"] == reply.headers["etag"]) != (plain.body == reply.body):
        yield "an ETag for two representations, or two for one"
    expected = case.visible()[np.newaxis] * np.uint8(255) if spot.kind == MASK else _raw(case)
    replies = [(reply, expected), (plain, expected)]
    if spot.plane == 0 and described["shape"][2] > 1:
        band = described["shape"][2]
        replies.append((case.client.get(spot, "bin", f"?band={band}", CODINGS), expected[band - 1 :]))
    for each, wanted in replies:
        samples = np.moveaxis(numbers(each.body, each.headers), -1, 0)[:, : wanted.shape[1], : wanted.shape[2]]
        if not _is_same(samples, wanted):
            yield f"other samples: {each.headers}"


def _raw(case: Case) -> Pixels:
    """The samples of a plane as GDAL reads them."""
    raw = case.datasets.raw(case.spot)
    planes = [case.spot.plane + 1] if raw.interleaving.name != "pixel" else None
    samples: Pixels = raw.read(planes, window=case.window)
    return samples


def png_faults(case: Case, reply: Reply) -> Iterator[str]:
    """Check the picture, transparency included, within the image and beyond its edge."""
    with MemoryFile(reply.body) as memory, memory.open() as actual:
        seen = look(actual, None)
    _, _, width, height = case.spot.window
    if case.spot.kind == MASK:
        if not np.array_equal(seen[0, :height, :width] == 255, case.visible()):
            yield "other pixels"
        return
    expected = look(case.level, case.window)
    within = seen[:, :height, :width]
    if within.dtype != expected.dtype or not np.array_equal(within[3], expected[3]):
        yield "other transparency"
    elif not _is_close(within, expected, case.level):
        yield "other colours"
    if seen[3, height:].any() or seen[3, :, width:].any():
        yield "not transparent beyond the edge of the image"


def _is_close(actual: Pixels, expected: Pixels, dataset: DatasetReader) -> bool:
    """Compare the colours of visible pixels."""
    is_visible = expected[3] > 0
    shown, wanted = actual[:3, is_visible], expected[:3, is_visible]
    is_jpeg = "JPEG" in dataset.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", "")
    return is_same_jpeg(shown, wanted) if is_jpeg else np.array_equal(shown, wanted)


def look(dataset: DatasetReader, window: Window | None) -> Pixels:
    """The visible pixels: (red green blue alpha, height, width) of the samples' own type; of less than 8 bits, as 8."""
    samples = dataset.read(window=window)
    most = np.iinfo(samples.dtype).max
    bits = int(dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8 * samples.itemsize))
    bands, opacity = channels(dataset)
    alpha = np.full_like(samples[0], most) if opacity is None else samples[opacity]
    if dataset.mask_flag_enums[0] == [MaskFlags.per_dataset]:
        alpha = np.where(dataset.dataset_mask(window=window) > 0, alpha, 0)
    if dataset.colorinterp[0] == ColorInterp.palette:
        palette = dataset.colormap(1)
        colors = np.array([palette.get(index, (0, 0, 0, 255)) for index in range(256)], np.uint8)
        if dataset.nodata is not None:
            colors[int(dataset.nodata), 3] = 0
        shown = np.moveaxis(colors[samples[0]], -1, 0)
        return np.concatenate((shown[:3], np.minimum(shown[3], alpha)[np.newaxis]))
    if "MINISWHITE" in dataset.tags(ns="IMAGE_STRUCTURE"):
        samples[0] = most - samples[0]
    shown = samples[bands if len(bands) == 3 else bands * 3]
    if bits < 8:
        shown = shown * (most // (2**bits - 1))
    return np.concatenate((shown, alpha[np.newaxis]))


def picture_faults(case: Case, reply: Reply) -> Iterator[str]:
    """As GDAL's JPEG or WebP driver decodes it."""
    with MemoryFile(reply.body) as memory, memory.open() as picture:
        actual = picture.read()
    expected = case.level.read(window=case.window)
    if len(actual) == 3 and len(expected) == 4 and (expected[3] == 255).all():
        expected = expected[:3]  # WebP has no alpha where all is opaque
    if not np.array_equal(actual[:, : expected.shape[1], : expected.shape[2]], expected):
        yield "other pixels"


STORED: Final = {"JPEG": "jpg", "YCbCr JPEG": "jpg", "WEBP": "webp"}
"""GDAL's name of a codec -> format of its stored pictures."""


def auto_faults(case: Case, reply: Reply) -> Iterator[str]:
    """As stored where all pixels are visible, else as a PNG of the same has to be."""
    height, width = case.level.block_shapes[0]
    is_whole = case.spot.window[2:] == (width, height) and case.level.dataset_mask(window=case.window).min() == 255
    stored = STORED.get(case.level.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", ""))
    if is_whole and stored in case.client.formats(case.spot):
        if reply.body != case.client.get(case.spot, stored).body:
            yield "not the stored picture"
    else:
        yield from png_faults(case, reply)


CHECKS: Final[dict[str, Callable[[Case, Reply], Iterator[str]]]] = {
    "": auto_faults,
    "jpg": picture_faults,
    "webp": picture_faults,
    "png": png_faults,
    "tif": tif_faults,
    "bin": bin_faults,
}
"""Extension -> in what a reply of status 200 is not GDAL's tile."""
