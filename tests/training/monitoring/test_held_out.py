import numpy as np
import pytest
import torch

from faceswap.data.cache import CropGeometry, FaceCache
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.inference import decode
from faceswap.training.monitoring.held_out import evaluate
from faceswap.training.monitoring.shown_faces import ShownFaces, shown_faces


class Shade(torch.nn.Module):
    """Draws what it is given as logits, darker by a known factor."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, faces):
        return torch.logit((faces * self.factor).clamp(1e-6, 1 - 1e-6))


def copier(**factors):
    decoders = {name: Shade(factor) for name, factor in factors.items()}
    return FaceAutoencoder(torch.nn.Identity(), torch.nn.Identity(), decoders, 16, 16)


def test_a_perfect_copy_measures_as_perfect():
    shown = {"alice": ShownFaces(torch.rand(20, 4, 16, 16))}
    quality = evaluate(copier(alice=1.0), shown, torch.device("cpu"), bf16=False)
    assert quality["alice"].ssim == pytest.approx(1, abs=1e-4)
    assert quality["alice"].l1 == pytest.approx(0, abs=1e-5)


def test_only_the_face_counts():
    faces = torch.full((3, 4, 16, 16), 0.8)
    faces[:, 3] = 0
    faces[:, 3, 4:12, 4:12] = 1
    faces[:, :3, :4] = 0.2
    model = copier(alice=0.5)
    quality = evaluate(model, {"alice": ShownFaces(faces)}, torch.device("cpu"), bf16=False)
    assert quality["alice"].l1 == pytest.approx(0.4, abs=1e-5)


def test_faces_without_a_mask_are_left_out():
    faces = torch.rand(3, 4, 16, 16)
    faces[1, :3], faces[1, 3] = 0.0, 0.0
    shown = {"alice": ShownFaces(faces), "bob": ShownFaces(faces[1:2])}
    quality = evaluate(copier(alice=1.0, bob=1.0), shown, torch.device("cpu"), bf16=False)
    assert quality["alice"].ssim == pytest.approx(1, abs=1e-4)
    assert np.isnan(quality["bob"].l1)


def test_variety_is_that_of_the_outputs_over_that_of_the_real_faces():
    faces = torch.rand(4, 4, 16, 16)
    faces[:, 3] = 1
    still = faces[:1].repeat(4, 1, 1, 1)
    shown = {"alice": ShownFaces(faces), "bob": ShownFaces(faces), "carol": ShownFaces(still)}
    model = copier(alice=1.0, bob=0.05, carol=1.0)
    quality = evaluate(model, shown, torch.device("cpu"), bf16=False)
    assert quality["alice"].variety == pytest.approx(1, abs=1e-4)
    assert quality["bob"].variety == pytest.approx(0.05, abs=1e-4)
    assert np.isnan(quality["carol"].variety)  # real faces that are all alike say nothing


def test_each_identity_is_decoded_by_its_own_decoder():
    faces = torch.rand(4, 4, 16, 16)
    model = copier(alice=1.0, bob=0.5)
    shown = {name: ShownFaces(faces) for name in model.identities}
    quality = evaluate(model, shown, torch.device("cpu"), bf16=False)
    assert quality["alice"].ssim > 0.99 > quality["bob"].ssim
    torch.testing.assert_close(decode(model, faces[:, :3], "bob", bf16=False), faces[:, :3] / 2)


def test_untouched_faces_are_the_middle_of_the_chosen_crops(tmp_path):
    crops = np.random.default_rng(0).integers(0, 255, (30, 24, 24, 5)).astype(np.uint8)
    np.save(tmp_path / "c.npy", crops)
    cache = FaceCache(tmp_path / "c.npy", CropGeometry(16, 1.25, 24))
    faces = shown_faces(cache, np.arange(10, 20), at_most=4, size=16).images
    assert faces.shape == (4, 4, 16, 16)
    expected = crops[[10, 13, 16, 19], 4:20, 4:20, :4].transpose(0, 3, 1, 2) / 255
    np.testing.assert_allclose(faces, expected, atol=1e-6)
    assert len(shown_faces(cache, np.arange(2), at_most=5, size=16).images) == 2
    assert shown_faces(cache, np.arange(2), at_most=5, size=8).images.shape == (2, 4, 8, 8)
