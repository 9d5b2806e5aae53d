"""Judges several ways of swapping on the same frames."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from faceswap.evaluation.identity import Embedding
from faceswap.evaluation.judge import FrameScore, Image, Judge, Shot
from faceswap.evaluation.methods import Method
from faceswap.evaluation.summary import Summary, summarise
from faceswap.geometry.alignment import HEAD_COVERAGE, crop_matrix, warp
from faceswap.media.images import encode_image

Kind = Literal["run", "baseline", "file"]
_PICTURE, _FRAME = 240, 320  # px


@dataclass(frozen=True)
class Result:
    """What one way of swapping is worth, from one person's footage to another's face.

    Attributes:
        method: Name of the run, of the baseline or of the file.
        kind: What that is.
        source: Whose footage.
        target: Whose face; None when nobody said.
        scores: Frame by frame.
        summary: Over all frames.
    """

    method: str
    kind: Kind
    source: str
    target: str | None
    scores: Sequence[FrameScore]
    summary: Summary

    @property
    def direction(self) -> str:
        """From whom to whom."""
        return f"{self.source} as {self.target or 'someone else'}"


@dataclass(frozen=True)
class Comparison:
    """Several ways of swapping, judged on the same frames.

    Attributes:
        results: One per method, in their order.
        originals: The source's frames: pictures and what is seen, without values.
    """

    results: list[Result]
    originals: list[FrameScore]


def compare(
    shots: Iterable[Shot],
    methods: Mapping[str, tuple[Kind, Method]],
    judge: Judge,
    known: Mapping[str, Embedding],
    source: str,
    target: str | None,
    on_frames: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Swaps every frame in every way and judges the results.

    Args:
        shots: Frames of one person.
        methods: By name, each with its kind.
        judge: Looks at them.
        known: Embedding of every known person.
        source: Who is in the frames.
        target: Who should be, if that is known.
        on_frames: Called with the number of frames done since the last call.
    """
    scores: dict[str, list[FrameScore]] = {name: [] for name in methods}
    originals = []
    for shot in shots:
        before = judge.look(shot.image, shot.landmarks)
        original = FrameScore(shot.clip, shot.index, {}, before, before)
        _keep_pictures(original, shot, shot.image)
        originals.append(original)
        for name, (_, method) in methods.items():
            output = method(shot)
            score = judge.compare(shot, before, output, known, target)
            _keep_pictures(score, shot, output)
            scores[name].append(score)
        on_frames(1)
    results = [
        Result(name, kind, source, target, scores[name], summarise(scores[name]))
        for name, (kind, _) in methods.items()
    ]
    return Comparison(results, originals)


def _keep_pictures(score: FrameScore, shot: Shot, image: Image) -> None:
    """As JPEG, since there may be hundreds."""
    matrix = crop_matrix(shot.landmarks, _PICTURE, HEAD_COVERAGE)
    score.picture = encode_image(warp(image, matrix, _PICTURE), ".jpg")
    height = round(_FRAME * image.shape[0] / image.shape[1])
    small = cv2.resize(image, (_FRAME, height + height % 2), interpolation=cv2.INTER_AREA)
    score.frame = encode_image(np.asarray(small, np.uint8), ".jpg")
