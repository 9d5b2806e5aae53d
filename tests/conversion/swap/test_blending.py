import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from faceswap.conversion.swap import blending
from faceswap.conversion.swap.blending import blends

HEIGHT, WIDTH = 150, 170


def disc(radius: float = 48, x: float = 85, y: float = 75, soft: float = 0.0) -> torch.Tensor:
    """Mask with an edge of ``soft`` pixels, and a notch."""
    ys, xs = torch.meshgrid(torch.arange(1.0 * HEIGHT), torch.arange(1.0 * WIDTH), indexing="ij")
    distance = radius - torch.hypot(xs - x, ys - y)
    mask = (distance / max(soft, 1e-6)).clamp(0, 1)
    mask[:40, 70:100] = 0
    return mask[None, None]


def textures() -> tuple[torch.Tensor, torch.Tensor]:
    """What lies under a face, and a darker, bluer face of other texture."""
    coarse = torch.rand(2, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    size = (HEIGHT, WIDTH)
    under, face = F.interpolate(coarse, size, mode="bicubic", align_corners=False).split(1)
    light = torch.tensor([0.05, -0.05, 0.1])[:, None, None]
    return (0.5 + 0.15 * (under - 0.5)).clamp(0, 1), (0.4 + light + 0.15 * (face - 0.5)).clamp(0, 1)


@pytest.mark.parametrize("name", blends.names())
@pytest.mark.parametrize("soft", [0, 6])
def test_nothing_changes_where_the_mask_is_zero(name, soft):
    under, face = textures()
    mask = disc(soft=soft)
    blended = blends.get(name)(under, face, mask)
    outside = (mask == 0).expand_as(under)
    assert blended[outside].equal(under[outside])
    assert (blended - under).abs().mean() > 0.005


@pytest.mark.parametrize("name", blends.names())
def test_a_face_that_equals_the_frame_changes_nothing(name):
    under, _ = textures()
    blended = blends.get(name)(under, under.clone(), disc(soft=6))
    assert (blended - under).abs().max() < 1e-6


@pytest.mark.parametrize("name", blends.names())
def test_a_mask_up_to_the_border_of_the_frame(name):
    under, face = textures()
    mask = torch.ones(1, 1, HEIGHT, WIDTH)
    mask[..., :30] = 0
    blended = blends.get(name)(under, face, mask)
    assert blended.isfinite().all()
    assert blended[..., :30].equal(under[..., :30])
    if name == "poisson":
        face = face + (under - face)[..., 29:30].mean((2, 3), keepdim=True)
    assert (blended - face)[..., 100:].abs().mean() < 0.03


def edge_step(blended: torch.Tensor, mask: torch.Tensor) -> float:
    """Mean difference across the edge of a binary mask in smooth pictures."""
    across = (mask[..., 1:] != mask[..., :-1]).expand(-1, 3, -1, -1)
    return float(blended.diff(dim=-1)[across].abs().mean())


def test_pyramid_and_poisson_leave_no_step_of_brightness():
    under, face = textures()
    mask = disc()
    steps = {name: edge_step(blends.get(name)(under, face, mask), mask) for name in blends.names()}
    assert steps["alpha"] > 0.08
    assert steps["poisson"] < 0.2 * steps["alpha"]
    soft = disc(soft=6)
    widest = {
        name: blends.get(name)(under, face, soft).diff(dim=-1).abs().max().item()
        for name in ("alpha", "pyramid")
    }
    assert widest["pyramid"] < widest["alpha"]


def test_pyramid_keeps_the_face_deep_inside_and_its_details_up_to_the_edge():
    under, face = textures()
    noise = 0.05 * torch.randn(face.shape, generator=torch.Generator().manual_seed(1))
    mask = disc(soft=2)
    plain, noisy = (blends.get("pyramid")(under, each, mask) for each in (face, face + noise))
    added = noisy - plain
    near = ((disc(soft=8) > 0.4) & (disc(soft=8) < 0.9)).expand_as(face)
    gain = (added * noise)[near].sum() / noise[near].square().sum()
    assert gain == pytest.approx(1, abs=0.25)
    assert (plain - face)[..., 70:80, 80:90].abs().max() < 0.03


def test_pyramid_changes_a_pixel_by_no_more_than_faces_differ_beside_it():
    """Light of a dot at the edge passes on to the pixels beside it, and no farther."""
    mask = torch.zeros(1, 1, 300, 300)
    mask[..., 20:-20, 20:-20] = 1
    under = torch.full((1, 3, 300, 300), 0.4)
    face = under.clone()
    face[..., 150, 23] += 0.5
    change = (blends.get("pyramid")(under, face, mask) - under).abs()[0, 0]
    assert change[150, 24] > 0.001
    assert change[151, 24] > 0.001
    assert change.max() <= 0.5 + 1e-6
    change[149:152, 22:25] = 0
    assert not change.any()


@pytest.mark.parametrize(("height", "width"), [(1, 5), (6, 4), (7, 9)])
def test_images_of_twice_the_sides_are_interpolated_linearly(height, width):
    images = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(2))
    sides = (2 * height, 2 * width)
    wanted = F.interpolate(images, sides, mode="bilinear", align_corners=False)
    found = blending._doubled(images, torch.empty(1, 3, 2 * height - 1, 2 * width))
    torch.testing.assert_close(found, wanted[..., :-1, :], atol=1e-6, rtol=0)


def test_pyramid_changes_little_by_little_with_the_size_of_a_face():
    def colour(side: int) -> float:
        """Brightness at a tenth of the side within a bright face in a dark frame."""
        mask = torch.zeros(1, 1, side, side)
        mask[..., side // 20 : -(side // 20), side // 20 : -(side // 20)] = 1
        bright = torch.ones(1, 3, side, side)
        return float(blends.get("pyramid")(0 * bright, bright, mask)[0, 0, side // 2, side // 10])

    colours = np.array([colour(side) for side in range(180, 460, 10)])
    assert 0.05 < colours.min() < colours.max() < 0.95
    assert np.abs(np.diff(colours)).max() < 0.1


@pytest.mark.parametrize("seed", [0, 1])
def test_poisson_agrees_with_opencv(seed):
    """OpenCV solves in the bounding box, and sees 8 bits; it erodes the mask by a few pixels."""
    under, face = textures()
    if seed:
        under, face = face.flip(3), under.flip(2)
    mask = disc()
    blended = blends.get("poisson")(under, face, mask)

    def eight(image: torch.Tensor) -> np.ndarray:
        array = (image[0].permute(1, 2, 0) * 255).round().clamp(0, 255)
        return np.ascontiguousarray(array.numpy().astype(np.uint8))

    binary = (mask[0, 0].numpy() * 255).astype(np.uint8)
    rows, columns = np.nonzero(binary)
    centre = (
        int(columns.min() + columns.max() + 1) // 2,
        int(rows.min() + rows.max() + 1) // 2,
    )
    cloned = cv2.seamlessClone(eight(face), eight(under), binary, centre, cv2.NORMAL_CLONE)
    inside = binary > 0
    apart = np.abs(eight(blended).astype(float) - cloned)[inside]
    plain = np.abs(eight(face).astype(float) - cloned)[inside]
    assert apart.mean() < 4
    assert apart.mean() < 0.25 * plain.mean()


@pytest.mark.parametrize("name", ["pyramid", "poisson"])
def test_colours_do_not_drift_when_the_mask_moves(name):
    """A still picture, a mask that trembles by a pixel, noise in the frame."""
    under, face = textures()
    random = torch.Generator().manual_seed(3)
    means = []
    for number in range(30):
        noisy = under + 0.01 * torch.randn(under.shape, generator=random)
        mask = disc(48 + number % 3 / 3, 85 + number % 2, soft=5)
        means.append(blends.get(name)(noisy, face, mask)[..., 65:85, 75:95].mean((0, 2, 3)))
    means = torch.stack(means)
    assert means.std(0).max() < 0.004
    assert (means[15:].mean(0) - means[:15].mean(0)).abs().max() < 0.002


def test_hair_at_the_outline_does_not_darken_a_poisson_blend():
    under, face = textures()
    mask = disc()
    dark = under.clone()
    dark[..., :60, :75] = 0.05
    plain, beside_hair = (blends.get("poisson")(each, face, mask) for each in (under, dark))
    inside = (disc(44) > 0).expand_as(plain)
    assert (beside_hair - plain)[inside].abs().mean() < 0.02
    assert (under - face)[inside].abs().mean() > 0.05
