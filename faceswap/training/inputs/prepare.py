"""Opens facesets and builds the batches of a training from its settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, product
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from numpy.typing import NDArray

from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError, FacesetError, IdentityError
from faceswap.core.log import get_logger
from faceswap.core.names import check_name
from faceswap.core.peers import Peers
from faceswap.core.text import counted
from faceswap.data.batch_plan import BatchPlan
from faceswap.data.batches import FaceBatches
from faceswap.data.cache import CropGeometry, FaceCache, build_cache
from faceswap.data.people_split import split_identity
from faceswap.data.sampling import rank_slots
from faceswap.data.traits import FaceTraits, measure_traits
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.crowd import CROWD
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.references import MOST_BYTES
from faceswap.training.inputs.guide_data import GuideData, prepare_guide_data
from faceswap.training.settings import TrainConfig

_log = get_logger(__name__)
_MOST_NAMED = 5


def open_facesets(
    faces: Mapping[str, Sequence[Path]], minimum: int, masker: str = ""
) -> dict[str, list[Faceset]]:
    """Opens the facesets of each identity.

    Args:
        faces: Faceset directories of each identity.
        minimum: Fewest faces an identity may have.
        masker: Masker whose masks are used; "" for the default masks of each faceset.

    Raises:
        IdentityError: There are fewer than two identities, or two have the same faces.
        FacesetError: A faceset is missing, incomplete or damaged, has no such masks, or there are
            too few faces.
    """
    if CROWD in faces and len(faces) < 2:
        raise IdentityError(
            "Expected an identity to swap to beside the crowd, found none.",
            "Add --faces: --faces alice=faces/alice",
        )
    if len(faces) < 2:
        raise IdentityError(
            f"Expected at least two identities, found {len(faces)}: {', '.join(faces) or 'none'}.",
            "Repeat --faces: --faces alice=faces/alice --faces bob=faces/bob; or add --crowd.",
        )
    for name in faces:  # part of the names of files
        check_name(name, "name of an identity")
    opened = {
        name: [Faceset.open(path).with_masker(masker) for path in paths]
        for name, paths in faces.items()
    }
    for name, sets in opened.items():
        unknown = [line for faceset in sets if (line := describe_unknown_images(faceset))]
        found = sum(len(faceset.trainable()) for faceset in sets)
        if found < minimum:
            raise FacesetError(
                " ".join(
                    [f"Expected at least {minimum} faces of {name!r}, found {found}.", *unknown]
                ),
                "Extract more footage of this person, or lower --set data.minimum at the cost of "
                "quality.",
            )
        for line in unknown:
            _log.warning(line)
    for (first, mine), (second, others) in combinations(opened.items(), 2):
        _check_distinct(first, mine, second, others)
    return opened


def describe_unknown_images(faceset: Faceset) -> str:
    """Sentence on the files in ``images/`` that belong to no face; empty without any."""
    unknown = faceset.unknown_images()
    if not unknown:
        return ""
    named = ", ".join(unknown[:_MOST_NAMED]) + (", ..." if len(unknown) > _MOST_NAMED else "")
    return (
        f"{counted(len(unknown), 'file')} in {faceset.path / IMAGES} without a face, not used: "
        f"{named}. An edited image has to keep its name and its format."
    )


def _check_distinct(
    first: str, mine: Sequence[Faceset], second: str, others: Sequence[Faceset]
) -> None:
    """Refuses two identities with mostly the same faces.

    Facesets of one clip with two people, divided by deleting images, have different faces.
    """
    for a, b in product(mine, others):
        faces, theirs = _places(a), _places(b)
        if a.path.resolve() == b.path.resolve() or 2 * len(faces & theirs) > min(
            len(faces), len(theirs)
        ):
            raise IdentityError(
                f"Expected different faces for each identity, found the same ones for {first!r} "
                f"({a.path}) and {second!r} ({b.path}).",
                "Name the faceset of the other person. Of a clip with several people, keep the "
                "images of one person in each faceset.",
            )


def _places(faceset: Faceset) -> set[tuple[str, int, int]]:
    """Where the faces of a faceset come from: source, frame and number of the face."""
    source = faceset.source_sha256
    return {(source, face.frame, face.face) for face in faceset.trainable()}


@dataclass(frozen=True)
class TrainingData:
    """Data of a training.

    Attributes:
        batches: Training batches.
        held_out: Cache indices of the held-out faces of each identity.
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
    facesets: Mapping[str, Sequence[Faceset]],
    cache: Path,
    opened: Accelerator,
    model: FaceAutoencoder,
    plans: Sequence[BatchPlan],
    on_faces: Callable[[int], object],
) -> TrainingData:
    """Builds the caches, the held-out split and the batches.

    Args:
        config: Settings of the training.
        facesets: Facesets of each identity, in the order of the model.
        cache: Folder of the caches.
        opened: Accelerator of the training.
        model: The model, for its sizes and its guides.
        plans: Settings that determine the batches, of each phase.
        on_faces: Callback with the number of faces added to the cache since the last call.

    Raises:
        ConfigError: The batch cannot be split evenly over processes and micro-batches, or flips are
            set for an unknown identity.
        FacesetError: Crops cover too little of the face, or cannot be read.
        StorageFullError: The disk is full.
    """
    plan, reach = plans[0], max(plan.ranges.reach for plan in plans)
    # Before anything is written:
    rank_slots(plan.batch, plan.rank, plan.world_size, 0, plan.micro_batches)
    for each in plans:
        check_flips(each.flips, list(facesets))
    caches: dict[str, FaceCache] = {}
    contents: dict[Path, str] = {}
    edited: dict[Path, int] = {}
    training: dict[str, NDArray[np.int64]] = {}
    held_out: dict[str, NDArray[np.int64]] = {}
    traits: dict[str, FaceTraits] = {}
    pairs = {
        name: [(faceset, face) for faceset in sets for face in faceset.trainable()]
        for name, sets in facesets.items()
    }
    # One process of each machine builds the cache, the others reuse it.
    with Peers.of(opened).machine_by_machine():
        for name, sets in facesets.items():
            geometry = _geometry(config, sets, model, reach)
            built = build_cache(cache, name, pairs[name], geometry, on_faces)
            caches[name] = built.cache
            contents |= {path.resolve(): sha256 for path, sha256 in built.contents.items()}
            edited |= {path.resolve(): count for path, count in built.edited.items()}
            training[name], held_out[name] = split_identity(name, pairs[name], config.data.held_out)
            trained = [pairs[name][i] for i in training[name]]
            traits[name] = measure_traits(trained, crowd=name == CROWD)
    guide_data = prepare_guide_data(
        model, pairs, training, config.data.references, config.data.coverage
    )
    sources = {} if guide_data is None else guide_data.sources
    batches = FaceBatches(caches, training, plan, guides=sources, traits=traits)
    return TrainingData(batches, held_out, contents, edited, guide_data)


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
    config: TrainConfig, model: FaceAutoencoder, facesets: Mapping[str, Sequence[Faceset]]
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
    for faceset in chain.from_iterable(facesets.values()):
        faceset.meshes()


def _geometry(
    config: TrainConfig, sets: Sequence[Faceset], model: FaceAutoencoder, reach: float
) -> CropGeometry:
    size = max(model.input_size, model.full_size)
    stored = min(faceset.crop_coverage for faceset in sets)
    if stored < config.data.coverage:
        raise FacesetError(
            f"Expected crops of at least {config.data.coverage} face squares in {sets[0].path}, "
            f"found {stored}.",
            "Lower --set data.coverage, or extract again.",
        )
    return CropGeometry.with_reach(size, config.data.coverage, reach, stored)
