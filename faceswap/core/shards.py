"""Tensors that are divided over several processes: gathered, cut, and checked.

All functions take plain tensors as well, and leave them as they are. Those that gather something
are called by all processes, in the same order.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor


def shard_of(tensor: Tensor) -> Tensor:
    """The part that this process has, in the same memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """The whole tensor; all processes take part."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def cut_like(full: Tensor, other: Tensor) -> Tensor:
    """A tensor divided as another one is, without communication.

    Args:
        full: The whole tensor, the same in all processes.
        other: Tensor of the same shape, which may be divided.
    """
    if not isinstance(other, DTensor):
        return full
    return distribute_tensor(full, other.device_mesh, other.placements, src_data_rank=None)


def gather(tensors: Mapping[str, Tensor], *, keep: bool) -> dict[str, Tensor]:
    """Gathers whole tensors one after the other; all processes take part.

    Args:
        tensors: Tensors by name.
        keep: Whether this process keeps them; the others keep none.

    Returns:
        Whole tensors: those that were divided are on the CPU.
    """
    kept = {}
    for name, tensor in tensors.items():
        full = whole(tensor)
        if keep:
            kept[name] = full.cpu() if full is not tensor else tensor
    return kept


def release_group(module: nn.Module) -> None:
    """Lets the process group that holds a module's parameters be destroyed with the module.

    Caches of torch keep its mesh until the program ends, and the mesh keeps the group.
    """
    for parameter in module.parameters():
        if isinstance(parameter, DTensor):
            parameter.device_mesh._pg_registry.clear()


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether all values are finite, in all processes that have parts of them."""
    finite, mesh = True, None
    for tensor in tensors:
        if tensor.is_floating_point():
            finite = finite and bool(torch.isfinite(shard_of(tensor)).all())
        if isinstance(tensor, DTensor):
            mesh = tensor.device_mesh
    if mesh is None:
        return finite
    agreed = torch.tensor(float(finite), device=mesh.device_type)
    torch.distributed.all_reduce(agreed, torch.distributed.ReduceOp.MIN, mesh.get_group())
    return bool(agreed)
