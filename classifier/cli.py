"""The command ``classifier``: the table of its verbs."""

from typing import NoReturn

from faceswap import __version__
from faceswap.core.commandline import Verb, run_program

VERBS = {
    "train": Verb("classifier.train:train", "Train a network on images with classes."),
    "lr-find": Verb("classifier.lr_find:lr_find", "Suggest a learning rate."),
}


def main() -> NoReturn:
    """Runs the command line and exits."""
    run_program("classifier", VERBS, __version__)
