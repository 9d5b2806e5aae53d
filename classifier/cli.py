"""The command ``classifier``: the table of its verbs."""

from typing import NoReturn

from faceswap import __version__
from faceswap.core.command_line import Verb, run_program

VERBS = {
    "train": Verb("classifier.train:train", "Train a network on images with classes."),
    "lr-find": Verb("classifier.lr_find:lr_find", "Suggest a learning rate."),
    "evaluate": Verb("classifier.evaluate:evaluate", "Measure a network, with intervals."),
    "cross-validate": Verb(
        "classifier.cross_validate:cross_validate", "Measure a recipe on few images."
    ),
    "predict": Verb("classifier.predict:predict", "Say which class images are."),
    "explain": Verb("classifier.explain:explain", "Show why a network says so."),
    "features": Verb("classifier.features:features", "Write images as vectors, test and map them."),
    "compare": Verb("classifier.compare:compare", "Show several runs side by side."),
    "export": Verb("classifier.export:export", "Write ONNX or torch.export, proved equal."),
    "learn": Verb("classifier.learn:learn", "Learn how it works, one topic after another."),
}


def main() -> NoReturn:
    """Runs the command line and exits."""
    run_program("classifier", VERBS, __version__)
