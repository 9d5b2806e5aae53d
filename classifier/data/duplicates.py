"""Find near-duplicate images in different splits, and equal files with different labels."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from classifier.data.dataset import SPLITS, Dataset, Sample
from classifier.data.images import UnreadableImage
from classifier.data.sample_images import content_of, read_sample

_SIDE = 32  # of the thumbnails
_BANDS, _BAND_BITS = 7, 9
_PHASH_BITS = _BANDS * _BAND_BITS
_PHASH_LIMIT = _BANDS - 1  # hashes within this distance agree in at least one band
_DHASH_LIMIT = 10
# Photographs; images of idx archives, where different digits already correlate strongly.
_CORRELATIONS = (0.92, 0.99)
_PARTNERS = 64
_AT_ONCE = 1 << 22  # pairs per comparison: 32 MiB
_BITS = np.array([bin(value).count("1") for value in range(1 << 16)], np.uint8)

OnImage = Callable[[int], None]
Thumbnails = NDArray[np.uint8]


def find_duplicates(
    dataset: Dataset, on_image: OnImage = lambda _: None
) -> list[tuple[Sample, Sample]]:
    """Find near-duplicate images in different splits.

    Two images are near-duplicates if their perceptual hashes (Zauner, 2010) differ in at most 6 of
    63 bits, their difference hashes in at most 10 of 64 bits, and their thumbnails correlate by at
    least 0.92 (0.99 in idx archives). This finds copies of another size, compression or brightness,
    but not flipped, rotated or cropped ones (by more than 2 %).

    Only images whose hashes agree in one of seven bands are compared; this misses no pair.

    Args:
        dataset: Data set with splits; unreadable images are skipped.
        on_image: Progress callback, called with the number of images just processed.

    Returns:
        Pairs ``(original, duplicate)``: for each image with a duplicate in an earlier split, the
        nearest such duplicate and the image.
    """
    splits = [dataset.splits.get(split, ()) for split in SPLITS]
    hashed = [_Hashed(*_thumbnails(samples, on_image)) for samples in splits]
    found: dict[Sample, tuple[int, Sample]] = {}
    for earlier, later in combinations(hashed, 2):
        for first, second, distance in zip(*_near(earlier, later), strict=True):
            sample, partner = later.samples[second], earlier.samples[first]
            if sample not in found or distance < found[sample][0]:
                found[sample] = (int(distance), partner)
    return [(partner, sample) for sample, (_, partner) in found.items()]


def find_conflicts(
    dataset: Dataset, on_image: OnImage = lambda _: None
) -> list[tuple[Sample, Sample]]:
    """Find byte-identical images with different labels.

    Args:
        dataset: Data set; nothing is found for masks, which have no image label.
        on_image: Progress callback, called with the number of images just processed.

    Returns:
        Pairs: the first image of some content, and a later one with another label.
    """
    by_size: dict[int, list[Sample]] = defaultdict(list)
    for sample in dataset.samples:
        size = sample.path.stat().st_size if sample.index is None else 0
        by_size[size].append(sample)
    pairs: list[tuple[Sample, Sample]] = []
    for members in by_size.values():
        first: dict[bytes, Sample] = {}
        for sample in members:
            # A file of unique size has no copy.
            content = _content(sample) if len(members) > 1 else b""
            earlier = first.setdefault(content, sample)
            if earlier.label != sample.label:
                pairs.append((earlier, sample))
            on_image(1)
    return pairs


def _content(sample: Sample) -> bytes:
    try:
        return hashlib.sha256(content_of(sample)).digest()
    except UnreadableImage:  # a row without an image is like no other
        return sample.name.encode()


def _thumbnails(
    samples: Sequence[Sample], on_image: OnImage
) -> tuple[tuple[Sample, ...], Thumbnails]:
    """Readable samples and their grey thumbnails ``(N, 32, 32) uint8``."""

    def read(sample: Sample) -> NDArray[np.uint8] | None:
        try:
            return read_sample(sample, (_SIDE, _SIDE), 1, "pixels")[0]
        except UnreadableImage:
            return None  # reported by load_images

    kept: list[Sample] = []
    thumbnails = np.empty((len(samples), _SIDE, _SIDE), np.uint8)
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        for sample, thumbnail in zip(samples, pool.map(read, samples), strict=True):
            if thumbnail is not None:
                thumbnails[len(kept)] = thumbnail[0]
                kept.append(sample)
            on_image(1)
    return tuple(kept), thumbnails[: len(kept)]


class _Hashed:
    """Images of a split with their hashes ``(N,) uint64``."""

    def __init__(self, samples: tuple[Sample, ...], thumbnails: Thumbnails) -> None:
        self.samples, self.thumbnails = samples, thumbnails
        self.phash = perceptual_hashes(thumbnails)
        self.dhash = difference_hashes(thumbnails)
        # Equal hashes (blank pages) have one entry in the buckets.
        self.unique, place = np.unique(self.phash, return_inverse=True)
        self.counts = np.bincount(place, minlength=len(self.unique))
        self.members = place.argsort(kind="stable")  # grouped by hash
        self.starts = self.counts.cumsum() - self.counts


def perceptual_hashes(thumbnails: Thumbnails) -> NDArray[np.uint64]:
    """Perceptual hashes of 63 bits: which of the lowest DCT coefficients exceed their median.

    Args:
        thumbnails: ``(N, 32, 32)``.
    """
    frequency, position = np.arange(8)[:, None], np.arange(_SIDE)
    cosines = np.cos(np.pi * frequency * (2 * position + 1) / (2 * _SIDE)).astype(np.float32)
    low = cosines @ thumbnails.astype(np.float32) @ cosines.T  # (N, 8, 8)
    low = low.reshape(-1, 64)[:, 1:]  # without the mean: invariant to brightness
    return _pack(low > np.median(low, axis=1, keepdims=True))


def difference_hashes(thumbnails: Thumbnails) -> NDArray[np.uint64]:
    """Difference hashes of 64 bits: the sign of the horizontal gradient in 8 rows.

    Args:
        thumbnails: ``(N, 32, 32)``.
    """
    edges = np.linspace(0, _SIDE, 10).round().astype(int)
    rows = thumbnails.reshape(-1, 8, _SIDE // 8, _SIDE).mean(2)
    columns = np.stack([rows[..., a:b].mean(-1) for a, b in pairwise(edges)], -1)
    return _pack((columns[..., 1:] > columns[..., :-1]).reshape(-1, 64))


def _pack(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """``(N, up to 64)`` -> ``(N,)``."""
    weights = np.uint64(1) << np.arange(bits.shape[1], dtype=np.uint64)
    return (bits * weights).sum(1, dtype=np.uint64)


def _distance(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Hamming distances of hashes."""
    words = np.ascontiguousarray(first ^ second).view(np.uint16)
    return _BITS[words].reshape(*np.broadcast_shapes(first.shape, second.shape), 4).sum(-1)


def _near(
    earlier: _Hashed, later: _Hashed
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Positions of near-duplicate pairs, and the distances of their hashes."""
    first, second = _expanded(earlier, later, _near_hashes(earlier.unique, later.unique))
    near = _distance(earlier.dhash[first], later.dhash[second]) <= _DHASH_LIMIT
    first, second = first[near], second[near]
    needed = np.where([later.samples[n].index is None for n in second], *_CORRELATIONS)
    near = _correlations(earlier.thumbnails, first, later.thumbnails, second) >= needed
    first, second = first[near], second[near]
    return first, second, _distance(earlier.phash[first], later.phash[second])


def _near_hashes(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.int64]:
    """``(P, 2)`` positions of hashes that differ in at most ``_PHASH_LIMIT`` bits, once each."""
    found = [np.empty((0, 2), np.int64)]
    for band in range(_BANDS):
        shift, mask = np.uint64(band * _BAND_BITS), np.uint64((1 << _BAND_BITS) - 1)
        ours, theirs = (_buckets((hashes >> shift) & mask) for hashes in (first, second))
        for here, there in zip(ours, theirs, strict=True):
            length = max(1, _AT_ONCE // max(1, len(here)))
            for start in range(0, len(there) if len(here) else 0, length):
                some = there[start : start + length]
                near = _distance(first[here][:, None], second[some]) <= _PHASH_LIMIT
                rows, columns = near.nonzero()
                found.append(np.stack([here[rows], some[columns]], 1))
    return np.unique(np.concatenate(found), axis=0)


def _buckets(keys: NDArray[np.uint64]) -> list[NDArray[np.int64]]:
    """Positions by key."""
    counts = np.bincount(keys.astype(np.int64), minlength=1 << _BAND_BITS)
    return np.split(keys.argsort(kind="stable"), counts.cumsum()[:-1])


def _expanded(
    earlier: _Hashed, later: _Hashed, pairs: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of hashes as pairs of images."""
    ours, theirs = pairs.T
    # Of many images with one hash (blank pages), a few are compared.
    our_counts = np.minimum(earlier.counts[ours], _PARTNERS)
    their_counts = later.counts[theirs]
    counts = our_counts * their_counts
    pair = np.repeat(np.arange(len(pairs)), counts)
    number = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
    first = earlier.starts[ours[pair]] + number // their_counts[pair]
    second = later.starts[theirs[pair]] + number % their_counts[pair]
    return earlier.members[first], later.members[second]


def _correlations(
    thumbnails: Thumbnails,
    first: NDArray[np.int64],
    others: Thumbnails,
    second: NDArray[np.int64],
) -> NDArray[np.float32]:
    """``(P,) float32`` correlations of pairs; 1 for two blank images."""
    result = np.empty(len(first), np.float32)
    for start in range(0, len(first), 4096):
        some = slice(start, start + 4096)
        ours, our_norms = _centred(thumbnails[first[some]])
        theirs, their_norms = _centred(others[second[some]])
        products = np.einsum("pi,pi->p", ours, theirs) / np.maximum(our_norms * their_norms, 1e-6)
        result[some] = np.where((our_norms < 1) & (their_norms < 1), 1, products)
    return result


def _centred(thumbnails: Thumbnails) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """``(P, 1024)`` without the mean, and its norms."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    return flat, np.linalg.norm(flat, axis=1)
