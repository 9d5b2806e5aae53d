"""LR finder of a training, new or existing: its run stays as it is."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from accelerate import Accelerator

from faceswap.core.lr_finder import LRFinderResult, plot_result, range_test
from faceswap.training.loop.trainer import Trainer

RATES = np.geomspace(1e-6, 1, 100)
"""Learning rates of the steps."""


def find_lr(
    opened: Accelerator,
    trainer: Trainer,
    plot: Path,
    on_step: Callable[[int], object] = lambda _: None,
) -> tuple[LRFinderResult, float]:
    """Trains with learning rates that increase geometrically, and writes the plot alone.

    Args:
        opened: Accelerator of the training.
        trainer: Trainer of a run that is not written, from ``open_training``; of no use afterwards.
        plot: Plot of the loss over the learning rate.
        on_step: Called with 1 after each step.

    Returns:
        The result, and the learning rate it suggests.

    Raises:
        TrainingError: The loss does not decrease at any rate.
    """
    with closing(trainer.sweep(RATES.tolist())) as losses:
        result = range_test(RATES, losses, on_step)
    suggestion = result.below_lowest()  # few faces a step: their losses are noisy
    if opened.is_main_process:
        plot.parent.mkdir(parents=True, exist_ok=True)
        plot_result(result, suggestion, plot)
    return result, suggestion
