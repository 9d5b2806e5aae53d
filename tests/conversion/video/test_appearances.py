"""The appearance of faces around segments, and conversions that use it."""

from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.masks.covering_objects import CoveringObjects
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.pipeline import convert_source
from faceswap.conversion.swap.swapper import Swapper
from faceswap.conversion.video import appearances, conversion
from faceswap.conversion.video.appearances import REACH, Appearances, sampled
from faceswap.conversion.video.segments import Segment, plan_segments
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.encoders import VideoEncoding
from faceswap.media.frame import Frame
from faceswap.media.sources import find_sources
from tests.conversion.parts import make_parts, painter
from tests.conversion.video.test_conversion import Stopped, frames_of, stopping
from tests.footage import moving_portrait, write_clip

LONG = SourceFace((60 * MEAN_FACE[:, :2] + (64, 64)).astype(np.float32), track=2)
SHORT = replace(LONG, track=5)
BALL = range(43, 58)  # frames in which it is in front of the face
BLUE = (30, 60, 200)


def found(first: int, end: int, read: list[int] | None = None):
    """Frames that become brighter, with a face of a short track in the first 90."""
    for index in range(first, end):
        image = np.full((128, 128, 3), 40 + index % 97, np.uint8)
        image[..., 1] = 90
        if read is not None:
            read.append(index)
        yield Frame(index, index, 0.0, image), [LONG, SHORT] if index < 90 else [LONG]


def learnt(frames, *segments: Segment):
    seen = Appearances((frame, faces) for frame, faces in frames if frame.index % 10 == 0)
    return [seen.around(segment) for segment in segments]


def test_every_tenth_frame_is_enough():
    assert [f.index for f in sampled(frame for frame, _ in found(3, 32))] == [10, 20, 30]


def test_the_appearance_depends_on_the_frames_around_a_segment_alone():
    segments = Segment(0, 250), Segment(250, 500), Segment(500, 750)
    first, _, after = learnt(found(0, 1200), *segments)
    assert list(first) == [LONG.track, SHORT.track]
    last = segments[-1]
    (alone,) = learnt(found(last.first - REACH, last.end + REACH), last)
    (early,) = learnt(found(0, last.end + REACH), last)
    for other in (alone, early):
        assert list(other) == list(after) == [LONG.track]
        np.testing.assert_array_equal(other[LONG.track].least, after[LONG.track].least)
        np.testing.assert_array_equal(other[LONG.track].most, after[LONG.track].most)


def test_no_more_frames_are_read_than_are_needed():
    read: list[int] = []
    learnt(found(0, 1000, read), Segment(0, 250))
    assert read[-1] < 250 + REACH + 10


def test_faces_far_from_all_segments_are_not_read():
    def unreadable(first: int, end: int):
        return ((frame, [None]) for frame, _ in found(first, end))

    near = chain(unreadable(0, 600), found(600, 1200))
    (known,) = learnt(near, Segment(600 + REACH, 900))
    assert list(known) == [LONG.track]


def test_short_tracks_have_no_appearance():
    (known,) = learnt(found(20, 400), Segment(20, 100))
    assert list(known) == [LONG.track]


def with_ball(index: int) -> np.ndarray:
    image = moving_portrait(index)
    if index in BALL:
        cv2.circle(image, (110, 92), 13, BLUE, -1, cv2.LINE_AA)
    return image


@dataclass
class BallClip:
    """A clip in which a ball passes in front of the face, and how it is converted."""

    folder: Path

    def __post_init__(self) -> None:
        (self.source,) = find_sources([write_clip(self.folder / "clip.mp4", 100, with_ball)])
        extract_source(self.source, self.folder / "faces", ExtractSettings())
        self.faceset = Faceset.open(self.folder / "faces")
        green = torch.tensor([-4.0, 4.0, -4.0]).view(1, 3, 1, 1)
        parts = replace(make_parts(), occluders=[CoveringObjects(1.25)])
        self.swapper = Swapper(painter(alice=-green, bob=green), parts, "bob")

    def convert(self, output: Path, **options: Any) -> np.ndarray:
        encode = EncodeSettings(VideoEncoding("ffv1"))
        given = {"faceset": self.faceset, "encode": encode, **options}
        convert_source(self.source, output, self.swapper, **given)
        return frames_of(output)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> BallClip:
    return BallClip(tmp_path_factory.mktemp("ball"))


def test_an_object_stays_in_front_of_the_swapped_face(clip, tmp_path):
    ball = np.zeros((256, 256), np.uint8)
    cv2.circle(ball, (110, 92), 10, 1, -1)
    for index, image in enumerate(clip.convert(tmp_path / "out.mkv")):
        shown = image.astype(int)
        green = shown[..., 1] > 220
        if index in BALL[3:-3]:
            assert np.abs(shown[ball > 0] - BLUE).mean() < 12
        elif index not in range(BALL.start - 2, BALL.stop + 2):
            assert green[ball > 0].mean() > 0.9
        assert green.sum() > 1000


@pytest.mark.parametrize("at", [35, 65])
def test_an_interrupted_conversion_finds_the_same_objects(clip, tmp_path, monkeypatch, at):
    """What a segment is compared with does not depend on where the conversion begins."""
    monkeypatch.setattr(conversion, "plan_segments", lambda table: plan_segments(table, 30))
    monkeypatch.setattr(appearances, "_EVERY", 5)
    for module in (appearances, conversion):
        monkeypatch.setattr(module, "REACH", 20)
    whole = clip.convert(tmp_path / "whole.mkv")
    with pytest.raises(Stopped):
        clip.convert(tmp_path / "out.mkv", on_frames=stopping(at))
    np.testing.assert_array_equal(clip.convert(tmp_path / "out.mkv"), whole)
    middle = whole[50].astype(int)
    assert np.abs(middle[92, 110] - BLUE).max() < 30
