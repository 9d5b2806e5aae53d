"""The command ``faceswap`` and its verbs."""

from typing import NoReturn

from faceswap import __version__
from faceswap.core.command_line import Verb, run_program

VERBS = {
    "demo": Verb("faceswap.demo:demo", "Run the complete workflow on two bundled portraits."),
    "extract": Verb(
        "faceswap.extract:extract", "Detect, track and align the faces in videos and photos."
    ),
    "faces": Verb("faceswap.faces:VERBS", "Curate facesets: people, reports, selection, masks."),
    "train": Verb("faceswap.train:train", "Train a model on facesets of two or more identities."),
    "convert": Verb(
        "faceswap.convert:convert", "Swap the faces in videos and photos to an identity."
    ),
    "model": Verb("faceswap.model:model", "Average trained models."),
    "export": Verb("faceswap.export:export", "Export a model to ONNX or DFM."),
    "evaluate": Verb("faceswap.evaluate:evaluate", "Measure the quality of swaps."),
    "subject": Verb(
        "faceswap.subject:subject", "Show or set the subject of a faceset and the legal basis."
    ),
    "inspect": Verb("faceswap.inspection:inspect", "Read and verify the provenance of a file."),
    "doctor": Verb(
        "faceswap.doctor:doctor", "Check this machine's environment and report what to fix."
    ),
    "weights": Verb("faceswap.weights:weights", "List, download and verify published weights."),
}


def main() -> NoReturn:
    """Runs the command line and exits."""
    run_program("faceswap", VERBS, __version__)
