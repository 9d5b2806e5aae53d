import cv2
import numpy as np
import pytest
import torch

from faceswap.core.errors import ConfigError, IdentityError
from faceswap.models.anchored.decoder import AnchoredDecoder
from faceswap.models.anchored.network import AnchoredAutoencoder, anchored
from faceswap.models.guides import SLOTS, Guides
from faceswap.models.references import ReferenceSet
from tests.meshes import face_mesh
from tests.models.guided import filled

MESH = (0.8 * face_mesh()[:, :2]).astype(np.float32)
SIZE, DETAIL = 64, 256


def reference_set(crops):
    """References that all have ``MESH``."""
    count = len(crops)
    return ReferenceSet(
        np.stack(crops),
        np.full((count, 64, 64), 200, np.uint8),
        np.stack([MESH] * count),
        np.zeros((count, 478, 3), np.float32),
        np.stack([np.eye(3, dtype=np.float32)] * count),
        face_mesh().astype(np.float32),
    )


def model_of(*crops):
    """A new model whose first identity has these references."""
    torch.manual_seed(0)
    built = anchored(["a", "b"], SIZE, code=8, detail=DETAIL).eval()
    assert isinstance(built, AnchoredAutoencoder)
    built.references_of("a").fill(reference_set(crops))
    return built


def smooth_crop(seed=0):
    noise = np.random.default_rng(seed).integers(40, 215, (6, 6, 3)).astype(np.uint8)
    return cv2.resize(noise, (DETAIL, DETAIL), interpolation=cv2.INTER_CUBIC)


def swapped(model, references=(0,) * SLOTS, weights=(1.0, 0.0, 1.0, 0.0), detail=None):
    guides = Guides(
        torch.from_numpy(MESH)[None], torch.tensor([references]), torch.tensor([weights])
    )
    shown = model.swap(torch.full((1, 3, SIZE, SIZE), 0.5), "a", guides, detail)
    return shown.face[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("side", [SIZE, DETAIL])
def test_a_new_model_shows_the_pixels_of_its_references(side):
    crop = smooth_crop()
    shown = swapped(model_of(crop), detail=side)
    expected = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA) / 255
    away = np.abs(shown - expected)
    assert shown.shape == (side, side, 3)
    assert away.mean() < 0.01
    assert away.max() < 0.06


def test_the_side_of_the_result_is_the_detail_of_the_model():
    assert swapped(model_of(smooth_crop())).shape == (DETAIL, DETAIL, 3)


def test_detail_is_that_of_the_references():
    """Stripes of 4 pixels at 256 px: at the 64 px of the network there are none."""
    stripes = np.where(np.arange(DETAIL) // 2 % 2, 190, 60).astype(np.uint8)
    crop = np.repeat(np.tile(stripes, (DETAIL, 1))[..., None], 3, 2)
    shown = swapped(model_of(crop))
    assert shown.std() > 0.8 * (crop / 255).std()
    assert swapped(model_of(crop), detail=SIZE).std() < 0.05


def test_references_of_other_colours_are_blended_to_one():
    bright, dark = (
        np.full((DETAIL, DETAIL, 3), 160, np.uint8),
        np.full((DETAIL, DETAIL, 3), 96, np.uint8),
    )
    model = model_of(bright, dark)
    for references, colour in (((0, 0, 0, 0), 160), ((0, 0, 1, 1), 128), ((1, 1, 1, 1), 96)):
        shown = swapped(model, references) * 255
        assert abs(shown.mean() - colour) < 3
        assert shown.std() < 3


def test_a_reference_without_weight_does_not_show_whatever_the_decoder_wants():
    model = model_of(smooth_crop(0), smooth_crop(1))
    (decoder, _) = model.decoders
    assert isinstance(decoder, AnchoredDecoder)
    assert decoder.blend.bias is not None
    decoder.blend.bias.data[1] = decoder.blend.bias.data[3] = 9.0
    alone, beside = swapped(model), swapped(model, (0, 1, 0, 1))
    np.testing.assert_array_equal(alone, beside)
    assert np.abs(swapped(model, (0, 1, 0, 1), (0.9, 0.1, 0.9, 0.1)) - alone).max() > 0.1


@pytest.mark.parametrize("training", [True, False])
def test_training_and_swapping_show_the_same_faces(training):
    model = model_of(smooth_crop(0), smooth_crop(1)).train(training)
    model.references_of("b").fill(reference_set([smooth_crop(2)]))
    weights = torch.tensor([1.0, 0.0, 1.0, 0.0]).expand(2, 1, -1)
    references = torch.zeros(2, 1, SLOTS, dtype=torch.int64)
    guides = Guides(torch.from_numpy(MESH).expand(2, 1, -1, -1), references, weights)
    torch.manual_seed(1)
    faces = torch.rand(2, 1, 3, SIZE, SIZE)
    with torch.no_grad():
        both = model(faces, guides=guides)
    assert both.penalty.shape == (2, 1)
    for number, name in enumerate(("a", "b")):
        alone = model.eval().swap(faces[number], name, guides.of(number), SIZE)
        # Training samples bilinearly, conversion bicubically.
        near = 0.03 if training else 1e-4
        torch.testing.assert_close(both.face[number], alone.face, atol=near, rtol=0)
        torch.testing.assert_close(both.mask[number], alone.mask, atol=near, rtol=0)


def test_every_parameter_learns_and_references_do_not():
    model = filled(anchored(["a", "b"], SIZE, code=8, detail=SIZE))
    torch.manual_seed(0)
    guides = Guides(
        torch.from_numpy(MESH).expand(2, 1, -1, -1),
        torch.randint(0, 5, (2, 1, SLOTS)),
        torch.full((2, 1, SLOTS), 0.5),
    )
    shown = model(torch.rand(2, 1, 3, SIZE, SIZE), guides=guides)
    (shown.face.square().mean() + shown.mask.mean() + shown.penalty.mean()).backward()
    for name, parameter in model.named_parameters():
        assert not name.startswith("references")
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_unknown_identities_and_sizes_are_refused():
    with pytest.raises(IdentityError, match="carol"):
        model_of(smooth_crop()).references_of("carol")
    with pytest.raises(ConfigError, match="multiple of 32"):
        anchored(["a"], size=100)
    with pytest.raises(ConfigError, match="128 to 2048 as detail"):
        anchored(["a"], detail=64)
