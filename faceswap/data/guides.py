"""Guides of faces: sampled for training, and those that fit best for all else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.data.references import FaceGeometry
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.outline import outline_weights, within_outline
from faceswap.models.guides import SLOTS, Guides
from faceswap.models.reference_choice import HALVES, describe_halves, distances
from faceswap.models.references import References

_NEIGHBOURS = 15  # frames before and after a face of a video that look nearly like it,
_SECONDS = 0.5  # and seconds; the longer time counts
_FAR = 0.15  # fraction of the sampled references that are any one
_RANK = 4.0  # mean rank of the others
_ONE = 0.5  # fraction of the halves that show one reference only


@dataclass(frozen=True)
class GuideSource:
    """What the guides of an identity's training faces are sampled from.

    Attributes:
        shapes: Meshes of all faces, ``(N, 478, 2) float32`` in normalised coordinates of the
            training square.
        ranked: References of each face for each half of the face, nearest first,
            ``(HALVES, N, R) int16``; those that must not be shown come last.
        counts: Number of references that may be shown with each face, ``(N,)``; at least 1.
    """

    shapes: NDArray[np.float32]
    ranked: NDArray[np.int16]
    counts: NDArray[np.int64]

    def allowed(self, face: int) -> NDArray[np.int64]:
        """References that may be shown with a face, in their order."""
        return np.sort(self.ranked[0, face, : self.counts[face]]).astype(np.int64)

    def sample(
        self, face: int, random: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """References of a face and their weights, ``(SLOTS,)`` each; see ``Guides``."""
        count = self.counts[face]
        each = SLOTS // len(HALVES)
        references = np.empty((len(HALVES), each), np.int64)
        weights = np.empty((len(HALVES), each), np.float32)
        for half in range(len(HALVES)):
            near = np.minimum(random.exponential(_RANK, each).astype(np.int64), count - 1)
            anywhere = (random.random(each) * count).astype(np.int64)
            far = random.random(each) < _FAR
            references[half] = self.ranked[half, face, np.where(far, anywhere, near)]
            chance, fraction = random.random(2)
            if chance < _ONE:
                fraction = round(fraction)
            weights[half] = (fraction, 1 - fraction)
        return references.ravel(), weights.ravel()


def build_guide_source(
    pairs: Sequence[tuple[Faceset, Face]], geometry: FaceGeometry, chosen: NDArray[np.int64]
) -> GuideSource:
    """Ranks the references of an identity for each of its faces.

    A face is never shown itself, nor its neighbours in time: the decoder would learn to copy.
    Where nothing else is left, it is shown what is farthest in time.

    Args:
        pairs: Faces with their facesets.
        geometry: Geometry of the faces.
        chosen: Indices of the references.
    """
    gaps = _gaps(pairs, chosen)
    near = gaps <= 1
    lonely = near.all(1)
    ranked = []
    for shown in geometry.describe():
        apart = np.where(near, np.inf, distances(shown, shown[chosen]))
        apart[lonely] = -gaps[lonely]
        ranked.append(apart.argsort(1, kind="stable").astype(np.int16))
    counts = np.where(lonely, 1, (~near).sum(1))
    return GuideSource(geometry.meshes(), np.stack(ranked), counts)


def _gaps(pairs: Sequence[tuple[Faceset, Face]], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Time between faces and references, ``(N, R)``: up to 1 between neighbours.

    It is infinite between different footage, of which facesets of one source are not.
    """
    sources = np.array([faceset.source_sha256 for faceset, _ in pairs])
    frames = np.array([face.frame for _, face in pairs], np.float64)
    times = np.array([face.time for _, face in pairs])
    videos = np.array([faceset.is_video for faceset, _ in pairs])
    apart = np.abs(frames[:, None] - frames[chosen])
    seconds = np.abs(times[:, None] - times[chosen])
    gaps = np.minimum(apart / _NEIGHBOURS, seconds / _SECONDS)
    # Photos follow each other in no time: only those of the same picture are alike.
    related = (sources[:, None] == sources[chosen]) & (videos[:, None] | (apart == 0))
    return np.where(related, gaps, np.inf)


def best_guides(
    geometry: FaceGeometry,
    references: References,
    allowed: Sequence[NDArray[np.int64]] | None = None,
) -> Guides:
    """Guides of faces to be decoded as an identity, each with the references nearest to it.

    The geometry is that of conversion: the identity's features within the face's own outline.

    Args:
        geometry: Geometry of the faces, of any identity.
        references: References of the identity to decode as.
        allowed: References that may be shown with each face; None allows all.

    Returns:
        Guides of N faces.
    """
    neutral = references.neutral.cpu().numpy()
    shown = geometry.shown_by(neutral)
    bank = describe_halves(references.expression.cpu().numpy(), references.rotation.cpu().numpy())
    usable = np.full((len(geometry.matrices), len(references)), allowed is None)
    for face, some in enumerate(allowed or ()):
        usable[face, some] = True
    nearest = [
        np.where(usable, distances(faces, half), np.inf).argmin(1)
        for faces, half in zip(shown.describe(), bank, strict=True)
    ]
    each = SLOTS // len(HALVES)
    planned = np.repeat(np.stack(nearest, 1), each, 1)
    weights = np.tile(np.eye(1, each, dtype=np.float32), (len(planned), len(HALVES)))
    shapes = within_outline(shown.meshes(), geometry.meshes(), outline_weights(neutral))
    return Guides(*map(torch.from_numpy, (shapes.astype(np.float32), planned, weights)))
