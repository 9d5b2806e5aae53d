"""Videos written over at full depth with a change in the middle, and what is outside of it."""

import numpy as np

from faceswap.media.encoders import VideoEncoding
from faceswap.media.video import VideoReader
from faceswap.media.writer import VideoWriter
from tests.planes import video_planes

FACE = (slice(20, 44), slice(30, 62))  # rows and columns that are changed
CHANGE = np.full((24, 32, 3), (0.1, -0.08, 0.05), np.float32)


def convert(source, target, encoder, *, change=True, **wishes):
    """Writes a video over with a change in its middle, without loss by default."""
    reader = VideoReader(source, full_depth=True, deinterlace=wishes.pop("deinterlace", False))
    wishes.setdefault("lossless", True)
    encoding = VideoEncoding(encoder, **wishes)
    with VideoWriter(target, reader.info, encoding=encoding, full_depth=True) as writer:
        for frame in reader:
            if change:
                frame.picture.add(FACE[1].start, FACE[0].start, CHANGE)
            writer.write(frame.picture, frame.pts, frame.duration)
    return [*reader.notes, *reader.losses, *writer.notes]


def outside(plane, shape):
    """Mask of the values whose pixels are all outside of the change."""
    height, width = shape
    down, across = -(-height // plane.shape[0]), -(-width // plane.shape[1])
    mask = np.ones(plane.shape, bool)
    rows, columns = FACE
    # Chroma may be that of the pixels beside its own.
    mask[
        rows.start // down - (down > 1) : (rows.stop - 1) // down + down,
        columns.start // across - (across > 1) : (columns.stop - 1) // across + across,
    ] = False
    return mask


def check(source, target):
    before, after = video_planes(source), video_planes(target)
    assert len(before) == len(after)
    for (name, old), (other, new) in zip(before, after, strict=True):
        assert other.replace("yuvj", "yuv") == name.replace("yuvj", "yuv")
        for index, (one, two) in enumerate(zip(old, new, strict=True)):
            mask = outside(one, old[0].shape)
            assert np.array_equal(one[mask], two[mask])
            if index == 0:
                assert (one != two)[~mask].mean() > 0.9
