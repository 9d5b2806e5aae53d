"""Opens facesets and builds the batches of a training from its settings."""

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from numpy.typing import NDArray

from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError, FacesetError
from faceswap.core.peers import Peers
from faceswap.data.batch_plan import BatchPlan
from faceswap.data.batches import FaceBatches
from faceswap.data.cache import CropGeometry
from faceswap.data.sampling import rank_slots
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.crowd import CROWD
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.references import MOST_BYTES
from faceswap.training.inputs.guide_data import GuideData, prepare_guide_data
from faceswap.training.inputs.identity_faces import IdentityFaces, cache_faces, stream_faces
from faceswap.training.inputs.opening import FaceSets, facesets_of, packs_of
from faceswap.training.settings import TrainConfig

_BALANCES = (
    *("balance_pose", "balance_expression", "balance_sources"),
    *("sharpness", "skip_blurred"),
)


@dataclass(frozen=True)
class TrainingData:
    """Data of a training.

    Attributes:
        batches: Training batches.
        held_out: Indices of the held-out faces of each identity.
        contents: SHA-256 of the crops and masks of each faceset, by resolved directory.
        edited: Number of faces edited since the caches were last used, by resolved directory.
        guide_data: Geometry and references of the faces; None for models without.
    """

    batches: FaceBatches
    held_out: dict[str, NDArray[np.int64]]
    contents: dict[Path, str]
    edited: dict[Path, int]
    guide_data: GuideData | None


def prepare_data(
    config: TrainConfig,
    facesets: Mapping[str, FaceSets],
    cache: Path,
    opened: Accelerator,
    model: FaceAutoencoder,
    plans: Sequence[BatchPlan],
    on_faces: Callable[[int], object],
) -> TrainingData:
    """Builds the caches, the held-out split and the batches.

    Args:
        config: Settings of the training.
        facesets: Facesets or packs of each identity, in the order of the model.
        cache: Folder of the caches.
        opened: Accelerator of the training.
        model: The model, for its sizes and its guides.
        plans: Settings that determine the batches, of each phase.
        on_faces: Callback with the number of faces added to the cache since the last call.

    Raises:
        ConfigError: The batch cannot be split evenly over processes and micro-batches, or flips are
            set for an unknown identity.
        FacesetError: Crops cover too little of the face, or cannot be read.
        RemoteError: A pack at a URL cannot be read.
        StorageFullError: The disk is full.
    """
    plan, reach = plans[0], max(plan.ranges.reach for plan in plans)
    # Before anything is written:
    rank_slots(plan.batch, plan.rank, plan.world_size, 0, plan.micro_batches)
    for each in plans:
        check_flips(each.flips, list(facesets))
    pairs: dict[str, list[tuple[Faceset, Face]]] = {}
    faces: dict[str, IdentityFaces] = {}
    settings = config.data
    # One process of each machine builds the cache, the others reuse it.
    with Peers.of(opened).machine_by_machine():
        for name, sets in facesets.items():
            geometry = _geometry(config, sets, model, reach)
            place = geometry, cache, settings.held_out
            if packs := packs_of(sets):
                faces[name] = stream_faces(name, packs, *place, settings.window, on_faces)
            else:
                pairs[name] = [
                    (each, face) for each in facesets_of(sets) for face in each.trainable()
                ]
                faces[name] = cache_faces(name, pairs[name], *place, on_faces)
    training = {name: each.training for name, each in faces.items()}
    with Peers.of(opened).together():
        guide_data = prepare_guide_data(
            model, pairs, training, settings.references, settings.coverage
        )
    batches = FaceBatches(
        {name: each.source for name, each in faces.items()},
        training,
        plan,
        guides={} if guide_data is None else guide_data.sources,
        traits={name: each.traits for name, each in faces.items() if each.traits is not None},
    )
    return TrainingData(
        batches,
        {name: each.held_out for name, each in faces.items()},
        dict(ChainMap(*(each.contents for each in faces.values()))),
        dict(ChainMap(*(each.edited for each in faces.values()))),
        guide_data,
    )


def check_flips(flips: Mapping[str, float], identities: Sequence[str]) -> None:
    """Refuses probabilities of flips of identities that are not trained.

    Raises:
        ConfigError: There are some.
    """
    unknown = [name for name in flips if name not in identities]
    if unknown:
        raise ConfigError(
            f"Expected identities in augmentation.flip, found {', '.join(map(repr, unknown))}.",
            f"{nearest(unknown[0], identities)}The identities are {', '.join(identities)}.",
        )


def check_guided(
    config: TrainConfig, model: FaceAutoencoder, facesets: Mapping[str, FaceSets]
) -> None:
    """Refuses what a guided model cannot be trained with, before any work; accepts all for others.

    Raises:
        ConfigError: Faces would be flipped or swapped, there is a crowd, or the references are too
            large.
        FacesetError: A faceset has no meshes, or damaged ones.
    """
    if not isinstance(model, GuidedAutoencoder):
        return
    kind = f"The model {config.model.name!r} shows real crops"
    if CROWD in facesets:
        raise ConfigError(
            f"{kind} of each identity, and the crowd is many people: it has no --crowd.",
            "Use another model, for example --config cage.",
        )
    flip = config.augmentation.flip
    if any(flip.values()) if isinstance(flip, dict) else flip:
        raise ConfigError(
            f"{kind}, which cannot be mirrored: expected augmentation.flip=0, found "
            f"{config.augmentation.flip}.",
            "Use --set augmentation.flip=0.",
        )
    for name in ("swap", "identity_swap", "face_style", "background_style"):
        if value := getattr(config.loss, name):
            raise ConfigError(
                f"{kind} of the target in any case: expected loss.{name}=0, found {value}.",
                f"Use --set loss.{name}=0.",
            )
    if config.adversarial.swaps:
        raise ConfigError(
            f"{kind} and decodes no swaps in training: expected adversarial.swaps=false.",
            "Use --set adversarial.swaps=false.",
        )
    size = config.data.references * 4 * model.detail**2
    if size > MOST_BYTES:
        raise ConfigError(
            f"Expected references of at most {MOST_BYTES >> 20} MiB for each identity, found "
            f"{config.data.references} of {model.detail} pixels, which take {size >> 20} MiB.",
            "Lower --set data.references or --set model.options.detail.",
        )
    for faceset in chain.from_iterable(map(facesets_of, facesets.values())):
        faceset.meshes()


def check_streamed(
    config: TrainConfig, model: FaceAutoencoder, facesets: Mapping[str, FaceSets]
) -> None:
    """Refuses settings that packs cannot be trained with, before any work.

    Args:
        config: Settings of a phase.
        model: The model.
        facesets: Facesets or packs of each identity.

    Raises:
        ConfigError: Faces of packs would be matched, weighted or shown as references.
    """
    streamed = [name for name, sets in facesets.items() if packs_of(sets)]
    if not streamed:
        return
    faces = f"The faces of {', '.join(map(repr, streamed))} are read from packs when their turn"
    if isinstance(model, GuidedAutoencoder):
        raise ConfigError(
            f"{faces} comes, and the model {config.model.name!r} shows real crops of all faces.",
            "Unpack them with `faceswap faces unpack`, or use another model.",
        )
    used = {
        "data.match": config.data.match,
        "augmentation.landmark_warp": config.augmentation.landmark_warp,
        **{f"data.{name}": getattr(config.data, name) for name in _BALANCES},
    }
    wrong = [name for name, value in used.items() if value]
    if wrong:
        off = {name: "false" if used[name] is True else "0" for name in wrong}
        raise ConfigError(
            f"{faces} comes, so that they cannot be compared with others: expected "
            f"{' and '.join(f'{name}={value}' for name, value in off.items())}, found "
            f"{', '.join(str(used[name]) for name in wrong)}.",
            " ".join(f"--set {name}={value}" for name, value in off.items())
            + ", or unpack them with `faceswap faces unpack`.",
        )


def _geometry(
    config: TrainConfig, sets: FaceSets, model: FaceAutoencoder, reach: float
) -> CropGeometry:
    size = max(model.input_size, model.full_size)
    stored = min(faceset.crop_coverage for faceset in sets)
    if stored < config.data.coverage:
        raise FacesetError(
            f"Expected crops of at least {config.data.coverage} face squares in {sets[0].where}, "
            f"found {stored}.",
            "Lower --set data.coverage, or extract again.",
        )
    return CropGeometry.with_reach(size, config.data.coverage, reach, stored)
