"""Looks at one face before and after, and says in numbers what became of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap.evaluation.background import background_change, face_colour, mask_overlap
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.gaze import gaze
from faceswap.evaluation.identity import Embedding, identity_scores
from faceswap.evaluation.pose import angles, flat_angles, turned
from faceswap.evaluation.seam import seam
from faceswap.evaluation.shape import expression_error
from faceswap.landmarkers import FaceLandmarks
from faceswap.recognizers import Recognizer

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Shot:
    """A frame of the source, and where the face is that is to be judged.

    Attributes:
        clip: Name of the footage.
        index: Number of the frame; neighbours in time have neighbouring numbers.
        image: ``(H, W, 3) uint8 RGB``.
        landmarks: ``(68, 2)`` in pixels: of the face that is judged.
        swapped: Landmarks of all faces that are swapped, that one included.
        output: The same frame of a converted file, or None when there is no such file.
    """

    clip: str
    index: int
    image: Image
    landmarks: NDArray[np.floating]
    swapped: tuple[NDArray[np.floating], ...]
    output: Image | None = None


@dataclass(frozen=True)
class Look:
    """What is seen of a face in the pixels of one picture.

    Attributes:
        landmarks: Found anew.
        embedding: Of the identity; None without a recogniser.
        gaze: Place of the pupils, or None when it cannot be seen.
        colour: Mean L*, a*, b* of the face.
    """

    landmarks: FaceLandmarks
    embedding: Embedding | None
    gaze: float | None
    colour: NDArray[np.float64]


@dataclass
class FrameScore:
    """What one frame with a swapped face is worth.

    Attributes:
        clip: Name of the footage.
        index: Number of the frame.
        values: By name of the metric.
        before: The face in the source; None when it is not found anew there.
        after: The face in the output; None when none is found.
        picture: The head in the output, as JPEG.
        frame: The whole frame, small, as JPEG.
    """

    clip: str
    index: int
    values: dict[str, float] = field(default_factory=dict)
    before: Look | None = None
    after: Look | None = None
    picture: bytes = b""
    frame: bytes = b""


class Judge:
    """Compares faces before and after.

    Args:
        finder: Detector and landmark net.
        recognizer: Identity; None leaves the metrics of identity out.
    """

    def __init__(self, finder: FaceFinder, recognizer: Recognizer | None) -> None:
        self._finder = finder
        self._recognizer = recognizer

    def look(self, image: Image, place: NDArray[np.floating]) -> Look | None:
        """Finds a face and looks at it.

        Args:
            image: ``(H, W, 3) uint8 RGB``.
            place: ``(68, 2)`` pixels, where it should be; chooses among faces, nothing else.
        """
        found = self._finder.at(image, place)
        if found is None:
            return None
        return Look(
            found,
            self.embed(image, found.points),
            gaze(image, found.points),
            face_colour(image, found.points),
        )

    def embed(self, image: Image, points: NDArray[np.floating]) -> Embedding | None:
        """Embedding of the face with these ``(68, 2)`` points; None without a recogniser."""
        return self._recognizer(image, points) if self._recognizer is not None else None

    def compare(
        self,
        shot: Shot,
        before: Look | None,
        output: Image,
        known: Mapping[str, Embedding],
        target: str | None,
    ) -> FrameScore:
        """Judges one frame.

        Args:
            shot: The source.
            before: What is seen in it.
            output: The frame with the swapped face, of the same size.
            known: Embedding of every known person, the source among them.
            target: Who of them the face should be; None when nobody knows.
        """
        after = self.look(output, shot.landmarks)
        score = FrameScore(
            shot.clip, shot.index, {"face_found": float(after is not None)}, before, after
        )
        change = background_change(shot.image, output, shot.swapped)
        score.values |= {"background_max": change.largest, "background_mean": change.mean}
        if change.far is not None:
            score.values["codec_mean"] = change.far
        score.values["seam"] = seam(shot.image, output, shot.landmarks)
        if before is not None and after is not None:
            score.values |= _shape_scores(before, after)
            score.values["mask_iou"] = mask_overlap(
                output, before.landmarks.points, after.landmarks.points
            )
            score.values |= identity_scores(before.embedding, after.embedding, known, target)
        return score


def _shape_scores(before: Look, after: Look) -> dict[str, float]:
    first, second = before.landmarks.points, after.landmarks.points
    moved = asdict(
        turned(angles(before.landmarks.dense_mesh()), angles(after.landmarks.dense_mesh()))
    )
    flat = asdict(turned(flat_angles(first), flat_angles(second)))
    return {
        **{f"{name}_error": abs(value) for name, value in moved.items()},
        **{f"{name}_offset": value for name, value in moved.items()},
        **{f"{name}_error_flat": abs(value) for name, value in flat.items()},
        "expression_error": expression_error(first, second),
    }
