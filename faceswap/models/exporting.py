"""Export of models for other programs: ONNX and DFM, verified against the original."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from faceswap.core.errors import ModelFileError
from faceswap.core.files import atomic_path
from faceswap.core.onnx_export import (
    capture,
    check_difference,
    largest_difference,
    onnx_runner,
    write_onnx,
)
from faceswap.core.seeding import generator
from faceswap.models.dfm import INPUT, MORPH, OPSET, OUTPUTS, DfmSwap
from faceswap.models.model_file import LoadedModel
from faceswap.models.portable import PortableSwap

Kind = Literal["onnx", "dfm"]
_HINT = "Use the model with `faceswap convert` instead."
_BATCHES = (1, 3)
_ONNX, _DFM = ("faces", "morph"), (INPUT, MORPH)  # names of the inputs; few models have the second


def export_model(loaded: LoadedModel, to: str, path: Path, kind: Kind) -> float:
    """Writes the swap to one identity as one file. The batch size is dynamic.

    The file is loaded and run, and kept only if it computes the same.

    Args:
        loaded: Model on the CPU.
        to: Identity to decode as.
        path: File to write.
        kind: ``onnx``: crops and decoded faces of the model. ``dfm``: what DeepFaceLive, facefusion
            and VisoMaster read.

    Returns:
        Largest absolute difference from the original, at most 1e-4.

    Raises:
        IdentityError: The model was not trained on ``to``, or it is the crowd.
        ModelFileError: The model is guided or, for DFM, predicts no mask; or the results differ.
        ConfigError: ONNX cannot hold the network.
        MissingExtraError: The packages for ONNX are not installed.
    """
    loaded.check_target(to)
    swap = PortableSwap(loaded.model, to).eval()
    facts = _facts(loaded, to)
    if kind == "dfm":
        network, names, outputs, opset = _dfm(swap, loaded.coverage, to), _DFM, OUTPUTS, OPSET
        shape = (network.side, network.side, 3)
    else:
        network, names, opset = swap, _ONNX, None
        outputs = ("face", "mask")[: len(_outputs(swap))]
        shape = (3, loaded.model.input_size, loaded.model.input_size)
        facts |= {"input": _describe_input(loaded), "outputs": list(outputs)}
    random = generator(0, "export")
    batches = [
        [random.random((count, *shape), np.float32), random.random(1, np.float32)]
        for count in _BATCHES
    ]
    if not swap.morphs:
        names, batches = names[:1], [batch[:1] for batch in batches]
    examples = map(torch.from_numpy, batches[-1])
    captured = capture(network, dict(zip(names, examples, strict=True)), _HINT)
    with atomic_path(path) as temporary:
        write_onnx(captured, temporary, names, outputs, facts, _HINT, opset)
        difference = largest_difference(network, onnx_runner(temporary), batches)
        check_difference(difference, _HINT)
    return difference


def _dfm(swap: PortableSwap, coverage: float, to: str) -> DfmSwap:
    if len(_outputs(swap)) == 1:
        raise ModelFileError(
            f"The format DFM needs the mask of the face, which the decoder of {to} does not "
            "predict.",
            "Train with --set model.options.mask=true, or use --format onnx.",
        )
    return DfmSwap(swap, coverage).eval()


def _outputs(network: nn.Module) -> tuple[torch.Tensor, ...]:
    assert isinstance(network, PortableSwap)
    size = network.model.input_size
    with torch.inference_mode():
        return network(torch.zeros(1, 3, size, size))


def _facts(loaded: LoadedModel, to: str) -> dict[str, Any]:
    """Metadata of the file: what it is, whose face it shows, and what it was trained on."""
    return {**loaded.record(), "identity": to, "subjects": loaded.meta.subjects}


def _describe_input(loaded: LoadedModel) -> Mapping[str, Any]:
    size = loaded.model.input_size
    return {
        "name": "faces",
        "shape": ["batch", 3, size, size],
        "values": "float32 RGB in [0, 1]",
        "crop": f"upright square of {loaded.coverage} face squares, as `faceswap extract` aligns "
        "faces",
    }
