from dataclasses import replace

import numpy as np
import pytest
import torch

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.output.views import (
    AMPLIFIED,
    RENDERED,
    Rendered,
    render_view,
    view_info,
)
from faceswap.conversion.swap.blending import blends
from faceswap.conversion.swap.compositing import SwappedFace, composite
from faceswap.geometry.alignment import normalised_matrix
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.colour import ColourTags
from faceswap.media.orientation import Orientation
from faceswap.media.picture import RgbPicture
from faceswap.media.video_info import VideoInfo

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
    found: dict[Rendered, np.ndarray] = {
        view: render_view(view, one, other, faces) for view in RENDERED
    }
    for image in found.values():
        assert image.shape[:2] == (HEIGHT, WIDTH)
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() <= 1
    apart = np.abs(swapped.astype(int) - source).astype(np.float32) * AMPLIFIED / 255
    np.testing.assert_allclose(found["difference"], apart.clip(0, 1), atol=1e-5)
    np.testing.assert_array_equal(found["mask"][..., 1], found["alpha"][..., 3])
    assert found["alpha"].shape[2] == 4
    assert (found["mask"] > 0).any(-1).sum() < HEIGHT * WIDTH / 2


def test_a_frame_without_faces(source):
    for view in RENDERED:
        assert not render_view(view, floats(source), floats(source), []).any()


def test_a_view_twice_as_wide_is_tagged_with_the_colours_of_its_source():
    info = VideoInfo.for_new(720, 480, 25)
    untagged = replace(info, colour=ColourTags())
    both = view_info("side-by-side", untagged)
    assert (both.width, both.height) == (1440, 480)
    assert both.colour.matrix == 6  # without a tag, players would assume BT.709
    turned = view_info("side-by-side", replace(untagged, orientation=Orientation.of_exif(6)))
    assert (turned.width, turned.stored_size) == (1440, (1440, 480))
    assert turned.colour == ColourTags()  # as of pictures of 480 x 720
    tagged = replace(info, colour=ColourTags(9, 1, 9, 16))
    assert view_info("side-by-side", tagged).colour == tagged.colour
    assert view_info("difference", untagged) is untagged
    assert view_info("alpha", info).pixel_format == "yuva420p"
