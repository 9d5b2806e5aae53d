"""The held-out split, and which face goes into which slot of a batch.

Sampling is a pure function of the seed, the identity, the step and the slot in the global batch:
any number of processes samples the same batches, and a resumed run continues with the next one.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import ConfigError
from faceswap.core.seeding import generator
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset

_BLOCKS = 4
_GOLDEN = (5**0.5 - 1) / 2
_KEPT_ROUNDS = 2


def split_held_out(
    order: Sequence[int], fraction: float, blocks: int = _BLOCKS
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Holds out contiguous blocks of frames.

    Neighbouring frames look alike, so single held-out faces would have near-duplicates in training.

    Args:
        order: Frame index of each face.
        fraction: Fraction of the frames to hold out, 0 to 0.5.
        blocks: Number of blocks, spread evenly over the footage.

    Returns:
        Indices of the training faces and of the held-out faces, each in frame order. All faces of
        a frame are on the same side.
    """
    by_frame = np.argsort(np.asarray(order), kind="stable")
    frames = np.unique(np.asarray(order))
    count = round(len(frames) * fraction)
    blocks = min(blocks, count)
    chosen: set[int] = set()
    for block in range(blocks):
        length = count * (block + 1) // blocks - count * block // blocks
        middle = len(frames) * (2 * block + 1) // (2 * blocks)
        first = middle - length // 2
        chosen.update(frames[first : first + length].tolist())
    held_out = np.array([order[face] in chosen for face in by_frame], dtype=bool)
    return by_frame[~held_out], by_frame[held_out]


def face_at(seed: int, identity: str, step: int, slot: int, batch: int, faces: int) -> int:
    """The face in a slot of the global batch: random order without replacement, then again.

    Args:
        seed: Seed of the run.
        identity: Name of the identity, part of the random stream.
        step: Optimizer step, from 0.
        slot: Slot in the global batch of this identity, 0 to ``batch - 1``.
        batch: Size of the global batch of one identity.
        faces: Number of faces to sample from.
    """
    round_, place = divmod(step * batch + slot, faces)
    return int(_order(seed, identity, round_, faces)[place])


@lru_cache(maxsize=256)
def _order(seed: int, identity: str, round_: int, faces: int) -> NDArray[np.int64]:
    return generator(seed, "order", identity, round_).permutation(faces)


def weighted_round(
    seed: int, identity: str, round_: int, weights: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The faces of one round in random order, each about as often as its weight says.

    Systematic resampling: a face comes as often as the whole part of its weight, or once more. From
    round to round the remainders follow a sequence of low discrepancy, so that a face of weight w
    waits for at most about 2 / w rounds.

    Args:
        seed: Seed of the run.
        identity: Name of the identity, part of the random stream.
        round_: Number of the round.
        weights: Mean number of times that each face comes in a round, ``(N,)``; their sum is N.

    Returns:
        ``(N,)`` indices of faces.
    """
    start = (generator(seed, "start", identity).random() + round_ * _GOLDEN) % 1
    ends = weights.cumsum()
    ends[-1] = len(weights)  # but for rounding
    counts = np.diff(np.floor(ends + start).astype(np.int64), prepend=0)
    faces = np.repeat(np.arange(len(weights)), counts)
    return generator(seed, "order", identity, round_).permutation(faces)


def weighted_index(ends: NDArray[np.float64], chance: float) -> int:
    """Index of an element that is chosen in proportion to its weight; never one without weight.

    Args:
        ends: Cumulative sums of the weights, ``(N,)``.
        chance: Random number in [0, 1).
    """
    return int(np.searchsorted(ends, chance * ends[-1], side="right"))


class FaceOrder:
    """Order in which the faces of an identity are sampled; a pure function of step and slot.

    Args:
        seed: Seed of the run.
        identity: Name of the identity, part of the random stream.
        batch: Size of the global batch of one identity.
        faces: Number of faces to sample from.
        weights: Mean number of times that each face comes in a round; None for once.
    """

    def __init__(
        self,
        seed: int,
        identity: str,
        batch: int,
        faces: int,
        weights: NDArray[np.float64] | None,
    ) -> None:
        self._seed, self._identity = seed, identity
        self._batch, self._faces, self._weights = batch, faces, weights
        self._ends = None if weights is None else weights.cumsum()
        self._rounds: dict[int, NDArray[np.int64]] = {}

    def any_face(self, _step: int, fraction: float) -> int:
        """The face that a random number in [0, 1) chooses, by the weights."""
        if self._ends is None:
            return int(fraction * self._faces)
        return weighted_index(self._ends, fraction)

    def face(self, step: int, slot: int) -> int:
        """The face in a slot of the global batch."""
        if self._weights is None:
            return face_at(self._seed, self._identity, step, slot, self._batch, self._faces)
        round_, place = divmod(step * self._batch + slot, self._faces)
        if round_ not in self._rounds:
            latest = dict(list(self._rounds.items())[-_KEPT_ROUNDS:])
            found = weighted_round(self._seed, self._identity, round_, self._weights)
            self._rounds = {**latest, round_: found}
        return int(self._rounds[round_][place])


def evenly_spaced(indices: NDArray[np.int64], at_most: int) -> NDArray[np.int64]:
    """Evenly spaced ones of some indices; all if there are no more than ``at_most``."""
    if not len(indices):
        return indices
    return indices[np.unique(np.linspace(0, len(indices) - 1, at_most).astype(int))]


def rank_slots(
    batch: int, rank: int, world_size: int, micro_batch: int = 0, micro_batches: int = 1
) -> range:
    """The slots of the global batch that one process computes in one micro-batch.

    Args:
        batch: Size of the global batch of one identity.
        rank: Rank of the process.
        world_size: Number of processes.
        micro_batch: Number of the micro-batch, from 0.
        micro_batches: Micro-batches in a step.

    Raises:
        ConfigError: The batch cannot be divided evenly.
    """
    pieces = world_size * micro_batches
    if batch % pieces:
        near = sorted({max(1, batch // pieces) * pieces, (batch // pieces + 1) * pieces})
        raise ConfigError(
            f"The batch of {batch} faces per identity cannot be divided evenly over {world_size} "
            f"process(es) with {micro_batches} micro-batch(es) each.",
            f"Use --set training.batch={' or '.join(map(str, near))}.",
        )
    size = batch // pieces
    first = (rank * micro_batches + micro_batch) * size
    return range(first, first + size)


def split_facesets(
    pairs: Sequence[tuple[Faceset, Face]], fraction: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Splits each source by itself into training and held-out faces.

    Several facesets of one source are split as one: no frame is on both sides.

    Args:
        pairs: Faces with their facesets.
        fraction: Fraction of the frames to hold out, 0 to 0.5.

    Returns:
        Indices into ``pairs`` of the training faces and of the held-out faces.
    """
    training: list[NDArray[np.int64]] = []
    held_out: list[NDArray[np.int64]] = []
    sources = [faceset.source_sha256 for faceset, _ in pairs]
    for source in dict.fromkeys(sources):
        members = np.array([i for i, s in enumerate(sources) if s == source])
        used, held = split_held_out([pairs[i][1].frame for i in members], fraction)
        training.append(members[used])
        held_out.append(members[held])
    return np.concatenate(training), np.concatenate(held_out)
