"""The command ``faceswap``: the table of its verbs."""

from typing import NoReturn

from faceswap import __version__
from faceswap.core.command_line import Verb, run_program

VERBS = {
    "demo": Verb("faceswap.demo:demo", "Run the complete workflow on two bundled portraits."),
    "extract": Verb("faceswap.extract:extract", "Find, track and align the faces in footage."),
    "train": Verb("faceswap.train:train", "Train a model on the faces of two or more people."),
    "convert": Verb("faceswap.convert:convert", "Put an identity's face into footage."),
    "evaluate": Verb("faceswap.evaluate:evaluate", "Measure the quality of swaps."),
    "subject": Verb("faceswap.subject:subject", "Show or set whose faces they are, and why."),
    "inspect": Verb("faceswap.inspection:inspect", "Say what marks say and whether they hold."),
    "doctor": Verb(
        "faceswap.doctor:doctor", "Check this machine's environment and report what to fix."
    ),
    "weights": Verb("faceswap.weights:weights", "List, fetch and verify published weights."),
}


def main() -> NoReturn:
    """Runs the command line and exits."""
    run_program("faceswap", VERBS, __version__)
