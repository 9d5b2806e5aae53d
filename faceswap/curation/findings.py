"""What is good or missing in a faceset, in sentences."""

from collections.abc import Iterator

import numpy as np

from faceswap.curation.analysis import Analysis

_TURNED, _RAISED = 30, 15  # degrees
_FEW = 0.01  # of the faces
_SMALL = 128  # pixels
_OPEN, _CLOSED = 0.06, 0.45  # face squares; of the usual gap of the lids
_MANY_DUPLICATES = 0.5
_ONE_LIGHT = 0.5  # stops


def findings(analysis: Analysis) -> list[str]:
    """What to know and to do first.

    Args:
        analysis: Findings.

    Returns:
        Sentences; one that nothing is missing if so.
    """
    missing = [*_missing_poses(analysis), *_missing_expressions(analysis), *_other(analysis)]
    return missing or ["No large gap in poses, expressions, light or sharpness was found."]


def _missing_poses(analysis: Analysis) -> Iterator[str]:
    values = analysis.faces.values
    for name, least, directions in (
        ("yaw", _TURNED, ("turned to image left", "to image right")),
        ("pitch", _RAISED, ("lowered", "raised")),
    ):
        lacking = [
            direction
            for sign, direction in zip((-1, 1), directions, strict=True)
            if (sign * values[name] > least).mean() < _FEW
        ]
        if lacking:
            yield (
                f"Hardly any head is {' or '.join(lacking)} by more than {least}°: a model will "
                "not know such poses."
            )


def _missing_expressions(analysis: Analysis) -> Iterator[str]:
    values = analysis.faces.values
    if (values["mouth_opening"] > _OPEN).mean() < _FEW:
        yield "The mouth is hardly ever open: film the person speaking and laughing."
    if (values["mouth_opening"] < _OPEN / 3).mean() < _FEW:
        yield "The mouth is hardly ever closed: film the person silent."
    usual = np.percentile(values["eye_opening"], 75)
    if (values["eye_opening"] < _CLOSED * usual).mean() < _FEW / 2:
        yield "The eyes are hardly ever closed: a swapped face may not blink."


def _other(analysis: Analysis) -> Iterator[str]:
    faces, values = analysis.faces, analysis.faces.values
    if np.median(values["size"]) < _SMALL:
        yield (
            f"Half of the faces are smaller than {np.median(values['size']):.0f} pixels: a model "
            "learns no more detail than that."
        )
    if np.ptp(np.percentile(values["light_right"], (5, 95))) < _ONE_LIGHT:
        yield "All faces are in about one light from the side: other light will look wrong."
    if analysis.duplicates > _MANY_DUPLICATES * len(faces):
        yield (
            f"{analysis.duplicates / len(faces):.0%} of the faces are near-duplicates: there is "
            "less variety than their number suggests."
        )
    if len(analysis.people) > 1:
        yield f"There are {len(analysis.people):,} people: train an identity on one of them only."
    if analysis.outliers:
        yield f"Outliers: {len(analysis.outliers):,}, shown at the end of the page."
