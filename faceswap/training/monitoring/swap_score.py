"""How good the swaps of one identity to another are, from what is seen in inputs and outputs."""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from math import exp
from statistics import fmean, geometric_mean

import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.expression import lid_opening, mouth_opening
from faceswap.geometry.pose import angle_difference, angles
from faceswap.people.embeddings import Embedding, mean_embedding
from faceswap.training.monitoring.face_judge import SeenFace

FEWEST = 3
"""Fewest faces from which a mean face and its changes are measured."""

_POSE_SCALE = 15.0  # degrees of pose error that count as much as a face that never moves
# Openings, with the least spread that an error is compared to: two to five times the noise of the
# landmarks. Held-out faces that do not move have none of their own.
_OPENINGS: tuple[tuple[Callable[[NDArray[np.floating]], float], float], ...] = (
    (mouth_opening, 0.03),
    (lid_opening, 0.01),
)

Seen = Sequence[SeenFace | None]


@dataclass(frozen=True)
class SwapQuality:
    """Quality of the swaps of one identity to another.

    Attributes:
        found: Fraction of the outputs in which a face is found.
        identity: Likeness: 0 if the outputs resemble their source as much as the target, 1 if they
            resemble the target as real faces of it do. None with too few faces found, and without a
            recognition network.
        expression_error: Error of the openings of mouth and eyes, each without its mean, over their
            spread in the source: 1 if the face never moves. None with too few faces found.
        pose_error: Mean angle between the poses of input and output in degrees. None with too few
            faces found.
        fidelity: SSIM of the target's own held-out faces, decoded as itself.
        score: 0 to 1, from all of them; see ``swap_quality``.
    """

    found: float
    identity: float | None
    expression_error: float | None
    pose_error: float | None
    fidelity: float
    score: float


@dataclass(frozen=True)
class Likeness:
    """What decides whether a face resembles a target.

    Attributes:
        mean: Mean embedding of the target, ``(D,) float32`` of length 1.
        real: Mean similarity of the target's real faces to it.
    """

    mean: Embedding
    real: float

    @classmethod
    def of(cls, faces: Sequence[SeenFace]) -> "Likeness":
        """That of the real faces of the target, with embeddings."""
        embeddings = _embeddings(faces)
        mean = mean_embedding(embeddings)
        return cls(mean, float((embeddings @ mean).mean()))

    def identity(self, inputs: Sequence[SeenFace], outputs: Sequence[SeenFace]) -> float:
        """Similarity to the target minus that to the source, over what real faces reach."""
        before, after = _embeddings(inputs), _embeddings(outputs)
        margin = (after @ self.mean).mean() - (after * before).sum(1).mean()
        # Real faces of the target resemble the source as much as it resembles the target.
        reached = self.real - (before @ self.mean).mean()
        return float(margin / max(float(reached), 1e-6))


def swap_quality(
    inputs: Seen,
    outputs: Seen,
    likeness: Likeness | None,
    fidelity: float,
    *,
    counts_identity: bool,
) -> SwapQuality:
    """Measures the outputs of a model against its inputs.

    The score is the fraction of faces found, times the fidelity, times the geometric mean of three
    terms between 0 and 1: the identity, exp(-expression error), and exp(-pose error / 15 degrees).
    Without the fidelity, a guided model would be as good before its training as after it: warped
    pictures of the target have its identity and the expression, and only look wrong.

    Args:
        inputs: Faces of the source; None where none is found.
        outputs: Those faces decoded as the target, in their order; None where none is found.
            Only those whose input was found count.
        likeness: Likeness of the target; None if faces have no embeddings.
        fidelity: SSIM of the target's own held-out faces, decoded as itself.
        counts_identity: Whether the identity is part of the score, where it is measured.
    """
    shown = [(a, b) for a, b in zip(inputs, outputs, strict=True) if a is not None]
    pairs = [(a, b) for a, b in shown if b is not None]
    found = len(pairs) / len(shown)
    if len(pairs) < FEWEST:
        return SwapQuality(found, None, None, None, fidelity, 0.0)
    before, after = [a for a, _ in pairs], [b for _, b in pairs]
    identity = None if likeness is None else likeness.identity(before, after)
    expression = _expression_error([a for a, _ in shown], before, after)
    pose = fmean(_turn(a, b) for a, b in pairs)
    terms = [exp(-expression), exp(-pose / _POSE_SCALE)]
    if counts_identity and identity is not None:
        terms.append(min(1.0, max(0.0, identity)))
    score = found * max(0.0, fidelity) * (geometric_mean(terms) if all(terms) else 0.0)
    return SwapQuality(found, identity, expression, pose, fidelity, score)


def _embeddings(faces: Sequence[SeenFace]) -> NDArray[np.float32]:
    """Embeddings of faces, ``(N, D)``."""
    return np.stack([face.embedding for face in faces if face.embedding is not None])


def _turn(before: SeenFace, after: SeenFace) -> float:
    """Difference of two poses in degrees: length of the vector of pitch, yaw and roll."""
    return float(np.linalg.norm(astuple(angle_difference(angles(before.mesh), angles(after.mesh)))))


def _expression_error(
    source: Sequence[SeenFace], before: Sequence[SeenFace], after: Sequence[SeenFace]
) -> float:
    """Mean error of the openings over their spread in all faces of the source.

    The mean of each opening belongs to the shape of the face, which differs between people.
    """
    errors = []
    for opening, least in _OPENINGS:
        moved = [np.array([opening(face.points) for face in faces]) for faces in (before, after)]
        change = (moved[1] - moved[1].mean()) - (moved[0] - moved[0].mean())
        all_of_source = np.array([opening(face.points) for face in source])
        spread = np.abs(all_of_source - all_of_source.mean()).mean()
        errors.append(float(np.abs(change).mean()) / max(float(spread), least))
    return fmean(errors)
