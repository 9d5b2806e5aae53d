import numpy as np
import pytest

from faceswap.core.errors import FacesetError
from faceswap.data.cache import CropGeometry, build_cache, training_crop
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import transform_points
from faceswap.media.images import write_image


@pytest.fixture
def faceset(make_faceset, tmp_path):
    return Faceset.open(make_faceset(tmp_path / "alice", faces=6))


def pairs(faceset):
    return [(faceset, face) for face in faceset.trainable()]


def test_the_geometry_leaves_a_margin_of_whole_pixels():
    geometry = CropGeometry.with_reach(64, 1.25, 1.4, stored=2.0)
    assert geometry.side == 64 + 2 * 12
    # There is no more than what the faceset stores.
    assert CropGeometry.with_reach(64, 1.25, 3.0, stored=2.0).side == 64 + 2 * 19
    assert CropGeometry.with_reach(64, 2.0, 1.4, stored=2.0).side == 64


def test_crops_are_cut_at_the_trained_coverage(faceset):
    face = faceset.faces()[2]
    geometry = CropGeometry(size=64, coverage=1.0, side=80)
    crop = training_crop(faceset, face, geometry)
    assert crop.shape == (80, 80, 5)
    stored = faceset.load_crop(face)
    # 80 pixels show 1.25 face squares, the stored 96 show 2: the middle, at 64 px per square.
    to_stored = np.array([[0.75, 0, 47.5 - 0.75 * 39.5], [0, 0.75, 47.5 - 0.75 * 39.5]])
    for pixel in ([40, 40], [20, 30], [60, 55]):
        x, y = transform_points(to_stored, [pixel])[0].round().astype(int)
        assert np.abs(crop[pixel[1], pixel[0], :3].astype(int) - stored[y, x]).max() < 40


def test_masks_lie_on_the_face_and_its_features(faceset):
    crop = training_crop(faceset, faceset.faces()[0], CropGeometry(64, 1.25, 64))
    image, mask, features = crop[..., :3], crop[..., 3], crop[..., 4]
    skin = np.abs(image.astype(int) - (220, 170, 140)).max(-1) < 20
    assert mask[skin].mean() > 245
    white = image.min(-1) > 230
    red = (image[..., 0] > 140) & (image[..., 1] < 80)
    assert features[white].mean() > 250
    assert features[red].mean() > 250
    assert features[~(mask > 127)].mean() < 5
    assert (features > 127).mean() < 0.25


def test_a_cache_is_made_once_and_again_when_faces_change(faceset, tmp_path):
    counted = []
    geometry = CropGeometry(32, 1.25, 40)
    cache = build_cache(tmp_path / "cache", "alice", pairs(faceset), geometry, counted.append)
    assert sum(counted) == 6
    crops = cache.open()
    assert crops.shape == (6, 40, 40, 5)
    for index, (_, face) in enumerate(pairs(faceset)):
        np.testing.assert_array_equal(crops[index], training_crop(faceset, face, geometry))
    again = build_cache(tmp_path / "cache", "alice", pairs(faceset), geometry, counted.append)
    assert again == cache
    assert sum(counted) == 6
    (faceset.path / "images" / faceset.faces()[3].image).unlink()
    fewer = build_cache(tmp_path / "cache", "alice", pairs(faceset), geometry)
    assert fewer.open().shape[0] == 5
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [fewer.path.name]


def test_an_edited_crop_of_another_size_is_refused(faceset):
    face = faceset.faces()[1]
    write_image(faceset.path / "images" / face.image, np.zeros((50, 60, 3), np.uint8))
    with pytest.raises(FacesetError, match="60x50"):
        training_crop(faceset, face, CropGeometry(64, 1.25, 80))
