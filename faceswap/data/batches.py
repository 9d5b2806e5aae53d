"""Batches of faces: sampled and recoloured ahead of the step, warped on the device."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

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
from faceswap.data.guides import GuideSource
from faceswap.data.light import apply_light, sample_light
from faceswap.data.sampling import face_at, rank_slots
from faceswap.data.warp import WarpRanges, apply_warps, sample_warp, undo_affine
from faceswap.models.guides import Guides
from faceswap.models.inference import resize


class RawBatch(NamedTuple):
    """Batch from the loader, on the CPU, identity-major.

    Attributes:
        crops: Crops, ``(I, B, S, S, 6) uint8``: RGB, face mask, masks of eyes and of mouth.
        affine: Affine matrices, ``(I, B, 2, 3) float32``, see ``warp.Warp``.
        jitter: Warp displacements, ``(I, B, 2, GRID, GRID) float32``, see ``warp.Warp``.
        colour: Colour matrices, ``(I, B, 3, 4) float32``.
        matched: Whether each slot holds a matched pair, ``(I, B) bool``.
        guides: Guides, ``(I, B, ...)``, with meshes in the training square before the affine
            change; None for models without.
        light: Light of each face, ``(I, B, 3, 3) float32``, see ``light.sample_light``; or None.
    """

    crops: Tensor
    affine: Tensor
    jitter: Tensor
    colour: Tensor
    matched: Tensor
    guides: Guides | None = None
    light: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """Inputs and targets of one forward pass, on the device.

    Attributes:
        distorted: Warped input, ``(I, B, 3, S, S) float32 RGB`` in [0, 1].
        target: Undistorted target, ``(I, B, 3, s, s) float32 RGB`` in [0, 1].
        mask: Face mask of the target, ``(I, B, 1, s, s)`` in [0, 1].
        features: Masks of the eyes and of the mouth of the target, ``(I, B, 2, s, s)`` in [0, 1].
        matched: Number of leading slots that hold matched pairs.
        guides: Guides of the target, ``(I, B, ...)``; None for models without.
    """

    distorted: Tensor
    target: Tensor
    mask: Tensor
    features: Tensor
    matched: int
    guides: Guides | None = None


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


@dataclass
class FaceBatches(Dataset[RawBatch]):
    """Micro-batches of a run, by number: ``step * micro_batches + micro_batch``.

    Not thread-safe.

    Attributes:
        caches: Cached faces of each identity, in the model's order.
        training: Cache indices of the training faces of each identity.
        plan: Settings that determine the batches.
        matches: Matched faces of each ordered pair of identities, ``(N, k)``: for each training
            face of the first, the positions in ``training`` of the k most similar faces of the
            second. Needed unless ``plan.match`` is 0.
        guides: Sources of the guides of each identity; empty for models without.
    """

    caches: Mapping[str, FaceCache]
    training: Mapping[str, NDArray[np.int64]]
    plan: BatchPlan
    matches: Mapping[tuple[str, str], NDArray[np.int64]] = field(default_factory=dict)
    guides: Mapping[str, GuideSource] = field(default_factory=dict)
    _statistics: dict[tuple[str, int], NDArray[np.float32]] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, object]:
        # Worker processes map the files themselves.
        return {
            "caches": self.caches,
            "training": self.training,
            "plan": self.plan,
            "matches": self.matches,
            "guides": self.guides,
            "_statistics": {},
        }

    @cached_property
    def _crops(self) -> dict[str, NDArray[np.uint8]]:
        return {name: cache.open() for name, cache in self.caches.items()}

    @cached_property
    def _change(self) -> PhotometricChange:
        return PhotometricChange(self.plan.photometric)

    def __getitem__(self, number: int) -> RawBatch:
        """Samples a micro-batch: the slots of this process."""
        plan = self.plan
        step, micro_batch = divmod(number, plan.micro_batches)
        slots = rank_slots(plan.batch, plan.rank, plan.world_size, micro_batch, plan.micro_batches)
        faces = [[self._sample(name, step, slot) for slot in slots] for name in self.caches]
        guides = [[self._guides(name, step, slot) for slot in slots] for name in self.guides]
        crops, affine, jitter, colour, matched = _stack(faces)
        guided = Guides(*_stack(guides)) if guides else None
        light = None
        if plan.light:
            lit = [[self._light(name, step, slot) for slot in slots] for name in self.caches]
            light = torch.from_numpy(np.array(lit))
        return RawBatch(crops, affine, jitter, colour, matched, guided, light)

    def _sample(self, name: str, step: int, slot: int) -> tuple[NDArray[np.generic], ...]:
        """The fields of ``RawBatch`` of one face."""
        plan = self.plan
        random = generator(plan.seed, "face", name, step, slot, plan.rollbacks)
        crop = np.array(self._crops[name][self._face(name, step, slot)])
        warp = sample_warp(random, plan.ranges)
        affine = warp.affine
        if self._is_matched(slot):
            # A matched pair stays matched only under the same rotation and translation.
            pair = generator(plan.seed, "pair", step, slot, plan.rollbacks)
            affine = sample_warp(pair, plan.ranges).affine
        crop[..., :3] = self._change(
            np.ascontiguousarray(crop[..., :3]), int(random.integers(2**31))
        )
        colour = self._colour(name, crop, random)
        return crop, affine, warp.jitter, colour, np.array(self._is_matched(slot))

    def _light(self, name: str, step: int, slot: int) -> NDArray[np.float32]:
        """The light of one face."""
        random = generator(self.plan.seed, "light", name, step, slot, self.plan.rollbacks)
        return sample_light(random, self.plan.light)

    def _guides(self, name: str, step: int, slot: int) -> tuple[NDArray[np.generic], ...]:
        """The fields of ``Guides`` of one face."""
        random = generator(self.plan.seed, "guides", name, step, slot, self.plan.rollbacks)
        source, face = self.guides[name], self._face(name, step, slot)
        return source.shapes[face], *source.sample(face, random)

    def _is_matched(self, slot: int) -> bool:
        return slot < round(self.plan.match * self.plan.batch)

    def _face(self, name: str, step: int, slot: int) -> int:
        """Index of the face in a slot: its turn, or a match of the slot's leading identity."""
        place = self._place(name, step, slot)
        if self._is_matched(slot):
            leader = list(self.caches)[(step + slot) % len(self.caches)]
            if leader != name:
                similar = self.matches[leader, name][self._place(leader, step, slot)]
                random = generator(self.plan.seed, "twin", name, step, slot, self.plan.rollbacks)
                place = int(similar[random.integers(len(similar))])
        return int(self.training[name][place])

    def _place(self, name: str, step: int, slot: int) -> int:
        stream = f"{name}/{self.plan.rollbacks}"
        count = len(self.training[name])
        return face_at(self.plan.seed, stream, step, slot, self.plan.batch, count)

    def _colour(
        self, name: str, crop: NDArray[np.uint8], random: np.random.Generator
    ) -> NDArray[np.float32]:
        """A ``(3, 4)`` colour matrix; the identity without colour transfer."""
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


def _stack(faces: Sequence[Sequence[tuple[NDArray[np.generic], ...]]]) -> Iterator[Tensor]:
    """The fields of the faces of each identity, ``(I, B, ...)`` each."""
    for field_ in zip(*(zip(*row, strict=True) for row in faces), strict=True):
        yield torch.from_numpy(np.stack([np.stack(row) for row in field_]))


def load_ahead(
    batches: FaceBatches, numbers: Iterable[int], workers: int
) -> Generator[RawBatch, None, None]:
    """Samples micro-batches ahead of the step, in order, until closed.

    Args:
        batches: Micro-batches of the run.
        numbers: Numbers of the micro-batches, in order; may be endless.
        workers: Worker processes; 0 uses a thread.
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
        raw: Batch from ``FaceBatches``.
        device: Device of the model.
        sizes: Input and output size of the model in pixels.
        margin: ``CropGeometry.margin`` of the crops.
    """
    identities = len(raw.crops)
    fields = (raw.crops, raw.affine, raw.jitter, raw.colour)
    stored, affine, jitter, colour = (
        value.to(device, non_blocking=True).flatten(0, 1) for value in fields
    )
    # Moving uint8 and converting on the device takes a quarter of the traffic.
    # Crops are cached at the final size of a model that grows.
    side = min(stored.shape[1], round(margin * max(sizes)))
    crops = resize(stored.permute(0, 3, 1, 2).float() / 255, side)
    rgb = torch.baddbmm(colour[:, :, 3:], colour[:, :, :3], crops[:, :3].flatten(2))
    crops[:, :3] = rgb.clamp_(0, 1).unflatten(2, crops.shape[2:])
    if raw.light is not None:
        crops[:, :3] = apply_light(crops[:, :3], raw.light.to(device).flatten(0, 1))
    # The masks of the distorted faces are discarded: one resampling costs less than two.
    distorted, straight = apply_warps(crops, affine, jitter, sizes, margin)
    straight = straight.unflatten(0, (identities, -1))
    return Batch(
        distorted[:, :3].unflatten(0, (identities, -1)),
        straight[:, :, :3],
        straight[:, :, 3:4],
        straight[:, :, 4:],
        int(raw.matched[0].sum()),
        None if raw.guides is None else _moved(raw.guides.to(device), affine),
    )


def _moved(guides: Guides, affine: Tensor) -> Guides:
    """Guides of faces that have undergone an affine change, ``(I * B, 2, 3)``."""
    moved = undo_affine(guides.shape.flatten(0, 1), affine)
    return guides._replace(shape=moved.unflatten(0, guides.shape.shape[:2]))
