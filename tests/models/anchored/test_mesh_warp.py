import torch

from faceswap.models.anchored.mesh_warp import mesh_warp, refine_warp, resize_places
from tests.meshes import face_mesh

MESH = torch.from_numpy(0.8 * face_mesh()[:, :2]).float()[None]


def places(side):
    steps = (torch.arange(side) * 2 + 1) / side - 1
    return torch.stack(torch.meshgrid(steps, steps, indexing="xy"))


def test_the_same_mesh_stays_where_it_is():
    found = mesh_warp(MESH, MESH[:, None].expand(-1, 3, -1, -1), 24)
    assert found.shape == (1, 3, 2, 24, 24)
    torch.testing.assert_close(found, places(24).expand(1, 3, -1, -1, -1), atol=1e-3, rtol=0)


def test_a_translation_moves_every_place():
    found = mesh_warp(MESH, (MESH + torch.tensor([0.1, -0.2]))[:, None], 24)[0, 0]
    moved = places(24) + torch.tensor([0.1, -0.2])[:, None, None]
    torch.testing.assert_close(found, moved, atol=1e-3, rtol=0)


def test_an_affine_map_is_found():
    linear, shift = torch.tensor([[1.1, -0.2], [0.15, 0.9]]), torch.tensor([0.05, -0.1])
    found = mesh_warp(MESH, (MESH @ linear.T + shift)[:, None], 24)[0, 0]
    expected = torch.einsum("ij,jyx->iyx", linear, places(24)) + shift[:, None, None]
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0)
    inside = places(24).abs().amax(0) < 0.5
    torch.testing.assert_close(found[:, inside], expected[:, inside], atol=5e-3, rtol=0)


def test_where_points_move_the_place_moves_and_nowhere_else():
    centre = MESH[0, [13, 14]].mean(0)  # of the mouth
    near = (MESH[0] - centre).norm(dim=1) < 0.2
    moved = MESH + 0.08 * near[:, None] * torch.tensor([0.0, 1.0])
    found = mesh_warp(MESH, moved[:, None], 64)[0, 0] - places(64)
    x, y = ((centre + 1) * 32).long().tolist()
    torch.testing.assert_close(found[:, y, x], torch.tensor([0.0, 0.08]), atol=2e-3, rtol=0)
    assert found[:, 19, 24:40].abs().max() < 0.01  # the forehead


def test_each_face_of_a_batch_is_warped_alone():
    torch.manual_seed(0)
    shown = MESH + 0.02 * torch.randn(6, 478, 2)
    seen = MESH + 0.02 * torch.randn(6, 2, 478, 2)
    whole = mesh_warp(shown, seen, 8)
    for face in range(6):
        alone = mesh_warp(shown[face : face + 1], seen[face : face + 1], 8)
        torch.testing.assert_close(whole[face : face + 1], alone, atol=1e-5, rtol=1e-4)


def test_a_refined_warp_closes_an_eye_that_is_finer_than_its_grid():
    upper = torch.tensor([[x, -0.03] for x in torch.linspace(-0.1, 0.1, 7)])
    lower = upper * torch.tensor([1.0, -1.0])
    seen = torch.cat([upper, lower])[None]
    shown = seen * torch.tensor([1.0, 0.0])  # closed
    start = resize_places(places(32)[None], 64)[None]
    found = refine_warp(start, shown + 1e-4 * seen, seen[:, None])[0, 0] - places(64)
    # Of two lids on one line, neither wins: their mean is no change. One of them alone moves it.
    assert found.abs().max() < 1e-3
    found = refine_warp(start, shown[:, :7], seen[:, None, :7])[0, 0] - places(64)
    assert abs(float(found[1, 31, 32]) + 0.03) < 0.006
    assert found[:, 10].abs().max() < 1e-3


def test_a_refined_warp_reaches_its_points():
    torch.manual_seed(0)
    shown = MESH[:, ::20]
    seen = shown + 0.03 * torch.randn(1, *shown.shape[1:])
    warped = refine_warp(places(64)[None, None], shown, seen[:, None])[0]
    reached = torch.nn.functional.grid_sample(warped, shown[:, None], align_corners=False)
    missed = (reached[0, :, 0].T - seen[0]).norm(dim=1)
    assert missed.mean() < 0.35 * (shown - seen)[0].norm(dim=1).mean()
