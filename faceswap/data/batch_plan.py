"""Settings that determine the batches of a training."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from faceswap.core.seeding import generator
from faceswap.data.balance import EVEN, Balance
from faceswap.data.recolouring import LINEAR
from faceswap.data.warp import WarpRanges


@dataclass(frozen=True)
class BatchPlan:
    """Settings that determine every batch.

    Attributes:
        seed: Seed of the run.
        batch: Faces per identity and step, over all processes.
        ranges: Ranges of the random warp.
        photometric: Strength of photometric augmentation; 1 is the default.
        light: Strength of random changes of light; 0 disables them.
        colour_transfer: Fraction of faces that take the colours of another identity's face, 0 to 1.
        match: Fraction of the slots that hold matched pairs, 0 to 1.
        rank: Rank of this process.
        world_size: Number of processes.
        micro_batches: Micro-batches whose gradients are accumulated into one step.
        rollbacks: Number of rollbacks of the run, so that training continues with other batches.
        flips: Fraction of mirrored faces of the identities in which it differs from
            ``ranges.flip``, 0 to 1.
        balance: Faces to sample more often than others.
        match_pose: Weight of yaw and pitch in matched pairs, see ``matching.with_pose``.
        colour_method: Colour transfer, one of ``recolouring.transfer_names``.
        clahe: Fraction of faces whose local contrast is equalised, 0 to 1.
        degradation: Strength of the degradation of inputs; 0 disables it.
        landmark_warp: Fraction of inputs that are warped to the landmarks of another identity, 0 to
            1.
    """

    seed: int
    batch: int
    ranges: WarpRanges
    photometric: float = 1.0
    light: float = 0.0
    colour_transfer: float = 0.0
    match: float = 0.0
    rank: int = 0
    world_size: int = 1
    micro_batches: int = 1
    rollbacks: int = 0
    flips: Mapping[str, float] = field(default_factory=dict)
    balance: Balance = EVEN
    match_pose: float = 0.0
    colour_method: str = LINEAR
    clahe: float = 0.0
    degradation: float = 0.0
    landmark_warp: float = 0.0

    def flip_of(self, *identities: str) -> float:
        """Fraction of mirrored faces; of several identities, what all of them allow."""
        return min(self.flips.get(identity, self.ranges.flip) for identity in identities)

    def random(self, purpose: str, *place: int | str) -> np.random.Generator:
        """Random generator of a purpose at a place, such as ``(identity, step, slot)``."""
        return generator(self.seed, purpose, *place, self.rollbacks)

    def seed_of(self, purpose: str, *place: int | str) -> int:
        """Seed of a purpose at a place, for libraries with generators of their own."""
        return int(self.random(purpose, *place).integers(2**31))
