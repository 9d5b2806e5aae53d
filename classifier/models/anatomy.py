"""Splits of a network, whoever wrote it: groups of layers, embedding, last maps, backbone.

Transfer learning gives groups of layers their own rates or frees them one by one (Howard and Ruder
2018); embeddings are what the head sees; Grad-CAM (Selvaraju et al. 2017) looks at the last maps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from classifier.models.network import BuiltNetwork
from faceswap.core.errors import ConfigError

_MOST = 0.8  # fraction of the body's weights that no single group should hold, if it can be opened
_FEWEST = 3  # groups before the head, if the network can be divided into so many


@dataclass(frozen=True)
class LayerGroup:
    """Layers that are trained or frozen together.

    Attributes:
        name: Dotted name of the first of its modules.
        modules: Their parameters are the group's; none is in two groups. Parameters that belong to
            no layer of their own (a class token) come in an ``nn.ParameterList``.
    """

    name: str
    modules: tuple[nn.Module, ...]

    def parameters(self) -> list[nn.Parameter]:
        """All of them."""
        return [parameter for module in self.modules for parameter in module.parameters()]


@dataclass(frozen=True)
class _Unit:
    """A module, or the bare parameters of one, in the order of registration."""

    name: str
    module: nn.Module

    @property
    def weights(self) -> int:
        return sum(parameter.numel() for parameter in self.module.parameters())

    @property
    def is_minor(self) -> bool:
        """Norms, scales and bare parameters go along with the layer before them."""
        bare = isinstance(self.module, nn.ParameterList)
        return bare or all(parameter.dim() < 2 for parameter in self.module.parameters())

    @property
    def is_list(self) -> bool:
        # Their subclasses (torchvision's dense blocks) are layers with a forward of their own.
        return type(self.module) in (nn.ModuleList, nn.ModuleDict)


def layer_groups(built: BuiltNetwork) -> list[LayerGroup]:
    """The network's layers from input to head; every parameter is in exactly one group.

    Stages stay whole where there are a few of them (a ResNet: stem, four stages, head). Where one
    container holds nearly all, its parts are the groups (VGG: each convolution; ViT: each block).

    Returns:
        Groups in the order in which the network registered its layers. The last is the head.
    """
    units = _divide(built)
    at = next(index for index, unit in enumerate(units) if unit.name == built.head)
    groups: list[list[_Unit]] = []
    for unit in units[:at]:
        # Minor layers at the very beginning wait for the first real one.
        opens = groups and all(other.is_minor for other in groups[-1])
        if groups and (unit.is_minor or opens):
            groups[-1].append(unit)
        else:
            groups.append([unit])
    groups.append(units[at:])
    return [LayerGroup(group[0].name, tuple(unit.module for unit in group)) for group in groups]


def _divide(built: BuiltNetwork) -> list[_Unit]:
    units = list(_parts(_Unit("", built.module)))
    while True:
        chosen = _to_open(units, built.head)
        if chosen is None:
            return units
        at = units.index(chosen)
        units[at : at + 1] = _parts(chosen)


def _to_open(units: list[_Unit], head: str) -> _Unit | None:
    """The unit to be opened next: what holds the head, lists, and what is far too large."""
    for unit in units:
        if head.startswith(f"{unit.name}.") or (unit.is_list and unit.name != head):
            return unit
    end = next(index for index, unit in enumerate(units) if unit.name == head)
    # Layers beside the head, as the dense ones of VGG, do not count as stages.
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


def _parts(unit: _Unit) -> Iterator[_Unit]:
    """Bare parameters first, as most networks use them before the layers."""
    prefix = f"{unit.name}." if unit.name else ""
    bare = list(unit.module.named_parameters(recurse=False))
    if bare:
        yield _Unit(prefix + bare[0][0], nn.ParameterList(value for _, value in bare))
    for name, child in unit.module.named_children():
        if _holds_something(child):
            yield _Unit(prefix + name, child)


def embed(built: BuiltNetwork, images: Tensor) -> Tensor:
    """What enters the head. The caller decides on gradients and on evaluation mode.

    Args:
        built: The network.
        images: ``(B, channels, size, size)``, as the network takes them.

    Returns:
        ``(B, D)``; of maps the mean over pixels.
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
    """The last module before the head, and before pooling, whose output is ``(B, F, h, w)``.

    The network sees one empty image to find out.

    Raises:
        ConfigError: It has no maps (a perceptron), or goes on with tokens (a transformer).
    """
    return built.module.get_submodule(_last_maps_name(built))


def _last_maps_name(built: BuiltNetwork) -> str:
    found = ""
    with _traced(built) as outputs:
        for name, module, shape in outputs:
            if _inside(name, built.head):
                break
            # As oblong as the image (square), or these are tokens in rows with features last.
            is_maps = len(shape) == 4 and shape[2] == shape[3] > 1
            if is_maps and not isinstance(module, nn.AdaptiveAvgPool2d | nn.Dropout | nn.Identity):
                found = name
            elif len(shape) == 3 and found:
                found = ""
    if not found:
        raise ConfigError(
            f"{type(built.module).__name__} makes no maps of features before its last layers.",
            "Choose a convolutional network, for example resnet18.",
        )
    return found


def _inside(name: str, outer: str) -> bool:
    return name == outer or name.startswith(f"{outer}.")


@contextmanager
def _traced(built: BuiltNetwork) -> Iterator[list[tuple[str, nn.Module, tuple[int, ...]]]]:
    """Name, module and shape of every tensor that a module gives, in the order of finishing."""
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
    """The network up to its last maps, as a module of its own that shares its weights.

    What comes after (pooling, head) is not in it, so that all of its parameters are used.

    Returns:
        ``(B, channels, S, S)`` -> ``(B, F, h, w)``; S may be any side that the layers allow.

    Raises:
        ConfigError: There are no maps, or the network's code cannot be cut there.
    """
    name, module = _last_maps_name(built), built.module
    training = module.training
    try:
        graph = _Tracer(name).trace(module.eval())
    except Exception as error:  # tracing runs the network's own code with stand-ins
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
    # Erased rather than left as dead: what writes in place counts as having an effect.
    _erase_after(graph, maps)
    return fx.GraphModule(module, graph).train(training)


class _Tracer(fx.Tracer):
    """Looks only into the modules that the wanted one lies in; the others stay whole.

    Args:
        wanted: Dotted name of a module.
    """

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one step of the graph."""
        del m
        return not self.wanted.startswith(f"{module_qualified_name}.")


def _erase_after(graph: fx.Graph, last: fx.Node) -> None:
    """Takes out what the given node does not need."""
    needed, waiting = {last}, [last]
    while waiting:
        for node in waiting.pop().all_input_nodes:
            if node not in needed:
                needed.add(node)
                waiting.append(node)
    for node in reversed(list(graph.nodes)):
        if node not in needed and node.op not in ("output", "placeholder"):
            graph.erase_node(node)
