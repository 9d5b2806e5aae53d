import cv2
import numpy as np

from faceswap.geometry.mesh_shape import LEFT_EYE, PUPILS, RIGHT_EYE
from tests.landmarkers.astronaut import refined as refined_face


def openness(mesh, eye):
    gap = np.linalg.norm(mesh[eye.upper, :2] - mesh[eye.lower, :2], axis=1).mean()
    return gap / np.linalg.norm(np.diff(mesh[list(eye.corners), :2], axis=0))


def with_closed_eyes(image, mesh):
    """Paints skin over the eyes, with a dark line where the lower lid is."""
    closed = image.copy()
    for eye in (LEFT_EYE, RIGHT_EYE):
        outline = mesh[eye.contour, :2]
        hull = cv2.convexHull(np.round(outline).astype(np.int32))
        skin = np.zeros(image.shape[:2], np.uint8)
        cv2.fillConvexPoly(skin, hull, 255)
        skin = cv2.dilate(skin, np.ones((5, 5), np.uint8))
        closed = cv2.inpaint(closed, skin, 5, cv2.INPAINT_TELEA)
        line = np.round(mesh[eye.contour[:9], :2] * 16).astype(np.int32)
        cv2.polylines(
            closed, [line], isClosed=False, color=(90, 60, 50), lineType=cv2.LINE_AA, shift=4
        )
    return closed


def test_pupils_lie_where_they_are_seen(landmarker, astronaut):
    mesh = refined_face(landmarker, astronaut).dense_mesh()
    assert mesh.shape == (478, 3)
    # Read off the picture.
    for pupil, place in zip(PUPILS, ((203.5, 100.8), (246.5, 103.2)), strict=True):
        assert np.linalg.norm(mesh[pupil, :2] - place) < 1.5, mesh[pupil]
    for eye in (LEFT_EYE, RIGHT_EYE):
        centre, *edge = mesh[eye.iris, :2]
        radii = np.linalg.norm(edge - centre, axis=1)
        np.testing.assert_allclose(radii, radii.mean(), rtol=0.25)


def test_closed_eyes_are_closed(landmarker, astronaut):
    mesh = refined_face(landmarker, astronaut).dense_mesh()
    closed = refined_face(landmarker, with_closed_eyes(astronaut, mesh)).dense_mesh()
    for eye in (LEFT_EYE, RIGHT_EYE):
        assert openness(mesh, eye) > 0.2
        assert openness(closed, eye) < 0.5 * openness(mesh, eye)


def test_both_eyes_are_treated_alike(landmarker, astronaut):
    """The other eye is mirrored for the network: a mirrored picture gives mirrored eyes."""
    mesh = refined_face(landmarker, astronaut).dense_mesh()
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    refined = landmarker.eyes(mirrored, [_mirrored_mesh(mesh)[:468]])[0]
    for eye, other_eye in ((LEFT_EYE, RIGHT_EYE), (RIGHT_EYE, LEFT_EYE)):
        expected = [511, 0] + mesh[eye.contour, :2] * [-1, 1]
        np.testing.assert_allclose(refined[other_eye.contour, :2], expected, atol=0.5)
        np.testing.assert_allclose(
            refined[other_eye.iris[0], :2], [511, 0] + mesh[eye.iris[0], :2] * [-1, 1], atol=0.5
        )


def test_an_eye_behind_the_nose_stays_where_the_mesh_has_it(landmarker, astronaut):
    mesh = refined_face(landmarker, astronaut).dense_mesh()[:468]
    middle = mesh[RIGHT_EYE.contour].mean(0)
    mesh[RIGHT_EYE.contour] = middle + 0.4 * (mesh[RIGHT_EYE.contour] - middle)
    refined = landmarker.eyes(astronaut, [mesh])[0]
    np.testing.assert_array_equal(refined[RIGHT_EYE.contour], mesh[RIGHT_EYE.contour])
    np.testing.assert_allclose(refined[PUPILS[1]], middle, rtol=1e-5)
    assert (refined[LEFT_EYE.contour] != mesh[LEFT_EYE.contour]).any()


def _mirrored_mesh(mesh):
    """The mesh of a mirrored picture, as far as the eyes are concerned."""
    mirrored = mesh.copy()
    for eye, other_eye in ((LEFT_EYE, RIGHT_EYE), (RIGHT_EYE, LEFT_EYE)):
        mirrored[other_eye.contour, :2] = [511, 0] + mesh[eye.contour, :2] * [-1, 1]
    return mirrored
