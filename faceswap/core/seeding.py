"""Randomness as a pure function of numbers and names, so that a resumed run samples the same."""

import hashlib
import random

import numpy as np
import torch


def generator(seed: int, *stream: int | str) -> np.random.Generator:
    """A random generator that depends only on its arguments.

    Args:
        seed: Seed of the run.
        *stream: Purpose of the numbers, such as ``("warp", step, slot)``. Streams that differ
            anywhere are independent; ``1`` and ``"1"`` differ.

    Returns:
        A Philox generator (Salmon et al., 2011) keyed with a hash of the arguments.
    """
    # repr keeps ("a", "b") and ("a,b",) apart; numpy integers must not differ from plain ones.
    parts = [part if isinstance(part, str) else int(part) for part in (seed, *stream)]
    digest = hashlib.sha256(repr(parts).encode()).digest()
    key = np.frombuffer(digest[:16], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def seed_everything(seed: int) -> None:
    """Seeds the global generators of Python, numpy and torch (which initialises weights)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (libraries that use the global generator)
    torch.manual_seed(seed)


def seed_layers(seed: int, *position: int) -> None:
    """Seeds torch for one step, so that dropout and the like are the same after resuming.

    Args:
        seed: Seed of the run.
        position: Position of the step in the run, and the rank of the process.
    """
    torch.manual_seed(int(generator(seed, "layers", *position).integers(2**63)))
