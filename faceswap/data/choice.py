"""Which face of an identity goes into which slot of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap.data.balance import EVEN, Balance, face_weights
from faceswap.data.batch_plan import BatchPlan
from faceswap.data.matching import Matches, with_pose
from faceswap.data.sampling import weighted_index
from faceswap.data.source import FaceSource, Order, Sampling
from faceswap.data.traits import FaceTraits


@dataclass
class FaceChoice:
    """Chooses faces; a pure function of identity, step and slot.

    Attributes:
        plan: Settings that determine the batches.
        sources: Faces of each identity, in the model's order.
        training: Indices of the training faces of each identity.
        matches: Matched faces of each ordered pair of identities, see ``matching.Matches``.
        weights: Weights of the training faces of identities that are not sampled evenly, see
            ``face_weights``.
    """

    plan: BatchPlan
    sources: Mapping[str, FaceSource]
    training: Mapping[str, NDArray[np.int64]]
    matches: Mapping[tuple[str, str], NDArray[np.int64]]
    weights: Mapping[str, NDArray[np.float64]]
    _orders: dict[str, Order] = field(default_factory=dict)

    def is_matched(self, slot: int) -> bool:
        """Whether a slot holds a matched pair."""
        return slot < round(self.plan.match * self.plan.batch)

    def place(self, name: str, step: int, slot: int) -> int:
        """Index of the training face: its turn, or a match of the slot's leading identity."""
        if self.is_matched(slot):
            leader = list(self.sources)[(step + slot) % len(self.sources)]
            if leader != name:
                random = self.plan.random("twin", name, step, slot)
                return self._match(leader, self._turn(leader, step, slot), name, random)
        return self._turn(name, step, slot)

    def lookalike(self, name: str, place: int, random: np.random.Generator) -> tuple[str, int]:
        """Another identity, and the index of a training face of it that is similar."""
        others = [identity for identity in self.sources if identity != name]
        other = others[random.integers(len(others))]
        return other, self._match(name, place, other, random)

    def _match(self, name: str, place: int, other: str, random: np.random.Generator) -> int:
        """Index of one of the faces of an identity that are similar to a face of another."""
        similar = self.matches[name, other][place]
        if other not in self.weights:
            return int(similar[random.integers(len(similar))])
        return int(similar[weighted_index(self.weights[other][similar].cumsum(), random.random())])

    def any_face(self, name: str, step: int, fraction: float) -> int:
        """Index of the training face that a random number in [0, 1) chooses in a step."""
        return self._order(name).any_face(step, fraction)

    def _turn(self, name: str, step: int, slot: int) -> int:
        return self._order(name).face(step, slot)

    def _order(self, name: str) -> Order:
        if name not in self._orders:
            plan = self.plan
            stream = f"{name}/{plan.rollbacks}"
            sampling = Sampling(
                plan.seed, stream, plan.batch, self.training[name], self.weights.get(name)
            )
            self._orders[name] = self.sources[name].order(sampling)
        return self._orders[name]


def weights_by(
    traits: Mapping[str, FaceTraits], balance: Balance
) -> dict[str, NDArray[np.float64]]:
    """Weights of the faces of each identity; none where all are sampled evenly."""
    if balance == EVEN:
        return {}
    return {name: face_weights(each, balance) for name, each in traits.items()}


def matches_by(
    traits: Mapping[str, FaceTraits], pose: float, weights: Mapping[str, NDArray[np.float64]]
) -> Matches:
    """Matches of faces by their expression, and by pose with a weight.

    Args:
        traits: Traits of the faces of each identity.
        pose: Weight of pose, see ``matching.with_pose``.
        weights: Weights of ``weights_by``: faces that are never sampled match nothing.
    """
    shown = {
        name: with_pose(each.expressions, each.angles, each.people, pose)
        for name, each in traits.items()
    }
    return Matches(shown, {name: np.flatnonzero(each) for name, each in weights.items()})
