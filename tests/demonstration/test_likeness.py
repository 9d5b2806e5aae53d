import numpy as np
import pytest

from faceswap.demonstration.likeness import LinearFaceClassifier, face_vector, motion_correlation
from faceswap.geometry.mean_face import MEAN_FACE


def landmarks(mouth: float = 0.0, turn: float = 0.0, scale: float = 60.0) -> np.ndarray:
    """Landmarks of the mean face with an open mouth, sheared sideways by depth."""
    mean = np.asarray(MEAN_FACE, np.float64)
    points = mean[:, :2].copy()
    points[66, 1] += mouth
    points[:, 0] += turn * mean[:, 2]
    return points * scale + [120, 110]


def picture(seed: int, level: float = 1.0) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(60, 180, (8, 8, 3))
    return np.clip(np.kron(coarse, np.ones((30, 30, 1))) * level, 0, 255).astype(np.uint8)


def test_face_vector_is_invariant_to_exposure():
    points = landmarks()
    bright, dark = face_vector(picture(1), points), face_vector(picture(1, 0.6), points)
    assert bright.shape == (1024,)
    assert np.corrcoef(bright, dark)[0, 1] > 0.99
    inside = bright[bright != 0]
    assert inside.mean() == pytest.approx(0, abs=1e-3)
    assert inside.std() == pytest.approx(1, abs=0.02)


def test_two_identities_are_classified():
    random = np.random.default_rng(0)

    def faces(seed: int, count: int) -> np.ndarray:
        noisy = [
            np.clip(picture(seed) + random.normal(0, 12, (240, 240, 3)), 0, 255).astype(np.uint8)
            for _ in range(count)
        ]
        return np.stack([face_vector(image, landmarks()) for image in noisy])

    classifier = LinearFaceClassifier(faces(1, 30), faces(2, 30))
    assert classifier.fraction_second(faces(1, 10)) == 0
    assert classifier.fraction_second(faces(2, 10)) == 1
    both = np.concatenate([faces(1, 5), faces(2, 15)])
    assert classifier.fraction_second(both) == 0.75


def test_motion_correlation():
    mouths, turns = np.linspace(0, 0.3, 20), np.sin(np.linspace(0, 5, 20)) * 0.3
    original = [landmarks(m, t) for m, t in zip(mouths, turns, strict=True)]
    same = motion_correlation(original, [points * 0.7 + 30 for points in original])
    assert same.mouth == pytest.approx(1)
    assert same.yaw == pytest.approx(1)
    stiff = motion_correlation(original, [landmarks(0, t) for t in turns])
    assert stiff.mouth == pytest.approx(0, abs=0.6)
    assert stiff.yaw > 0.99
    contrary = motion_correlation(
        original, [landmarks(0.3 - m, -t) for m, t in zip(mouths, turns, strict=True)]
    )
    assert contrary.mouth < -0.99
    assert contrary.yaw < -0.99


def test_motion_correlation_of_few_frames_is_zero():
    assert motion_correlation([landmarks()] * 3, [landmarks()] * 3).mouth == 0
