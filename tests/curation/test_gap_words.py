"""What is missing, in words."""

import numpy as np
import pytest

from faceswap.curation.coverage import Appearance, compare, find_gaps
from faceswap.curation.gap_words import gap_words, nearest_words, pose_words
from tests.curation.test_coverage import looks


@pytest.mark.parametrize(
    ("yaw", "pitch", "words"),
    [
        ((-3, 4), (0, 2), "head straight"),
        ((-50, -34), (0, 2), "head turned 35 to 50° to image left"),
        ((20, 20), (-30, -20), "head turned about 20° to image right and lowered 20 to 30°"),
        ((0, 0), (12, 16), "head raised 10 to 15°"),
    ],
)
def test_poses_are_named_by_their_range(yaw, pitch, words: str) -> None:
    pose = np.linspace((yaw[0], pitch[0]), (yaw[1], pitch[1]), 50).astype(np.float32)
    assert pose_words(pose) == words


def described(first: Appearance, second: Appearance) -> tuple[str, str]:
    (gap,) = find_gaps(first, compare(first, second), 3)
    return gap_words(gap, first, second), nearest_words(gap, first, second, "bob")


def test_a_pose_is_named_with_its_distance() -> None:
    assert described(looks(3, yaw=-40), looks(5, yaw=-12)) == (
        "head turned about 40° to image left",
        "The nearest pose of bob is 28° away.",
    )


def test_an_expression_is_named_by_what_differs() -> None:
    assert described(looks(3, mouth=0.2), looks(5)) == (
        "mouth wide open, head straight",
        "The nearest faces of bob in this pose have: mouth opening 0.00 instead of 0.20.",
    )
    look, _ = described(looks(3, mouth=0.3), looks(5, mouth=0.2))
    assert look == "mouth wider open, head straight"


def test_light_is_named_by_its_side() -> None:
    look, nearest = described(looks(3, light=-2), looks(5, light=0.25))
    assert look == "light from image left (2.0 stops across the face), head straight"
    assert nearest.endswith("light from the side 0.25 instead of -2.00.")
    assert described(looks(3), looks(5, light=2))[0].startswith("less light from image right")
