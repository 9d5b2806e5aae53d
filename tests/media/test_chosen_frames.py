import numpy as np

from faceswap.media import chosen_frames
from faceswap.media.chosen_frames import read_frames
from faceswap.media.sources import find_sources, open_source
from tests.footage import write_clip


def test_chosen_frames_are_those_of_the_whole(tmp_path, monkeypatch):
    (source,) = find_sources([write_clip(tmp_path / "clip.mp4", 40)])
    frames = {frame.index: frame.image for frame in open_source(source)}
    opened: list[int] = []

    def opening(source, start):
        opened.append(start)
        return open_source(source, start)

    monkeypatch.setattr(chosen_frames, "open_source", opening)
    monkeypatch.setattr(chosen_frames, "_SEEK", 10)
    found = list(read_frames(source, [35, 3, 4, 12, 3, 99]))
    assert [frame.index for frame in found] == [3, 4, 12, 35]
    for frame in found:
        np.testing.assert_array_equal(frame.image, frames[frame.index])
    assert opened == [3, 35, 99]
    assert list(read_frames(source, [])) == []
