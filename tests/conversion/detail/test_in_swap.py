"""Detail and enhancers as parts of the swap."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from faceswap.conversion.build import build_detail
from faceswap.conversion.detail.chain import DetailChain, DetailSettings
from faceswap.conversion.detail.enhancers import FaceCrops
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.settings import DetailConfig
from faceswap.conversion.swap.parts import default_parts
from faceswap.core.errors import ConfigError
from faceswap.media.frame import Frame
from tests.conversion.parts import make_parts
from tests.conversion.swap.test_compositing import landmarks_at, smooth_image
from tests.conversion.swap.test_swapper import make_swapper, swapped


def noisy(index: int) -> np.ndarray:
    noise = np.random.default_rng(index).normal(0, 6, (200, 300, 3))
    return (smooth_image(200, 300) + noise).round().clip(0, 255).astype(np.uint8)


def shown(detail: DetailChain, frames: int = 3, **options) -> list[np.ndarray]:
    """Frames with one face that moves by 6 pixels each."""
    parts = replace(make_parts(coverage=2.0), detail=detail)
    found = [
        (
            Frame(n, n, n / 25, noisy(n), pixel_aspect=options.get("pixel_aspect", 1.0)),
            [SourceFace(landmarks_at(100 + 6 * n, 100, 80))],
        )
        for n in range(frames)
    ]
    return [done.frame.image for done in make_swapper(parts)(found, **options.get("call", {}))]


def inner_noise(image: np.ndarray) -> float:
    patch = image[90:115, 90:115].astype(float)
    return float(np.abs(np.diff(patch, axis=1)).mean())


def test_a_flat_face_gets_the_grain_of_its_frame():
    plain, grained = (shown(DetailChain(DetailSettings(grain=g)))[0] for g in (0, 1))
    assert inner_noise(plain) < 0.2 * inner_noise(noisy(0))
    assert inner_noise(grained) == pytest.approx(inner_noise(noisy(0)), rel=0.2)
    outside = (slice(0, 20), slice(0, 300))
    np.testing.assert_array_equal(grained[outside], noisy(0)[outside])


def test_a_part_of_a_video_that_is_read_with_its_lead_equals_the_whole():
    settings = DetailSettings(softness=1, motion_blur=0.5, grain=1)
    parts = replace(make_parts("lab", coverage=2.0), detail=DetailChain(settings), smooth=2)
    swap = make_swapper(parts)
    assert swap.lead == 2
    found = [
        (Frame(n, n, n / 25, noisy(n)), [SourceFace(landmarks_at(90 + n * n, 100, 80))])
        for n in range(12)
    ]
    copies = [(replace(frame, pixels=frame.image.copy()), faces) for frame, faces in found]
    whole = [done.frame.image for done in swap(found)]
    part = [done.frame.image for done in swap(copies[1:10], wanted=range(4, 7))]
    for index, image in zip(range(4, 7), part, strict=True):
        np.testing.assert_array_equal(image, whole[index])


def test_photos_have_no_motion_blur():
    sharp, blurred = (
        shown(DetailChain(DetailSettings(motion_blur=amount)), call={"video": False})
        for amount in (0, 1)
    )
    np.testing.assert_array_equal(sharp, blurred)


def test_an_enhancer_sees_crops_of_the_resolution_of_the_frame():
    seen: list[FaceCrops] = []

    def enhancer(crops: FaceCrops) -> torch.Tensor:
        seen.append(crops)
        return crops.faces

    face = SourceFace(landmarks_at(100, 100, 120))  # 240 pixels across, 64 of the network
    parts = replace(make_parts(coverage=2.0, erode=3), detail=DetailChain(enhancers=[enhancer]))
    without = swapped(face)
    np.testing.assert_allclose(swapped(face, parts=parts).astype(int), without, atol=1)
    (crops,) = seen
    assert crops.faces.shape == crops.targets.shape == (1, 3, 256, 256)
    assert crops.masks.shape == (1, 1, 256, 256)
    # The landmarks lie where the crop shows them: the frame's colours there are the crop's.
    for point in (30, 36, 54):
        x, y = crops.landmarks[0][point].round().astype(int)
        u, v = face.landmarks[point].round().astype(int)
        found = 255 * crops.targets[0, :, y, x].numpy()
        np.testing.assert_allclose(found, smooth_image(200, 300)[v, u], atol=4)


def test_the_library_has_the_defaults_of_the_command():
    assert default_parts(1.25, "cpu").detail.settings == build_detail(DetailConfig()).settings


def test_settings_become_a_chain():
    config = DetailConfig(sharpen=0.5, grain=0.25, skin=0.5)
    chain = build_detail(config)
    assert chain.settings == DetailSettings(sharpen=0.5, grain=0.25)
    assert chain.enhances
    assert not build_detail(DetailConfig()).enhances
    with pytest.raises(ConfigError, match="Unknown enhancer 'gloss'"):
        build_detail(DetailConfig(enhancers={"gloss": 1.0}))


def test_enhanced_faces_of_different_resolution_in_one_batch():
    sides: list[int] = []

    def enhancer(crops: FaceCrops) -> torch.Tensor:
        sides.append(crops.faces.shape[-1])
        return crops.faces

    parts = replace(make_parts(coverage=2.0), detail=DetailChain(enhancers=[enhancer]))
    found = [
        (Frame(n, n, n / 25, noisy(n)), [SourceFace(landmarks_at(100, 100, square))])
        for n, square in enumerate((30, 100))
    ]
    assert len(list(make_swapper(parts)(found))) == 2
    assert sides == [64, 256]
