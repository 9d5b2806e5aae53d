"""What a training consists of before its first step."""

from dataclasses import dataclass

from classifier.data.dataset import Dataset
from classifier.models.network import BuiltNetwork
from classifier.training.learner import Learner
from classifier.training.sources import Source


@dataclass(frozen=True)
class Session:
    """A network on its device, its data, and its optimizer.

    Attributes:
        dataset: Samples of all splits.
        built: The network.
        side: Height and width at which images are stored in pixels; None is the network's own
            size.
        source: Training and validation batches.
        learner: Optimizer, and the layers it trains.
        validation_images: Number of validation images.
    """

    dataset: Dataset
    built: BuiltNetwork
    side: tuple[int, int] | None
    source: Source
    learner: Learner
    validation_images: int
