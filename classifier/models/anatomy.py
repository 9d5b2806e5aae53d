"""Structure of any network: layer groups, embedding, last feature maps, backbone.

Layer groups are for discriminative learning rates and gradual unfreezing (Howard and Ruder 2018),
the last feature maps for Grad-CAM (Selvaraju et al. 2017).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from classifier.models.network import BuiltNetwork
from faceswap.core.errors import ConfigError

_MOST = 0.8  # largest fraction of the body's weights in one group, if it can be split
_FEWEST = 3  # smallest number of groups before the head, if possible


@dataclass(frozen=True)
class LayerGroup:
    """Layers that are trained or frozen together.

    Attributes:
        name: Dotted name of the first module.
        modules: Modules of the group; groups are disjoint. Parameters outside of layers (a class
            token) are wrapped in an ``nn.ParameterList``.
    """

    name: str
    modules: tuple[nn.Module, ...]

    def parameters(self) -> list[nn.Parameter]:
        """All parameters of the group."""
        return [parameter for module in self.modules for parameter in module.parameters()]


@dataclass(frozen=True)
class _Unit:
    """A module, or the parameters that a module holds directly, in order of registration."""

    name: str
    module: nn.Module

    @property
    def weights(self) -> int:
        return sum(parameter.numel() for parameter in self.module.parameters())

    @property
    def is_minor(self) -> bool:
        """Whether it joins the preceding layer: norms, scales and direct parameters."""
        bare = isinstance(self.module, nn.ParameterList)
        return bare or all(parameter.dim() < 2 for parameter in self.module.parameters())

    @property
    def is_list(self) -> bool:
        # Subclasses (torchvision's dense blocks) are layers with their own forward.
        return type(self.module) in (nn.ModuleList, nn.ModuleDict)


def layer_groups(built: BuiltNetwork) -> list[LayerGroup]:
    """Group the layers from input to head; every parameter is in exactly one group.

    A few stages are groups (ResNet: stem, four stages, head). If one container holds nearly all
    weights, its children are groups (VGG: each convolution; ViT: each block).

    Returns:
        Groups in order of registration; the last one is the head.
    """
    units = _split_units(built)
    at = next(index for index, unit in enumerate(units) if unit.name == built.head)
    groups: list[list[_Unit]] = []
    for unit in units[:at]:
        # Minor layers at the beginning join the first main layer.
        opens = groups and all(other.is_minor for other in groups[-1])
        if groups and (unit.is_minor or opens):
            groups[-1].append(unit)
        else:
            groups.append([unit])
    groups.append(units[at:])
    return [LayerGroup(group[0].name, tuple(unit.module for unit in group)) for group in groups]


def _split_units(built: BuiltNetwork) -> list[_Unit]:
    units = list(_children(_Unit("", built.module)))
    while True:
        chosen = _to_open(units, built.head)
        if chosen is None:
            return units
        at = units.index(chosen)
        units[at : at + 1] = _children(chosen)


def _to_open(units: list[_Unit], head: str) -> _Unit | None:
    """The unit to split next: one that contains the head, a list, or one that is too large."""
    for unit in units:
        if head.startswith(f"{unit.name}.") or (unit.is_list and unit.name != head):
            return unit
    end = next(index for index, unit in enumerate(units) if unit.name == head)
    # Siblings of the head, such as VGG's dense layers, are not stages.
    beside = head.rpartition(".")[0]
    body = [
        unit
        for unit in units[:end]
        if not unit.is_minor and not (beside and unit.name.startswith(f"{beside}."))
    ]
    if not body:
        return None
    largest = max(body, key=lambda unit: unit.weights)
    few = len(body) < _FEWEST or largest.weights > _MOST * sum(unit.weights for unit in body)
    return largest if few and _can_open(largest.module) else None


def _can_open(module: nn.Module) -> bool:
    return any(True for child in module.children() if _holds_something(child))


def _holds_something(module: nn.Module) -> bool:
    return any(True for _ in module.parameters()) or any(True for _ in module.buffers())


def _children(unit: _Unit) -> Iterator[_Unit]:
    """Direct parameters first, as most networks use them before the layers."""
    prefix = f"{unit.name}." if unit.name else ""
    bare = list(unit.module.named_parameters(recurse=False))
    if bare:
        yield _Unit(prefix + bare[0][0], nn.ParameterList(value for _, value in bare))
    for name, child in unit.module.named_children():
        if _holds_something(child):
            yield _Unit(prefix + name, child)


def embed(built: BuiltNetwork, images: Tensor) -> Tensor:
    """Compute embeddings: the input of the head. Gradients and mode are up to the caller.

    Args:
        built: Network.
        images: ``(B, channels, size, size) float32``, normalised.

    Returns:
        ``(B, D)``; feature maps are averaged over pixels.
    """
    caught: list[Tensor] = []

    def catch(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        caught.append(inputs[0])

    handle = built.module.get_submodule(built.head).register_forward_pre_hook(catch)
    try:
        built.module(images)
    finally:
        handle.remove()
    features = caught[0]
    return features.mean(dim=(2, 3)) if features.dim() == 4 else features.flatten(1)


def last_maps(built: BuiltNetwork) -> nn.Module:
    """Find the last module before pooling and head whose output is ``(B, F, h, w)``.

    Runs the network on one empty image.

    Raises:
        ConfigError: No feature maps (perceptron), or tokens instead (transformer).
    """
    return built.module.get_submodule(_last_maps_name(built))


def _last_maps_name(built: BuiltNetwork) -> str:
    found = ""
    with _traced(built) as outputs:
        for name, module, shape in outputs:
            if _inside(name, built.head):
                break
            # Square like the image; otherwise these are tokens with features last.
            is_maps = len(shape) == 4 and shape[2] == shape[3] > 1
            if is_maps and not isinstance(module, nn.AdaptiveAvgPool2d | nn.Dropout | nn.Identity):
                found = name
            elif len(shape) == 3 and found:
                found = ""
    if not found:
        raise ConfigError(
            f"{type(built.module).__name__} has no feature maps before its head.",
            "Choose a convolutional network, for example resnet18.",
        )
    return found


def _inside(name: str, outer: str) -> bool:
    return name == outer or name.startswith(f"{outer}.")


@contextmanager
def _traced(built: BuiltNetwork) -> Iterator[list[tuple[str, nn.Module, tuple[int, ...]]]]:
    """Name, module and shape of every output tensor, in order of execution."""
    outputs: list[tuple[str, nn.Module, tuple[int, ...]]] = []
    handles = []
    for name, module in built.module.named_modules():

        def note(module: nn.Module, _: Any, output: Any, name: str = name) -> None:
            if isinstance(output, Tensor):
                outputs.append((name, module, tuple(output.shape)))

        if name:
            handles.append(module.register_forward_hook(note))
    form, training = built.input, built.module.training
    example = next(built.module.parameters())
    image = torch.zeros(1, form.channels, form.size, form.size, device=example.device)
    try:
        with torch.no_grad():
            built.module.eval()(image)
        yield outputs
    finally:
        built.module.train(training)
        for handle in handles:
            handle.remove()


def backbone(built: BuiltNetwork) -> nn.Module:
    """Extract the network up to its last feature maps, as a module that shares its weights.

    Pooling and head are excluded, so that all parameters of the module are used.

    Returns:
        ``(B, channels, S, S)`` -> ``(B, F, h, w)``; S may be any size that the layers support.

    Raises:
        ConfigError: No feature maps, or the network cannot be traced.
    """
    name, module = _last_maps_name(built), built.module
    training = module.training
    try:
        graph = _Tracer(name).trace(module.eval())
    except Exception as error:  # tracing runs arbitrary network code on proxies
        raise ConfigError(
            f"{type(module).__name__} cannot be cut at {name} ({error}).",
            "Choose another network, for example resnet18.",
        ) from error
    finally:
        module.train(training)
    maps = next(node for node in graph.nodes if node.op == "call_module" and node.target == name)
    for node in reversed(list(graph.nodes)):
        if node.op == "output":
            graph.erase_node(node)
    with graph.inserting_after(maps):
        graph.output(maps)
    # Erased explicitly: in-place operations would not count as dead code.
    _erase_after(graph, maps)
    return fx.GraphModule(module, graph).train(training)


class _Tracer(fx.Tracer):
    """Traces only into the modules that contain the given one.

    Args:
        wanted: Dotted name of a module.
    """

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is a single node of the graph."""
        del m
        return not self.wanted.startswith(f"{module_qualified_name}.")


def _erase_after(graph: fx.Graph, last: fx.Node) -> None:
    """Erase all nodes that the given node does not depend on."""
    needed, waiting = {last}, [last]
    while waiting:
        for node in waiting.pop().all_input_nodes:
            if node not in needed:
                needed.add(node)
                waiting.append(node)
    for node in reversed(list(graph.nodes)):
        if node not in needed and node.op not in ("output", "placeholder"):
            graph.erase_node(node)
