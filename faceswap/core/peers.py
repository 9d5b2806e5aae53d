"""The processes of a training: what one of them knows, all of them do, and they fail together.

A process that ends by itself leaves the others waiting for it, on other machines for half an hour.
So whatever may fail or differ on one machine alone is done inside ``Peers.together``, read by the
first process (``Peers.first``), or compared (``Peers.require_same``).
"""

import gc
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import torch

# Before any process group exists, see ``processes._close``.
import torch.distributed.nn.functional
from accelerate import Accelerator
from torch import Tensor

from faceswap.core.errors import FaceswapError, TrainingError
from faceswap.core.rendezvous import meet

T = TypeVar("T")
_CHUNK = 64 << 20  # bytes that are sent at once
_MOST_NAMED = 6  # differences in a message


@dataclass(frozen=True)
class Peers:
    """The processes of a training, on one or several machines.

    Its methods with more than one process are collective: all processes call them in the same
    order.

    Attributes:
        rank: Rank of this process.
        count: Number of processes.
        local_rank: Rank of this process on its machine.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @classmethod
    def of(cls, opened: Accelerator) -> Self:
        """The processes of an accelerator."""
        return cls(opened.process_index, opened.num_processes, opened.local_process_index)

    @property
    def is_first(self) -> bool:
        """Whether this is the first process, which writes the run."""
        return self.rank == 0

    def gather(self, value: T) -> list[T]:
        """The values of all processes, by rank."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(found, value)
        return found

    def from_first(self, value: T) -> T:
        """The value of the first process."""
        if self.count == 1:
            return value
        found = [value]
        torch.distributed.broadcast_object_list(found)
        return found[0]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Ends all processes if the block fails in one of them.

        Raises:
            TrainingError: It failed in another process; the message names it and its machine.
        """
        problem: Exception | None = None
        try:
            yield
        except Exception as error:  # whatever it is: the other processes wait
            problem = error
        told = None if problem is None else _told(problem)
        failed = self.gather((platform.node(), told)) if self.count > 1 else []
        if problem is not None:
            raise problem
        for rank, (machine, words) in enumerate(failed):
            if words is not None:
                message, hint = words
                raise TrainingError(f"Process {rank} on {machine} failed: {message}", hint)

    def first(self, function: Callable[[], T]) -> T:
        """The result of a function that only the first process calls.

        Raises:
            TrainingError: It failed; in the first process, its own error.
        """
        value: Any = None
        with self.together():
            if self.is_first:
                value = function()
        return self.from_first(value)

    @contextmanager
    def machine_by_machine(self) -> Iterator[None]:
        """Runs the block in one process of each machine, then in the others; see ``together``.

        For files that each machine has for itself, or all machines on a shared disk.
        """
        if self.local_rank == 0:
            with self.together():
                yield
            with self.together():
                pass
        else:
            with self.together():
                pass
            with self.together():
                yield

    def require_same(self, found: Mapping[str, Any], hint: str) -> None:
        """Compares what all processes found.

        Args:
            found: Values by name, both for people.
            hint: Remedy of a difference.

        Raises:
            TrainingError: A process found something else than the first one.
        """
        machines = self.gather((platform.node(), dict(found)))
        where, expected = machines[0]
        for rank, (machine, values) in enumerate(machines):
            names = [n for n in {**expected, **values} if expected.get(n) != values.get(n)]
            if names:
                shown = [
                    f"{n}: {values.get(n, 'none')} instead of {expected.get(n, 'none')}"
                    for n in names[:_MOST_NAMED]
                ]
                more = ["..."] if len(names) > _MOST_NAMED else []
                raise TrainingError(
                    f"Process {rank} on {machine} does not have what the first process, on "
                    f"{where}, has: {'; '.join([*shown, *more])}.",
                    hint,
                )

    def send_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Gives tensors the values that they have in the first process, without copies of them.

        Args:
            tensors: Tensors by name, changed in place; the same names and shapes in all processes.
        """
        if self.count == 1:
            return
        # A group without gloo sends from the GPUs.
        by_cpu = "cpu" in torch.distributed.get_backend_config()
        device = None if by_cpu else torch.accelerator.current_accelerator()
        for tensor in tensors.values():
            dense = tensor.detach().contiguous()
            for chunk in dense.view(-1).view(torch.uint8).split(_CHUNK) if tensor.numel() else ():
                sent = chunk.to(device)
                torch.distributed.broadcast(sent, 0)
                chunk.copy_(sent)
            if not self.is_first and dense.data_ptr() != tensor.data_ptr():
                tensor.detach().copy_(dense)


ALONE = Peers()
"""A training by one process."""


@contextmanager
def join_processes() -> Iterator[Peers]:
    """Opens the process group that a launcher prepared, unless it is open already.

    Before settings and files are read: they may be wrong on one machine alone, and its process has
    to say so to the others. Accelerate uses the group. The group is destroyed at the end.

    Yields:
        The processes; ``ALONE`` without a launcher.
    """
    joins = not torch.distributed.is_initialized() and int(os.environ.get("WORLD_SIZE", "1")) > 1
    if joins:
        # With both, GPUs are left out of the exchange of values, whose patience is that of gloo.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        store, rank, count = meet()
        torch.distributed.init_process_group(backend, store=store, rank=rank, world_size=count)
    try:
        yield _joined()
    finally:
        if joins and torch.distributed.is_initialized():
            gc.collect()
            torch.distributed.destroy_process_group()


def _joined() -> Peers:
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return ALONE
    rank, count = torch.distributed.get_rank(), torch.distributed.get_world_size()
    return Peers(rank, count, int(os.environ.get("LOCAL_RANK", rank)))


def _told(problem: Exception) -> tuple[str, str]:
    """Message and hint of an error, for the other processes."""
    if isinstance(problem, FaceswapError):
        return problem.message, problem.hint
    return f"{type(problem).__name__}: {problem}", "Its own message says more."
