"""Builds a network for weights that exist, within the memory that these weights take."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from faceswap.core.errors import ModelFileError

# Builders replace layers: a head for other classes is added beside the one that it replaces, and an
# encoder is a network without its head, which has 120 million weights in the VGG networks.
_MORE_ELEMENTS = 1 << 27
_MORE_LAYERS = 1000
_LAYERS = 8  # for each tensor: containers and layers without weights


@contextmanager
def bounded_build(weights: Mapping[str, Tensor], described_by: object) -> Iterator[None]:
    """Ends the construction of a network that is far larger than its weights.

    Metadata from elsewhere may describe a network of any size. Each layer is counted when it is
    added to the network, which is before its memory is filled.

    Args:
        weights: Weights that the network will load.
        described_by: Path of the metadata, for the message.

    Raises:
        ModelFileError: The network is larger, or a layer cannot be built.
    """
    elements = 2 * sum(tensor.numel() for tensor in weights.values()) + _MORE_ELEMENTS
    layers = _LAYERS * len(weights) + _MORE_LAYERS

    def count_layer(_module: nn.Module, _name: str, _layer: nn.Module | None) -> None:
        nonlocal layers
        layers -= 1
        if layers < 0:
            raise _mismatch(described_by)

    def count_elements(_module: nn.Module, _name: str, parameter: nn.Parameter | None) -> None:
        nonlocal elements
        elements -= 0 if parameter is None else parameter.numel()
        if elements < 0:
            raise _mismatch(described_by)

    hooks = (
        register_module_module_registration_hook(count_layer),
        register_module_parameter_registration_hook(count_elements),
    )
    try:
        yield
    except (RuntimeError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
        # torch raises these for sizes that no tensor can have.
        raise _mismatch(described_by) from error
    finally:
        for hook in hooks:
            hook.remove()


def _mismatch(described_by: object) -> ModelFileError:
    return ModelFileError(
        f"{described_by} does not describe the weights beside it: the network would be larger.",
        "Copy the whole folder again.",
    )
