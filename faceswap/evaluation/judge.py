"""Whether the recognition network of evaluations can judge the faces of a model."""

from collections.abc import Sequence

from faceswap.evaluation.candidates import Candidate
from faceswap.recognizers.registry import DEFAULT


def describe_bias(candidates: Sequence[Candidate]) -> str:
    """Says which runs were trained with the network that judges, a sentence without its period.

    A loss by a network teaches what this network takes for the identity.

    Args:
        candidates: Runs to evaluate.

    Returns:
        The sentence; "" if no run was.
    """
    names = [c.name for c in candidates if DEFAULT in c.loaded.meta.loss_recognizers]
    if not names:
        return ""
    return (
        f"{', '.join(names)} was trained with {DEFAULT}, by which identity is measured, so that "
        "its values are too good"
    )
