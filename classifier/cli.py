"""The command ``classifier``: the table of its verbs."""

from typing import NoReturn

from faceswap import __version__
from faceswap.core.commandline import Verb, run_program

VERBS = {"train": Verb("classifier.train:train", "Train a network on a folder of images.")}


def main() -> NoReturn:
    """Runs the command line and exits."""
    run_program("classifier", VERBS, __version__)
