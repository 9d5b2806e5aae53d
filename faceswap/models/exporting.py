"""Export of models for other programs, verified against the original."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from faceswap.core.files import atomic_path
from faceswap.core.onnx_export import (
    capture,
    check_difference,
    largest_difference,
    onnx_runner,
    write_onnx,
)
from faceswap.core.seeding import generator
from faceswap.models.export_formats import formats
from faceswap.models.model_file import LoadedModel
from faceswap.models.portable import PortableSwap

_HINT = "Use the model with `faceswap convert` instead."
_BATCHES = (1, 3)


def export_model(loaded: LoadedModel, to: str, path: Path, kind: str) -> float:
    """Writes the swap to one identity as one file. The batch size is dynamic.

    The file is loaded and run, and kept only if it computes the same.

    Args:
        loaded: Model on the CPU.
        to: Identity to decode as.
        path: File to write.
        kind: Name of the format, one of ``export_formats.formats``.

    Returns:
        Largest absolute difference from the original, at most 1e-4.

    Raises:
        IdentityError: The model was not trained on ``to``, or it is the crowd.
        ModelFileError: The model is guided or, for DFM, predicts no mask; or the results differ.
        ConfigError: There is no such format, or ONNX cannot hold the network.
        MissingExtraError: The packages for ONNX are not installed.
    """
    build = formats.get(kind)
    loaded.check_target(to)
    swap = PortableSwap(loaded.model, to).eval()
    exported = build(swap, loaded)
    random = generator(0, "export")
    batches = [
        [random.random((count, *exported.face), np.float32), random.random(1, np.float32)]
        for count in _BATCHES
    ]
    names = exported.inputs
    if not swap.morphs:
        names, batches = names[:1], [batch[:1] for batch in batches]
    examples = map(torch.from_numpy, batches[-1])
    captured = capture(exported.network, dict(zip(names, examples, strict=True)), _HINT)
    facts = {**_facts(loaded, to), **exported.facts}
    with atomic_path(path) as temporary:
        write_onnx(captured, temporary, names, exported.outputs, facts, _HINT, exported.opset)
        difference = largest_difference(exported.network, onnx_runner(temporary), batches)
        check_difference(difference, _HINT)
    return difference


def _facts(loaded: LoadedModel, to: str) -> dict[str, Any]:
    """Metadata of the file: what it is, the identity of its faces, and what it was trained on."""
    return {**loaded.record(), "identity": to, "subjects": loaded.meta.subjects}
