import numpy as np
import torch

from faceswap.data.warp import GRID, WarpRanges, apply_warps, sample_warp, undo_affine

STILL = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
SMOOTH = torch.zeros(1, 2, GRID, GRID)


def crop(size=24, seed=0):
    return torch.rand(1, 5, size, size, generator=torch.Generator().manual_seed(seed))


def test_without_change_it_cuts_the_middle():
    image = crop(24)
    distorted, straight = apply_warps(image, STILL, SMOOTH, (16, 16), 24 / 16)
    torch.testing.assert_close(straight, image[:, :, 4:20, 4:20], atol=1e-5, rtol=0)
    torch.testing.assert_close(distorted, straight)


def test_a_known_shift_moves_by_whole_pixels():
    image = crop(24)
    # 3 pixels right and 2 up of 16: in the units of the square, which is 2 wide.
    shifted = STILL.clone()
    shifted[0, :, 2] = torch.tensor([3 * 2 / 16, -2 * 2 / 16])
    _, straight = apply_warps(image, shifted, SMOOTH, (16, 16), 24 / 16)
    torch.testing.assert_close(straight, image[:, :, 2:18, 7:23], atol=1e-5, rtol=0)


def test_the_same_jitter_everywhere_shifts_the_input_alone():
    image = crop(24)
    jitter = SMOOTH.clone()
    jitter[:, 0] = 2 * 2 / 16
    distorted, straight = apply_warps(image, STILL, jitter, (16, 16), 24 / 16)
    torch.testing.assert_close(distorted, image[:, :, 4:20, 6:22], atol=1e-5, rtol=0)
    torch.testing.assert_close(straight, image[:, :, 4:20, 4:20], atol=1e-5, rtol=0)


def test_jitter_is_smooth_and_met_at_the_corners():
    ramp = torch.arange(48.0).expand(1, 1, 48, 48).contiguous()
    jitter = SMOOTH.clone()
    jitter[0, 0] = torch.randn(GRID, GRID, generator=torch.Generator().manual_seed(1)) * 0.06
    distorted, straight = apply_warps(ramp, STILL, jitter, (32, 32), 1.5)
    moved = (distorted - straight)[0, 0] / 16  # pixels -> the units of jitter
    assert abs(moved[0, 0] - jitter[0, 0, 0, 0]) < 0.02
    assert abs(moved[-1, -1] - jitter[0, 0, -1, -1]) < 0.02
    assert moved.std() > 0.02
    assert moved.diff(dim=1).diff(dim=1).abs().max() < 0.02  # unrelated values would differ by 0.1


def test_turning_by_a_right_angle_and_mirroring_are_exact():
    image = crop(24)
    turned = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])
    _, straight = apply_warps(image, turned, SMOOTH, (24, 24), 1.0)
    torch.testing.assert_close(straight, torch.rot90(image, 1, (2, 3)), atol=1e-5, rtol=0)
    mirrored = torch.tensor([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    _, straight = apply_warps(image, mirrored, SMOOTH, (24, 24), 1.0)
    torch.testing.assert_close(straight, image.flip(3), atol=1e-5, rtol=0)


def test_sizes_of_input_and_target_may_differ():
    distorted, straight = apply_warps(crop(96), STILL, SMOOTH, (32, 64), 1.5)
    assert distorted.shape == (1, 5, 32, 32)
    torch.testing.assert_close(straight, crop(96)[:, :, 16:80, 16:80], atol=1e-5, rtol=0)


def test_samples_stay_within_the_ranges():
    ranges = WarpRanges(rotation=10, zoom=0.05, shift=0.04, flip=0.5, jitter=0.03)
    warps = [sample_warp(np.random.default_rng(seed), ranges) for seed in range(300)]
    affine = np.stack([warp.affine for warp in warps])
    scale = np.sqrt(np.abs(np.linalg.det(affine[:, :, :2])))
    angle = np.rad2deg(np.arctan2(-affine[:, 0, 1], affine[:, 1, 1]))
    assert 0.95 <= scale.min() < 0.96
    assert 1.04 < scale.max() <= 1.05
    assert -10 <= angle.min() < -9.5
    assert 9.5 < angle.max() <= 10
    assert 0.07 < np.abs(affine[:, :, 2]).max() <= 0.08  # the square is 2 wide
    mirrored = np.linalg.det(affine[:, :, :2]) < 0
    assert 0.4 < mirrored.mean() < 0.6
    assert abs(np.stack([warp.jitter for warp in warps]).std() - 0.06) < 0.002


def test_undoing_an_affine_change_is_its_inverse():
    ranges = WarpRanges(rotation=30, zoom=0.3, shift=0.2, flip=0.5)
    affine = np.stack([sample_warp(np.random.default_rng(n), ranges).affine for n in range(8)])
    points = torch.rand(8, 9, 2) * 2 - 1
    changes = torch.from_numpy(affine)
    moved = points @ changes[:, :, :2].transpose(1, 2) + changes[:, None, :, 2]
    torch.testing.assert_close(undo_affine(moved, changes), points, atol=1e-5, rtol=0)


def test_no_range_means_no_change():
    warp = sample_warp(np.random.default_rng(0), WarpRanges(0, 0, 0, 0, 0))
    np.testing.assert_array_equal(warp.affine, STILL[0])
    assert not warp.jitter.any()


def test_the_reach_covers_every_corner():
    ranges = WarpRanges(jitter=0.0)
    corners = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]).T
    for seed in range(300):
        affine = sample_warp(np.random.default_rng(seed), ranges).affine
        assert np.abs(affine @ corners).max() <= ranges.reach
