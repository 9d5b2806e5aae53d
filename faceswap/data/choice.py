"""Which face of an identity goes into which slot of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap.data.balance import EVEN, face_weights
from faceswap.data.batch_plan import BatchPlan
from faceswap.data.matching import Matches, with_pose
from faceswap.data.sampling import FaceOrder
from faceswap.data.traits import FaceTraits


@dataclass
class FaceChoice:
    """Chooses faces; a pure function of identity, step and slot.

    Attributes:
        plan: Settings that determine the batches.
        counts: Number of training faces of each identity, in the model's order.
        matches: Matched faces of each ordered pair of identities, see ``matching.Matches``.
        traits: Traits of the training faces of each identity; needed for a balance.
    """

    plan: BatchPlan
    counts: Mapping[str, int]
    matches: Mapping[tuple[str, str], NDArray[np.int64]]
    traits: Mapping[str, FaceTraits]
    _orders: dict[str, FaceOrder] = field(default_factory=dict)

    def is_matched(self, slot: int) -> bool:
        """Whether a slot holds a matched pair."""
        return slot < round(self.plan.match * self.plan.batch)

    def place(self, name: str, step: int, slot: int) -> int:
        """Index of the training face: its turn, or a match of the slot's leading identity."""
        if self.is_matched(slot):
            leader = list(self.counts)[(step + slot) % len(self.counts)]
            if leader != name:
                similar = self.matches[leader, name][self._turn(leader, step, slot)]
                random = self.plan.random("twin", name, step, slot)
                return int(similar[random.integers(len(similar))])
        return self._turn(name, step, slot)

    def lookalike(self, name: str, place: int, random: np.random.Generator) -> tuple[str, int]:
        """Another identity, and the index of a training face of it that is similar."""
        others = [identity for identity in self.counts if identity != name]
        other = others[random.integers(len(others))]
        similar = self.matches[name, other][place]
        return other, int(similar[random.integers(len(similar))])

    def _turn(self, name: str, step: int, slot: int) -> int:
        if name not in self._orders:
            plan = self.plan
            even = plan.balance == EVEN  # needs no traits
            weights = None if even else face_weights(self.traits[name], plan.balance)
            self._orders[name] = FaceOrder(
                plan.seed, f"{name}/{plan.rollbacks}", plan.batch, self.counts[name], weights
            )
        return self._orders[name].face(step, slot)


def matches_by(traits: Mapping[str, FaceTraits], pose: float) -> Matches:
    """Matches of faces by their expression, and by pose with a weight."""
    return Matches(
        {name: with_pose(each.expressions, each.angles, pose) for name, each in traits.items()}
    )
