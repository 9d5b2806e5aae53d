"""Which faces are kept aside, and which face goes where in a batch.

The choice is a pure function of the seed, the identity, the step and the slot in the global batch:
one process and many draw the same batches, and a resumed run goes on with the next one.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import ConfigError
from faceswap.core.seeding import generator
from faceswap.facesets.faceset import Face, Faceset

_BLOCKS = 4


def split_held_out(
    order: Sequence[int], share: float, blocks: int = _BLOCKS
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keeps contiguous blocks of frames aside.

    Neighbouring frames look alike, so faces kept aside one by one would have twins in training.

    Args:
        order: Frame of each face.
        share: Share of the faces to keep aside, 0 to 0.5.
        blocks: Into how many blocks, spread evenly over the footage.

    Returns:
        Indices of the faces to train on and of those kept aside, each in the order of the frames.
        All faces of a frame are on the same side.
    """
    by_frame = np.argsort(np.asarray(order), kind="stable")
    frames = np.unique(np.asarray(order))
    count = round(len(frames) * share)
    blocks = min(blocks, count)
    kept: set[int] = set()
    for block in range(blocks):
        length = count * (block + 1) // blocks - count * block // blocks
        middle = len(frames) * (2 * block + 1) // (2 * blocks)
        first = middle - length // 2
        kept.update(frames[first : first + length].tolist())
    aside = np.array([order[face] in kept for face in by_frame], dtype=bool)
    return by_frame[~aside], by_frame[aside]


def face_at(seed: int, identity: str, step: int, slot: int, batch: int, faces: int) -> int:
    """The face in a slot of the global batch: every face once, in random order, then again.

    Args:
        seed: The run's seed.
        identity: Whose faces.
        step: Optimizer step, from 0.
        slot: Place in the global batch of this identity, 0 to ``batch - 1``.
        batch: Size of the global batch of one identity.
        faces: How many faces there are to draw from.
    """
    round_, place = divmod(step * batch + slot, faces)
    return int(_order(seed, identity, round_, faces)[place])


@lru_cache(maxsize=256)
def _order(seed: int, identity: str, round_: int, faces: int) -> NDArray[np.int64]:
    return generator(seed, "order", identity, round_).permutation(faces)


def rank_slots(batch: int, rank: int, ranks: int, part: int = 0, parts: int = 1) -> range:
    """The slots of the global batch that a process computes.

    Args:
        batch: Size of the global batch of one identity.
        rank: The process.
        ranks: How many processes there are.
        part: Which of the parts whose gradients are accumulated.
        parts: How many of them there are.

    Raises:
        ConfigError: The batch cannot be divided evenly.
    """
    pieces = ranks * parts
    if batch % pieces:
        near = sorted({max(1, batch // pieces) * pieces, (batch // pieces + 1) * pieces})
        raise ConfigError(
            f"The batch of {batch} faces per identity cannot be divided evenly over {ranks} "
            f"process(es) with {parts} accumulated part(s).",
            f"Use --set training.batch={' or '.join(map(str, near))}.",
        )
    size = batch // pieces
    first = (rank * parts + part) * size
    return range(first, first + size)


def split_facesets(
    pairs: Sequence[tuple[Faceset, Face]], share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Splits each faceset by itself; indices into ``pairs``, to train on and kept aside."""
    training: list[NDArray[np.int64]] = []
    aside: list[NDArray[np.int64]] = []
    sources = [id(faceset) for faceset, _ in pairs]
    for source in dict.fromkeys(sources):
        members = np.array([i for i, s in enumerate(sources) if s == source])
        used, kept = split_held_out([pairs[i][1].frame for i in members], share)
        training.append(members[used])
        aside.append(members[kept])
    return np.concatenate(training), np.concatenate(aside)
