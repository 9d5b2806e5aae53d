"""The losses of a training so far, in a limited number of points."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

MOST_POINTS = 1000


@dataclass
class LossCurve:
    """Losses of each identity by step.

    Attributes:
        points: Step and loss of each identity, ``1 + I`` numbers each, in order of the steps.
    """

    points: list[list[float]] = field(default_factory=list)

    def add(self, step: int, losses: Sequence[float]) -> None:
        """Adds a point; those of this step and later ones, before a rollback, are dropped.

        Of too many points, two and two are averaged.
        """
        self.drop_from(step)
        self.points.append([step, *losses])
        if len(self.points) >= MOST_POINTS:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [
                [later[0], *map(_mean, earlier[1:], later[1:])] for earlier, later in pairs
            ]

    def drop_from(self, step: int) -> None:
        """Drops the points from a step on."""
        self.points = [point for point in self.points if point[0] < step]


def _mean(*values: float) -> float:
    return fmean(values)
