import numpy as np
import pytest

from classifier.data.textures import random_shape, random_texture
from faceswap.core.seeding import generator

PALETTE = np.array([[200, 10, 30]], np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_textures_are_of_many_kinds_in_the_range_of_pixels(channels: int) -> None:
    textures = [random_texture(generator(0, n), (24, 32), PALETTE[:, :channels]) for n in range(60)]
    assert {texture.shape for texture in textures} == {(24, 32, channels)}
    assert all(texture.min() >= 0 and texture.max() <= 255 for texture in textures)
    contrast = [float(texture.std((0, 1)).mean()) for texture in textures]
    assert min(contrast) < 10
    assert max(contrast) > 60
    steps = [float(np.abs(np.diff(texture, axis=1)).max()) for texture in textures]
    assert min(steps) < 20  # some are smooth
    assert max(steps) > 60  # some have edges


def test_colours_of_textures_come_from_the_palette_or_anywhere() -> None:
    means = [random_texture(generator(1, n), (16, 16), PALETTE).mean((0, 1)) for n in range(80)]
    like_palette = [mean[0] > 3 * mean[1] and mean[0] > 3 * mean[2] for mean in means]
    assert 10 < sum(like_palette) < 70


def test_shapes_cover_a_part_of_the_image() -> None:
    shapes = [random_shape(generator(2, n), (64, 48)) for n in range(60)]
    assert {shape.shape for shape in shapes} == {(64, 48)}
    covered = [float((shape > 0).mean()) for shape in shapes]
    assert all(fraction < 0.7 for fraction in covered)
    assert float(np.median(covered)) > 0.03
    assert len({shape.tobytes() for shape in shapes}) == 60
