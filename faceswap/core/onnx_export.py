"""Networks as ONNX files that compute the same."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faceswap.core.errors import ConfigError, ModelFileError
from faceswap.core.onnx_opset import lower_opset
from faceswap.core.optional import require

TOLERANCE = 1e-4
"""Largest difference of an exported network from the original."""

Arrays = Sequence[NDArray[np.float32]]
Runner = Callable[..., Arrays]
"""Runs an exported network on its inputs."""

_BATCH = "batch"
_LOWEST = 18  # that torch writes by itself
_LARGEST = 2 << 30  # size limit of protobuf in bytes


def capture(
    network: nn.Module, examples: Mapping[str, Tensor], hint: str
) -> torch.export.ExportedProgram:
    """Captures a network with a dynamic batch size.

    Args:
        network: Network in evaluation mode.
        examples: An example of each input by its name, in order; the first dimension is the batch,
            but that of vectors.
        hint: Remedy in the error message.

    Raises:
        ConfigError: torch cannot capture the network.
    """
    batch = torch.export.Dim(_BATCH, min=1)
    shapes = tuple({0: batch} if value.ndim > 1 else None for value in examples.values())
    try:
        return torch.export.export(network, tuple(examples.values()), dynamic_shapes=shapes)
    # torch.export raises many unrelated exception types.
    except Exception as error:
        raise ConfigError(
            f"torch cannot export this network: {str(error).splitlines()[0]}", hint
        ) from error


def write_onnx(
    captured: torch.export.ExportedProgram,
    path: Path,
    inputs: Sequence[str],
    outputs: Sequence[str],
    facts: Mapping[str, Any],
    hint: str,
    opset: int | None = None,
) -> None:
    """Writes a captured network as ONNX.

    Args:
        captured: Network.
        path: File to write.
        inputs: Names of the inputs.
        outputs: Names of the outputs.
        facts: Metadata: text, or JSON values.
        hint: Remedy in error messages.
        opset: Version of the operators, for readers that know only old ones; None for torch's.

    Raises:
        ConfigError: ONNX cannot hold the network, or not with such old operators.
        MissingExtraError: The packages for ONNX are not installed.
    """
    if (size := _stored_bytes(captured)) >= _LARGEST:
        raise ConfigError(
            f"The weights take {size / 2**30:.1f} GiB, more than the 2 GiB of an ONNX file.", hint
        )
    onnx = require("onnx", "export")
    require("onnxscript", "export")
    try:
        program = torch.onnx.export(
            captured, dynamo=True, verbose=False, opset_version=None if opset is None else _LOWEST
        )
    except torch.onnx.OnnxExporterError as error:
        raise ConfigError(
            f"torch cannot write this network as ONNX: {str(error).splitlines()[0]}", hint
        ) from error
    assert program is not None
    model = program.model_proto
    _rename(model.graph, inputs, outputs)
    if opset is not None:
        lower_opset(model, opset)
    for node in model.graph.node:
        del node.metadata_props[:]  # where in which file of this machine it was defined
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in facts.items()
    }
    onnx.helper.set_model_props(model, texts)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def _stored_bytes(captured: torch.export.ExportedProgram) -> int:
    """Size of the tensors that a captured network uses; others are not written."""
    used = {node.name for node in captured.graph.nodes if node.op == "placeholder" and node.users}
    tensors = {**captured.state_dict, **captured.tensor_constants}
    return sum(
        tensors[spec.target].numel() * tensors[spec.target].element_size()
        for spec in captured.graph_signature.input_specs
        if spec.target in tensors and spec.arg.name in used
    )


def _rename(graph: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Gives the inputs and outputs of a graph their names.

    Also to the size of the batch. The exporter's own renaming refuses names with a colon.
    """
    values = (*graph.input, *graph.output)
    names = dict(zip((value.name for value in values), (*inputs, *outputs), strict=True))
    for value in values:
        value.name = names[value.name]
        for side in value.type.tensor_type.shape.dim:
            if side.dim_param:
                side.dim_param = _BATCH
    del graph.value_info[:]  # shapes in between, in names of the exporter
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def onnx_runner(path: Path) -> Runner:
    """Function that runs an ONNX file on the CPU: inputs in order -> outputs in order."""
    from faceswap.core.onnx_runtime import open_session

    session = open_session(path)
    names = [each.name for each in session.get_inputs()]

    def run(*inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        found = session.run(None, dict(zip(names, inputs, strict=True)))
        return [np.asarray(output) for output in found]

    return run


def largest_difference(network: nn.Module, run: Runner, batches: Sequence[Arrays]) -> float:
    """Largest absolute difference of the outputs of a network and of its exported form.

    Outputs above 1 are compared relative to the largest; infinite where one is not finite.

    Args:
        network: Network.
        run: Function that runs its exported form.
        batches: Inputs of each comparison.
    """
    worst = 0.0
    for batch in batches:
        with torch.inference_mode():
            expected = [value.numpy() for value in network(*map(torch.from_numpy, batch))]
        for mine, theirs in zip(expected, run(*batch), strict=True):
            scale = max(1.0, float(np.abs(mine).max()))
            difference = float(np.abs(mine - theirs).max()) / scale
            # NaN compares as false and would pass as equal.
            worst = max(worst, difference) if np.isfinite(difference) else float("inf")
    return worst


def check_difference(difference: float, hint: str) -> None:
    """Refuses an exported network that computes something else.

    Raises:
        ModelFileError: The difference is above ``TOLERANCE``.
    """
    if not difference <= TOLERANCE:
        raise ModelFileError(
            f"Expected a difference of at most {TOLERANCE:.0e} after the export, found "
            f"{difference:.1e}; nothing was written.",
            hint,
        )
