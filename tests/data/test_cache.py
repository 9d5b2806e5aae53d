import os
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from faceswap.core.errors import FacesetError
from faceswap.data.cache import CropGeometry, build_cache, training_crop
from faceswap.data.fingerprints import write_fingerprints
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import transform_points
from faceswap.maskers import build_masker
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
    assert crop.shape == (80, 80, 6)
    stored = faceset.load_crop(face)
    # 80 pixels show 1.25 face squares, the stored 96 show 2: the middle, at 64 px per square.
    to_stored = np.array([[0.75, 0, 47.5 - 0.75 * 39.5], [0, 0.75, 47.5 - 0.75 * 39.5]])
    for pixel in ([40, 40], [20, 30], [60, 55]):
        x, y = transform_points(to_stored, [pixel])[0].round().astype(int)
        assert np.abs(crop[pixel[1], pixel[0], :3].astype(int) - stored[y, x]).max() < 40


def test_masks_lie_on_the_face_and_its_features(faceset):
    crop = training_crop(faceset, faceset.faces()[0], CropGeometry(64, 1.25, 64))
    image, mask, eyes, mouth = crop[..., :3], *crop[..., 3:].transpose(2, 0, 1)
    skin = np.abs(image.astype(int) - (220, 170, 140)).max(-1) < 20
    assert mask[skin].mean() > 245
    white = image.min(-1) > 230
    red = (image[..., 0] > 140) & (image[..., 1] < 80)
    assert eyes[white].mean() > 250
    assert mouth[red].mean() > 250
    assert not (eyes & mouth).any()
    for features in (eyes, mouth):
        assert features[~(mask > 127)].mean() < 5
        assert (features > 127).mean() < 0.15


GEOMETRY = CropGeometry(32, 1.25, 40)


def edit(path, colour):
    """Paints an image over, with the same size and, as some programs do, the old time."""
    before = path.stat()
    write_image(path, np.full((96, 96, 3), colour, np.uint8))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_cache_is_made_once_and_again_when_faces_change(faceset, tmp_path):
    counted = []
    built = build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY, counted.append)
    assert sum(counted) == 6
    crops = built.cache.open()
    assert crops.shape == (6, 40, 40, 6)
    for index, (_, face) in enumerate(pairs(faceset)):
        np.testing.assert_array_equal(crops[index], training_crop(faceset, face, GEOMETRY))
    again = build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY, counted.append)
    assert again == built
    assert sum(counted) == 6
    (faceset.path / "images" / faceset.faces()[3].image).unlink()
    fewer = build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY).cache
    assert fewer.open().shape[0] == 5
    left = {path.name for path in (tmp_path / "cache").iterdir()}
    assert left == {fewer.path.name, fewer.path.with_suffix(".faces").name}


def test_edited_crops_alone_are_decoded_again(faceset, tmp_path):
    counted = []
    built = build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY)
    for number in (1, 4):
        edit(faceset.path / "images" / faceset.faces()[number].image, (255, 0, 0))
    again = build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY, counted.append)
    assert again.cache == built.cache
    assert again.edited == {faceset.path: 2}
    assert again.contents != built.contents
    assert not counted
    crops = again.cache.open()
    red = [bool((crop[..., 0] > 200).all()) for crop in crops]
    assert red == [False, True, False, False, True, False]
    assert not build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY).edited


def test_a_copied_or_moved_faceset_has_the_same_content(faceset, tmp_path):
    built = build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY)
    shutil.copytree(faceset.path, tmp_path / "copy", copy_function=shutil.copyfile)
    copy = Faceset.open(tmp_path / "copy")
    again = build_cache(tmp_path / "cache", "alice", pairs(copy), GEOMETRY)
    assert again.cache == built.cache
    assert not again.edited
    assert list(again.contents.values()) == list(built.contents.values())
    shutil.rmtree(tmp_path / "cache")
    anew = build_cache(tmp_path / "cache", "alice", pairs(copy), GEOMETRY)
    assert anew.contents == again.contents


def test_a_killed_update_is_repeated(faceset, tmp_path, monkeypatch):
    build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY)
    image = faceset.path / "images" / faceset.faces()[2].image
    original = image.read_bytes()
    edit(image, (0, 0, 255))
    written = []

    def killed(path, fingerprints):
        if written:  # the new crop is in the cache, its fingerprint is not
            raise KeyboardInterrupt
        written.append(path)
        write_fingerprints(path, fingerprints)

    with monkeypatch.context() as patch:
        patch.setattr("faceswap.data.cache.write_fingerprints", killed)
        with pytest.raises(KeyboardInterrupt):
            build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY)
    image.write_bytes(original)
    again = build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY)
    expected = training_crop(*pairs(faceset)[2], GEOMETRY)
    np.testing.assert_array_equal(again.cache.open()[2], expected)


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_a_damaged_cache_is_built_anew(faceset, tmp_path, size):
    built = build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY).cache
    whole = built.open().copy()
    os.truncate(built.path, size)
    again = build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY).cache
    np.testing.assert_array_equal(again.open(), whole)


def test_a_mask_of_another_size_is_refused(faceset, tmp_path):
    face = replace(faceset.faces()[1], mask="1.png")
    write_image(faceset.path / "masks" / "1.png", np.zeros((100, 100), np.uint8))
    with pytest.raises(FacesetError, match="100x100") as raised:
        build_cache(tmp_path / "cache", "alice", [(faceset, face)], GEOMETRY)
    assert "masks" in raised.value.message


def test_an_edited_crop_of_another_size_is_refused(faceset):
    face = faceset.faces()[1]
    write_image(faceset.path / "images" / face.image, np.zeros((50, 60, 3), np.uint8))
    with pytest.raises(FacesetError, match="60x50"):
        training_crop(faceset, face, CropGeometry(64, 1.25, 80))


def test_the_masks_of_the_chosen_masker_are_cached(faceset, tmp_path):
    make_masks(faceset.path, "eyes")
    default = build_cache(tmp_path / "cache", "alice", pairs(faceset), GEOMETRY)
    chosen = Faceset.open(faceset.path).with_masker("eyes")
    eyes = build_cache(tmp_path / "cache", "alice", pairs(chosen), GEOMETRY)
    assert eyes.cache.path != default.cache.path
    assert eyes.contents != default.contents
    crops = eyes.cache.open()
    assert (crops[..., 3][crops[..., 4] > 127] > 127).all()
    assert not crops[..., 3][:, 24:].any()
    file = faceset.path / "masks" / "eyes" / str(chosen.faces()[2].masks["eyes"])
    write_image(file, np.full((96, 96), 255, np.uint8))
    again = build_cache(tmp_path / "cache", "alice", pairs(chosen), GEOMETRY)
    assert again.edited == {faceset.path: 1}
    assert (again.cache.open()[2, ..., 3] == 255).all()


def make_masks(path, masker):
    """Adds the masks of a masker of landmarks to a faceset."""

    def change(rows):
        names = [f"{image[:-4]}.png" for image in rows["image"].to_pylist()]
        return rows.append_column(f"mask_{masker}", pa.array(names))

    rewrite_rows(path, change)
    for face in Faceset.open(path).faces():
        points = transform_points(face.matrix, face.landmarks)
        (mask,) = build_masker(masker)([np.zeros((96, 96, 3), np.uint8)], [points], [None])
        write_image(path / "masks" / masker / face.masks[masker], mask)
