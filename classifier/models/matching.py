"""Load weights into a network by matching names and shapes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from faceswap.core.errors import ModelFileError

_PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "network.", "net.")
_DEPTH = 3  # nested wrappers that are recognised
# Names in older torchvision files.
_OLD_NAMES = (
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)"), r"\1\2"),
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)
_SHOWN = 6


@dataclass(frozen=True)
class LoadReport:
    """Result of loading weights. Tensors in ``missing`` and ``resized`` keep their initialisation.

    Attributes:
        loaded: Number of loaded tensors, including adapted ones.
        missing: Names that are not in the file.
        unexpected: Names in the file that are not in the network.
        resized: Names with another shape in the file, such as the head for other classes.
        adapted: Names of converted tensors: the first convolution between grey and RGB, the
            position embeddings of a transformer for another size.
    """

    loaded: int
    missing: list[str]
    unexpected: list[str]
    resized: list[str]
    adapted: list[str] = field(default_factory=list)

    def describe(self) -> str:
        """Summary of the result in a few sentences."""
        total = self.loaded + len(self.missing) + len(self.resized)
        sentences = [f"Loaded {self.loaded} of {total} tensors."]
        for opening, names in (
            ("Adapted", self.adapted),
            ("Initialised, other shape in the file", self.resized),
            ("Initialised, not in the file", self.missing),
            ("Ignored from the file", self.unexpected),
        ):
            if names:
                more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
                sentences.append(f"{opening}: {', '.join(names[:_SHOWN])}{more}.")
        return " ".join(sentences)


def load_matching(module: nn.Module, tensors: Mapping[str, Tensor], source: str) -> LoadReport:
    """Load all tensors whose names and shapes match.

    Args:
        module: Network; modified in place.
        tensors: Tensors by name.
        source: Name of the source, for messages.

    Raises:
        ModelFileError: No weight matrix matches.
    """
    own = module.state_dict()
    found = _rename(tensors, own)
    fitting: dict[str, Tensor] = {}
    resized, adapted = [], []
    for name in own.keys() & found.keys():
        value = found[name]
        if value.shape != own[name].shape:
            changed = _adapt(name, value, own[name])
            if changed is None:
                resized.append(name)
                continue
            value = changed
            adapted.append(name)
        fitting[name] = value
    if not any(value.dim() > 1 for value in fitting.values()):
        raise ModelFileError(
            f"No weights in {source} match {type(module).__name__}: expected {_example(own)} "
            f"found {_example(tensors)}",
            "Use weights of the same network, or select their network with --model.",
        )
    module.load_state_dict(own | fitting)
    # Batch counters are missing in old files and not needed.
    missing = [n for n in own if n not in found and not n.endswith("num_batches_tracked")]
    loaded = sum(not name.endswith("num_batches_tracked") for name in fitting)
    order = list(own)
    return LoadReport(
        loaded,
        missing,
        [name for name in found if name not in own],
        sorted(resized, key=order.index),
        sorted(adapted, key=order.index),
    )


def _example(tensors: Mapping[str, Tensor]) -> str:
    names = [f"{name} {tuple(value.shape)}" for name, value in list(tensors.items())[:2]]
    return f"{', '.join(names)}, ..."


def _rename(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename tensors by the candidate that matches most names and shapes."""

    def fitting(candidate: Mapping[str, Tensor]) -> int:
        same = own.keys() & candidate.keys()
        return sum(1 + (candidate[name].shape == own[name].shape) for name in same)

    return max(_candidates(tensors, own, _DEPTH), key=fitting)


def _candidates(
    tensors: Mapping[str, Tensor], own: Mapping[str, Tensor], depth: int
) -> Iterator[dict[str, Tensor]]:
    """The names unchanged, and with the usual prefixes removed."""
    yield {_modern(name, own): value for name, value in tensors.items()}
    if depth == 0:
        return
    for prefix in _PREFIXES:
        if any(name.startswith(prefix) for name in tensors):
            stripped = {name.removeprefix(prefix): value for name, value in tensors.items()}
            yield from _candidates(stripped, own, depth - 1)


def _modern(name: str, own: Mapping[str, Tensor]) -> str:
    if name in own:
        return name
    changed = name
    for pattern, replacement in _OLD_NAMES:
        changed = pattern.sub(replacement, changed)
    return changed if changed in own else name


def _adapt(name: str, value: Tensor, like: Tensor) -> Tensor | None:
    """Convert a tensor to another shape, or None if there is no conversion."""
    if _differ_in_colours(value, like):
        # A grey image has equal colours, so summing over the colours is equivalent.
        if like.shape[1] == 1:
            return value.sum(1, keepdim=True)
        return value.expand(like.shape) / 3
    same_width = value.dim() == like.dim() == 3 and value.shape[2] == like.shape[2]
    if name.endswith("pos_embedding") and same_width:
        return _resample_positions(value, like.shape[1])
    return None


def _differ_in_colours(value: Tensor, like: Tensor) -> bool:
    same = value.dim() == like.dim() == 4 and value.shape[0] == like.shape[0]
    return same and value.shape[2:] == like.shape[2:] and {value.shape[1], like.shape[1]} == {1, 3}


def _resample_positions(value: Tensor, tokens: int) -> Tensor | None:
    """``(1, 1 + n * n, D)`` -> ``(1, tokens, D)``: keep the class token, resample the grid."""
    old, new = round((value.shape[1] - 1) ** 0.5), round((tokens - 1) ** 0.5)
    if old * old != value.shape[1] - 1 or new * new != tokens - 1:
        return None  # not one class token and a square grid
    grid = value[:, 1:].transpose(1, 2).unflatten(2, (old, old))
    grid = interpolate(grid, size=(new, new), mode="bicubic", align_corners=True)
    return torch.cat((value[:, :1], grid.flatten(2).transpose(1, 2)), dim=1)
