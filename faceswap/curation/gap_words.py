"""What faces without a counterpart look like, in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceswap.curation.coverage import POSE_TOLERANCE, Appearance, Array, Gap
from faceswap.curation.facial_expression import EXPRESSION

_STEP = 5  # degrees
_STRAIGHT = 8  # degrees that are not worth a word
_NAMED = 0.6  # tolerances by which a group differs from its nearest faces in what is named
_MOUTH = EXPRESSION.index("mouth opening")
_LIGHT = ("light from the side", "light from above", "brightness")


@dataclass(frozen=True)
class _Words:
    """Words for a number of an expression.

    Attributes:
        less: For one that is smaller than that of the other faces.
        more: For one that is larger.
        steps: Upper limits and words for the number itself; empty for what needs no word.
    """

    less: str
    more: str
    steps: Sequence[tuple[float, str]]

    def of(self, value: float) -> str:
        """Words for the number itself."""
        return next(words for limit, words in self.steps if value <= limit)

    def beside(self, value: float, other: float) -> str:
        """Words for a number beside another one: its own if they tell both apart."""
        own = self.of(value)
        return own if own and own != self.of(other) else (self.less, self.more)[value > other]


_EXPRESSION = {
    "mouth opening": _Words(
        "mouth less open",
        "mouth wider open",
        (
            (0.02, "mouth closed"),
            (0.06, "mouth slightly open"),
            (0.13, "mouth open"),
            (math.inf, "mouth wide open"),
        ),
    ),
    "mouth width": _Words(
        "mouth narrower",
        "mouth wider",
        ((-0.02, "lips rounded or pursed"), (0.03, ""), (math.inf, "mouth drawn wide")),
    ),
    "mouth corners": _Words(
        "mouth corners lower",
        "mouth corners higher",
        ((-0.02, "mouth corners down"), (0.02, ""), (math.inf, "mouth corners up")),
    ),
    "brows": _Words(
        "brows lower",
        "brows higher",
        ((-0.012, "brows lowered"), (0.02, ""), (math.inf, "brows raised")),
    ),
    "eyes": _Words(
        "eyes more closed",
        "eyes wider open",
        (
            (0.4, "eyes closed"),
            (0.75, "eyes half closed"),
            (1.15, ""),
            (math.inf, "eyes wide open"),
        ),
    ),
}


def pose_words(pose: Array) -> str:
    """The range of a group's poses: "head turned 35 to 50° to image left".

    Args:
        pose: Yaw and pitch of the group, ``(N, 2)`` in degrees.
    """
    words = []
    for values, verb, below, above in (
        (pose[:, 0], "turned", " to image left", " to image right"),
        (pose[:, 1], "", "lowered", "raised"),
    ):
        middle = float(np.median(values))
        if abs(middle) >= _STRAIGHT:
            amount = _range(values * np.sign(middle))
            direction = above if middle > 0 else below
            words.append(f"{verb} {amount}{direction}" if verb else f"{direction} {amount}")
    return f"head {' and '.join(words)}" if words else "head straight"


def _range(degrees: Array) -> str:
    low, high = (
        max(0, round(float(each) / _STEP) * _STEP) for each in np.percentile(degrees, (10, 90))
    )
    return f"about {high}°" if low == high else f"{low} to {high}°"


def gap_words(gap: Gap, first: Appearance, second: Appearance) -> str:
    """What the faces of a gap look like, as far as it differs from their nearest faces.

    Args:
        gap: The gap.
        first: Faces of A.
        second: Faces of B.
    """
    pose = pose_words(first.pose[gap.faces])
    if gap.kind == "pose":
        return pose
    own, other = _typical(gap, first, second)
    differing = _differing(gap, first, second)
    if gap.kind == "expression":
        # In the order of their names: an open mouth is seen first.
        words = [
            _EXPRESSION[EXPRESSION[place]].beside(own[place], other[place])
            for place in sorted(differing)
        ]
        if _MOUTH not in differing:
            words.insert(0, _EXPRESSION[EXPRESSION[_MOUTH]].of(own[_MOUTH]))
    else:
        words = [_light_words(place, own[place], other[place]) for place in differing]
    return ", ".join([*words, pose])


def _typical(gap: Gap, first: Appearance, second: Appearance) -> list[list[float]]:
    """Medians of what the group lacks a counterpart in, and of its nearest faces."""
    return [
        np.median(getattr(side, gap.kind)[chosen], axis=0).tolist()
        for side, chosen in ((first, gap.faces), (second, gap.nearest))
    ]


def _differing(gap: Gap, first: Appearance, second: Appearance) -> list[int]:
    """Numbers of a kind in which the group differs from its nearest faces; the most first."""
    apart = first.scaled(gap.kind)[gap.faces] - second.scaled(gap.kind)[gap.nearest]
    typical = np.abs(np.median(apart, axis=0))
    order = np.argsort(-typical, kind="stable").tolist()
    return [place for place in order if typical[place] > _NAMED] or order[:1]


def _light_words(place: int, own: float, other: float) -> str:
    if _LIGHT[place] == "brightness":
        return f"face {abs(own):.1f} stops {'brighter' if own > 0 else 'darker'} than usual"
    directions = (("image left", "image right"), ("below", "above"))[place]
    if abs(own) < abs(other):
        return f"less light from {directions[other > 0]}"
    return f"light from {directions[own > 0]} ({abs(own):.1f} stops across the face)"


def nearest_words(gap: Gap, first: Appearance, second: Appearance, name: str) -> str:
    """How far the nearest faces of B are.

    Args:
        gap: The gap.
        first: Faces of A.
        second: Faces of B.
        name: Name of B.
    """
    if gap.kind == "pose":
        return f"The nearest pose of {name} is {gap.distance * POSE_TOLERANCE:.0f}° away."
    names = EXPRESSION if gap.kind == "expression" else _LIGHT
    own, other = _typical(gap, first, second)
    values = [
        f"{names[place]} {other[place]:z.2f} instead of {own[place]:z.2f}"
        for place in _differing(gap, first, second)
    ]
    return f"The nearest faces of {name} in this pose have: {', '.join(values)}."
