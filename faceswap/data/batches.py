"""Batches of faces: drawn and recoloured ahead of the step, warped on the device."""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from faceswap.core.prefetch import prefetch
from faceswap.core.seeding import generator
from faceswap.data.augmentation import PhotometricChange
from faceswap.data.cache import FaceCache
from faceswap.data.colour_statistics import colour_statistics, transfer_matrix
from faceswap.data.sampling import face_at, rank_slots
from faceswap.data.warp import WarpRanges, apply_warps, draw_warp

RawBatch = dict[str, Tensor]
"""``crops (I, B, S, S, 5) uint8``, ``affine``, ``jitter`` and ``colour`` of each, and whether the
slot is ``matched``."""


@dataclass(frozen=True)
class Batch:
    """What one step trains on.

    Attributes:
        distorted: ``(I, B, 3, S, S) float32 RGB in [0, 1]``, what goes in.
        target: ``(I, B, 3, s, s)``, what shall come out.
        mask: ``(I, B, 1, s, s)`` in [0, 1], the target's face.
        features: ``(I, B, 1, s, s)`` in [0, 1], its eyes and mouth.
        matched: In how many of the first slots the faces of all identities show the same.
    """

    distorted: Tensor
    target: Tensor
    mask: Tensor
    features: Tensor
    matched: int


@dataclass(frozen=True)
class BatchPlan:
    """What decides about every batch.

    Attributes:
        seed: The run's seed; another one draws other batches.
        batch: Faces per identity and step, over all processes.
        ranges: How faces are moved and distorted.
        photometric: Strength of the change of light and colour.
        colour_transfer: Share of faces that get the colours of another identity's face.
        match: Share of the slots in which all identities show the same pose and expression.
        rank: This process.
        ranks: How many there are.
        parts: Parts whose gradients are accumulated into one step.
        course: Raised when a run is taken back, so that it goes on with other batches.
    """

    seed: int
    batch: int
    ranges: WarpRanges
    photometric: float = 1.0
    colour_transfer: float = 0.0
    match: float = 0.0
    rank: int = 0
    ranks: int = 1
    parts: int = 1
    course: int = 0


@dataclass
class FaceBatches(Dataset[RawBatch]):
    """The batches of a run by number: ``step * parts + part``. For one thread at a time.

    Attributes:
        caches: Faces of each identity, in the model's order.
        training: For each identity, the indices of the faces that may be trained on.
        plan: What decides about the batches.
        twins: For each pair of identities, ``(N, k)``: for each training face of the first, the
            places in ``training`` of the second's faces that are most like it. Needed where
            ``plan.match`` is not 0.
    """

    caches: Mapping[str, FaceCache]
    training: Mapping[str, NDArray[np.int64]]
    plan: BatchPlan
    twins: Mapping[tuple[str, str], NDArray[np.int64]] = field(default_factory=dict)
    _statistics: dict[tuple[str, int], NDArray[np.float32]] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, object]:
        # Worker processes map the files themselves.
        return {
            "caches": self.caches,
            "training": self.training,
            "plan": self.plan,
            "twins": self.twins,
            "_statistics": {},
        }

    @cached_property
    def _crops(self) -> dict[str, NDArray[np.uint8]]:
        return {name: cache.open() for name, cache in self.caches.items()}

    @cached_property
    def _change(self) -> PhotometricChange:
        return PhotometricChange(self.plan.photometric)

    def __getitem__(self, number: int) -> RawBatch:
        """Draws a batch: this process's slots of one part of one step."""
        plan = self.plan
        step, part = divmod(number, plan.parts)
        slots = rank_slots(plan.batch, plan.rank, plan.ranks, part, plan.parts)
        faces = [[self._draw(name, step, slot) for slot in slots] for name in self.caches]
        return {
            key: torch.from_numpy(np.stack([np.stack([f[key] for f in row]) for row in faces]))
            for key in faces[0][0]
        }

    def _draw(self, name: str, step: int, slot: int) -> dict[str, NDArray[np.generic]]:
        plan = self.plan
        random = generator(plan.seed, "face", name, step, slot, plan.course)
        crop = np.array(self._crops[name][self._face(name, step, slot)])
        warp = draw_warp(random, plan.ranges)
        affine = warp.affine
        if self._is_matched(slot):
            # What is shown is the same only if it is turned and moved alike.
            pair = generator(plan.seed, "pair", step, slot, plan.course)
            affine = draw_warp(pair, plan.ranges).affine
        crop[..., :3] = self._change(
            np.ascontiguousarray(crop[..., :3]), int(random.integers(2**31))
        )
        return {
            "crops": crop,
            "affine": affine,
            "jitter": warp.jitter,
            "colour": self._colour(name, crop, random),
            "matched": np.array(self._is_matched(slot)),
        }

    def _is_matched(self, slot: int) -> bool:
        return slot < round(self.plan.match * self.plan.batch)

    def _face(self, name: str, step: int, slot: int) -> int:
        """Index of the face in a slot: its own turn, or the twin of the slot's leader."""
        place = self._place(name, step, slot)
        if self._is_matched(slot):
            leader = list(self.caches)[(step + slot) % len(self.caches)]
            if leader != name:
                alike = self.twins[leader, name][self._place(leader, step, slot)]
                random = generator(self.plan.seed, "twin", name, step, slot, self.plan.course)
                place = int(alike[random.integers(len(alike))])
        return int(self.training[name][place])

    def _place(self, name: str, step: int, slot: int) -> int:
        stream = f"{name}/{self.plan.course}"
        count = len(self.training[name])
        return face_at(self.plan.seed, stream, step, slot, self.plan.batch, count)

    def _colour(
        self, name: str, crop: NDArray[np.uint8], random: np.random.Generator
    ) -> NDArray[np.float32]:
        """A ``(3, 4)`` colour matrix, mostly the identity."""
        chance, other, face = random.random(3)
        if chance >= self.plan.colour_transfer:
            return np.eye(3, 4, dtype=np.float32)
        others = [identity for identity in self.caches if identity != name]
        lender = others[int(other * len(others))]
        borrowed = self.training[lender][int(face * len(self.training[lender]))]
        return transfer_matrix(colour_statistics(crop), self._statistics_of(lender, int(borrowed)))

    def _statistics_of(self, name: str, face: int) -> NDArray[np.float32]:
        key = (name, face)
        if key not in self._statistics:
            self._statistics[key] = colour_statistics(self._crops[name][face])
        return self._statistics[key]


def load_ahead(
    batches: FaceBatches, numbers: Iterable[int], workers: int
) -> Generator[RawBatch, None, None]:
    """Draws batches ahead of the step, in order, until closed.

    Args:
        batches: The batches.
        numbers: Which, in order; may be endless.
        workers: Processes that draw; 0 takes a thread, which a CPU's training step leaves room for.
    """
    if workers == 0:
        yield from prefetch((batches[number] for number in numbers), depth=3)
        return
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        multiprocessing_context="spawn",
        prefetch_factor=4,
        pin_memory=torch.cuda.is_available(),
    )
    yield from loader


def prepare(raw: RawBatch, device: torch.device, sizes: tuple[int, int], margin: float) -> Batch:
    """Recolours and warps a batch on the device.

    Args:
        raw: What ``FaceBatches`` drew.
        device: Where to.
        sizes: Sides of the faces that go into the model and come out of it.
        margin: ``CropGeometry.margin`` of the crops.
    """
    placed = {key: value.to(device, non_blocking=True) for key, value in raw.items()}
    identities = len(placed["crops"])
    flat = {key: value.flatten(0, 1) for key, value in placed.items()}
    # uint8 is moved, float is made on the device: a quarter of the traffic.
    crops = flat["crops"].permute(0, 3, 1, 2).float() / 255
    colour = flat["colour"]
    rgb = torch.baddbmm(colour[:, :, 3:], colour[:, :, :3], crops[:, :3].flatten(2))
    crops[:, :3] = rgb.clamp_(0, 1).unflatten(2, crops.shape[2:])
    # The masks of what goes in are thrown away: one resampling costs less than two.
    distorted, straight = apply_warps(crops, flat["affine"], flat["jitter"], sizes, margin)
    straight = straight.unflatten(0, (identities, -1))
    return Batch(
        distorted[:, :3].unflatten(0, (identities, -1)),
        straight[:, :, :3],
        straight[:, :, 3:4],
        straight[:, :, 4:5],
        int(raw["matched"][0].sum()),
    )
