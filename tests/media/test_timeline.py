import struct

import numpy as np
import pytest

from faceswap.media.seek_points import find_seek_point
from faceswap.media.video import VideoReader

OPTIONS = {"x264-params": "keyint=20:scenecut=0:bframes=2"}


def _with_edits(source, path, edits):
    """Copies an MP4 file with its index at the end, with edits as first frame and number."""
    data = source.read_bytes()
    at = data.index(b"elst") - 4
    size, count, _, origin = struct.unpack(">I8xIIi", data[at : at + 24])
    assert count == 1
    table = b"".join(
        struct.pack(">IiI", 40 * number, origin + 512 * first, 0x10000) for first, number in edits
    )
    box = struct.pack(">I4sII", 16 + len(table), b"elst", 0, len(edits)) + table
    data = bytearray(data[:at] + box + data[at + size :])
    for name in (b"edts", b"trak", b"moov"):
        outer = data.rindex(name, 0, at) - 4
        (length,) = struct.unpack_from(">I", data, outer)
        struct.pack_into(">I", data, outer, length + len(box) - size)
    path.write_bytes(data)


@pytest.mark.parametrize("edits", [[(20, 20), (60, 20)], [(5, 30), (5, 30)], [(0, 25), (43, 30)]])
def test_frames_that_edits_leave_out_are_not_missed(make_video, tmp_path, edits):
    source = make_video(tmp_path / "source.mp4", frames=80, options=OPTIONS)
    originals = [frame.image for frame in VideoReader(source)]
    path = tmp_path / "a.mp4"
    _with_edits(source, path, edits)
    expected = [originals[first + i] for first, number in edits for i in range(number)]
    for start in (0, 1, 25):
        reader = VideoReader(path, start)
        images = [frame.image for frame in reader]
        assert np.array_equal(images, expected[start:])
        assert reader.damage is None


def test_hidden_frames_are_counted_where_decoding_passes_them(make_video, tmp_path):
    """They are expected, and not missed: those after a key frame are counted while decoding."""
    source = make_video(tmp_path / "source.mp4", frames=80, options=OPTIONS)
    path = tmp_path / "a.mp4"
    _with_edits(source, path, [(0, 25), (43, 30)])
    point = find_seek_point(path, 50)
    assert point is not None
    skipped = {key.index: key.skipped for key in point.keys.values()}
    assert (skipped[0], skipped[20]) == (0, 0)
    assert skipped[42] >= 3  # from the key frame to the beginning of the second edit
    near = find_seek_point(path, 21)
    assert near is not None
    assert not any(key.skipped for key in near.keys.values())
