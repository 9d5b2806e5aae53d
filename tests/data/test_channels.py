import numpy as np

from faceswap.data.channels import colours_of, set_colours


def crop():
    return np.random.default_rng(0).integers(0, 255, (33, 33, 6), dtype=np.uint8)


def test_colours_are_a_copy_of_the_first_channels():
    image = crop()
    colours = colours_of(image)
    np.testing.assert_array_equal(colours, image[..., :3])
    assert colours.flags.c_contiguous
    colours[:] = 0
    np.testing.assert_array_equal(image, crop())


def test_new_colours_leave_the_masks():
    image, colours = crop(), colours_of(255 - crop())
    set_colours(image, colours)
    np.testing.assert_array_equal(image[..., :3], colours)
    np.testing.assert_array_equal(image[..., 3:], crop()[..., 3:])
