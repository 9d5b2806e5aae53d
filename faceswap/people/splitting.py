"""Splits tracks that change person midway: two people crossed, or one hid the other.

Faces sampled along a track are embedded. Where the samples before and after a place show different
people, all faces around it are embedded, and the track is split where the person changes.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.people.embeddings import mean_embedding
from faceswap.people.face_table import by_track

Embed = Callable[[Sequence[int]], NDArray[np.float32]]
"""Embeddings ``(N, D)`` of the faces at given positions."""

# Cosine similarity of the samples before and after, below which the person changed. Within tracks
# of one person it stays above .5, through strong expressions and turns to the side.
_CHANGED = 0.38
_REACH = 2  # samples compared on either side: one may be blurred or covered
_FEWEST = 2  # faces on either side of a change


def split_tracks(
    tracks: NDArray[np.int64],
    samples: dict[int, NDArray[np.float32]],
    embed: Embed,
    first_new: int,
) -> NDArray[np.int64]:
    """Gives the faces after each change of person a new track number.

    Args:
        tracks: Number of the track of each face, ``(N,)``, in the order of time.
        samples: Embeddings ``(D,)`` of sampled faces, by position of the face.
        embed: Callback that embeds further faces.
        first_new: First number for new tracks.

    Returns:
        ``(N,)``; the first person of a track keeps its number.
    """
    result = tracks.copy()
    following = first_new
    for places in by_track(tracks):
        sampled = [i for i, place in enumerate(places.tolist()) if place in samples]
        if len(sampled) < 2:
            continue
        embeddings = np.stack([samples[int(places[i])] for i in sampled])
        for change in _changes(embeddings):
            start = _place_of_change(embeddings, change, sampled, places, embed)
            if start is not None:
                result[places[start:]] = following
                following += 1
    return result


def _changes(embeddings: NDArray[np.float32], first: int = 0) -> list[int]:
    """Numbers of the samples that begin with another person, ascending."""
    if len(embeddings) < 2:
        return []
    similar = [_similarity(embeddings, place) for place in range(1, len(embeddings))]
    change = int(np.argmin(similar)) + 1
    if similar[change - 1] >= _CHANGED:
        return []
    before = _changes(embeddings[:change], first)
    return [*before, first + change, *_changes(embeddings[change:], first + change)]


def _similarity(embeddings: NDArray[np.float32], place: int) -> float:
    """Similarity of the samples just before and after a place."""
    before = mean_embedding(embeddings[max(0, place - _REACH) : place])
    return float(before @ mean_embedding(embeddings[place : place + _REACH]))


def _place_of_change(
    embeddings: NDArray[np.float32],
    change: int,
    sampled: Sequence[int],
    places: NDArray[np.intp],
    embed: Embed,
) -> int | None:
    """Index in a track of the first face of another person; None if it was one bad sample.

    Args:
        embeddings: Embeddings of the samples of the track, ``(S, D)``.
        change: Number of the sample that begins with another person.
        sampled: Index in the track of each sample.
        places: Positions of the faces of the track.
        embed: Callback that embeds faces.
    """
    low = max(0, sampled[change - 1] - _FEWEST)
    high = min(len(places), sampled[change] + 1 + _FEWEST)
    around = embed(places[low:high].tolist())
    before = mean_embedding(embeddings[max(0, change - _REACH) : change])
    after = mean_embedding(embeddings[change : change + _REACH])
    # The sum over the faces before a place, minus that over the others, is largest at the change.
    nearer = np.cumsum(around @ (before - after))
    count = len(around)
    candidates = np.arange(_FEWEST, count - _FEWEST + 1)
    if not len(candidates):
        return None
    best = int(candidates[(2 * nearer[candidates - 1] - nearer[-1]).argmax()])
    one, other = mean_embedding(around[:best]), mean_embedding(around[best:])
    return low + best if float(one @ other) < _CHANGED else None
