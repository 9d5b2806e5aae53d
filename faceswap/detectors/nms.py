"""Non-maximum suppression: several detections of one face become one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.detectors.registry import Detection


def overlaps(
    box: NDArray[np.floating], boxes: NDArray[np.floating], over: str = "union"
) -> NDArray[np.float64]:
    """Overlap of a box with each of several others.

    Args:
        box: Box, (4,) x0, y0, x1, y1.
        boxes: Boxes, (N, 4).
        over: Denominator of the common area: that of the "union" (IoU) or of the "smaller" box.

    Returns:
        (N,) in [0, 1].
    """
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=1, dtype=np.float64)
    area = np.prod(np.clip(box[2:] - box[:2], 0, None), dtype=np.float64)
    areas = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1, dtype=np.float64)
    whole = area + areas - common if over == "union" else np.minimum(area, areas)
    return common / np.maximum(whole, 1e-9)


def nms(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    max_overlap: float,
    over: str = "union",
) -> NDArray[np.int64]:
    """Greedy non-maximum suppression.

    Args:
        boxes: Boxes, (N, 4).
        scores: Scores, (N,).
        max_overlap: Overlap in [0, 1] with a box of higher score above which a box is dropped.
        over: Denominator of the overlap, see ``overlaps``.

    Returns:
        Indices of the boxes that are kept, highest score first.
    """
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        order = rest[overlaps(boxes[best], boxes[rest], over) <= max_overlap]
    return np.array(kept, np.int64)


def merge_weighted(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    points: NDArray[np.float32],
    min_overlap: float = 0.3,
) -> list[Detection]:
    """Weighted non-maximum suppression (Bazarevsky et al., "BlazeFace", 2019).

    Overlapping boxes are averaged with their scores as weights: in video this jitters less than
    keeping the best one alone.

    Args:
        boxes: Boxes, (N, 4).
        scores: Scores, (N,) in [0, 1].
        points: Points, (N, K, 2).
        min_overlap: IoU from which two boxes are the same face.

    Returns:
        Merged detections with the highest score of each group, highest first.
    """
    order = np.argsort(-scores, kind="stable")
    merged = []
    while len(order):
        best = order[0]
        same = overlaps(boxes[best], boxes[order]) >= min_overlap
        same[0] = True
        group = order[same]
        weights = scores[group] / scores[group].sum()
        merged.append(
            Detection(
                np.einsum("n,nd->d", weights, boxes[group]),
                float(scores[best]),
                np.einsum("n,nkd->kd", weights, points[group]),
            )
        )
        order = order[~same]
    return merged


def drop_nested(detections: Sequence[Detection], min_overlap: float = 0.6) -> list[Detection]:
    """Drops detections that mostly lie inside one of higher score, or around it.

    Networks at several scales detect parts of large faces, and crowds as one face.

    Args:
        detections: Detections in one image.
        min_overlap: Fraction of the smaller box inside the other from which it is nested.
    """
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda d: -d.score):
        boxes = np.array([other.box for other in kept]).reshape(-1, 4)
        if not (overlaps(detection.box, boxes, over="smaller") >= min_overlap).any():
            kept.append(detection)
    return kept
