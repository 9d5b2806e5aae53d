"""Evaluates a converted video against its source."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError, MediaError, NoFacesError
from faceswap.evaluation.comparison import Comparison, Kind, compare
from faceswap.evaluation.exactness import sound_exactness
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.identity import (
    Embedding,
    evenly,
    faceset_reference,
    reference,
)
from faceswap.evaluation.judge import Judge, Shot
from faceswap.evaluation.methods import (
    NEAREST,
    UNSWAPPED,
    Converted,
    Method,
    NearestCrop,
    Unswapped,
)
from faceswap.facesets.faceset import Faceset
from faceswap.media.frame import Frame
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader
from faceswap.recognizers import Recognizer

BLOCK = 10
"""Frames that are looked at in a row, so that trembling can be seen, when not all are."""
_REFERENCES = 24
SOURCE = "the source"


@dataclass(frozen=True)
class Files:
    """What is compared with what.

    Attributes:
        source: The original video.
        output: The converted one.
        faceset: Faces of the source, or None to find them anew; the largest is then judged.
        target: Faces of whom it should be, or None.
    """

    source: Path
    output: Path
    faceset: Faceset | None = None
    target: Faceset | None = None


@dataclass
class ConvertedEvaluation:
    """What is known of a converted file.

    Attributes:
        comparison: Its frames against the source's.
        file: What is measured once: frames, times, sound.
    """

    comparison: Comparison
    file: dict[str, float]


@dataclass
class _Course:
    """What is learned while both videos are read."""

    frames: int = 0
    output_frames: int = 0
    time_error: float = 0.0


def chosen_frames(total: int, at_most: int) -> set[int]:
    """Blocks of consecutive frames, evenly over the video; all frames when there are few."""
    if total <= at_most:
        return set(range(total))
    length = min(BLOCK, at_most)
    starts = np.linspace(0, total - length, max(1, at_most // length)).round().astype(int)
    return {int(start) + step for start in starts for step in range(length)}


def evaluate_converted(
    files: Files,
    finder: FaceFinder,
    *,
    recognizer: Recognizer | None,
    frames: int,
    baseline: bool,
    on_frames: Callable[[int], None] = lambda _: None,
) -> ConvertedEvaluation:
    """Compares a converted video with its source, frame by frame and as a file.

    Args:
        files: Both, and what is known of them.
        finder: Detector and landmark net.
        recognizer: Identity, or None to leave it out.
        frames: Frames to look at, at most; frame count and time stamps are compared for all.
        baseline: Whether to judge naive answers too.
        on_frames: Called with the number of frames read since the last call.

    Raises:
        MediaError: A video cannot be read, or they are of different sizes.
        FacesetError: The faceset is of another source.
        NoFacesError: No face is found in the source.
    """
    readers = VideoReader(files.source), VideoReader(files.output)
    _check(files, readers)
    chosen = chosen_frames(readers[0].total, frames)
    course = _Course()
    pairs = _in_step(readers, course, on_frames)
    shots = _shots(pairs, chosen, files, finder)
    known = _known(files, finder, recognizer)
    target = files.target.name if files.target is not None else None
    comparison = compare(
        shots, _methods(files, baseline), Judge(finder, recognizer), known, SOURCE, target
    )
    if not comparison.originals:
        raise NoFacesError(
            f"No face was found in {files.source} ({len(chosen)} frames looked at).",
            "Check that --source is the right file.",
        )
    facts = {
        "frames_missing": float(course.frames - course.output_frames),
        "time_error": course.time_error,
        **sound_exactness(files.source, files.output),
    }
    return ConvertedEvaluation(comparison, facts)


def _check(files: Files, readers: tuple[VideoReader, VideoReader]) -> None:
    source, output = (reader.info for reader in readers)
    if (source.width, source.height) != (output.width, output.height):
        raise MediaError(
            f"{files.output} is {output.width}x{output.height} pixels, {files.source} is "
            f"{source.width}x{source.height}.",
            "Name the very file that was converted as --source.",
        )
    if files.faceset is not None:
        (found,) = find_sources([files.source])
        if files.faceset.record["source"].get("sha256") != found.content_hash():
            raise FacesetError(
                f"The faceset {files.faceset.path} is not of {files.source}.",
                "Name the faceset of this very file, or leave --faceset out.",
            )


def _in_step(
    readers: tuple[VideoReader, VideoReader], course: _Course, on_frames: Callable[[int], None]
) -> Iterator[tuple[Frame, Frame]]:
    """Both frames of each index; counts those that have no partner."""
    first, second = (iter(reader) for reader in readers)
    while True:
        source, output = next(first, None), next(second, None)
        course.frames += source is not None
        course.output_frames += output is not None
        if source is None and output is None:
            return
        if source is not None:
            on_frames(1)
        if source is not None and output is not None:
            course.time_error = max(course.time_error, 1000 * abs(source.time - output.time))
            yield source, output


def _shots(
    pairs: Iterator[tuple[Frame, Frame]], chosen: set[int], files: Files, finder: FaceFinder
) -> Iterator[Shot]:
    by_frame = files.faceset.by_frame() if files.faceset is not None else None
    for source, output in pairs:
        if source.index not in chosen:
            continue
        if by_frame is None:
            faces: Sequence[NDArray[np.floating]] = [f.points for f in finder.all(source.image)]
        else:
            known = by_frame.get(source.index, [])
            largest = sorted(known, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))
            faces = [face.landmarks for face in largest]
        if faces:
            name = files.source.stem
            yield Shot(name, source.index, source.image, faces[0], tuple(faces), output.image)


def _known(files: Files, finder: FaceFinder, recognizer: Recognizer | None) -> dict[str, Embedding]:
    """The target and the source as embeddings; nothing when nobody said who the target is."""
    if recognizer is None or files.target is None:
        return {}
    faces = [(files.target, face) for face in files.target.trainable()]
    return {
        files.target.name: faceset_reference(faces, recognizer),
        SOURCE: _source_reference(files, finder, recognizer),
    }


def _source_reference(files: Files, finder: FaceFinder, recognizer: Recognizer) -> Embedding:
    reader = VideoReader(files.source)
    wanted = set(evenly(range(reader.total), _REFERENCES))
    embeddings = []
    for frame in reader:
        if frame.index in wanted and (faces := finder.all(frame.image)):
            embeddings.append(recognizer(frame.image, faces[0].points))
    if not embeddings:
        raise NoFacesError(
            f"No face was found in {files.source}.", "Check that --source is the right file."
        )
    return reference(embeddings)


def _methods(files: Files, baseline: bool) -> Mapping[str, tuple[Kind, Method]]:
    methods: dict[str, tuple[Kind, Method]] = {files.output.name: ("file", Converted())}
    if baseline:
        methods[UNSWAPPED] = "baseline", Unswapped()
    if baseline and files.target is not None:
        faces = [(files.target, face) for face in files.target.trainable()]
        methods[NEAREST] = "baseline", NearestCrop(faces)
    return methods
