"""Evaluates several swap methods on the same frames."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from faceswap.evaluation.frame_scoring import FrameScore, FrameScorer, Image, Sample
from faceswap.evaluation.methods import Method
from faceswap.evaluation.sharpness import RealDetail
from faceswap.evaluation.summary import Summary, summarise
from faceswap.geometry.alignment import HEAD_COVERAGE, crop_matrix, warp
from faceswap.media.images import encode_image
from faceswap.people.embeddings import Embedding

Kind = Literal["run", "baseline", "file"]
_HEAD_SIDE, _FRAME_WIDTH = 240, 320  # px


@dataclass(frozen=True)
class Result:
    """Scores of one swap method for one source and target.

    Attributes:
        method: Name of the run, baseline or file.
        kind: Kind of the method: run, baseline or file.
        source: Identity whose footage is swapped.
        target: Identity whose face appears; None when unknown.
        scores: Scores of each frame, in the order of the samples.
        summary: Aggregate over all frames.
    """

    method: str
    kind: Kind
    source: str
    target: str | None
    scores: Sequence[FrameScore]
    summary: Summary

    @property
    def direction(self) -> str:
        """Source and target in words, for headings."""
        return f"{self.source} as {self.target or 'unknown target'}"


@dataclass(frozen=True)
class Comparison:
    """Results of several methods on the same frames.

    Attributes:
        results: One result per method.
        originals: Source frames with their observations and pictures; ``values`` is empty.
    """

    results: list[Result]
    originals: list[FrameScore]


def compare(
    samples: Iterable[Sample],
    methods: Mapping[str, tuple[Kind, Method]],
    scorer: FrameScorer,
    references: Mapping[str, Embedding],
    source: str,
    target: str | None,
    detail: RealDetail | None,
    on_frames: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Run every method on every frame and score the outputs.

    Args:
        samples: Frames of the source identity.
        methods: Kind and method by name.
        scorer: Scorer of single frames.
        references: Reference embedding ``(D,)`` of each identity, by name.
        source: Name of the identity in the frames.
        target: Name of the identity that should appear; None when unknown.
        detail: Detail of the target's real faces; None skips the sharpness.
        on_frames: Callback with the number of frames finished since the last call.
    """
    scores: dict[str, list[FrameScore]] = {name: [] for name in methods}
    originals = []
    for sample in samples:
        before = scorer.observe(sample.image, sample.landmarks)
        original = FrameScore(sample.clip, sample.index, {}, before, before)
        _store_pictures(original, sample, sample.image)
        originals.append(original)
        for name, (_, method) in methods.items():
            output = method(sample)
            score = scorer.score(sample, before, output, references, target, detail)
            _store_pictures(score, sample, output)
            scores[name].append(score)
        on_frames(1)
    results = [
        Result(name, kind, source, target, scores[name], summarise(scores[name]))
        for name, (kind, _) in methods.items()
    ]
    return Comparison(results, originals)


def _store_pictures(score: FrameScore, sample: Sample, image: Image) -> None:
    """Store head crop and frame as JPEG, since there may be hundreds."""
    matrix = crop_matrix(sample.landmarks, _HEAD_SIDE, HEAD_COVERAGE)
    score.picture = encode_image(warp(image, matrix, _HEAD_SIDE), ".jpg")
    height = round(_FRAME_WIDTH * image.shape[0] / image.shape[1])
    small = cv2.resize(image, (_FRAME_WIDTH, height + height % 2), interpolation=cv2.INTER_AREA)
    score.frame = encode_image(np.asarray(small, np.uint8), ".jpg")
