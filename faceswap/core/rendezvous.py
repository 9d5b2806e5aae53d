"""The store through which the processes of one start of a training find each other.

A launcher that restarts killed processes gives all starts the same store, and torch the same keys
in it. A process that looks before another one has come back then finds the address of the killed
one, and fails or waits for it.
"""

import json
import time
from collections.abc import Sequence
from uuid import uuid4

from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from faceswap.core.errors import TrainingError

_POLL_S = 0.02
_PATIENCE_S = 1800.0  # other machines may start much later
_OFFER = "start/offer"


def meet() -> tuple[Store, int, int]:
    """The store of this start, the rank of this process, and the number of processes.

    Raises:
        TrainingError: Some process does not come.
    """
    store, rank, count = next(rendezvous("env://"))
    return fresh_part(store, rank, count), rank, count


def fresh_part(store: Store, rank: int, count: int, patience: float = _PATIENCE_S) -> Store:
    """A part of a store that only the processes of this start use.

    The first process names it, to those that it knows to live: each greets it with a name that
    nobody had before.

    Args:
        store: Store of all starts.
        rank: Rank of this process.
        count: Number of processes.
        patience: Seconds to wait for the others.

    Raises:
        TrainingError: Some process does not come.
    """
    own, deadline = uuid4().hex, time.monotonic() + patience
    greetings = [f"start/{number}" for number in range(1, count)]
    if rank == 0:
        part = own
        _offer(store, part, greetings, deadline)
    else:
        store.set(greetings[rank - 1], own)
        part = _accept(store, own, deadline)
    return PrefixStore(part, store)


def _offer(store: Store, part: str, greetings: Sequence[str], deadline: float) -> None:
    """Offers a part until all have accepted it; a greeting of a killed process is replaced."""
    known: list[str] = []
    while (accepted := store.add(f"start/accepted/{part}", 0)) < len(greetings):
        come = [greeting for greeting in greetings if store.check([greeting])]
        if (found := [store.get(greeting).decode() for greeting in come]) != known:
            known = found
            store.set(_OFFER, json.dumps([part, known]))
        _wait(deadline, f"{len(greetings)} other processes, {accepted} came")


def _accept(store: Store, own: str, deadline: float) -> str:
    while True:
        if store.check([_OFFER]):
            part, known = json.loads(store.get(_OFFER))
            if own in known:
                store.add(f"start/accepted/{part}", 1)
                return part
        _wait(deadline, "the first process, it did not come")


def _wait(deadline: float, expected: str) -> None:
    if time.monotonic() > deadline:
        raise TrainingError(
            f"Expected {expected}.",
            "Start the same command on all machines, with the same address and number of "
            "processes, and check that their firewalls let them reach each other.",
        )
    time.sleep(_POLL_S)
