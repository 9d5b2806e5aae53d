"""Evaluates a converted video against its source."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError, MediaError, NoFacesError
from faceswap.evaluation.audio import compare_audio
from faceswap.evaluation.comparison import Comparison, Kind, compare
from faceswap.evaluation.evaluation import SkippedMetrics
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.frame_pairs import FramePairs, sample_frame_indices
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
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.swapped_ranges import SwappedRanges
from faceswap.recognizers import Recognizer

_REFERENCE_FRAMES = 24
_CUT_AUDIO = "the audio was re-encoded, and cut where frames were"
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
        ranges: Ranges in which faces were swapped, by the manifest; None for everything.
        skipped: Metrics of the file that could not be measured.
        notes: Remarks for the reader.
    """

    comparison: Comparison
    file: dict[str, float]
    ranges: SwappedRanges | None = None
    skipped: list[SkippedMetrics] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


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

    Where the manifest of the video states that faces were swapped in ranges, only frames in these
    are scored, and what was cut out is not expected in the file.

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
    ranges, notes = _stated_ranges(inputs.output)
    spans = ranges.spans if ranges is not None else ((0, readers[0].total),)
    chosen = sample_frame_indices(spans, frames)
    pairs = FramePairs(*readers, ranges, on_frames)
    samples = _samples(pairs, chosen, inputs, finder)
    references = _references(inputs, spans, finder, recognizer)
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
        "frames_missing": float(pairs.missing),
        "time_error": pairs.time_error,
        **compare_audio(inputs.source, inputs.output, pairs.kept),
    }
    skipped = []
    if "audio_packets_equal" in file and "audio_error" not in file:
        skipped.append(SkippedMetrics(("audio_error",), _CUT_AUDIO))
    return ConvertedEvaluation(comparison, file, ranges, skipped, notes)


def _stated_ranges(output: Path) -> tuple[SwappedRanges | None, list[str]]:
    """Ranges of a converted file by its manifest, None for everything; and remarks on them."""
    whole = f"All frames of {output.name} were evaluated, swapped or not"
    try:
        found = read_provenance(output)
        ranges = SwappedRanges.of(found.conversion)
    except ProvenanceError as error:
        return None, [f"{whole}: {error.message}"]
    if found.state == "broken":
        return None, [f"{whole}: its manifest is damaged or was altered."]
    if ranges is None:
        return None, []
    notes = [
        f"By the manifest of {output.name}, {ranges.describe()}. Only the swapped frames were "
        "evaluated."
    ]
    if found.state == "changed":
        notes.append(f"{output.name} was changed after its manifest was written.")
    return ranges, notes


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


def _samples(
    pairs: Iterable[tuple[Frame, Frame]],
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
    inputs: ConvertedInputs,
    spans: Sequence[tuple[int, int]],
    finder: FaceFinder,
    recognizer: Recognizer | None,
) -> dict[str, Embedding]:
    """Reference embeddings of target and source; empty without a target or a recognizer."""
    if recognizer is None or inputs.target is None:
        return {}
    return {
        inputs.target.name: faceset_embedding(_real_faces(inputs), recognizer),
        SOURCE: _source_reference(inputs, spans, finder, recognizer),
    }


def _source_reference(
    inputs: ConvertedInputs,
    spans: Sequence[tuple[int, int]],
    finder: FaceFinder,
    recognizer: Recognizer,
) -> Embedding:
    # Elsewhere somebody else may be seen.
    swapped = [index for first, end in spans for index in range(first, end)]
    wanted = set(evenly_spaced(swapped, _REFERENCE_FRAMES))
    embeddings = []
    for frame in VideoReader(inputs.source):
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
