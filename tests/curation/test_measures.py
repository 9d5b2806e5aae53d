"""Measures of faces with known answers."""

from dataclasses import replace

import numpy as np
import pytest

from faceswap.curation.measures import MEASURES, PIXEL_MEASURES
from faceswap.curation.thumbnails import SIDE, Thumbnails, read_thumbnails
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.landmarks68 import lid_gap, mouth_gap
from faceswap.geometry.mean_face import MEAN_FACE


def lit(right: float, up: float, level: float = 0.4) -> np.ndarray:
    """A picture whose light doubles ``right`` times across its middle half, and ``up`` times."""
    places = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    stops = 2 * (right * places[None] - up * places[:, None])
    luma = 255 * (level * 2**stops) ** (1 / 2.2)
    return np.repeat(luma.round().clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def thumbnails(*images: np.ndarray) -> Thumbnails:
    mask = np.zeros((len(images), SIDE, SIDE), np.bool_)
    mask[:, SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] = True
    return Thumbnails(np.stack(images), mask, 0.5)


def test_openings_are_fractions_of_the_face_whatever_its_size(make_faceset, tmp_path) -> None:
    faces = Faceset.open(make_faceset(tmp_path / "a")).faces()
    size, mouth, eyes = (
        MEASURES[name].of(faces) for name in ("size", "mouth_opening", "eye_opening")
    )
    # The faces are 80 pixels wide; an open mouth pulls the fitted square by a few per cent.
    assert size == pytest.approx(80, rel=0.05)
    points = np.stack([face.landmarks for face in faces])
    assert mouth * size == pytest.approx(mouth_gap(points), rel=1e-5)
    assert eyes * size == pytest.approx(lid_gap(points), rel=1e-5)
    assert eyes[7] < 0.7 * eyes[8]  # every seventh face blinks


def test_misfit_is_small_on_a_face_and_large_elsewhere(make_faceset, tmp_path) -> None:
    face = Faceset.open(make_faceset(tmp_path / "a")).faces()[0]
    mean = replace(face, landmarks=50 * MEAN_FACE[:, :2] + 100)
    scattered = replace(face, landmarks=np.random.default_rng(0).uniform(0, 100, (68, 2)))
    on_face, off_face = MEASURES["misfit"].of([mean, scattered])
    assert on_face == pytest.approx(0, abs=1e-5)
    assert off_face > 0.2


@pytest.mark.parametrize(("right", "up"), [(0.0, 0.0), (1.0, 0.0), (-0.8, 0.5)])
def test_light_is_found_in_stops_across_the_face(right: float, up: float) -> None:
    shown = thumbnails(lit(right, up))
    assert PIXEL_MEASURES["light_right"].of(shown)[0] == pytest.approx(right, abs=0.03)
    assert PIXEL_MEASURES["light_up"].of(shown)[0] == pytest.approx(up, abs=0.03)


def test_dark_features_do_not_pass_for_shade() -> None:
    image = lit(0.5, 0)
    image[10:14, 17:22] = 10  # one brow
    assert PIXEL_MEASURES["light_right"].of(thumbnails(image))[0] == pytest.approx(0.5, abs=0.08)


def test_brightness_is_in_stops() -> None:
    darker, brighter = PIXEL_MEASURES["brightness"].of(
        thumbnails(lit(0, 0, level=0.1), lit(0, 0, level=0.4))
    )
    assert brighter - darker == pytest.approx(2, abs=0.03)


def test_thumbnails_show_faces_in_their_middle(make_faceset, tmp_path) -> None:
    faceset = Faceset.open(make_faceset(tmp_path / "a", faces=70))
    read: list[int] = []
    found = read_thumbnails([(faceset, face) for face in faceset.faces()], read.append)
    assert found.images.shape == (70, SIDE, SIDE, 3)
    assert found.masks[:, SIDE // 2, SIDE // 2].all()
    assert not found.masks[:, 0].any()
    assert sum(read) == 70
    skin = found.images[0][found.masks[0]]
    assert np.median(skin, 0) == pytest.approx([220, 170, 140], abs=4)
    assert len(found[np.array([3, 5])].images) == 2
