"""Formats of exported models: the network that each of them holds, and its inputs and outputs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from faceswap.core.errors import ModelFileError
from faceswap.core.registry import Registry
from faceswap.models import dfm as of_dfm
from faceswap.models.model_file import LoadedModel
from faceswap.models.portable import PortableSwap


@dataclass(frozen=True)
class Exported:
    """What is written as ONNX.

    Attributes:
        network: Network in evaluation mode: faces, and for some models a morph factor -> outputs.
        face: Shape of a face that it takes.
        inputs: Names of the faces and of the morph factor, which few models have.
        outputs: Names of the outputs.
        opset: Version of the operators, for readers that know only old ones; None for torch's.
        facts: Further metadata.
    """

    network: nn.Module
    face: Sequence[int]
    inputs: Sequence[str]
    outputs: Sequence[str]
    opset: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


formats: Registry[Callable[[PortableSwap, LoadedModel], Exported]] = Registry("format")
"""Functions ``(swap, loaded) -> Exported``; the suffix of the files is ``.NAME``."""


@formats.register
def onnx(swap: PortableSwap, loaded: LoadedModel) -> Exported:
    """Crops and decoded faces of the model."""
    size = loaded.model.input_size
    outputs = ("face", "mask")[: 1 + _predicts_mask(swap)]
    described = {
        "name": "faces",
        "shape": ["batch", 3, size, size],
        "values": "float32 RGB in [0, 1]",
        "crop": f"upright square of {loaded.coverage} face squares, as `faceswap extract` aligns "
        "faces",
    }
    facts = {"input": described, "outputs": list(outputs)}
    return Exported(swap, (3, size, size), ("faces", "morph"), outputs, facts=facts)


@formats.register
def dfm(swap: PortableSwap, loaded: LoadedModel) -> Exported:
    """What DeepFaceLive, facefusion and VisoMaster read.

    Raises:
        ModelFileError: The model predicts no mask.
    """
    if not _predicts_mask(swap):
        raise ModelFileError(
            "The format DFM needs the mask of the face, which the decoder of "
            f"{swap.model.identities[swap.number]} does not predict.",
            "Train with --set model.options.mask=true, or use --format onnx.",
        )
    network = of_dfm.DfmSwap(swap, loaded.coverage).eval()
    face = (network.side, network.side, 3)
    inputs = (of_dfm.INPUT, of_dfm.MORPH)
    return Exported(network, face, inputs, of_dfm.OUTPUTS, of_dfm.OPSET)


def _predicts_mask(swap: PortableSwap) -> bool:
    size = swap.model.input_size
    with torch.inference_mode():
        return len(swap(torch.zeros(1, 3, size, size))) == 2
