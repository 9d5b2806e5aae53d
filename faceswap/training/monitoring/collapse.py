"""Recognises a training whose model shows one face whatever its input."""

from collections.abc import Sequence

from faceswap.core.log import get_logger
from faceswap.training.monitoring.evaluation_log import Evaluation

_log = get_logger(__name__)
# Of real faces. Measured: .0005 to .003 in a collapsed training; in a healthy one .08 after 58
# steps and .27 after 99.
_VARIETY = 0.05
_EARLY = 200  # steps in which every model begins with the mean face


def warn_of_collapse(evaluations: Sequence[Evaluation]) -> None:
    """Logs a warning when two evaluations in a row find a collapsed model, once until it recovers.

    Args:
        evaluations: All evaluations so far, in order.
    """
    *_, before, previous, latest = [None, None, None, *evaluations]
    if previous and latest and _collapsed(previous) and _collapsed(latest):
        if before and _collapsed(before):
            return
        _log.warning(
            "The model shows nearly the same face whatever its input, in the evaluations of steps "
            "%d and %d: the training has collapsed, and more steps seldom help. Begin anew in "
            "another folder, with a fifth of the learning rate (optimizer.lr).",
            previous.step,
            latest.step,
        )


def _collapsed(evaluation: Evaluation) -> bool:
    found = [each.get("variety") for each in evaluation.identities.values()]
    known = [value for value in found if value is not None]
    return evaluation.step >= _EARLY and bool(known) and max(known) < _VARIETY
