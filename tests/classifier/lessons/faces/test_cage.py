import numpy as np
import pytest
import torch
from skimage import data

from classifier.lessons.faces import cage
from faceswap.models.crowd import CROWD
from tests.classifier.lessons.drawing import check_figure


@pytest.fixture(scope="module")
def cast(two_facesets, make_faceset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cast")
    crowd = make_faceset(folder / CROWD, faces=40, shade=(170, 130, 100))
    strangers = make_faceset(folder / "strangers", faces=6, shade=(90, 60, 40))
    return cage.Cast(two_facesets["alice"], crowd, two_facesets["bob"], strangers)


def test_strangers_are_decoded_as_the_target(cast):
    result = cage.compute(steps=20, batch=2, cast=cast)
    assert result.name == "alice"
    assert result.faces == (40, 40, 46)
    assert len(result.swaps) == 8
    assert result.swaps[0].frame.shape == result.swaps[0].swapped.shape
    assert all((swap.frame != swap.swapped).any() for swap in result.swaps)
    # The target's decoder makes strangers more similar to the target than they are.
    before, after, own = result.distances
    assert after < before
    assert own < before
    assert len(cage.LESSON.describe(result)) == 4
    check_figure(cage.LESSON, result, "alice")


def test_strangers_are_composed_of_three_different_pictures():
    triples = cage._triples(np.arange(80, 100), np.random.default_rng(0))
    assert triples.shape == (16, 3)
    assert ((triples >= 80) & (triples < 100)).all()
    assert all(len(set(row)) == 3 for row in triples.tolist())


def test_distances_are_mean_absolute_differences():
    faces = torch.stack([torch.full((3, 4, 4), value) for value in (0.2, 0.6)])
    others = torch.stack([torch.full((3, 4, 4), value) for value in (0.3, 0.5, 0.6)])
    expected = torch.tensor([[0.1, 0.3, 0.4], [0.3, 0.1, 0.0]])
    assert torch.allclose(cage._apart(faces, others), expected, atol=1e-6)
    assert cage._spread(others) == pytest.approx((0.2 + 0.3 + 0.1) / 3)


def test_pictures_are_enlarged_and_coloured_like_skin():
    picture = cage._coloured(data.lfw_subset()[0], 1.0)
    assert picture.shape == (320, 320, 3)
    red, green, blue = picture.reshape(-1, 3).mean(0)
    assert red > green > blue
    # The picture is in the middle, its border is repeated outside.
    assert np.array_equal(picture[:60, 60:260], np.repeat(picture[60:61, 60:260], 60, 0))


@pytest.mark.usefixtures("shared_weights")
def test_most_pictures_hold_a_face_that_is_found(tmp_path):
    found = cage._cast(tmp_path, 0, 12, lambda _part: None)
    assert [found.target.name, found.clip.name] == ["collins", "hopper"]
    crowd, strangers = (
        len(list(cage.Faceset.open(place).trainable())) for place in (found.crowd, found.strangers)
    )
    assert 8 <= crowd <= 12
    assert 10 <= strangers <= 16
