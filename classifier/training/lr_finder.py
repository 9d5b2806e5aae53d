"""LR finder of the classifier; see ``faceswap.core.lr_finder``."""

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np

from classifier.training.session import Session
from classifier.training.sources import Pair, Source
from faceswap.core.errors import ConfigError
from faceswap.core.lr_finder import LEAST_STEPS, LRFinderResult, range_test


def find_lr(
    session: Session,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    on_step: Callable[[int], object] = lambda _: None,
) -> LRFinderResult:
    """Trains with learning rates that increase geometrically.

    The weights are of no use afterwards.

    Args:
        session: Network, data and optimizer.
        low: First learning rate.
        high: Last learning rate; training ends earlier if the loss diverges.
        steps: Number of steps.
        on_step: Called with 1 after each step.

    Raises:
        ConfigError: The learning rate has no effect on this network, or the range is invalid.
        TrainingError: The loss is non-finite at the lowest rate.
    """
    if session.learner.optimizer is None:
        raise ConfigError(
            "The perceptron rule gives the same result at every learning rate.",
            "Choose another --model.",
        )
    if not 0 < low < high or steps <= LEAST_STEPS:
        raise ConfigError(
            f"Expected 0 < --low < --high and more than {LEAST_STEPS} --steps, found {low:g} to "
            f"{high:g} in {steps} steps.",
            "Change --low, --high or --steps.",
        )
    transfer = session.learner.transfer
    transfer.freeze(0)
    step = session.learner.make_step()
    transfer.train_mode(session.built.module, 0)
    rates = np.geomspace(low, high, steps)
    batches = enumerate(zip(_endless(session.source), rates, strict=False))
    losses = (step(*pair, 0, number, float(rate)).item() for number, (pair, rate) in batches)
    return range_test(rates, losses, on_step)


def _endless(source: Source) -> Iterator[Pair]:
    for epoch in count():
        yield from source.epoch(epoch)
