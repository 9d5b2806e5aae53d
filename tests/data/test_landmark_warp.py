import numpy as np
import torch
import torch.nn.functional as F

from faceswap.data.landmark_warp import NODES, fit_landmark_warp
from faceswap.data.warp import GRID, apply_warps
from faceswap.geometry.landmarks68 import mouth_gap
from faceswap.geometry.mean_face import MEAN_FACE

SIZE = 128


def face(width: float = 1.0, jaw: float = 0.0) -> np.ndarray:
    """Landmarks in normalised coordinates of a square of 1.25 face squares."""
    points = MEAN_FACE[:, :2] * 2 / 1.25
    points = points * (width, 1.0)
    points[48:, 1] += jaw
    points[5:12, 1] += jaw
    return points


def taken_from(own: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a face with landmarks ``own`` shows at ``wanted``: places of it, ``(P, 2)``.

    They are those of the distorted and of the undistorted face.
    """
    axis = (torch.arange(SIZE) * 2 + 1) / SIZE - 1
    picture = torch.stack(torch.meshgrid(axis, axis, indexing="xy"))[None]  # of its coordinates
    warp = torch.from_numpy(fit_landmark_warp(own, wanted))[None]
    affine, still = torch.eye(2, 3)[None], torch.zeros(1, 2, GRID, GRID)
    faces = apply_warps(picture, affine, still, (SIZE, SIZE), 1.0, warp)
    at = torch.from_numpy(wanted).float()[None, None]
    distorted, straight = (
        F.grid_sample(each, at, padding_mode="border", align_corners=False)[0, :, 0].T.numpy()
        for each in faces
    )
    return distorted, straight


def test_landmarks_of_the_input_move_to_where_they_should_be():
    own, wanted = face(), face(width=1.12, jaw=0.06)
    assert np.linalg.norm(own - wanted, axis=1).max() > 0.08
    inside = (np.abs(np.concatenate([own, wanted], 1)) < 0.95).all(1)
    assert inside.sum() > 60
    distorted, straight = taken_from(own, wanted)
    error = np.linalg.norm(distorted - own, axis=1)[inside]
    assert np.median(error) < 0.005
    assert error.max() < 0.02
    np.testing.assert_allclose(straight[inside], wanted[inside], atol=1e-4)  # unmoved


def test_lips_that_are_farther_apart_are_mostly_closed():
    own = face()
    own[55:60, 1] += 0.06
    own[65:68, 1] += 0.06
    # Where the lips of a closed mouth are to be, the lips of the open one are shown.
    shown = taken_from(own, face())[0]
    found, closed, opened = (float(mouth_gap(points)) for points in (shown, face(), own))
    assert opened - closed > 0.05
    assert found - closed > 0.6 * (opened - closed)  # the grid is coarser than lips


def test_the_same_landmarks_move_nothing():
    warp = fit_landmark_warp(face(), face())
    assert warp.shape == (2, NODES, NODES)
    np.testing.assert_array_equal(warp, 0)


def test_the_border_stays_in_place():
    warp = fit_landmark_warp(face(), face(width=1.1, jaw=0.05))
    assert np.abs(warp[:, 5]).max() > 0.05
    corners = warp[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.abs(corners).max() < 0.06


def test_landmarks_outside_the_square_do_not_count():
    own, wanted = face(), face(width=1.05)
    far = wanted.copy()
    far[0] = (-1.4, 3.0)
    near = np.delete(wanted, 0, 0)
    np.testing.assert_allclose(
        fit_landmark_warp(own, far), fit_landmark_warp(np.delete(own, 0, 0), near), atol=1e-6
    )
