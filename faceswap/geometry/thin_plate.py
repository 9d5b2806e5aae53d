"""Interpolation of scattered values by thin-plate splines."""

import numpy as np
from numpy.typing import NDArray


def thin_plate(
    anchors: NDArray[np.floating], values: NDArray[np.floating], nodes: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Interpolate scattered values by a thin-plate spline (Duchon, 1977).

    Args:
        anchors: Sample points, ``(N, 2)``.
        values: Values at the sample points, ``(N,)`` or ``(N, K)``.
        nodes: Query points, ``(M, 2)``.

    Returns:
        Interpolated values, ``(M,)`` or ``(M, K)``; slight regularisation, so anchors are not
        matched exactly.
    """

    def kernel(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.floating]:
        squared = ((first[:, None] - second[None]) ** 2).sum(-1)
        return squared * np.log(squared + 1e-12)

    count = len(anchors)
    plane = np.concatenate([np.ones((count, 1)), anchors], axis=1)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = kernel(anchors, anchors) + 1e-3 * np.eye(count)
    system[:count, count:], system[count:, :count] = plane, plane.T
    weights = np.linalg.solve(system, np.concatenate([values, np.zeros((3, *values.shape[1:]))]))
    return kernel(nodes, anchors) @ weights[:count] + weights[count] + nodes @ weights[count + 1 :]
