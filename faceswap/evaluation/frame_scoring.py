"""Scores one frame: observes the face before and after the swap and compares both."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap.evaluation.background import background_change, face_colour, mask_iou
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.gaze import gaze
from faceswap.evaluation.grain import grain
from faceswap.evaluation.identity import identity_scores
from faceswap.evaluation.local_flicker import colour_change
from faceswap.evaluation.seam import seam
from faceswap.evaluation.sharpness import RealDetail
from faceswap.geometry.expression import expression_error
from faceswap.geometry.pose import angle_difference, angles, angles_2d
from faceswap.landmarkers import FaceLandmarks
from faceswap.people.embeddings import Embedding
from faceswap.recognizers import Recognizer

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Sample:
    """A source frame and the face to evaluate in it.

    Attributes:
        clip: Name of the footage; other footage has another one.
        index: Frame index; consecutive frames of a video have consecutive indices.
        image: Source frame, ``(H, W, 3) uint8 RGB``.
        landmarks: Landmarks of the evaluated face, ``(68, 2)`` in pixels.
        swapped: Landmarks of all faces to swap, the evaluated one included, each ``(68, 2)``.
        output: Frame of the converted file, ``(H, W, 3) uint8 RGB``; None when evaluating runs.
        photo: Whether the frame is a photo, which follows no other frame.
    """

    clip: str
    index: int
    image: Image
    landmarks: NDArray[np.floating]
    swapped: tuple[NDArray[np.floating], ...]
    output: Image | None = None
    photo: bool = False


@dataclass(frozen=True)
class Observation:
    """Measurements of a face in one image.

    Attributes:
        landmarks: Detected landmarks.
        embedding: Identity embedding, ``(D,) float32``; None without a recognizer.
        gaze: Horizontal pupil position, -1 to 1; None when the eyes are closed.
        colour: Mean L*, a*, b* of the face, ``(3,) float64``.
    """

    landmarks: FaceLandmarks
    embedding: Embedding | None
    gaze: float | None
    colour: NDArray[np.float64]


@dataclass
class FrameScore:
    """Metrics and observations of one output frame.

    Attributes:
        clip: Name of the footage.
        index: Frame index.
        values: Metric values by name.
        before: Face in the source frame; None when not detected.
        after: Face in the output frame; None when not detected.
        picture: Head crop of the output, JPEG bytes.
        frame: Downscaled output frame, JPEG bytes.
        photo: Whether the frame is a photo.
        change: Change of the low frequencies of the face, ``(4, 4, 3)`` in levels.
    """

    clip: str
    index: int
    values: dict[str, float] = field(default_factory=dict)
    before: Observation | None = None
    after: Observation | None = None
    picture: bytes = b""
    frame: bytes = b""
    photo: bool = False
    change: NDArray[np.float64] | None = None


class FrameScorer:
    """Scores output frames against their source frames.

    Args:
        finder: Detector and landmarker.
        recognizer: Recognition network; None skips the identity metrics.
    """

    def __init__(self, finder: FaceFinder, recognizer: Recognizer | None) -> None:
        self._finder = finder
        self._recognizer = recognizer

    def observe(self, image: Image, expected: NDArray[np.floating]) -> Observation | None:
        """Detect and measure the face at an expected position.

        Args:
            image: Image, ``(H, W, 3) uint8 RGB``.
            expected: Expected landmarks, ``(68, 2)`` in pixels; used only to select among the
                detected faces.

        Returns:
            The observation, or None when no face is detected there.
        """
        found = self._finder.at(image, expected)
        if found is None:
            return None
        return Observation(
            found,
            self.embed(image, found.points),
            gaze(image, found.points),
            face_colour(image, found.points),
        )

    def embed(self, image: Image, points: NDArray[np.floating]) -> Embedding | None:
        """Embedding of the face with ``(68, 2)`` landmarks; None without a recognizer."""
        return self._recognizer([image], [points])[0] if self._recognizer is not None else None

    def score(
        self,
        sample: Sample,
        before: Observation | None,
        output: Image,
        references: Mapping[str, Embedding],
        target: str | None,
        detail: RealDetail | None = None,
    ) -> FrameScore:
        """Score one output frame.

        Args:
            sample: Source frame and face.
            before: Observation of the source frame.
            output: Frame with the swapped face, ``(H, W, 3) uint8 RGB``.
            references: Reference embedding of each identity by name, the source included.
            target: Identity that should appear; None when unknown.
            detail: Detail of the target's real faces; None skips the sharpness.
        """
        after = self.observe(output, sample.landmarks)
        score = FrameScore(
            sample.clip,
            sample.index,
            {"face_found": float(after is not None)},
            before,
            after,
            photo=sample.photo,
        )
        outside = background_change(sample.image, output, sample.swapped)
        score.values |= {"background_max": outside.largest, "background_mean": outside.mean}
        if outside.far_mean is not None:
            score.values["codec_mean"] = outside.far_mean
        score.change = colour_change(sample.image, output, sample.landmarks)
        score.values["seam"] = seam(sample.image, output, sample.landmarks)
        noise = grain(sample.image, output, sample.landmarks)
        if noise is not None:
            score.values["grain"] = noise
        if detail is not None and after is not None:
            score.values["sharpness"] = detail.sharpness(output, after.landmarks.points)
        if before is not None and after is not None:
            score.values |= _pose_scores(before, after)
            score.values["mask_iou"] = mask_iou(
                output, before.landmarks.points, after.landmarks.points
            )
            score.values |= identity_scores(before.embedding, after.embedding, references, target)
        return score


def _pose_scores(before: Observation, after: Observation) -> dict[str, float]:
    first, second = before.landmarks.points, after.landmarks.points
    moved = asdict(
        angle_difference(
            angles(before.landmarks.dense_mesh()), angles(after.landmarks.dense_mesh())
        )
    )
    moved_2d = asdict(angle_difference(angles_2d(first), angles_2d(second)))
    return {
        **{f"{name}_error": abs(value) for name, value in moved.items()},
        **{f"{name}_offset": value for name, value in moved.items()},
        **{f"{name}_error_2d": abs(value) for name, value in moved_2d.items()},
        "expression_error": expression_error(first, second),
    }
