"""The identity of each track of one source: tracks of one person each, and their embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from faceswap.people.embeddings import SAME_PERSON, Embedding, mean_embedding
from faceswap.people.face_table import FaceTable, by_track, spaced_samples
from faceswap.people.grouping import group_people
from faceswap.people.splitting import split_tracks
from faceswap.recognizers import Recognizer

SPACING = 16
"""Number of consecutive faces of a track of which the best one is embedded."""

_MAX_GAP = 12  # frames for which a person may be hidden and keep the number of the track
_FEWEST = 3  # samples that are averaged, of the better half at least


@dataclass(frozen=True)
class TrackIdentities:
    """Tracks of one person each.

    Attributes:
        tracks: Number of the track of each face, ``(N,)``.
        numbers: Numbers of the tracks that show a person, in order of appearance.
        embeddings: Mean embedding of each of them, ``(T, D)``.
        faces: Number of faces of each of them.
    """

    tracks: NDArray[np.int64]
    numbers: list[int]
    embeddings: NDArray[np.float32]
    faces: list[int]


def identify_tracks(
    table: FaceTable, recognizer: Recognizer, samples: dict[int, Embedding], *, video: bool
) -> TrackIdentities:
    """Embeds the tracks of one source, and separates people that share one.

    Args:
        table: Faces of the source.
        recognizer: Recognition network.
        samples: Embeddings of sampled faces, by position of the face.
        video: Whether the source is a video; faces of photos are tracks of their own.

    Raises:
        MediaError: A crop is missing or damaged.
    """
    tracks = table.tracks
    if video:
        embed = partial(table.embed, recognizer=recognizer)
        split = split_tracks(tracks, samples, embed, table.new_track)
        if (split != tracks).any():
            means = _track_means(table, split, samples)
            split = _rejoined(table.frames, split, table.new_track, means)
        tracks = split
    means = _track_means(table, tracks, samples)
    counts = dict(zip(*np.unique(tracks, return_counts=True), strict=True))
    for number in _fragments(means, counts, table.new_track):
        del means[number]
    return TrackIdentities(
        tracks,
        list(means),
        np.stack(list(means.values())) if means else np.empty((0, 1), np.float32),
        [int(counts[number]) for number in means],
    )


def sample_tracks(table: FaceTable, recognizer: Recognizer) -> dict[int, Embedding]:
    """Embeddings of faces spaced along each track, by position of the face.

    Raises:
        MediaError: A crop is missing or damaged.
    """
    chosen = spaced_samples(table.tracks, table.quality, SPACING)
    return dict(zip(chosen, table.embed(chosen, recognizer), strict=True)) if chosen else {}


def _track_means(
    table: FaceTable, tracks: NDArray[np.int64], samples: dict[int, Embedding]
) -> dict[int, Embedding]:
    """Mean embedding of the best samples of each track, in order of appearance."""
    by_number: dict[int, list[int]] = {number: [] for number in dict.fromkeys(tracks.tolist())}
    for position in sorted(samples):
        by_number[int(tracks[position])].append(position)
    return {
        number: mean_embedding([samples[i] for i in _better_half(positions, table.quality)])
        for number, positions in by_number.items()
        if positions
    }


def _fragments(means: dict[int, Embedding], counts: dict[int, int], first_new: int) -> list[int]:
    """Tracks that a split made of the moments in which one face covers the other: nobody's."""
    short = [n for n in means if n >= first_new and counts[n] < 2 * SPACING]
    others = [mean for number, mean in means.items() if number not in short]
    return [
        number
        for number in short
        if all(float(means[number] @ other) < SAME_PERSON for other in others)
    ]


def _better_half(positions: Sequence[int], quality: NDArray[np.float64]) -> list[int]:
    kept = max(_FEWEST, (len(positions) + 1) // 2)
    return sorted(positions, key=lambda position: -quality[position])[:kept]


def _rejoined(
    frames: NDArray[np.int64],
    split: NDArray[np.int64],
    first_new: int,
    means: dict[int, Embedding],
) -> NDArray[np.int64]:
    """Gives a person who got a new number by a split the one that they had just before.

    Of two people who cross, each then has one track, if the tracker took them for each other.

    Args:
        frames: Index of the frame of each face, ``(N,)``.
        split: Number of the track of each face after the splits.
        first_new: Lowest number that a split gave.
        means: Mean embedding of each track after the splits.
    """
    groups = group_people(
        np.stack(list(means.values())), [1.0] * len(means), [None] * len(means), SAME_PERSON
    )
    person = dict(zip(means, groups, strict=True))
    ranges = {int(split[p[0]]): (int(frames[p[0]]), int(frames[p[-1]])) for p in by_track(split)}
    result = split.copy()
    for number in sorted((n for n in ranges if n >= first_new), key=lambda n: ranges[n]):
        start, end = ranges[number]
        earlier = [
            other
            for other, (_, until) in ranges.items()
            if person.get(other, -1) == person.get(number, -2) and 0 < start - until <= _MAX_GAP
        ]
        if earlier:
            before = max(earlier, key=lambda other: ranges[other][1])
            result[result == number] = before
            ranges[before] = (ranges[before][0], end)
            del ranges[number]
    return result
