import numpy as np
import pytest
import torch

from faceswap.core.errors import ConfigError
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import crop_matrix, transform_points, warp
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.recognizers import build_recognizer
from faceswap.recognizers.embedder import build_embedder, places_in_crop
from faceswap.recognizers.mobilefacenet import five_points, template_matrix


@pytest.mark.parametrize(("size", "coverage"), [(64, 1.25), (128, 1.6)])
def test_pixels_of_the_input_lie_on_the_features_of_a_mean_face(size, coverage):
    places = (places_in_crop(size, coverage) + 1) / 2 * size - 0.5  # pixels of the crop
    face = MEAN_FACE[:, :2]
    points = transform_points(crop_matrix(face, size, coverage), face)
    seen = transform_points(template_matrix(points), five_points(points)).round().astype(int)
    found = np.array([places[y, x] for x, y in seen])
    assert np.abs(found - five_points(points)).max() < size / coverage / 112 * 1.5


@pytest.mark.usefixtures("shared_weights")
def test_embeddings_are_nearly_those_of_the_recognizer(make_faceset, tmp_path):
    # The recognizer also averages over the mirror image, and aligns by the face's own landmarks.
    faceset = Faceset.open(make_faceset(tmp_path / "alice"))
    face = faceset.faces()[0]
    crop = faceset.load_crop(face)
    landmarks = transform_points(face.matrix, face.landmarks)
    cut = warp(crop, crop_matrix(landmarks, 128, 1.25), 128)
    mirrored = torch.from_numpy(np.stack([cut, cut[:, ::-1]])).permute(0, 3, 1, 2).float() / 255
    found = build_embedder("mobilefacenet")(mirrored[None], 1.25)
    assert found.shape == (1, 2, 128)
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(1, 2))
    expected = build_recognizer()([crop], [landmarks])[0]
    assert np.dot(torch.nn.functional.normalize(found.mean(1))[0], expected) > 0.9


@pytest.mark.usefixtures("shared_weights")
def test_pixels_can_be_changed_towards_an_embedding():
    embedder = build_embedder("mobilefacenet")
    random = torch.Generator().manual_seed(0)
    wanted = embedder(torch.rand(1, 3, 128, 128, generator=random), 1.25)
    pixels = torch.rand(1, 3, 128, 128, generator=random).requires_grad_()
    optimizer = torch.optim.Adam([pixels], lr=0.02)
    distances = []
    for _ in range(8):
        distance = 1 - (embedder(pixels, 1.25) * wanted).sum()
        optimizer.zero_grad()
        distance.backward()
        optimizer.step()
        distances.append(distance.item())
    assert distances[-1] < 0.6 * distances[0]


def test_an_unknown_network_is_refused():
    with pytest.raises(ConfigError, match="mobilefacenet"):
        build_embedder("mobilefacenett")
