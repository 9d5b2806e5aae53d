"""Decode samples once, into memory or into a memory-mapped cache."""

import math
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.data.cache_key import cache_key
from classifier.data.dataset import IGNORE_INDEX, LoadedImages, Sample
from classifier.data.images import UnreadableImage, upright_size
from classifier.data.readers.masks import read_mask, scale_mask
from classifier.data.sample_images import read_sample
from classifier.models.formats import InputFormat
from classifier.models.network import Task
from faceswap.core.documents import Items, read_json, restore_type
from faceswap.core.errors import MediaError
from faceswap.core.files import atomic_directory, write_json
from faceswap.core.locks import hold_file
from faceswap.core.mapped_arrays import create_mapped_array

MEMORY_LIMIT = 1 << 30
"""Size in bytes above which decoded images are cached in a memory-mapped file."""

_VERSION = 2  # of the cache; raised when decoding changes
_CHUNK = 32
_KEY = re.compile(r"[0-9a-f]{32}")

Skipped = list[tuple[Path, str]]


@dataclass(frozen=True)
class _Decoder:
    """Decoder of samples, with everything that determines the pixels."""

    side: tuple[int, int]
    channels: int
    task: Task
    ignore_index: int | None

    def __call__(self, sample: Sample) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Decode to pixels ``(C, H, W) uint8`` and, for segmentation, a mask ``(H, W) uint8``."""
        pixels, size = read_sample(sample, self.side, self.channels, self.task)
        if self.task == "images":
            return pixels, None
        if sample.mask is None:
            return pixels, np.full(self.side, IGNORE_INDEX, np.uint8)
        labels = read_mask(sample.mask, sample.code, self.ignore_index, size)
        return pixels, scale_mask(labels, self.side)


def load_images(
    samples: Sequence[Sample],
    form: InputFormat,
    *,
    task: Task = "images",
    side: tuple[int, int] | None = None,
    ignore_index: int | None = None,
    cache: Path | None = None,
    on_image: Callable[[int], None] = lambda _: None,
) -> tuple[LoadedImages, Skipped]:
    """Decode samples in several threads; unreadable ones are skipped.

    Args:
        samples: Samples to read. For segmentation, a sample without a mask is all unlabelled.
        form: Input format of the network.
        task: "images" (one class per image) or "pixels" (one class per pixel).
        side: Height and width of the decoded images in pixels; None for ``form.size``, or, for
            segmentation, the common size of the images.
        ignore_index: Additional mask value of unlabelled pixels, or None.
        cache: Directory for decoded images larger than ``MEMORY_LIMIT``, used for nothing else:
            what it holds of other samples is removed. None to use memory.
        on_image: Progress callback, called with the number of images just processed.

    Returns:
        The images in the order of the samples, and skipped files with their reasons.

    Raises:
        MediaError: No sample is usable, or the images have no common size.
        StorageFullError: The cache does not fit on the disk.
    """
    samples = tuple(samples)
    side = side or ((form.size, form.size) if task == "images" else pixel_side(samples))
    decoder = _Decoder(side, form.channels, task, ignore_index)
    shape = (len(samples), form.channels, *side)
    if cache is not None and math.prod(shape) > MEMORY_LIMIT:
        images, masks, skipped = _cached(samples, decoder, shape, cache, on_image)
    else:
        images = np.empty(shape, np.uint8)
        masks = np.empty((len(samples), *side), np.uint8) if task == "pixels" else None
        skipped = _decode(samples, decoder, images, masks, on_image)
    usable = tuple(s for position, s in enumerate(samples) if position not in skipped)
    if samples and not usable:
        first = next(iter(skipped.values()))
        raise MediaError(
            f"None of the {len(samples)} images is usable; the first, {samples[0].name}: {first}."
        )
    images = images[: len(usable)]
    labels = (
        np.array([sample.label for sample in usable], np.int64)
        if masks is None
        else masks[: len(usable)]
    )
    reasons = [(samples[position].path, why) for position, why in skipped.items()]
    return LoadedImages(images, labels, usable), reasons


def pixel_side(
    samples: Sequence[Sample], height: int | None = None, width: int | None = None
) -> tuple[int, int]:
    """Height and width at which images with masks are decoded.

    Args:
        samples: Samples; their headers are read unless both sides are given.
        height: Height in pixels, or None.
        width: Width in pixels, or None. If one side is None, it follows from the most frequent
            aspect ratio.

    Raises:
        MediaError: Neither side is given and the images differ in size, or none is readable.
    """
    if height and width:
        return height, width
    sizes = Counter(_sizes(samples))
    if not sizes:
        raise MediaError("None of the images can be read.")
    ((first, _), *more) = sizes.most_common()
    if height or width:
        scale_by = height / first[0] if height else (width or 0) / first[1]
        return height or round(first[0] * scale_by), width or round(first[1] * scale_by)
    if more:
        (high, wide), (other_high, other_wide) = first, more[0][0]
        raise MediaError(
            f"The images have {len(sizes)} sizes, such as {wide}x{high} and "
            f"{other_wide}x{other_high}; segmentation expects one.",
            f"Set the size, e.g. --set data.height={high} --set data.width={wide}.",
        )
    return first


def _sizes(samples: Sequence[Sample]) -> Iterator[tuple[int, int]]:
    def size(sample: Sample) -> tuple[int, int] | None:
        try:
            return upright_size(sample.path)
        except UnreadableImage:
            return None  # reported by load_images

    # In threads, since Pillow decodes a PNG to read its orientation.
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        yield from (found for found in pool.map(size, samples) if found is not None)


def _decode(
    samples: Sequence[Sample],
    decoder: _Decoder,
    images: NDArray[np.uint8],
    masks: NDArray[np.uint8] | None,
    on_image: Callable[[int], None],
) -> dict[int, str]:
    """Fill the arrays from the front, without gaps.

    Returns:
        Reasons of skipped samples, by position.
    """

    def read(chunk: tuple[Sample, ...]) -> list[tuple[NDArray, NDArray | None] | str]:
        results: list[tuple[NDArray, NDArray | None] | str] = []
        for sample in chunk:
            try:
                results.append(decoder(sample))
            except UnreadableImage as error:
                results.append(str(error))
        return results

    skipped: dict[int, str] = {}
    position = filled = 0
    threads = min(16, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        chunks = [tuple(samples[n : n + _CHUNK]) for n in range(0, len(samples), _CHUNK)]
        # A few chunks at a time, to bound the memory of decoded chunks.
        for first in range(0, len(chunks), 4 * threads):
            for results in pool.map(read, chunks[first : first + 4 * threads]):
                for result in results:
                    if isinstance(result, str):
                        skipped[position] = result
                    else:
                        images[filled] = result[0]
                        if masks is not None and result[1] is not None:
                            masks[filled] = result[1]
                        filled += 1
                    position += 1
                on_image(len(results))
    return skipped


def _cached(
    samples: Sequence[Sample],
    decoder: _Decoder,
    shape: tuple[int, ...],
    cache: Path,
    on_image: Callable[[int], None],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, dict[int, str]]:
    """Memory-map the decoded images from the cache, which is written if it does not exist."""
    folder = cache / cache_key(samples, _VERSION, decoder)
    cache.mkdir(parents=True, exist_ok=True)
    # One process decodes; the others wait and map the same file.
    with hold_file(folder, "the image cache", wait=True):
        if folder.is_dir():
            on_image(len(samples))
        else:
            with atomic_directory(folder) as unfinished:
                images = create_mapped_array(unfinished / "images.npy", shape, np.uint8)
                masks = None
                if decoder.task == "pixels":
                    size = (shape[0], *shape[2:])
                    masks = create_mapped_array(unfinished / "masks.npy", size, np.uint8)
                skipped = _decode(samples, decoder, images, masks, on_image)
                write_json(unfinished / "skipped.json", list(skipped.items()))
                del images, masks  # flushed to disk
            _remove_others(folder)
    mapped = np.load(folder / "images.npy", mmap_mode="r")
    masks = np.load(folder / "masks.npy", mmap_mode="r") if decoder.task == "pixels" else None
    hint = f"Delete {folder} to decode the images again."
    path = folder / "skipped.json"
    skipped = read_json(path, hint=hint)
    return (
        mapped,
        masks,
        dict(restore_type(skipped, Items[tuple[int, str]], path, MediaError, hint)),
    )


def _remove_others(folder: Path) -> None:
    """Removes the caches beside a new one: of these samples before they changed."""
    for other in folder.parent.iterdir():
        if _KEY.fullmatch(other.name) and other != folder:
            shutil.rmtree(other, ignore_errors=True)  # Windows keeps what is mapped
