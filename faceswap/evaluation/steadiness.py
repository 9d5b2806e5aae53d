"""Whether something trembles or flickers in time, beyond what the source itself does.

The second difference is used: even motion and even change of light have none.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from faceswap.evaluation.shape import RIGID, eye_distance

Array = NDArray[np.floating]
Moment = tuple[str, int]
"""Name of a clip and number of a frame in it."""
Three = tuple[Moment, Moment, Moment]


def triples(moments: Iterable[Moment]) -> list[Three]:
    """The moments whose neighbours are known too, each with the one before and the one after."""
    known = set(moments)
    around = (((clip, n - 1), (clip, n), (clip, n + 1)) for clip, n in sorted(known))
    return [three for three in around if known.issuperset(three)]


def jitter(before: Mapping[Moment, Array], after: Mapping[Moment, Array]) -> float | None:
    """Mean second difference of the head's fixed points after minus before.

    Points that move with the expression are left out: a face that does too little would seem
    steady.

    Args:
        before: ``(68, 2)`` points in pixels, by moment.
        after: Those of the same moments.

    Returns:
        Per mille of the distance of the eyes' outer corners; None when no three frames follow one
        another.
    """
    scales = {moment: eye_distance(points) for moment, points in before.items()}
    found = [
        (_bend(after, three) - _bend(before, three)) / scales[three[1]] for three in triples(after)
    ]
    return 1000 * float(np.mean(found)) if found else None


def _bend(points: Mapping[Moment, Array], three: Three) -> float:
    a, b, c = (points[moment][RIGID] for moment in three)
    return float(np.linalg.norm(a - 2 * b + c, axis=1).mean())


def flicker(before: Mapping[Moment, Array], after: Mapping[Moment, Array]) -> float | None:
    """Mean second difference of a colour after minus before, as CIELAB distance (CIE76).

    Args:
        before: ``(3,)`` L*, a*, b*, by moment.
        after: Those of the same moments.

    Returns:
        None when no three frames follow one another.
    """
    found = [_change(after, three) - _change(before, three) for three in triples(after)]
    return float(np.mean(found)) if found else None


def _change(colours: Mapping[Moment, Array], three: Three) -> float:
    a, b, c = (colours[moment] for moment in three)
    return float(np.linalg.norm(a - 2 * b + c))
