"""The frames that faces of a faceset were cut from: the original footage, or the stored crops."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from faceswap.core.errors import MediaError
from faceswap.evaluation.judge import Shot
from faceswap.facesets.faceset import Face, Faceset
from faceswap.geometry.alignment import transform_points
from faceswap.media.sources import Source, find_sources, open_source

_SEEK_OVER = 50  # frames: shorter gaps are decoded through


def find_footage(faceset: Faceset) -> Source | None:
    """The footage of a faceset, if it is still where it was and still the same."""
    record = faceset.record["source"]
    if "path" not in record or not Path(record["path"]).exists():
        return None
    try:
        (source, *others) = find_sources([Path(record["path"])])
    except MediaError:
        return None
    same = not others and source.content_hash() == record["sha256"]
    return source if same else None


def shots(faceset: Faceset, faces: Sequence[Face], footage: Source | None) -> Iterator[Shot]:
    """The frames of some faces, in order.

    Args:
        faceset: Where the faces are.
        faces: Which; one of each frame at most counts.
        footage: The faceset's footage; without it the stored crops (the whole head) are given.
    """
    by_frame = {face.frame: face for face in faces}
    if footage is None:
        yield from (_crop_shot(faceset, by_frame[frame]) for frame in sorted(by_frame))
        return
    for block in _blocks(sorted(by_frame)):
        for frame in open_source(footage, start=block[0]):
            if frame.index in by_frame:
                points = by_frame[frame.index].landmarks
                yield Shot(faceset.name, frame.index, frame.image, points, (points,))
            if frame.index >= block[-1]:
                break


def _crop_shot(faceset: Faceset, face: Face) -> Shot:
    points = transform_points(face.matrix, face.landmarks)
    return Shot(faceset.name, face.frame, faceset.load_crop(face), points, (points,))


def _blocks(frames: Sequence[int]) -> list[list[int]]:
    """Frames that are read in one go."""
    if not frames:
        return []
    blocks = [[frames[0]]]
    for last, frame in pairwise(frames):
        if frame - last > _SEEK_OVER:
            blocks.append([])
        blocks[-1].append(frame)
    return blocks
