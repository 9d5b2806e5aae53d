"""Benchmark of the grouping of tracks by person."""

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.peak_memory import forget_peak, peak_so_far
from faceswap.people.grouping import find_groups

# So that the similarities of people are those of MobileFaceNet on the AT&T database: .09 with a
# standard deviation of .11. All tracks of a person are .69 similar on average; the photos of the
# database, which one camera took, are .84.
_DIMENSIONS, _OF_PEOPLE = 128, 64  # dimensions in which people differ
_COMMON = 0.09  # squared length of what all faces have in common
_PERSON = 0.45, 0.95  # squared length of what a track has of its person, lowest and highest

_CHUNK = 1 << 14  # tracks made at a time
_FEWEST_FACES, _MOST_FACES = 1, 300


@dataclass(frozen=True)
class Run:
    """A measured grouping.

    Attributes:
        groups: Number of the group of each track.
        seconds: Elapsed time.
        peak: Peak memory in MiB, that of the libraries and of the tracks included.
    """

    groups: list[int]
    seconds: float
    peak: float


def benchmark_people(
    tracks: int, each: int, threshold: float, *, exact: bool, approximate: bool
) -> None:
    """Measure the grouping of synthetic tracks, exact and approximate.

    Args:
        tracks: Number of tracks.
        each: Mean number of tracks of a person.
        threshold: Similarity from which groups are one person.
        exact: Whether all tracks are compared.
        approximate: Whether approximate neighbours are compared.
    """
    _, truth = synthetic_tracks(tracks, each)
    expected = truth.tolist()
    runs: dict[str, Run] = {}
    wanted = {"exact": (exact, tracks), "approximate": (approximate, 0)}
    for name in (name for name, (chosen, _) in wanted.items() if chosen):
        runs[name] = _in_new_process(tracks, each, threshold, wanted[name][1])
        _show(f"{name}, against the truth", runs[name], expected)
    if len(runs) == len(wanted):
        _show("approximate, against exact", runs["approximate"], runs["exact"].groups)


def synthetic_tracks(
    tracks: int, each: int, seed: int = 0
) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Embeddings of tracks of people on the unit sphere, ``(T, 128)``, and their people, ``(T,)``.

    Args:
        tracks: Number of tracks, T.
        each: Mean number of tracks of a person.
        seed: Seed.
    """
    random = np.random.default_rng(seed)
    people = np.zeros((max(1, tracks // each), _DIMENSIONS), np.float32)
    people[:, 1 : 1 + _OF_PEOPLE] = random.standard_normal((len(people), _OF_PEOPLE))
    people *= np.sqrt(1 - _COMMON) / np.linalg.norm(people, axis=1, keepdims=True)
    people[:, 0] = np.sqrt(_COMMON)
    who = random.integers(0, len(people), tracks)
    embeddings = np.empty((tracks, _DIMENSIONS), np.float16)
    for start in range(0, tracks, _CHUNK):
        some = people[who[start : start + _CHUNK]]
        other = random.standard_normal(some.shape).astype(np.float32)
        # Neither of the person nor of all people, so that the similarity of tracks is as said.
        other -= np.sum(other * some, axis=1, keepdims=True) * some
        other /= np.linalg.norm(other, axis=1, keepdims=True)
        fraction = random.uniform(*_PERSON, (len(some), 1)).astype(np.float32)
        embeddings[start : start + _CHUNK] = (
            np.sqrt(fraction) * some + np.sqrt(1 - fraction) * other
        )
    return embeddings, who


def _in_new_process(tracks: int, each: int, threshold: float, exact_up_to: int) -> Run:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (tracks, each, threshold, exact_up_to))


def _measure(tracks: int, each: int, threshold: float, exact_up_to: int) -> Run:
    embeddings, _ = synthetic_tracks(tracks, each)
    faces = np.random.default_rng(1).integers(_FEWEST_FACES, _MOST_FACES, tracks)
    forget_peak()
    begun = time.perf_counter()
    found = find_groups(embeddings, faces, [None] * tracks, threshold, exact_up_to)
    return Run(found.groups, time.perf_counter() - begun, peak_so_far())


def agreement(found: Sequence[int], expected: Sequence[int]) -> tuple[float, float]:
    """Pairwise recall and precision of a grouping: whether pairs of tracks are in one group.

    Args:
        found: Number of the group of each track.
        expected: The same of another grouping, which is taken for right.
    """
    both, found_sizes, expected_sizes = (
        np.unique(groups, axis=0, return_counts=True)[1]
        for groups in (np.stack([found, expected], axis=1), np.array(found), np.array(expected))
    )
    shared = _pairs(both)
    return (
        shared / max(_pairs(expected_sizes), 1),
        shared / max(_pairs(found_sizes), 1),
    )


def _pairs(sizes: NDArray[np.integer]) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _show(name: str, run: Run, expected: Sequence[int]) -> None:
    recall, precision = agreement(run.groups, expected)
    print(
        f"{name:28}{run.seconds:8.1f} s{run.peak:7.0f} MiB{len(set(run.groups)):9,} groups  "
        f"recall {recall:.4f}  precision {precision:.4f}",
        flush=True,
    )
