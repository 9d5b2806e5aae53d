"""Measures that a report shows as distributions, and what they mean for a training."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Distribution:
    """A measure in a report.

    Attributes:
        name: Name of the measure.
        heading: Heading.
        axis: Title of the axis.
        meaning: Definition of the measure.
        advice: Advice on what is good and what to do; ``{low}`` is the 5th percentile.
        least: Caption of the faces with the lowest values.
        most: Caption of the faces with the highest values.
    """

    name: str
    heading: str
    axis: str
    meaning: str
    advice: str
    least: str
    most: str


DISTRIBUTIONS = (
    Distribution(
        "sharpness",
        "Sharpness",
        "sharpness",
        "Sharpness is the variance of the Laplacian over the face at a fixed size: detail of eyes, "
        "brows and skin.",
        "Good: most faces are sharp and few are blurred. Blurred faces teach a model to blur. "
        'What to do: look at the least sharp ones; `faceswap faces filter "sharpness > {low}" '
        "FACESET` would remove the lowest twentieth.",
        "Least sharp.",
        "Sharpest.",
    ),
    Distribution(
        "size",
        "Size",
        "side of the face [px]",
        "Size is the side of the face, brows to chin, in pixels of the frame.",
        "Good: at least the resolution of the model that you train. Smaller faces are enlarged "
        "and hold no detail. What to do: film closer, or use footage of a higher resolution.",
        "Smallest.",
        "Largest.",
    ),
    Distribution(
        "exposure",
        "Exposure",
        "exposure",
        "Exposure is the mean luma of the face, from 0 for black to 1 for white.",
        "Good: between 0.25 and 0.7, and as varied as in the video that will be converted. What to "
        "do: remove faces that are nearly black or burnt out; film in brighter or softer light.",
        "Darkest.",
        "Brightest.",
    ),
    Distribution(
        "mouth_opening",
        "Mouth opening",
        "gap of the lips [sides of the face]",
        "Mouth opening is the gap between the lips as a fraction of the face's side: below 0.02 "
        "the mouth is closed, above 0.13 it is wide open.",
        "Good: from closed to wide open. What to do: film the person speaking, laughing and "
        "yawning; a mouth that is never open has no teeth and no tongue to show.",
        "Most closed.",
        "Widest open.",
    ),
    Distribution(
        "eye_opening",
        "Eye opening",
        "gap of the lids [sides of the face]",
        "Eye opening is the gap between the lids, mean of both eyes, as a fraction of the face's "
        "side. It differs between people; closed eyes have less than 0.02.",
        "Good: some faces with closed eyes, or a swapped face never blinks. What to do: film the "
        "person closing the eyes for a few seconds.",
        "Most closed.",
        "Widest open.",
    ),
    Distribution(
        "light_right",
        "Light from the side",
        "brightness towards image right [stops across the face]",
        "Light from the side is the change of brightness across the face: at 1 the side at image "
        "right is twice as bright as that at image left, at -1 the other way round.",
        "Good: as varied as in the video that will be converted. What to do: film with a lamp or "
        "a window at either side.",
        "Most light from image left, or least from image right.",
        "Most light from image right, or least from image left.",
    ),
    Distribution(
        "light_up",
        "Light from above",
        "brightness upwards [stops across the face]",
        "Light from above is the change of brightness up the face; below 0 the chin is brighter "
        "than the brows.",
        "Good: as varied as in the video that will be converted.",
        "Least light from above.",
        "Most light from above.",
    ),
)
"""Distributions of a report, in its order."""
