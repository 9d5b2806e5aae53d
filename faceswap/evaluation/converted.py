"""Evaluates a converted video against its source."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError, MediaError, NoFacesError
from faceswap.evaluation.audio import compare_audio
from faceswap.evaluation.comparison import Comparison, Kind, compare
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.frame_scoring import FrameScorer, Sample
from faceswap.evaluation.methods import (
    NEAREST,
    UNSWAPPED,
    Converted,
    Method,
    NearestCrop,
    Unswapped,
)
from faceswap.evaluation.sharpness import RealDetail
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import HashedSource, hash_source
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader
from faceswap.people.embeddings import (
    Embedding,
    evenly_spaced,
    faceset_embedding,
    mean_embedding,
)
from faceswap.recognizers import Recognizer

BLOCK = 10
"""Consecutive frames per block when a video is sampled; jitter needs at least three."""
_REFERENCE_FRAMES = 24
SOURCE = "the source"


@dataclass(frozen=True)
class ConvertedInputs:
    """Inputs of the evaluation of a converted video.

    Attributes:
        source: Source video.
        output: Converted video.
        faceset: Faceset of the source, or None to detect faces and evaluate the largest one.
        target: Faceset of the target identity, or None when unknown.
    """

    source: Path
    output: Path
    faceset: Faceset | None = None
    target: Faceset | None = None


@dataclass
class ConvertedEvaluation:
    """Results for a converted video.

    Attributes:
        comparison: Frame scores of the video and, optionally, of the baselines.
        file: Values measured once per file, by metric name: frame count, timestamps, audio.
    """

    comparison: Comparison
    file: dict[str, float]


@dataclass
class _Timing:
    """Frame counts and largest timestamp difference in ms, updated while both videos are read."""

    frames: int = 0
    output_frames: int = 0
    time_error: float = 0.0


def sample_frame_indices(total: int, limit: int) -> set[int]:
    """Indices of at most ``limit`` frames: evenly spaced blocks of consecutive frames."""
    if total <= limit:
        return set(range(total))
    length = min(BLOCK, limit)
    starts = np.linspace(0, total - length, max(1, limit // length)).round().astype(int)
    return {int(start) + step for start in starts for step in range(length)}


def evaluate_converted(
    inputs: ConvertedInputs,
    finder: FaceFinder,
    *,
    recognizer: Recognizer | None,
    frames: int,
    baseline: bool,
    on_frames: Callable[[int], None] = lambda _: None,
) -> ConvertedEvaluation:
    """Compare a converted video with its source, frame by frame and as a file.

    Args:
        inputs: Videos and facesets.
        finder: Detector and landmarker.
        recognizer: Recognition network, or None to skip the identity metrics.
        frames: Maximum number of frames to score. Frame count and timestamps cover all frames.
        baseline: Whether to score the baselines too.
        on_frames: Callback with the number of frames read since the last call.

    Raises:
        MediaError: A video cannot be read, or the frame sizes differ.
        SourceChangedError: The source of the faceset changed while it was read.
        FacesetError: The faceset belongs to another source.
        NoFacesError: No face is found in the source.
    """
    hashed = _check_faceset(inputs)
    readers = VideoReader(inputs.source), VideoReader(inputs.output)
    _check_sizes(inputs, readers)
    chosen = sample_frame_indices(readers[0].total, frames)
    timing = _Timing()
    pairs = _paired_frames(readers, timing, on_frames)
    samples = _samples(pairs, chosen, inputs, finder)
    references = _references(inputs, finder, recognizer)
    target = inputs.target.name if inputs.target is not None else None
    real = _real_faces(inputs)
    comparison = compare(
        samples,
        _methods(inputs, baseline),
        FrameScorer(finder, recognizer),
        references,
        SOURCE,
        target,
        RealDetail(real) if real else None,
    )
    if hashed is not None:
        hashed.check()
    if not comparison.originals:
        raise NoFacesError(
            f"No face was found in {len(chosen)} frames of {inputs.source}.",
            "Check that --source is the right file.",
        )
    file = {
        "frames_missing": float(timing.frames - timing.output_frames),
        "time_error": timing.time_error,
        **compare_audio(inputs.source, inputs.output),
    }
    return ConvertedEvaluation(comparison, file)


def _check_faceset(inputs: ConvertedInputs) -> HashedSource | None:
    """The source, hashed before it is read; None if no faceset has to belong to it."""
    if inputs.faceset is None:
        return None
    (found,) = find_sources([inputs.source])
    hashed = hash_source(found)
    if inputs.faceset.record["source"].get("sha256") != hashed.sha256:
        raise FacesetError(
            f"The faceset {inputs.faceset.path} was not extracted from {inputs.source}.",
            "Set --faceset to the faceset of this video, or omit it.",
        )
    return hashed


def _check_sizes(inputs: ConvertedInputs, readers: tuple[VideoReader, VideoReader]) -> None:
    source, output = (reader.info for reader in readers)
    if (source.width, source.height) != (output.width, output.height):
        raise MediaError(
            f"Expected frames of equal size, found {output.width}x{output.height} pixels in "
            f"{inputs.output} and {source.width}x{source.height} in {inputs.source}.",
            "Set --source to the video that was converted.",
        )


def _paired_frames(
    readers: tuple[VideoReader, VideoReader], timing: _Timing, on_frames: Callable[[int], None]
) -> Iterator[tuple[Frame, Frame]]:
    """Frames of both videos by index; updates ``timing``."""
    first, second = (iter(reader) for reader in readers)
    while True:
        source, output = next(first, None), next(second, None)
        timing.frames += source is not None
        timing.output_frames += output is not None
        if source is None and output is None:
            return
        if source is not None:
            on_frames(1)
        if source is not None and output is not None:
            timing.time_error = max(timing.time_error, 1000 * abs(source.time - output.time))
            yield source, output


def _samples(
    pairs: Iterator[tuple[Frame, Frame]],
    chosen: set[int],
    inputs: ConvertedInputs,
    finder: FaceFinder,
) -> Iterator[Sample]:
    by_frame = inputs.faceset.by_frame() if inputs.faceset is not None else None
    for source, output in pairs:
        if source.index not in chosen:
            continue
        if by_frame is None:
            faces: Sequence[NDArray[np.floating]] = [
                f.points for f in finder.all(source.displayed())
            ]
        else:
            stored = by_frame.get(source.index, [])
            largest = sorted(stored, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))
            faces = [face.landmarks for face in largest]
        if faces:
            name = inputs.source.stem
            shown = source.displayed(), output.displayed()
            yield Sample(name, source.index, shown[0], faces[0], tuple(faces), shown[1])


def _references(
    inputs: ConvertedInputs, finder: FaceFinder, recognizer: Recognizer | None
) -> dict[str, Embedding]:
    """Reference embeddings of target and source; empty without a target or a recognizer."""
    if recognizer is None or inputs.target is None:
        return {}
    return {
        inputs.target.name: faceset_embedding(_real_faces(inputs), recognizer),
        SOURCE: _source_reference(inputs, finder, recognizer),
    }


def _source_reference(
    inputs: ConvertedInputs, finder: FaceFinder, recognizer: Recognizer
) -> Embedding:
    reader = VideoReader(inputs.source)
    wanted = set(evenly_spaced(range(reader.total), _REFERENCE_FRAMES))
    embeddings = []
    for frame in reader:
        if frame.index in wanted and (faces := finder.all(shown := frame.displayed())):
            embeddings.extend(recognizer([shown], [faces[0].points]))
    if not embeddings:
        raise NoFacesError(
            f"No face was found in {inputs.source}.", "Check that --source is the right file."
        )
    return mean_embedding(embeddings)


def _methods(inputs: ConvertedInputs, baseline: bool) -> Mapping[str, tuple[Kind, Method]]:
    methods: dict[str, tuple[Kind, Method]] = {inputs.output.name: ("file", Converted())}
    if baseline:
        methods[UNSWAPPED] = "baseline", Unswapped()
    if baseline and inputs.target is not None:
        methods[NEAREST] = "baseline", NearestCrop(_real_faces(inputs))
    return methods


def _real_faces(inputs: ConvertedInputs) -> list[tuple[Faceset, Face]]:
    """Faces of the target's faceset; empty when the target is unknown."""
    if inputs.target is None:
        return []
    return [(inputs.target, face) for face in inputs.target.trainable()]
