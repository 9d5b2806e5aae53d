"""Opens facesets and builds the batches of a training from its settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError, IdentityError
from faceswap.data.batches import BatchPlan, FaceBatches
from faceswap.data.cache import CropGeometry, FaceCache, build_cache
from faceswap.data.matching import expressions, find_matches
from faceswap.data.sampling import rank_slots, split_facesets
from faceswap.data.warp import WarpRanges
from faceswap.facesets.faceset import Faceset
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.training.run_directory import RunDirectory
from faceswap.training.settings import AugmentationConfig, TrainConfig


def open_facesets(faces: Mapping[str, Sequence[Path]], minimum: int) -> dict[str, list[Faceset]]:
    """Opens the facesets of each identity.

    Args:
        faces: Faceset directories of each identity.
        minimum: Fewest faces an identity may have.

    Raises:
        IdentityError: There are fewer than two identities.
        FacesetError: A faceset is missing, incomplete or damaged, or there are too few faces.
    """
    if len(faces) < 2:
        raise IdentityError(
            f"Expected at least two identities, found {len(faces)}: {', '.join(faces) or 'none'}.",
            "Repeat --faces: --faces alice=faces/alice --faces bob=faces/bob",
        )
    opened = {name: [Faceset.open(path) for path in paths] for name, paths in faces.items()}
    for name, sets in opened.items():
        found = sum(len(faceset.trainable()) for faceset in sets)
        if found < minimum:
            raise FacesetError(
                f"Expected at least {minimum} faces of {name!r}, found {found}.",
                "Extract more footage of this person, or lower --set data.minimum at the cost of "
                "quality.",
            )
    return opened


@dataclass(frozen=True)
class TrainingData:
    """Data of a training.

    Attributes:
        batches: Training batches.
        held_out: Cache indices of the held-out faces of each identity.
    """

    batches: FaceBatches
    held_out: dict[str, NDArray[np.int64]]


def prepare_data(
    config: TrainConfig,
    facesets: Mapping[str, Sequence[Faceset]],
    run: RunDirectory,
    opened: Accelerator,
    model: FaceAutoencoder,
    on_faces: Callable[[int], object],
) -> TrainingData:
    """Builds the caches, the held-out split and the batches.

    Args:
        config: Settings of the training.
        facesets: Facesets of each identity, in the order of the model.
        run: Folder of the run, for the caches.
        opened: Accelerator of the training.
        model: The model, for its sizes.
        on_faces: Callback with the number of faces added to the cache since the last call.

    Raises:
        ConfigError: The batch cannot be split evenly over processes and micro-batches.
        FacesetError: Crops cover too little of the face, or cannot be read.
        StorageFullError: The disk is full.
    """
    plan = BatchPlan(
        seed=config.seed,
        batch=config.training.batch,
        ranges=warp_ranges(config.augmentation),
        photometric=config.augmentation.photometric,
        colour_transfer=config.augmentation.colour_transfer,
        match=config.data.match,
        rank=opened.process_index,
        world_size=opened.num_processes,
        micro_batches=config.training.micro_batches,
    )
    # Before anything is written:
    rank_slots(plan.batch, plan.rank, plan.world_size, 0, plan.micro_batches)
    caches: dict[str, FaceCache] = {}
    training: dict[str, NDArray[np.int64]] = {}
    held_out: dict[str, NDArray[np.int64]] = {}
    shown: dict[str, NDArray[np.float32]] = {}
    # One process of each machine builds the cache, the others reuse it.
    with opened.local_main_process_first():
        for name, sets in facesets.items():
            pairs = [(faceset, face) for faceset in sets for face in faceset.trainable()]
            geometry = _geometry(config, sets, model, plan.ranges)
            caches[name] = build_cache(run.cache, name, pairs, geometry, on_faces)
            training[name], held_out[name] = split_facesets(pairs, config.data.held_out)
            if plan.match:
                shown[name] = expressions([pairs[i][1].landmarks for i in training[name]])
    return TrainingData(FaceBatches(caches, training, plan, find_matches(shown)), held_out)


def warp_ranges(config: AugmentationConfig) -> WarpRanges:
    """Ranges of the random warp, from the settings."""
    return WarpRanges(config.rotation, config.zoom, config.shift, config.flip, config.warp)


def _geometry(
    config: TrainConfig, sets: Sequence[Faceset], model: FaceAutoencoder, ranges: WarpRanges
) -> CropGeometry:
    size = max(model.input_size, model.output_size)
    stored = min(faceset.crop_coverage for faceset in sets)
    if stored < config.data.coverage:
        raise FacesetError(
            f"Expected crops of at least {config.data.coverage} face squares in {sets[0].path}, "
            f"found {stored}.",
            "Lower --set data.coverage, or extract again.",
        )
    return CropGeometry.with_reach(size, config.data.coverage, ranges.reach, stored)
