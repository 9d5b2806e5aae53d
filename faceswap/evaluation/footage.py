"""Loads the frames that the faces of a faceset came from, or the stored crops."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from faceswap.core.errors import MediaError, UnsafeNameError
from faceswap.core.names import check_name
from faceswap.evaluation.frame_scoring import Sample
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import transform_points
from faceswap.media.hashed_source import hash_source
from faceswap.media.sources import Source, open_source

_SEEK_OVER = 50  # frames: shorter gaps are decoded through


def find_footage(faceset: Faceset) -> Source | None:
    """The source file of a faceset, or None when it is missing or its content changed.

    The path in a faceset of somebody else may lead anywhere: only regular files are opened, and
    only those that the faceset names.
    """
    record = faceset.record["source"]
    path = Path(record.get("path", ""))
    folder = path if path.is_dir() else path.parent
    try:
        names = [check_name(name, "name of a photo") for name in record.get("files", [path.name])]
    except UnsafeNameError:
        return None
    files = [folder / name for name in names]
    if "path" not in record or not all(file.is_file() for file in files):
        return None
    source = Source(path, record["kind"], faceset.name, tuple(files))
    try:
        return source if hash_source(source).sha256 == record["sha256"] else None
    except MediaError:  # no permission
        return None


def clip_names(faces: Iterable[tuple[Faceset, Face]]) -> dict[Path, str]:
    """Name of the footage of each faceset, by its folder: numbered unless all names differ."""
    names = {faceset.path: faceset.name for faceset, _ in faces}
    if len(set(names.values())) == len(names):
        return names
    return {path: f"{name} #{number}" for number, (path, name) in enumerate(names.items(), 1)}


def load_samples(
    faceset: Faceset, faces: Sequence[Face], footage: Source | None, clip: str
) -> Iterator[Sample]:
    """Load the frames of some faces, ordered by frame index.

    Args:
        faceset: Faceset of the faces.
        faces: Faces to load; at most one per frame is used.
        footage: Source file of the faceset. None uses the stored head crops as frames.
        clip: Name of the footage, from ``clip_names``.
    """
    by_frame = {face.frame: face for face in faces}
    if footage is None:
        yield from (_crop_sample(faceset, by_frame[frame], clip) for frame in sorted(by_frame))
        return
    for block in _blocks(sorted(by_frame)):
        for frame in open_source(footage, start=block[0]):
            if frame.index in by_frame:
                points = by_frame[frame.index].landmarks
                image = replace(frame, pixel_aspect=faceset.pixel_aspect).displayed()
                yield Sample(
                    clip, frame.index, image, points, (points,), photo=not faceset.is_video
                )
            if frame.index >= block[-1]:
                break


def _crop_sample(faceset: Faceset, face: Face, clip: str) -> Sample:
    points = transform_points(face.matrix, face.landmarks)
    image, photo = faceset.load_crop(face), not faceset.is_video
    return Sample(clip, face.frame, image, points, (points,), photo=photo)


def _blocks(frames: Sequence[int]) -> list[list[int]]:
    """Groups of frame indices that are decoded without seeking."""
    if not frames:
        return []
    blocks = [[frames[0]]]
    for last, frame in pairwise(frames):
        if frame - last > _SEEK_OVER:
            blocks.append([])
        blocks[-1].append(frame)
    return blocks
