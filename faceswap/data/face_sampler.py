"""The face in each slot of a batch, and its random changes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faceswap.data.augmentation import Degradation, LocalContrast, PhotometricChange
from faceswap.data.batch_plan import BatchPlan
from faceswap.data.channels import colours_of, set_colours
from faceswap.data.choice import FaceChoice, matches_by, weights_by
from faceswap.data.landmark_warp import NODES, fit_landmark_warp
from faceswap.data.lenders import ColourLenders
from faceswap.data.light import sample_light
from faceswap.data.recolouring import LINEAR
from faceswap.data.source import Crops, FaceSource
from faceswap.data.training_crop import CropGeometry
from faceswap.data.traits import FaceTraits
from faceswap.data.warp import Warp, sample_warp


@dataclass
class FaceSampler:
    """Samples faces on the CPU; each result is a pure function of identity, step and slot.

    Attributes:
        sources: Faces of each identity, in the model's order.
        training: Indices of the training faces of each identity.
        plan: Settings that determine the batches.
        matches: Matched faces of each ordered pair of identities; None finds them by the traits.
        traits: Traits of the training faces of each identity.
    """

    sources: Mapping[str, FaceSource]
    training: Mapping[str, NDArray[np.int64]]
    plan: BatchPlan
    matches: Mapping[tuple[str, str], NDArray[np.int64]] | None
    traits: Mapping[str, FaceTraits]

    def sample(self, name: str, step: int, slot: int) -> tuple[NDArray[np.generic], ...]:
        """Crop, affine matrix, warp, colour matrix, and whether the slot holds a matched pair."""
        plan, random = self.plan, self.plan.random("face", name, step, slot)
        crop = np.array(self._crops[name][self.face(name, step, slot)])
        warp = self._warp(name, step, slot, random)
        image = self._change(colours_of(crop), int(random.integers(2**31)))
        if plan.clahe:
            image = self._local_contrast(image, plan.seed_of("clahe", name, step, slot))
        set_colours(crop, image)
        colour = np.eye(3, 4, dtype=np.float32)
        if plan.colour_method == LINEAR:
            colour = self._lenders.matrix_for(name, step, crop, random)
        matched = np.array(self._choice.is_matched(slot))
        return crop, warp.affine, warp.jitter, colour, matched

    def _warp(self, name: str, step: int, slot: int, random: np.random.Generator) -> Warp:
        """Affine change and warp of a face; ``random`` is its generator of the purpose "face"."""
        plan = self.plan
        warp = sample_warp(random, replace(plan.ranges, flip=plan.flip_of(name)))
        if not self._choice.is_matched(slot):
            return warp
        # A matched pair stays matched only under the same rotation and translation.
        ranges = replace(plan.ranges, flip=plan.flip_of(*self.sources))
        return replace(warp, affine=sample_warp(plan.random("pair", step, slot), ranges).affine)

    def light(self, name: str, step: int, slot: int) -> NDArray[np.float32]:
        """Light of a face, see ``sample_light``."""
        return sample_light(self.plan.random("light", name, step, slot), self.plan.light)

    def lender(self, name: str, step: int, slot: int) -> NDArray[np.uint8] | None:
        """Crop of the face that lends one its colours; None for those that keep theirs."""
        random = self.plan.random("lender", name, step, slot)
        return self._lenders.crop_for(name, step, random)

    def reshaping(self, name: str, step: int, slot: int) -> NDArray[np.float32]:
        """Displacements to the landmarks of a similar face, ``(2, NODES, NODES)``, or zero."""
        random = self.plan.random("reshaping", name, step, slot)
        if random.random() >= self.plan.landmark_warp:
            return np.zeros((2, NODES, NODES), np.float32)
        place = self._choice.place(name, step, slot)
        other, similar = self._choice.lookalike(name, place, random)
        own, wanted = self.traits[name].landmarks[place], self.traits[other].landmarks[similar]
        affine = self._warp(name, step, slot, self.plan.random("face", name, step, slot)).affine
        unit = 2 / self._geometry.coverage  # a face square in normalised coordinates
        placed = np.stack([own, wanted]) * np.float32(unit) - affine[:, 2]
        # In the turned, mirrored input, as by ``undo_affine``: displacements are of its places.
        return fit_landmark_warp(*placed @ np.linalg.inv(affine[:, :2]).T)

    def face(self, name: str, step: int, slot: int) -> int:
        """Index of the face in a slot."""
        return int(self.training[name][self._choice.place(name, step, slot)])

    @cached_property
    def degradation(self) -> Degradation:
        """Degradation of the inputs."""
        return Degradation(self.plan.degradation, self._geometry.size)

    @cached_property
    def _crops(self) -> dict[str, Crops]:
        return {name: source.open() for name, source in self.sources.items()}

    @cached_property
    def _choice(self) -> FaceChoice:
        matches = self.matches
        if matches is None:
            matches = matches_by(self.traits, self.plan.match_pose, self._weights)
        return FaceChoice(self.plan, self.sources, self.training, matches, self._weights)

    @cached_property
    def _weights(self) -> dict[str, NDArray[np.float64]]:
        return weights_by(self.traits, self.plan.balance)

    @cached_property
    def _change(self) -> PhotometricChange:
        return PhotometricChange(self.plan.photometric)

    @cached_property
    def _local_contrast(self) -> LocalContrast:
        return LocalContrast(self.plan.clahe)

    @cached_property
    def _lenders(self) -> ColourLenders:
        def choose(name: str, step: int, fraction: float) -> int:
            return int(self.training[name][self._choice.any_face(name, step, fraction)])

        return ColourLenders(self._crops, choose, self.plan.colour_transfer)

    @cached_property
    def _geometry(self) -> CropGeometry:
        return next(iter(self.sources.values())).geometry
