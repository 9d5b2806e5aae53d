import numpy as np
import pytest
import torch

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.output.views import AMPLIFIED, VIEWS, View, render_view, view_size
from faceswap.conversion.swap.blending import blends
from faceswap.conversion.swap.compositing import SwappedFace, composite
from faceswap.geometry.alignment import normalised_matrix
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.picture import RgbPicture

HEIGHT, WIDTH = 200, 260


def face_at(x, y, scale, colour, opacity=1.0):
    landmarks = scale * MEAN_FACE[:, :2] + [x, y]
    image = torch.tensor(colour).view(3, 1, 1).expand(3, 64, 64) * torch.linspace(0.6, 1, 64)
    ys, xs = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    mask = (1.4 - torch.hypot(xs - 31.5, ys - 31.5) / 20).clamp(0, 1)[None] * opacity
    return SwappedFace(SourceFace(landmarks), normalised_matrix(landmarks, 1.25), image, mask)


@pytest.fixture
def faces():
    """A large face, a small one that overlaps it, and one that fades and leaves the frame."""
    return [
        face_at(100, 100, 80, (0.2, 0.9, 0.3)),
        face_at(140, 100, 40, (0.9, 0.1, 0.2)),
        face_at(250, 180, 50, (0.1, 0.2, 0.9), opacity=0.5),
    ]


@pytest.fixture
def source():
    return np.random.default_rng(5).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)


@pytest.fixture
def swapped(source, faces):
    frame = source.copy()
    composite(RgbPicture(frame), faces)
    return frame


def floats(image):
    return image.astype(np.float32) / 255


@pytest.mark.parametrize("blend", blends.names())
def test_the_faces_laid_over_the_source_are_the_converted_frame(source, faces, blend):
    swapped = source.copy()
    composite(RgbPicture(swapped), faces, blends.get(blend))
    layer = render_view("alpha", floats(source), floats(swapped), faces)
    alpha = layer[..., 3:]
    over = floats(source) * (1 - alpha) + layer[..., :3] * alpha
    apart = np.abs(over * 255 - swapped)
    # Light that other blends add to a pixel that is hardly covered may exceed that of any colour.
    assert np.quantile(apart, 1 if blend == "alpha" else 0.95) < 0.51
    assert (layer[alpha[..., 0] == 0] == 0).all()
    assert alpha.max() == pytest.approx(1, abs=1e-3)
    assert (swapped != source).any(-1)[alpha[..., 0] > 0.1].mean() > 0.99


def test_each_view(source, swapped, faces):
    one, other = floats(source), floats(swapped)
    found: dict[View, np.ndarray] = {view: render_view(view, one, other, faces) for view in VIEWS}
    for view, image in found.items():
        assert image.shape[1::-1] == view_size(view, WIDTH, HEIGHT)
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() <= 1
    np.testing.assert_array_equal(found["swap"], other)
    np.testing.assert_array_equal(found["side-by-side"], np.hstack([one, other]))
    apart = np.abs(swapped.astype(int) - source).astype(np.float32) * AMPLIFIED / 255
    np.testing.assert_allclose(found["difference"], apart.clip(0, 1), atol=1e-5)
    np.testing.assert_array_equal(found["mask"][..., 1], found["alpha"][..., 3])
    assert found["alpha"].shape[2] == 4
    assert (found["mask"] > 0).any(-1).sum() < HEIGHT * WIDTH / 2


def test_a_frame_without_faces(source):
    for view in VIEWS:
        image = render_view(view, floats(source), floats(source), [])
        if view in ("difference", "mask", "alpha"):
            assert not image.any()
