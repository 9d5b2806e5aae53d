"""Export of models to ONNX and torch.export, verified against the original."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from classifier.models.model_file import LoadedClassifier
from classifier.models.preprocessing import Preprocessing
from faceswap import __version__
from faceswap.core.errors import ConfigError
from faceswap.core.files import atomic_path
from faceswap.core.onnx_export import (
    Runner,
    capture,
    check_difference,
    largest_difference,
    onnx_runner,
    write_onnx,
)
from faceswap.core.seeding import generator

SUFFIXES = (".onnx", ".pt2")
_INPUT, _OUTPUTS = "images", ("logits", "probabilities")
_FACTS = "classifier.json"


class Portable(nn.Module):
    """A network with normalisation before and softmax after it.

    Args:
        loaded: Model.
    """

    def __init__(self, loaded: LoadedClassifier) -> None:
        super().__init__()
        self.network = loaded.module
        self.mean = nn.Buffer(torch.tensor(loaded.input.mean).view(1, -1, 1, 1))
        self.std = nn.Buffer(torch.tensor(loaded.input.std).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, C, H, W) float32`` in [0, 1] -> logits and probabilities, ``(B, classes, ...)``."""
        logits = self.network((images - self.mean) / self.std)
        return logits, logits.softmax(1)


@dataclass(frozen=True)
class Proof:
    """Result of the comparison of an exported file with its network.

    Attributes:
        difference: Largest absolute difference of probabilities and logits; logits above 1 are
            compared relative to the largest.
        random: Number of random images compared.
        real: Number of real images compared.
    """

    difference: float
    random: int
    real: int


def export_network(
    loaded: LoadedClassifier,
    path: Path,
    preprocessing: Preprocessing,
    real: NDArray[np.uint8],
) -> Proof:
    """Export a model to ONNX or torch.export, depending on the suffix.

    The batch size is dynamic. The file is loaded and run, and kept only if the outputs are equal.

    Args:
        loaded: Model on the CPU.
        path: File ending in ``.onnx`` or ``.pt2``.
        preprocessing: Steps from an image file to the input, stored in the file.
        real: ``(N, C, H, W) uint8`` images to compare besides random ones; may be empty.

    Raises:
        ConfigError: Unknown suffix, or the network cannot be exported.
        ModelFileError: The exported outputs differ.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(
            f"Expected a file ending in {' or '.join(SUFFIXES)}, found {path.name!r}.",
            "Choose -o FILE.onnx or FILE.pt2.",
        )
    network = Portable(loaded).eval()
    facts = _facts(loaded, preprocessing)
    shape = (loaded.input.channels, *preprocessing.sides)
    write, read = (_write_onnx, onnx_runner) if path.suffix == ".onnx" else (_write_pt2, _runner)
    example = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    captured = capture(network, {_INPUT: example}, "Use the model with classifier predict instead.")
    with atomic_path(path) as temporary:
        write(captured, temporary, facts)
        proof = prove(network, read(temporary), shape, real)
        check_difference(proof.difference, f"Try the other format ({' or '.join(SUFFIXES)}).")
    return proof


def _facts(loaded: LoadedClassifier, preprocessing: Preprocessing) -> dict[str, Any]:
    """Metadata stored in the file."""
    return {
        "classes": list(loaded.classes),
        "task": loaded.built.task,
        "network": loaded.network,
        "input": {
            "name": _INPUT,
            "shape": ["batch", loaded.input.channels, *preprocessing.sides],
            "values": "float32 in [0, 1]; normalised inside",
            "channels": "RGB" if loaded.input.channels == 3 else "grey",
            "framing": preprocessing.describe(),
        },
        "preprocessing": preprocessing.record(),
        "outputs": list(_OUTPUTS),
        "weights_sha256": loaded.digest,
        "program": f"classifier {__version__}",
    }


def _write_onnx(captured: torch.export.ExportedProgram, path: Path, facts: dict[str, Any]) -> None:
    write_onnx(captured, path, [_INPUT], _OUTPUTS, facts, "Use FILE.pt2.")


def _write_pt2(captured: torch.export.ExportedProgram, path: Path, facts: dict[str, Any]) -> None:
    text = json.dumps(facts, ensure_ascii=False)
    captured.example_inputs = None  # torch would pickle them; nothing else is pickled
    torch.export.save(captured, path, extra_files={_FACTS: text})
    if pickled := _pickled_members(path):
        raise ConfigError(
            f"torch would store {', '.join(pickled)} of this network as pickle, which can run code "
            "when it is loaded.",
            "Use FILE.onnx.",
        )


def _pickled_members(path: Path) -> list[str]:
    """Members of a ``.pt2`` archive that ``torch.export.load`` would unpickle."""
    pickled = []
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as member:
                # Archives of torch.save, and bare pickles.
                is_pickle = entry.filename.endswith(".pt") and member.read(1) != b""
            if entry.filename.endswith("_config.json"):
                payloads = json.loads(archive.read(entry))["config"].values()
                is_pickle = any(payload["use_pickle"] for payload in payloads)
            if is_pickle:
                pickled.append(entry.filename)
    return pickled


def _runner(path: Path) -> Runner:
    # Written a moment ago, without pickle.
    module = torch.export.load(path).module()

    def run(images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            return [output.numpy() for output in module(torch.from_numpy(images))]

    return run


def prove(
    network: nn.Module, run: Runner, shape: tuple[int, int, int], real: NDArray[np.uint8]
) -> Proof:
    """Compare outputs on random images, in batches of 1, 2 and 5, and on real images.

    Args:
        network: Original network, returning logits and probabilities.
        run: Function that runs the exported network.
        shape: ``(C, H, W)`` of the input.
        real: ``(N, C, H, W) uint8``; may be empty.
    """
    random = generator(0, "export")
    batches = [random.random((count, *shape), np.float32) for count in (1, 2, 5)]
    if len(real):
        batches.append(real.astype(np.float32) / np.float32(255))
    worst = largest_difference(network, run, [[images] for images in batches])
    return Proof(worst, 8, len(real))
