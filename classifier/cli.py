"""Command line of ``classifier``: the table of its verbs."""

from typing import NoReturn

from faceswap import __version__
from faceswap.core.command_line import Verb, run_program

VERBS = {
    "train": Verb("classifier.train:train", "Train an image classifier or a segmentation network."),
    "lr-find": Verb("classifier.lr_find:lr_find", "Find a learning rate with a range test."),
    "evaluate": Verb(
        "classifier.evaluate:evaluate", "Evaluate a model, with confidence intervals."
    ),
    "cross-validate": Verb(
        "classifier.cross_validate:cross_validate",
        "Estimate the score of a recipe by k-fold cross-validation.",
    ),
    "predict": Verb("classifier.predict:predict", "Predict the class of images, or of each pixel."),
    "explain": Verb(
        "classifier.explain:explain", "Explain predictions with Grad-CAM and similar images."
    ),
    "features": Verb(
        "classifier.features:features", "Extract embeddings, probe them and plot them."
    ),
    "compare": Verb("classifier.compare:compare", "Compare several runs."),
    "export": Verb(
        "classifier.export:export", "Export a model to ONNX or torch.export, and verify it."
    ),
    "learn": Verb("classifier.learn:learn", "Run short lessons, from one neuron to a face swap."),
}


def main() -> NoReturn:
    """Run the command line and exit."""
    run_program("classifier", VERBS, __version__)
