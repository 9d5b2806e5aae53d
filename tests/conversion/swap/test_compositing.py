from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch import nn

from faceswap.conversion.colour.match import ColourMatch
from faceswap.conversion.detail.chain import DetailChain, DetailSettings, FaceInFrame
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.swap.compositing import SwappedFace, composite, face_boxes
from faceswap.conversion.swap.face_cut import visible_part
from faceswap.conversion.swap.parts import SwapParts
from faceswap.conversion.swap.swapper import Swapper
from faceswap.geometry.alignment import (
    crop_matrix,
    normalised_matrix,
    of_stored,
    transform_points,
    warp,
)
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.maskers import build_masker
from faceswap.media.frame import Frame
from faceswap.media.picture import RgbPicture
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import LoadedModel, ModelMeta

COVERAGE = 1.25


def landmarks_at(x: float, y: float, scale: float, roll: float = 0.0) -> np.ndarray:
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turn = np.array([[c, -s], [s, c]])
    return scale * MEAN_FACE[:, :2] @ turn.T + [x, y]


def smooth_image(height: int, width: int) -> np.ndarray:
    ys, xs = np.mgrid[:height, :width]
    waves = [127 + 90 * np.sin(xs / a + ys / b) for a, b in ((17, 23), (29, 19), (41, 31))]
    return np.stack(waves, -1).astype(np.uint8)


def paste(
    frame: np.ndarray,
    face: torch.Tensor,
    mask: torch.Tensor,
    landmarks: np.ndarray,
    coverage: float,
    pixel_aspect: float = 1.0,
) -> None:
    """Composites one face into a frame, in place."""
    matrix = of_stored(normalised_matrix(landmarks, coverage), pixel_aspect)
    composite(RgbPicture(frame), [SwappedFace(SourceFace(landmarks), matrix, face, mask)])


@pytest.mark.parametrize("roll", [0, 25, -70])
def test_pasting_an_unchanged_crop_changes_nothing(roll):
    frame = smooth_image(300, 400)
    landmarks = landmarks_at(210, 140, 110, roll)
    crop = warp(frame, crop_matrix(landmarks, 256, COVERAGE), 256)
    face = torch.from_numpy(crop).permute(2, 0, 1).float() / 255
    result = frame.copy()
    paste(result, face, torch.ones(1, 64, 64), landmarks, COVERAGE)
    difference = np.abs(result.astype(int) - frame)
    assert difference.max() <= 3
    assert difference.mean() < 0.2


def test_a_circle_stays_one_when_pixels_are_not_square():
    stored = np.zeros((300, 300, 3), np.uint8)  # displayed as 400 x 300
    ys, xs = np.mgrid[:128, :128]
    disc = torch.from_numpy((np.hypot(xs - 63.5, ys - 63.5) < 30).astype(np.float32))[None]
    paste(stored, torch.ones(3, 64, 64), disc, landmarks_at(200, 150, 100), COVERAGE, 4 / 3)
    rows, columns = np.nonzero(stored[..., 0] > 127)
    assert np.ptp(rows) + 1 == pytest.approx((np.ptp(columns) + 1) * 4 / 3, abs=2)
    assert rows.mean() == pytest.approx(150, abs=5)
    assert columns.mean() == pytest.approx(150, abs=1)


def test_only_pixels_under_the_mask_change():
    frame = smooth_image(300, 400)
    landmarks = landmarks_at(200, 150, 100)
    mask = torch.zeros(1, 128, 128)
    mask[:, 48:80, 48:80] = 1
    result = frame.copy()
    paste(result, torch.ones(3, 64, 64), mask, landmarks, COVERAGE)
    changed = np.argwhere((result != frame).any(-1))
    to_mask = crop_matrix(landmarks, 128, COVERAGE)
    inside = transform_points(to_mask, changed[:, ::-1])
    assert inside.min() >= 47
    assert inside.max() <= 80
    assert (result[148:153, 198:203] == 255).all()


def test_blend_is_linear_in_the_mask():
    frame = np.full((300, 400, 3), 100, np.uint8)
    paste(frame, torch.ones(3, 64, 64), torch.full((1, 8, 8), 0.5), landmarks_at(200, 150, 100), 1)
    assert frame[150, 200].tolist() == pytest.approx([178] * 3, abs=1)


def test_a_face_partly_or_fully_outside_the_frame_is_supported():
    frame = smooth_image(100, 100)
    before = frame.copy()
    paste(frame, torch.ones(3, 64, 64), torch.ones(1, 8, 8), landmarks_at(900, 50, 80), COVERAGE)
    assert (frame == before).all()
    paste(frame, torch.ones(3, 64, 64), torch.ones(1, 8, 8), landmarks_at(0, 50, 80), COVERAGE)
    assert (frame[50, 0] == 255).all()
    assert (frame[50, 99] == before[50, 99]).all()


@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_the_part_of_a_crop_in_the_frame(aspect):
    """The left border of the frame is in the middle of the crop."""
    points = landmarks_at(0, 100, 80)
    middle = crop_matrix(points, 64, COVERAGE)[0] @ [-0.5, 100, 1]
    matrix = of_stored(normalised_matrix(points, COVERAGE), aspect)
    part = visible_part(matrix, (200, 300), 64)[0].numpy()
    np.testing.assert_array_equal(part, np.tile(np.arange(64) > middle, (64, 1)))
    inside = normalised_matrix(landmarks_at(150, 100, 80), COVERAGE)
    assert visible_part(inside, (200, 300), 64).min() == 1


@pytest.mark.parametrize("size", [64, 128])
def test_a_face_that_is_much_larger_than_in_the_frame_is_averaged(size):
    """A checkerboard of single pixels is grey when it is reduced to a quarter."""
    frame = np.zeros((100, 100, 3), np.uint8)
    board = torch.from_numpy(np.indices((size, size)).sum(0) % 2).float().expand(3, -1, -1)
    paste(frame, board, torch.ones(1, 8, 8), landmarks_at(50, 50, size / 4), 1.0)
    centre = frame[46:55, 46:55].astype(int)
    assert np.abs(centre - 128).max() < 12


def test_the_nearer_face_covers_the_other():
    """Faces that overlap, in both orders."""
    near, far = landmarks_at(150, 100, 80), landmarks_at(180, 100, 40)
    for order in (1, -1):
        faces = [
            SwappedFace(
                SourceFace(points),
                normalised_matrix(points, 1.0),
                torch.full((3, 8, 8), level),
                mask,
            )
            for points, level, mask in (
                (near, 1.0, torch.ones(1, 8, 8)),
                (far, 0.0, torch.ones(1, 8, 8)),
            )
        ]
        frame = np.full((200, 300, 3), 100, np.uint8)
        composite(RgbPicture(frame), faces[::order])
        assert (frame[100, 170] == 255).all()
        assert (frame[100, 196] == 0).all()


@pytest.mark.parametrize("width", range(1, 9))
@pytest.mark.parametrize("axis", [0, 1])
def test_a_sliver_of_a_face_at_the_edge_of_the_frame_has_its_detail(axis, width):
    """With every step: a face that leaves the frame, down to a single row or column."""
    settings = DetailSettings(1, 1, 1, 0.5, 0.5, 1, 0.5)
    noise = np.random.default_rng(0).normal(0, 6, (100, 120, 3))
    frame = (smooth_image(100, 120) + noise).round().clip(0, 255).astype(np.uint8)
    edge = frame.shape[1 - axis] - width + 30  # crops of side 60 px: 30 to each side
    points = landmarks_at(edge, 50, 60) if axis == 0 else landmarks_at(60, edge, 60)
    place = FaceInFrame(60, torch.ones(1), np.array([3.0, 2.0]), (1, 2))
    matrix, white = normalised_matrix(points, 1.0), torch.ones(3, 64, 64)
    face = SwappedFace(SourceFace(points), matrix, white, torch.ones(1, 60, 60), place)
    (box,) = face_boxes([face], (100, 120))
    assert box is not None
    assert 0 <= box[2 + axis] - box[axis] - width <= 2
    result = frame.copy()
    composite(RgbPicture(result), [face], detail=DetailChain(settings))
    changed = np.argwhere((result != frame).any(-1))[:, 1 - axis]
    assert len(changed)
    assert changed.min() >= box[axis]


def test_boxes_of_masks_of_several_faces():
    """Masks of different sizes, one of them empty, and one face outside of the frame."""
    upper = torch.zeros(1, 10, 10)
    upper[:, :5] = 1
    places = [(200, upper), (100, torch.ones(1, 8, 8)), (100, torch.zeros(1, 8, 8)), (900, upper)]
    faces = []
    for x, mask in places:
        points = landmarks_at(x, 150, 80)
        matrix = normalised_matrix(points, 1.0)
        faces.append(SwappedFace(SourceFace(points), matrix, torch.ones(3, 8, 8), mask))
    first, second, *others = face_boxes(faces, (300, 400))
    assert others == [None, None]
    assert first is not None
    assert second is not None
    # A mask pixel more on each side, of 8 and of 10 pixels of the frame, and whole pixels.
    assert np.subtract(first[2:], first[:2]) == pytest.approx([98, 58], abs=2)
    assert np.subtract(second[2:], second[:2]) == pytest.approx([102, 102], abs=2)
    assert first[0] - second[0] == pytest.approx(102, abs=2)
    assert face_boxes([], (300, 400)) == []


def test_the_device_is_waited_for_once_to_place_all_faces_of_a_frame(monkeypatch):
    copied = []
    to_cpu = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda each: copied.append(each) or to_cpu(each))
    points = landmarks_at(200, 150, 80)
    matrix = normalised_matrix(points, 1.0)
    face = SwappedFace(SourceFace(points), matrix, torch.ones(3, 8, 8), torch.ones(1, 8, 8))
    face_boxes([face] * 5, (300, 400))
    assert len(copied) == 1


class Identity(nn.Module):
    """Decoder that reconstructs what is encoded."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.gain * torch.logit(faces.clamp(1e-6, 1 - 1e-6))


class WholeCrop:
    """Mask of the whole crop."""

    masker = build_masker("hull")
    facts = MappingProxyType({})

    def __call__(self, faces):
        return torch.ones(len(faces.crops), 1, 128, 128)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("roll", [0, 25])
def test_an_identity_network_with_a_full_mask_changes_nothing(bits, roll):
    """Not by more than two 255ths in the crop, and nothing beyond it."""
    frame = smooth_image(300, 400)
    pixels = frame if bits == 8 else frame.astype(np.uint16) * 257 + 3
    landmarks = landmarks_at(210, 140, 110, roll)
    model = FaceAutoencoder(nn.Identity(), nn.Identity(), {"a": Identity()}, 256, 256).eval()
    loaded = LoadedModel(model, ModelMeta("", {}, ("a",), COVERAGE, 0), "0" * 64, Path("model"))
    parts = SwapParts(WholeCrop(), ColourMatch("none", border_light=False))
    picture = RgbPicture(pixels.copy())
    list(Swapper(loaded, parts, "a")([(Frame(0, 0, 0.0, picture), [SourceFace(landmarks)])]))
    difference = np.abs(picture.pixels.astype(int) - pixels) / (1 if bits == 8 else 257)
    ys, xs = np.mgrid[:300, :400]
    places = transform_points(
        normalised_matrix(landmarks, COVERAGE), np.stack([xs, ys], -1).reshape(-1, 2)
    )
    inside = (np.abs(places) < 1 + 2 / 128).all(1).reshape(300, 400)
    assert difference[inside].max() <= 2
    assert difference[~inside].max() == 0
    assert inside.mean() > 0.1
