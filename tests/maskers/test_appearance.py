import numpy as np
import pytest

from faceswap.maskers.appearance import Appearance
from faceswap.maskers.face_texture import FACE, GRID, SKIN

Y, X = np.mgrid[:GRID, :GRID] / (GRID - 1)
SKIN_COLOUR = np.array([0.75, 0.52, 0.42], np.float32)
MOUTH = (np.abs(X - 0.5) < 0.12) & (np.abs(Y - 0.65) < 0.06)
CUP = (np.abs(X - 0.55) < 0.17) & (Y > 0.55)


def face(index: int) -> np.ndarray:
    """A face with shading, noise, and a mouth that opens now and then."""
    colours = SKIN_COLOUR * (1 - 0.3 * np.abs(X - 0.4))[..., None]
    colours[MOUTH] = (0.3, 0.05, 0.05) if index % 7 == 0 else (0.6, 0.25, 0.25)
    noise = np.random.default_rng(index).normal(0, 0.01, (GRID, GRID, 3))
    return (colours + noise).astype(np.float32)


def with_object(colours: np.ndarray, where: np.ndarray, colour: tuple[float, ...]) -> np.ndarray:
    return np.where(where[..., None], np.array(colour, np.float32), colours)


@pytest.fixture(scope="module")
def known() -> Appearance:
    """Learnt from 30 frames, in five of which the cup is in front of the face."""
    seen = [face(index) for index in range(30)]
    seen[10:15] = [with_object(each, CUP, (0.9, 0.9, 0.88)) for each in seen[10:15]]
    return Appearance.of(seen)


@pytest.mark.parametrize("colour", [(0.9, 0.9, 0.88), (0.05, 0.05, 0.06), (0.2, 0.4, 0.2)])
def test_what_is_in_front_is_found(known, colour):
    hidden = known.hidden(with_object(face(40), CUP, colour))
    assert hidden is not None
    found, there = hidden[FACE] > 0, CUP[FACE]
    assert (found & there).sum() / (found | there).sum() > 0.8


@pytest.mark.parametrize("index", [42, 43])  # the mouth is open, and closed
def test_nothing_is_found_in_a_face_as_it_often_is(known, index):
    assert known.hidden(face(index)) is None
    assert known.differences(face(index))[SKIN].max() < 0.5


@pytest.mark.parametrize("light", [0.4, (1.25, 1.1, 0.9), (0.8, 0.9, 1.2)])
def test_other_light_is_nothing_in_front(known, light):
    assert known.hidden(face(40) * np.float32(light)) is None


def test_a_soft_shadow_is_nothing_in_front(known):
    shadow = 1 - 0.5 / (1 + np.exp((X - 0.6) * 12))
    assert known.hidden(face(40) * np.float32(shadow[..., None])) is None


def test_details_and_a_change_of_everything_are_nothing_in_front(known):
    spot = (np.abs(X - 0.3) < 0.04) & (np.abs(Y - 0.6) < 0.04)
    assert known.hidden(with_object(face(40), spot, (0.1, 0.1, 0.1))) is None
    stripes = (X * 10 % 2 < 1)[..., None] * np.array([0.9, 0.2, 0.9], np.float32)
    assert known.hidden(stripes + np.float32(0.05)) is None


def test_a_lasting_object_is_part_of_the_face():
    glasses = (np.abs(Y - 0.3) < 0.05) & FACE
    seen = [with_object(face(index), glasses, (0.1, 0.1, 0.1)) for index in range(20)]
    assert Appearance.of(seen).hidden(seen[3]) is None
