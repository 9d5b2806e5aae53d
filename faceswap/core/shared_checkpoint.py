"""Checkpoints that only the first process of a training can read."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from faceswap.core.checkpoint import Checkpoint
from faceswap.core.peers import Peers


def read_shared(peers: Peers, read: Callable[[], Checkpoint | None]) -> Checkpoint | None:
    """A checkpoint that the first process reads, in all processes.

    The other processes need no access to the file, and hold its tensors once.

    Args:
        peers: Processes of the training.
        read: Reads the checkpoint; None if there is none.

    Raises:
        FaceswapError: The checkpoint cannot be read; in the first process, its own error.
    """
    if peers.count == 1:
        return read()
    found: Checkpoint | None = None

    def describe() -> Checkpoint | None:
        """The checkpoint without the content of its tensors."""
        nonlocal found
        found = read()
        return None if found is None else replace(found, tensors=_empty(found, "meta"))

    described = peers.first(describe)
    if described is None:
        return None
    whole = found or replace(described, tensors=_empty(described, "cpu"))
    for group in whole.tensors.values():
        peers.send_tensors(group)
    return whole


def _empty(found: Checkpoint, device: str) -> dict[str, dict[str, Tensor]]:
    """Tensors like those of a checkpoint, without their content."""
    return {
        group: {name: torch.empty_like(each, device=device) for name, each in tensors.items()}
        for group, tensors in found.tensors.items()
    }
