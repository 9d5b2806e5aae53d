"""Memory of tensors, counted as they are made and freed; also without computing anything."""

import functools
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from faceswap.core.batch_size_finder import part_bytes

_PACKAGES = ("faceswap", "classifier")
_SCALAR = torch.ops.aten._local_scalar_dense.default


class MemoryTracker(TorchDispatchMode):
    """Counts the bytes of all tensors made while it is active, backward passes included.

    Tensors that share a storage count once. Workspaces of kernels are not tensors, and not counted.

    Attributes:
        live: Bytes of the tensors that exist now.
        peak: Largest ``live`` since ``reset_peak``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()
        self._divided: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def reset_peak(self) -> None:
        """Begins a new measurement of ``peak``."""
        self.peak = self.live

    def divide(self, tensor: Tensor, parts: int) -> None:
        """Counts a tensor from now on as the part of it that one of several processes has.

        Args:
            tensor: A tensor with a storage of its own; one that was divided before stays as it is.
            parts: Number of processes that its first dimension is divided over.
        """
        storage = tensor.untyped_storage()
        if storage not in self._known or storage in self._divided:
            return
        self._divided.add(storage)
        saved = tensor.nbytes - part_bytes(tensor, parts)
        self.live -= saved
        weakref.finalize(storage, self._remove, -saved)

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs an operator, and counts what it made."""
        result = self._run(func, args, kwargs or {})
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._add(leaf.untyped_storage())
        return result

    def _run(self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return func(*args, **kwargs)

    def _add(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known:
            return
        self._known.add(storage)
        size = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._remove, size)

    def _remove(self, size: int) -> None:
        self.live -= size


class _SimulatedMemory(MemoryTracker):
    """Tracker of fake tensors, which have shapes and no content.

    Where a program reads a value, it is given 1. Operators on real tensors alone are computed.
    """

    def __init__(self, mode: FakeTensorMode) -> None:
        super().__init__()
        self._mode = mode

    def _run(self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if given and not any(isinstance(tensor, FakeTensor) for tensor in given):
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        if func is _SCALAR:
            return 1.0 if given[0].is_floating_point() else 1
        result = func(*args, **kwargs)
        # Modules cannot be moved to another memory format while the mode knows their weights.
        self._mode.fake_tensor_converter.tensor_memo.clear()
        return result


@contextmanager
def simulated_memory() -> Iterator[MemoryTracker]:
    """Counts what its block would take: tensors made in it have no content and take no memory.

    They are on the CPU. Operators whose result has a shape that depends on values cannot be used.
    """
    try:
        with (
            warnings.catch_warnings(),
            FakeTensorMode(allow_non_fake_inputs=True) as mode,
            _SimulatedMemory(mode) as tracker,
        ):
            # A copy of a module asks for it, to see whether there is content.
            warnings.filterwarnings("ignore", "Accessing the data pointer of FakeTensor")
            yield tracker
    finally:
        _clear_caches()


def _clear_caches() -> None:
    """Clears the caches of functions of both packages, which may hold tensors without content."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _PACKAGES:
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()
