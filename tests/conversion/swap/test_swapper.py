"""Faces of frames in memory."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from faceswap.conversion.colour.match import average_in_time
from faceswap.conversion.detail.chain import DetailChain, DetailSettings
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.swap import swapper
from faceswap.conversion.swap.grouping import BatchSize
from faceswap.conversion.swap.parts import SwapParts
from faceswap.conversion.swap.placement import Placement
from faceswap.conversion.swap.swapper import Swapper
from faceswap.media.frame import Frame
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import LoadedModel, ModelMeta
from tests.conversion.parts import make_parts
from tests.conversion.swap.test_compositing import landmarks_at, smooth_image

LEFT, RIGHT = (SourceFace(landmarks_at(x, 100, 80)) for x in (100, 185))


class Mean(nn.Module):
    """Decoder that shows the mean colour of the whole crop."""

    def __init__(self, gain: float = 8.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        means = self.gain * (faces.mean((2, 3), keepdim=True) - 0.5)
        return means.expand(-1, -1, 64, 64)


def make_swapper(parts: SwapParts | None = None, to: str = "b") -> Swapper:
    model = FaceAutoencoder(nn.Identity(), nn.Identity(), {"a": Mean(), "b": Mean()}, 64, 64).eval()
    loaded = LoadedModel(model, ModelMeta("mean", {}, ("a", "b"), 2.0, 0), "0" * 64, Path("model"))
    return Swapper(loaded, parts or make_parts(coverage=2.0, erode=3), to)


def swapped(*faces: SourceFace, parts: SwapParts | None = None) -> np.ndarray:
    frame = Frame(0, 0, 0.0, smooth_image(200, 300))
    (result,) = make_swapper(parts)([(frame, faces)])
    assert len(result.faces) == len(faces)
    return result.frame.image


@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("faces", [(LEFT, RIGHT), (RIGHT, LEFT)])
def test_a_face_does_not_see_those_that_were_swapped_beside_it(faces, at_once, monkeypatch):
    """The crops overlap, the masks do not."""
    monkeypatch.setattr(swapper, "batch_size", lambda _: BatchSize(8, at_once * 64**2))
    both, border = swapped(*faces), 142
    np.testing.assert_array_equal(both[:, :border], swapped(LEFT)[:, :border])
    np.testing.assert_array_equal(both[:, border:], swapped(RIGHT)[:, border:])
    assert (both != smooth_image(200, 300)).any(2).sum() > 4000


class Seen:
    """A colour part that records the weights, and adds a colour that it is told for each frame."""

    def __init__(self, *levels: float) -> None:
        self.weights: list[torch.Tensor] = []
        self.applied: list[float] = []
        self._levels = iter(levels)

    def measure(self, faces, targets, weights, masks, coverage):
        self.weights.append(weights)
        return torch.tensor([[1.0, next(self._levels, 0)] for _ in faces])

    def average(self, parameters, offsets, radius):
        return average_in_time(parameters, offsets, radius)

    def apply(self, faces, parameters):
        self.applied += parameters[:, 1].tolist()
        return faces


def test_colours_are_matched_where_the_crop_is_in_the_frame():
    colour = Seen()
    parts = replace(make_parts(coverage=2.0), colour=colour)
    swapped(SourceFace(landmarks_at(150, 100, 60)), parts=parts)
    swapped(SourceFace(landmarks_at(0, 100, 60)), parts=parts)
    whole, half = (weights.sum().item() for weights in colour.weights)
    assert half / whole == pytest.approx(0.5, abs=0.05)


def frames_with(*faces_of_frames: list[SourceFace]) -> Iterator[tuple[Frame, list[SourceFace]]]:
    for index, faces in enumerate(faces_of_frames):
        yield Frame(index, index, index / 25, smooth_image(200, 300)), faces


def test_colours_are_averaged_over_the_frames_of_a_track():
    """Hann weights of a radius of one frame: a quarter, a half, a quarter, if there are three."""
    colour = Seen(0, 1, 10, 2, 20)
    parts = replace(make_parts(coverage=2.0), colour=colour, smooth=1)
    other = replace(RIGHT, track=7)
    list(make_swapper(parts)(frames_with([LEFT], [LEFT, other], [LEFT, other])))
    assert colour.applied == pytest.approx([0, (0 + 2 * 1 + 2) / 4, 10, 2, 20])


class Watch(DetailChain):
    """Records how faces move; the shutter is open all the time, but nothing is blurred."""

    def __init__(self) -> None:
        super().__init__(DetailSettings(motion_blur=1.0))
        self.motions: list[np.ndarray] = []

    def __call__(self, face, under, mask, place):
        self.motions.append(place.motion)
        assert place.face_square == pytest.approx(80, rel=0.02)
        return face


def test_motion_is_that_of_the_face_in_the_frame():
    """Central differences, and one-sided ones where a track begins and ends."""
    faces = [SourceFace(landmarks_at(100 + x, 100 + y, 80)) for x, y in ((0, 0), (4, 2), (12, 2))]
    watch = Watch()
    swap = make_swapper(replace(make_parts(coverage=2.0), detail=watch))
    assert swap.lead == 1
    list(swap(frames_with(*([face] for face in faces))))
    np.testing.assert_allclose(watch.motions, [[4, 2], [6, 1], [8, 0]], atol=0.01)


def test_a_face_is_placed_elsewhere():
    moved = Placement(offset_x=50)
    shifted = swapped(LEFT, parts=replace(make_parts(coverage=2.0, erode=3), placement=moved))
    changed = [(image != smooth_image(200, 300)).any(2) for image in (swapped(LEFT), shifted)]
    middles = [np.argwhere(each).mean(0) for each in changed]
    np.testing.assert_allclose(middles[1] - middles[0], [0, 40], atol=1)


def test_enhancers_see_crops_of_the_resolution_of_the_frame():
    seen = []

    def enhance(crops):
        seen.append((crops.faces.shape[-1], crops.targets.shape[-1], crops.masks.shape[-1]))
        np.testing.assert_allclose(crops.landmarks[0][30], [nose, nose], atol=12)
        return crops.faces * 0 + 1

    nose = 128
    chain = DetailChain(DetailSettings(), [enhance])
    white = swapped(LEFT, parts=replace(make_parts(coverage=2.0), detail=chain))
    assert seen == [(256, 256, 256)]  # the crop has 160 pixels in the frame
    assert white[100, 100].tolist() == [255, 255, 255]


def test_independent_frames_are_not_averaged():
    colour = Seen(0, 1, 2)
    parts = replace(make_parts(coverage=2.0), colour=colour, smooth=2)
    list(make_swapper(parts)(frames_with([LEFT], [LEFT], [LEFT]), video=False))
    assert colour.applied == [0, 1, 2]


class Neighbours:
    """Covers a face to the degree to which the frames around it are there."""

    lead = 2
    compares = False

    def __call__(self, found, *, video=True):
        frames = list(found)
        for frame, faces in frames:
            near = sum(abs(other.index - frame.index) <= self.lead for other, _ in frames)
            covered = np.full((8, 8), near / 10, np.float32)
            yield frame, [replace(face, covered=covered) for face in faces]


@pytest.mark.parametrize("occluders", [(), (Neighbours(),)])
@pytest.mark.parametrize("begin", [3, 5, 11])
def test_a_part_of_a_video_that_is_read_with_its_lead_equals_the_whole(begin, occluders):
    """Each face has other colours, so that a frame too few would show."""
    faces = [
        SourceFace(landmarks_at(100 + 5 * n, 100, 70 + 7 * (n % 3)), track=n // 9)
        for n in range(20)
    ]
    parts = replace(make_parts("sot", coverage=2.0), smooth=3, occluders=occluders)
    swap = make_swapper(parts)
    found = list(frames_with(*([face] for face in faces)))
    copies = [(replace(frame, pixels=frame.image.copy()), each) for frame, each in found]
    whole = [done.frame for done in swap(found)]
    wanted = range(begin, begin + 5)
    read = copies[max(0, wanted.start - swap.lead) : wanted.stop + swap.lead]
    part = [done.frame for done in swap(read, wanted=wanted)]
    assert [frame.index for frame in part] == list(wanted)
    for frame in part:
        np.testing.assert_array_equal(frame.image, whole[frame.index].image)


def test_a_face_without_a_target_stays():
    frame = Frame(0, 0, 0.0, smooth_image(200, 300))
    (result,) = make_swapper(to="")([(frame, [LEFT])])
    assert not result.faces
    np.testing.assert_array_equal(result.frame.image, smooth_image(200, 300))


def test_each_face_has_its_own_target():
    model = make_swapper().loaded.model
    model.decoders[0] = Mean(-8.0)
    pasted, parts = [], make_parts(coverage=2.0, erode=3)
    for to in ("a", "b"):
        frame = Frame(0, 0, 0.0, smooth_image(200, 300))
        swap = Swapper(replace(make_swapper().loaded, model=model), parts)
        (result,) = swap([(frame, [replace(LEFT, to=to), replace(RIGHT, to="b")])])
        pasted.append(result.frame.image.astype(int))
    changed = np.abs(pasted[0] - pasted[1]).max(2) > 20
    assert changed[100, 100]
    assert not changed[:, 142:].any()


def test_opacity_scales_the_mask():
    half = swapped(replace(LEFT, opacity=0.5)).astype(float)
    before, full = smooth_image(200, 300), swapped(LEFT).astype(float)
    np.testing.assert_allclose(half, (before + full) / 2, atol=1)


def test_unblended_faces_leave_the_frame_as_it_is():
    frame = Frame(0, 0, 0.0, smooth_image(200, 300))
    swap = make_swapper()
    (result,) = swap.unblended(swap.decode([(frame, [LEFT, RIGHT])]))
    np.testing.assert_array_equal(result.frame.image, smooth_image(200, 300))
    assert [face.face.landmarks[0, 0] for face in result.faces] == [
        LEFT.landmarks[0, 0],
        RIGHT.landmarks[0, 0],
    ]
