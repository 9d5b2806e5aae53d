"""State of an optimizer as named tensors and JSON values, for checkpoints."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import StringConstraints
from torch import Tensor

from faceswap.core.documents import DocumentModel, Items, check_schema
from faceswap.core.errors import CheckpointError
from faceswap.core.shards import cut_like


class _OptimizerState(DocumentModel):
    """Result of ``flatten_optimizer`` without its tensors."""

    state: dict[Annotated[str, StringConstraints(pattern=r"^\d{1,9}$")], dict[str, Any]]
    groups: Items[dict[str, Any]]


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State of an optimizer as named tensors and JSON values, for ``save_checkpoint``.

    Args:
        optimizer: A torch optimizer, or one wrapped by Accelerate.
    """
    content = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}

    def plain(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        rest = {}
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{prefix}.{name}"] = value
            elif isinstance(value, list | tuple):
                # Preconditioners: a list, which has None where a tensor belongs.
                found = plain(
                    {str(place): each for place, each in enumerate(value)}, f"{prefix}.{name}"
                )
                rest[name] = [found.get(str(place)) for place in range(len(value))]
            else:
                rest[name] = value
        return rest

    state = {str(i): plain(values, f"state.{i}") for i, values in content["state"].items()}
    groups = [plain(group, f"group.{i}") for i, group in enumerate(content["param_groups"])]
    return tensors, {"state": state, "groups": groups}


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], values: Mapping[str, Any]
) -> None:
    """Restores the result of ``flatten_optimizer``, dtypes and memory layouts included.

    Args:
        optimizer: A new optimizer of the same kind over the same parameters.
        tensors: Tensors of the saved state.
        values: JSON values of the saved state.

    Raises:
        CheckpointError: The state belongs to another optimizer or other parameters.
    """
    hint = "Resume with the settings of the run's config.yaml."
    check_schema(values, _OptimizerState, "The saved optimizer state", CheckpointError, hint)
    state: dict[int, dict[str, Any]] = {int(i): dict(rest) for i, rest in values["state"].items()}
    groups = [dict(group) for group in values["groups"]]
    try:
        for name, tensor in tensors.items():
            kind, index, *keys = name.split(".")
            _put((state if kind == "state" else groups)[int(index)], keys, tensor)
        for group, current in zip(groups, optimizer.param_groups, strict=False):
            for key, value in group.items():
                if isinstance(current.get(key), tuple):  # JSON knows lists only
                    group[key] = tuple(value)
        _cut(optimizer, state)
        optimizer.load_state_dict({"state": state, "param_groups": groups})
        _match_layouts(optimizer, state)
    except (ValueError, LookupError, TypeError, RuntimeError) as error:  # of the library, by kind
        raise CheckpointError(
            f"The saved optimizer state does not fit this optimizer: {error}.", hint
        ) from error


def _put(values: Any, keys: Sequence[str], tensor: Tensor) -> None:
    """Puts a tensor into nested dictionaries and lists."""
    *outer, last = keys
    for key in outer:
        values = values[int(key) if isinstance(values, list) else key]
    values[int(last) if isinstance(values, list) else last] = tensor


def _cut(optimizer: torch.optim.Optimizer, state: Mapping[int, dict[str, Any]]) -> None:
    """Divides moments over the processes as their parameters are."""
    for index, parameter in enumerate(_parameters(optimizer)):
        for key, saved in state.get(index, {}).items():
            if isinstance(saved, Tensor) and saved.shape == parameter.shape and key != "step":
                state[index][key] = cut_like(saved, parameter)


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _match_layouts(
    optimizer: torch.optim.Optimizer, state: Mapping[int, Mapping[str, Any]]
) -> None:
    """Restores the saved dtype of moments, in the memory layout of their parameter.

    torch casts moments to the dtype of the parameter, and fused kernels read both memories in
    parallel, so a moment in another layout than its channels_last parameter would be misread.
    """
    parameters = _parameters(optimizer)
    for index, entries in state.items():
        parameter = parameters[index]
        for key, saved in entries.items():
            if isinstance(saved, Tensor) and saved.shape == parameter.shape and key != "step":
                exact = torch.empty_like(parameter, dtype=saved.dtype, requires_grad=False)
                optimizer.state[parameter][key] = exact.copy_(saved)
