"""Hands in front of the faces of a video, which stay in front of the swapped faces."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.faces.source_faces import FramesWithFaces, SourceFace
from faceswap.conversion.masks.covers import (
    SIDE,
    SMOOTHED,
    Cover,
    FrameCovers,
    FrameFaces,
    displayed_image,
    smooth_covers,
    soft_cover,
    with_covers,
)
from faceswap.core.threads import operator_threads
from faceswap.core.weights import weights_entry
from faceswap.geometry.alignment import crop_matrix, head_pose, transform_points
from faceswap.landmarkers.registry import Roi
from faceswap.maskers.hands import Hand, HandFinder, build_hand_finder, fill_hand
from faceswap.media.frame import Frame, Image

_EVERY = 5  # frames: a hand that passes a face within them is missed
_MIN_PRESENCE = 0.6  # cheeks that are taken for palms have less than 0.5, hands more than 0.65
_REGION = 5.0  # face squares, side of the region that is searched: hands may be near the camera
_FASTEST = 1.0  # widths of a palm in a frame
_NEAR = 1.0  # face squares from the middle of a face: hands further away are not followed


class CoveringHands:
    """Finds hands in front of faces.

    Palms are searched around each face in every fifth frame of the file. From there hands are
    followed by their landmarks, forwards, and those that were not there five frames ago backwards.
    So what is found in a frame depends on the frames around it alone.

    Args:
        finder: Finder of hands.
        coverage: Side of the model's crops in face squares.

    Attributes:
        lead: Number of frames before and after each that the result depends on.
        compares: Whether faces are compared with their appearance at other times: no.
    """

    lead = _EVERY + SMOOTHED
    compares = False

    def __init__(self, finder: HandFinder, coverage: float) -> None:
        self._finder = finder
        self._coverage = coverage

    @property
    def facts(self) -> dict[str, str]:
        """Hashes of the weights, on which the result depends."""
        return {name: weights_entry(name).sha256 for name in self._finder.weights}

    def __call__(self, found: FramesWithFaces, *, video: bool = True) -> Iterator[FrameFaces]:
        """Yields frames with their faces, which know what hands cover of them.

        Args:
            found: Frames with the faces to swap, in order.
            video: Whether the frames are consecutive; otherwise hands are searched in each.
        """
        if not video:
            for frame, faces in found:
                covers = self._covers(faces, self._search(frame, faces))
                yield frame, with_covers(faces, covers)
            return
        yield from smooth_covers(self._follow(found))

    def _follow(self, found: FramesWithFaces) -> Iterator[FrameCovers]:
        """Frames between two searches are finished when the second is done."""
        chunk: list[FrameFaces] = []
        known: list[Hand] = []  # in the first frame of the chunk
        for frame, faces in found:
            if frame.index % _EVERY == 0:
                searched = self._search(frame, faces)
                yield from self._between(chunk, known, searched)
                chunk, known = [], searched
            chunk.append((frame, faces))
        yield from self._between(chunk, known, [])

    def _between(
        self, chunk: Sequence[FrameFaces], known: list[Hand], coming: Sequence[Hand]
    ) -> Iterator[FrameCovers]:
        """The frames from one search to the next one, which found the hands ``coming``."""
        if not chunk or not (known or coming):
            yield from ((frame, faces, [None] * len(faces)) for frame, faces in chunk)
            return
        images = [displayed_image(frame) for frame, _ in chunk]
        moving = [_Moving(hand, _step(hand, coming, len(chunk))) for hand in known]
        hands = [list(known)]
        for image in images[1:]:
            moving = self._advance(image, moving)
            hands.append([one.hand for one in moving])
        new = [_Moving(hand) for hand in coming if not _is_known(hand, hands[-1])]
        for image, seen in zip(images[::-1], hands[::-1], strict=True):
            new = [one for one in self._advance(image, new) if not _is_known(one.hand, seen)]
            seen += [one.hand for one in new]
        for (frame, faces), seen in zip(chunk, hands, strict=True):
            yield frame, faces, self._covers(faces, seen)

    def _search(self, frame: Frame, faces: Sequence[SourceFace]) -> list[Hand]:
        """Hands near the faces of a frame."""
        if not faces:
            return []
        image = displayed_image(frame)
        poses = [head_pose(face.landmarks) for face in faces]
        middles = [face.landmarks.mean(0) for face in faces]
        rois = [
            Roi((float(x), float(y)), _REGION * pose.scale, 0.0)
            for (x, y), pose in zip(middles, poses, strict=True)
        ]
        with operator_threads(1):
            palms = self._finder.search([image] * len(rois), rois)
        hands: list[Hand] = []
        for found, middle, pose in zip(palms, middles, poses, strict=True):
            for hand in self._place(image, found):
                apart = np.linalg.norm(hand.points - middle, axis=1).min()
                is_hand = hand.presence >= _MIN_PRESENCE and apart < _NEAR * pose.scale
                if is_hand and not _is_known(hand, hands):
                    hands.append(hand)
        return hands

    def _advance(self, image: Image, moving: Sequence["_Moving"]) -> list["_Moving"]:
        """The same hands in the next frame, those that are still there."""
        placed = self._place(image, [one.roi() for one in moving])
        return [
            _Moving(hand, hand.points.mean(0) - one.hand.points.mean(0))
            for one, hand in zip(moving, placed, strict=True)
            if hand.presence >= _MIN_PRESENCE
        ]

    def _place(self, image: Image, rois: Sequence[Roi]) -> list[Hand]:
        with operator_threads(1):
            return self._finder.place([image] * len(rois), rois)

    def _covers(self, faces: Sequence[SourceFace], hands: Sequence[Hand]) -> list[Cover]:
        """Mask of hands in front of each face."""
        return [self._cover(face, hands) for face in faces]

    def _cover(self, face: SourceFace, hands: Sequence[Hand]) -> Cover:
        mask = np.zeros((SIDE, SIDE), np.uint8)
        matrix = crop_matrix(face.landmarks, SIDE, self._coverage)
        for hand in hands:
            fill_hand(mask, transform_points(matrix, hand.points))
        return soft_cover(mask, self._coverage)


class _Moving(NamedTuple):
    """A hand that is followed, and its step from frame to frame in pixels, ``(2,)``."""

    hand: Hand
    step: NDArray[np.floating] = np.zeros(2)

    def roi(self) -> Roi:
        """Region in which the hand is expected in the next frame."""
        roi = self.hand.roi()
        x, y = self.step + roi.center
        return replace(roi, center=(float(x), float(y)))


def _step(hand: Hand, coming: Sequence[Hand], frames: int) -> NDArray[np.floating]:
    """Step with which a hand becomes the nearest one that is seen some frames later."""
    steps = [(other.points - hand.points).mean(0) / frames for other in coming]
    nearest = min(steps, key=lambda step: float(np.linalg.norm(step)), default=np.zeros(2))
    return nearest if np.linalg.norm(nearest) < _FASTEST * hand.size else np.zeros(2)


def build_covering_hands(coverage: float, device: str = "cpu") -> CoveringHands:
    """Builds the finder of hands in front of faces with the published networks.

    Args:
        coverage: Side of the model's crops in face squares.
        device: Device of the networks.

    Raises:
        WeightsUnavailable: The weights of a network are not available.
    """
    return CoveringHands(build_hand_finder(device), coverage)


def _is_known(hand: Hand, hands: Iterable[Hand]) -> bool:
    return any(hand.is_same(other) for other in hands)
