"""Which faces of a source are kept: those of wanted people, or the largest of each frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap.people.embeddings import SAME_PERSON
from faceswap.people.face_table import by_track
from faceswap.people.references import Reference


@dataclass(frozen=True)
class WantedPeople:
    """People whose faces are kept.

    Attributes:
        only: Wanted people; empty for everyone.
        exclude: Unwanted people.
        threshold: Cosine similarity from which a person is the one of a reference.
    """

    only: tuple[Reference, ...] = ()
    exclude: tuple[Reference, ...] = ()
    threshold: float = SAME_PERSON

    @property
    def chooses(self) -> bool:
        """Whether there is any reference."""
        return bool(self.only or self.exclude)

    def keeps(self, embedding: NDArray[np.floating]) -> bool:
        """Whether the faces of a person are kept.

        Of two references that are similar enough, a wanted and an unwanted one, the more similar
        one decides.

        Args:
            embedding: Mean embedding of the person, ``(D,)`` of length 1.
        """
        unwanted = _best(self.exclude, embedding)
        if not self.only:
            return unwanted < self.threshold
        wanted = _best(self.only, embedding)
        return wanted >= self.threshold and (unwanted < self.threshold or wanted > unwanted)

    def best_match(self, embeddings: Sequence[NDArray[np.floating]]) -> float:
        """Highest similarity of people to a wanted one, in [-1, 1]."""
        return max((_best(self.only, embedding) for embedding in embeddings), default=-1.0)

    def record(self) -> dict[str, Any]:
        """Entries of the extractor's record; None where nothing is chosen."""
        return {
            "only": _records(self.only),
            "not": _records(self.exclude),
            "threshold": self.threshold if self.chooses else None,
        }


def _best(references: Sequence[Reference], embedding: NDArray[np.floating]) -> float:
    return max((float(each.embedding @ embedding) for each in references), default=-1.0)


def _records(references: Sequence[Reference]) -> list[str] | None:
    return sorted(each.record for each in references) or None


def largest_faces(
    frames: NDArray[np.integer], tracks: NDArray[np.integer], sizes: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Largest face of each frame.

    The median size of its track stands for a face, so that the choice between two tracks is the
    same in all frames that show both.

    Args:
        frames: Index of the frame of each face, ``(N,)``.
        tracks: Number of its track, ``(N,)``.
        sizes: Side of its face square in pixels, ``(N,)``.

    Returns:
        Whether it is the largest one, ``(N,)``.
    """
    medians = np.zeros(len(frames))
    for places in by_track(tracks):
        medians[places] = np.median(sizes[places])
    order = np.lexsort((tracks, -medians, frames))
    _, first = np.unique(frames[order], return_index=True)
    largest = np.zeros(len(frames), bool)
    largest[order[first]] = True
    return largest
