import pytest
import torch

from faceswap.conversion.colour.match import ColourMatch
from faceswap.conversion.colour.skin_weights import skin_weights

SIZE = 64
SKIN, PALE = torch.tensor([0.75, 0.55, 0.45]), torch.tensor([0.85, 0.7, 0.62])


def face(colour: torch.Tensor) -> torch.Tensor:
    """A face of one colour with a little noise, ``(1, 3, 64, 64)``."""
    noise = torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return (colour[:, None, None] + 0.01 * noise).clamp(0, 1)


def whole() -> torch.Tensor:
    return torch.ones(1, 1, SIZE, SIZE)


def test_glasses_of_either_face_do_not_count():
    faces, targets = face(SKIN), face(PALE)
    faces[..., 10:16, :] = 0.1
    targets[..., 30:36, :] = 0.05
    weights = skin_weights(faces, targets, whole())[0, 0]
    assert weights[[*range(10, 16), *range(30, 36)]].max() < 0.3
    assert weights[40:].mean() > 0.9


@pytest.mark.parametrize("transfer", ["mean", "lab", "mkl", "histogram", "sot"])
def test_a_beard_in_the_frame_hardly_darkens_the_skin(transfer):
    faces, targets = face(SKIN), face(PALE)
    targets[..., 46:, :] = face(torch.tensor([0.25, 0.18, 0.15]))[..., 46:, :]
    match = ColourMatch(transfer, border_light=False)
    changed = match.apply(faces, match.measure(faces, targets, whole(), whole(), 1.25))
    skin = changed[..., :46, :].mean((0, 2, 3))
    darker = PALE - targets.mean((0, 2, 3))
    assert darker.min() > 0.13
    assert ((PALE - skin) < 0.6 * darker).all()


def test_skin_in_shadow_is_skin():
    faces, targets = face(SKIN), face(PALE)
    faces[..., :28] *= 0.6
    targets[..., :28] *= 0.6
    weights = skin_weights(faces, targets, whole())[0, 0]
    assert weights[:, :28].mean() > 0.5 * weights[:, 28:].mean()


def test_what_is_unknown_has_no_weight_and_changes_none():
    known = whole()
    known[..., :40] = 0
    faces, targets = face(SKIN), face(PALE)
    weights = skin_weights(faces, targets, known)
    assert weights[..., :40].eq(0).all()
    faces[..., :40], targets[..., :40] = 0.0, 1.0
    torch.testing.assert_close(skin_weights(faces, targets, known), weights)
    assert skin_weights(faces, targets, 0 * known).eq(0).all()
