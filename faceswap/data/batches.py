"""Batches of faces: sampled and recoloured ahead of the step, warped on the device."""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from multiprocessing.util import Finalize
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from faceswap.core.errors import FaceswapError
from faceswap.core.prefetch import prefetch
from faceswap.data.batch_plan import BatchPlan
from faceswap.data.face_sampler import FaceSampler
from faceswap.data.guides import GuideSource
from faceswap.data.light import apply_light
from faceswap.data.recolouring import LINEAR, Recolouring, measure_recolouring, recolour
from faceswap.data.sampling import rank_slots
from faceswap.data.source import FaceSource
from faceswap.data.training_crop import CHANNELS
from faceswap.data.traits import FaceTraits
from faceswap.data.warp import apply_warps, undo_affine
from faceswap.models.guides import Guides
from faceswap.models.inference import resize

T = TypeVar("T")
_LAST = -100


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
        recolouring: Colour transfers besides ``colour``, or None.
        degraded: Pictures that the inputs show instead of ``crops``, ``(I, B, S, S, 3) uint8 RGB``;
            or None.
        reshaping: Displacements that give inputs other landmarks, ``(I, B, 2, N, N) float32``, see
            ``landmark_warp``; or None.
    """

    crops: Tensor
    affine: Tensor
    jitter: Tensor
    colour: Tensor
    matched: Tensor
    guides: Guides | None = None
    light: Tensor | None = None
    recolouring: Recolouring | None = None
    degraded: Tensor | None = None
    reshaping: Tensor | None = None


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


@dataclass
class FaceBatches(Dataset[RawBatch]):
    """Micro-batches of a run, by number: ``step * micro_batches + micro_batch``.

    Not thread-safe.

    Attributes:
        sources: Faces of each identity, in the model's order.
        training: Indices of the training faces of each identity.
        plan: Settings that determine the batches.
        matches: Matched faces of each ordered pair of identities, see ``matching.Matches``; None
            finds them by the traits.
        guides: Sources of the guides of each identity; empty for models without.
        traits: Traits of the training faces of each identity. Needed for matched pairs, warps to
            landmarks and balances.
    """

    sources: Mapping[str, FaceSource]
    training: Mapping[str, NDArray[np.int64]]
    plan: BatchPlan
    matches: Mapping[tuple[str, str], NDArray[np.int64]] | None = None
    guides: Mapping[str, GuideSource] = field(default_factory=dict)
    traits: Mapping[str, FaceTraits] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, object]:
        # Worker processes open the files themselves.
        return {
            "sources": self.sources,
            "training": self.training,
            "plan": self.plan,
            "matches": self.matches,
            "guides": self.guides,
            "traits": self.traits,
        }

    @cached_property
    def _sampler(self) -> FaceSampler:
        return FaceSampler(self.sources, self.training, self.plan, self.matches, self.traits)

    def __getitem__(self, number: int) -> RawBatch:
        """Samples a micro-batch: the slots of this process."""
        plan, sampler = self.plan, self._sampler
        step, micro_batch = divmod(number, plan.micro_batches)
        slots = rank_slots(plan.batch, plan.rank, plan.world_size, micro_batch, plan.micro_batches)

        def each(sample: Callable[[str, int, int], T], names: Iterable[str]) -> list[list[T]]:
            return [[sample(name, step, slot) for slot in slots] for name in names]

        def stacked(sample: Callable[[str, int, int], NDArray[np.generic]]) -> Tensor:
            return torch.from_numpy(np.array(each(sample, self.sources)))

        guides = each(self._guides, self.guides)
        crops, affine, jitter, colour, matched = _stack(each(sampler.sample, self.sources))
        recolouring = degraded = None
        if plan.colour_transfer and plan.colour_method != LINEAR:
            lenders = each(sampler.lender, self.sources)
            recolouring = measure_recolouring(plan.colour_method, crops.numpy(), lenders)
        if plan.degradation:
            seeds = each(partial(plan.seed_of, "degradation"), self.sources)
            degraded = torch.from_numpy(sampler.degradation.of_batch(crops.numpy(), seeds))
        return RawBatch(
            crops,
            affine,
            jitter,
            colour,
            matched,
            Guides(*_stack(guides)) if guides else None,
            stacked(sampler.light) if plan.light else None,
            recolouring,
            degraded,
            stacked(sampler.reshaping) if plan.landmark_warp else None,
        )

    def _guides(self, name: str, step: int, slot: int) -> tuple[NDArray[np.generic], ...]:
        """The fields of ``Guides`` of one face."""
        source, face = self.guides[name], self._sampler.face(name, step, slot)
        random = self.plan.random("guides", name, step, slot)
        return source.shapes[face], *source.sample(face, random)


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
        _WithErrors(batches),
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        multiprocessing_context="spawn",
        prefetch_factor=4,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_leave_at_once,
    )
    for sampled in loader:
        if isinstance(sampled, FaceswapError):
            raise sampled
        yield sampled


@dataclass
class _WithErrors(Dataset[RawBatch | FaceswapError]):
    """Batches, or the errors of their files: the loader would put a traceback into the message."""

    batches: FaceBatches

    def __getitem__(self, number: int) -> RawBatch | FaceswapError:
        try:
            return self.batches[number]
        except FaceswapError as error:
            return error


def _leave_at_once(_worker: int) -> None:
    """Lets a worker process end as a forked one does: without taking its interpreter down.

    The thread that sends batches may be in the middle of one when loading is closed. Python ends
    threads that ask for the interpreter lock while it is taken down; within C++ code of torch that
    aborts the process, and torch's handler of SIGCHLD raises an error wherever the training is.
    """

    def leave() -> None:
        if sys.exc_info()[0] is None:  # otherwise the error is still to be reported
            os._exit(0)

    # After the finalizers of queues, which have the lowest priorities.
    Finalize(None, leave, exitpriority=_LAST)


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
    # Crops are cached at the final size of a model that grows.
    side = min(stored.shape[1], round(margin * max(sizes)))
    crops = _as_float(stored, side)
    crops[:, :3] = _recoloured(crops[:, :3], colour, raw)
    seen = slice(0, 3)  # channels that the inputs show
    if raw.degraded is not None:
        degraded = _as_float(raw.degraded.to(device, non_blocking=True).flatten(0, 1), side)
        crops = torch.cat([crops, _recoloured(degraded, colour, raw)], 1)
        seen = slice(CHANNELS, CHANNELS + 3)
    reshaping = None if raw.reshaping is None else raw.reshaping.to(device).flatten(0, 1)
    # The masks of the distorted faces are discarded: one resampling costs less than two.
    distorted, straight = apply_warps(crops, affine, jitter, sizes, margin, reshaping)
    straight = straight.unflatten(0, (identities, -1))
    return Batch(
        distorted[:, seen].unflatten(0, (identities, -1)),
        straight[:, :, :3],
        straight[:, :, 3:4],
        straight[:, :, 4:CHANNELS],
        int(raw.matched[0].sum()),
        None if raw.guides is None else _moved(raw.guides.to(device), affine),
    )


def _as_float(stored: Tensor, side: int) -> Tensor:
    """Pixels ``(B, S, S, C) uint8`` as ``(B, C, side, side) float32`` in [0, 1]."""
    # Moving uint8 and converting on the device takes a quarter of the traffic.
    return resize(stored.permute(0, 3, 1, 2).float() / 255, side)


def _recoloured(images: Tensor, colour: Tensor, raw: RawBatch) -> Tensor:
    """Images ``(I * B, 3, S, S)`` in the colours and the light of a batch."""
    rgb = torch.baddbmm(colour[:, :, 3:], colour[:, :, :3], images.flatten(2))
    images = rgb.clamp_(0, 1).unflatten(2, images.shape[2:])
    if raw.recolouring is not None:
        images = recolour(images, raw.recolouring)
    if raw.light is not None:
        images = apply_light(images, raw.light.to(images.device).flatten(0, 1))
    return images


def _moved(guides: Guides, affine: Tensor) -> Guides:
    """Guides of faces that have undergone an affine change, ``(I * B, 2, 3)``."""
    moved = undo_affine(guides.shape.flatten(0, 1), affine)
    return guides._replace(shape=moved.unflatten(0, guides.shape.shape[:2]))
