"""Evaluates trained runs on held-out frames."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from faceswap.core.errors import FacesetError, IdentityError
from faceswap.data.sampling import split_facesets
from faceswap.evaluation.comparison import Comparison, Kind, compare
from faceswap.evaluation.footage import clip_names, find_footage, load_samples
from faceswap.evaluation.frame_scoring import FrameScorer, Sample
from faceswap.evaluation.guided_faces import own_guides
from faceswap.evaluation.methods import NEAREST, UNSWAPPED, Method, Model, NearestCrop, Unswapped
from faceswap.evaluation.reconstruction import (
    MIN_SIDE,
    Distance,
    held_out_tensor,
    quality,
    reconstruct,
)
from faceswap.evaluation.sharpness import RealDetail
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.pack_folder import PackPlace, is_pack
from faceswap.media.sources import Source
from faceswap.models.crowd import CROWD, without_crowd
from faceswap.models.model_file import LoadedModel
from faceswap.models.run_model import load_run_model
from faceswap.people.embeddings import Embedding, embed_faces, evenly_spaced, faceset_embedding
from faceswap.recognizers import Recognizer
from faceswap.training.run.run_directory import RunDirectory

Faces = list[tuple[Faceset, Face]]


@dataclass(frozen=True)
class Candidate:
    """A run to evaluate.

    Attributes:
        name: Name of the run folder.
        loaded: Trained model.
        training: Training faces of each identity, by name.
        held_out: Held-out faces of each identity, by name.
    """

    name: str
    loaded: LoadedModel
    training: dict[str, Faces]
    held_out: dict[str, Faces]


@dataclass(frozen=True)
class Reconstruction:
    """Reconstruction quality of one run on the held-out faces of one identity.

    Attributes:
        run: Name of the run.
        identity: Name of the identity.
        faces: Number of faces.
        values: Metric values by name, mean over the faces.
    """

    run: str
    identity: str
    faces: int
    values: dict[str, float]


@dataclass
class RunsEvaluation:
    """Results for several runs.

    Attributes:
        comparisons: Comparison for each pair of source and target.
        reconstructions: Reconstruction quality for each run and identity.
        footage: Description of the origin of the frames, by identity.
        real_similarity: Mean similarity (-1 to 1) of the held-out faces of each identity to the
            mean of its training faces: an upper bound for swaps. Empty without a recognizer.
    """

    comparisons: list[Comparison] = field(default_factory=list)
    reconstructions: list[Reconstruction] = field(default_factory=list)
    footage: dict[str, str] = field(default_factory=dict)
    real_similarity: dict[str, float] = field(default_factory=dict)


def open_runs(
    paths: Sequence[Path], device: str, faces: Mapping[str, Sequence[PackPlace]] | None = None
) -> list[Candidate]:
    """Load runs with their training and held-out faces.

    Args:
        paths: Folders of the runs.
        device: Device of the models.
        faces: Directories of facesets that were moved since the training, by identity. The runs
            record them.

    Raises:
        ModelFileError: A run has no model.
        IdentityError: No run has an identity of ``faces``.
        FacesetError: A faceset is missing, or its faces differ from those of the training.
    """
    faces = faces or {}
    candidates = [_open_run(path, device, faces) for path in paths]
    known = {name for candidate in candidates for name in candidate.held_out}
    if unknown := faces.keys() - known:
        raise IdentityError(
            f"No run has the identity {min(unknown)!r}.", f"Use one of {', '.join(sorted(known))}."
        )
    return _with_unique_names(candidates, paths)


def _open_run(path: Path, device: str, faces: Mapping[str, Sequence[PackPlace]]) -> Candidate:
    run = RunDirectory(path)
    loaded = load_run_model(path, device)
    if not run.config.is_file() or not run.manifest.is_file():
        raise FacesetError(
            f"Expected a run folder, found only a model in {path}: the held-out faces are unknown.",
            "Give the folder that `faceswap train` wrote, or evaluate a converted file.",
        )
    fraction = run.read_config().data.held_out
    recorded = run.read_manifest()["data"]
    training: dict[str, Faces] = {}
    held_out: dict[str, Faces] = {}
    given = {name: paths for name, paths in faces.items() if name in recorded}
    opened = {
        name: _same_facesets([*map(_open_faceset, places)], recorded[name], path)
        for name, places in run.find_facesets(given).items()
        if name != CROWD or not any(map(is_pack, places))
    }
    if given:
        run.record_places({name: [faceset.path for faceset in opened[name]] for name in given})
    for name in without_crowd(opened):
        sets = opened[name]
        pairs = [(faceset, face) for faceset in sets for face in faceset.trainable()]
        used, reserved = split_facesets(pairs, fraction)
        training[name] = [pairs[i] for i in used]
        held_out[name] = [pairs[i] for i in reserved]
    return Candidate(path.resolve().name, loaded, training, held_out)


def _open_faceset(place: PackPlace) -> Faceset:
    if is_pack(place):
        raise FacesetError(
            f"Expected facesets of the identities of a run, found a pack: {place}.",
            "An evaluation needs all of its faces at hand: convert a clip and evaluate that.",
        )
    return Faceset.open(Path(place))


def _same_facesets(
    sets: Sequence[Faceset], recorded: Sequence[Mapping[str, Any]], run: Path
) -> list[Faceset]:
    """The facesets in the order of the training."""
    by_content = {faceset.content_hash(): faceset for faceset in sets}
    expected = [entry["sha256"] for entry in recorded]
    for sha256, faceset in by_content.items():
        if sha256 not in expected:
            raise FacesetError(
                f"The faces in {faceset.path} differ from those that {run} was trained on.",
                "Restore the faceset: the held-out split depends on it.",
            )
    missing = [entry["path"] for entry in recorded if entry["sha256"] not in by_content]
    if missing:
        raise FacesetError(
            f"Expected {len(expected)} facesets of this identity, found {len(sets)}: "
            f"{missing[0]} is missing.",
            "Repeat --faces for each faceset of the identity.",
        )
    return [by_content[sha256] for sha256 in expected]


def _with_unique_names(candidates: Sequence[Candidate], paths: Sequence[Path]) -> list[Candidate]:
    names = [candidate.name for candidate in candidates]
    if len(set(names)) == len(names):
        return list(candidates)
    return [replace(c, name=str(path)) for c, path in zip(candidates, paths, strict=True)]


def common_held_out(candidates: Sequence[Candidate], limit: int) -> dict[str, Faces]:
    """At most ``limit`` evenly spaced faces of each identity that are held out in every run.

    Raises:
        IdentityError: The runs have different identities.
        FacesetError: An identity has no such faces.
    """
    first = candidates[0]
    for other in candidates[1:]:
        if set(other.held_out) != set(first.held_out):
            raise IdentityError(
                f"Expected runs of the same identities, found {', '.join(first.held_out)} in "
                f"{first.name} and {', '.join(other.held_out)} in {other.name}.",
                "Compare runs with the same identity names.",
            )
    hashes: dict[Path, str] = {}
    shared: dict[str, Faces] = {}
    for name, faces in first.held_out.items():
        keys = [{_key(pair, hashes) for pair in other.held_out[name]} for other in candidates]
        common = [
            pair for pair in faces if all(_key(pair, hashes) in held_out for held_out in keys)
        ]
        if not common:
            raise FacesetError(
                f"No face of {name!r} is held out in all of "
                f"{', '.join(candidate.name for candidate in candidates)}.",
                "Compare runs trained on the same facesets with --set data.held_out above 0.",
            )
        shared[name] = [common[position] for position in evenly_spaced(range(len(common)), limit)]
    return shared


def _key(pair: tuple[Faceset, Face], hashes: dict[Path, str]) -> tuple[str, str]:
    faceset, face = pair
    if faceset.path not in hashes:
        hashes[faceset.path] = faceset.content_hash()
    return hashes[faceset.path], face.image


def evaluate_runs(
    candidates: Sequence[Candidate],
    faces: Mapping[str, Faces],
    scorer: FrameScorer,
    *,
    recognizer: Recognizer | None,
    lpips: Distance | None,
    baseline: bool,
    on_frames: Callable[[int], None] = lambda _: None,
) -> RunsEvaluation:
    """Reconstruct the held-out faces, and swap the frames of each identity to every other one.

    Args:
        candidates: Runs, evaluated on the same frames.
        faces: Faces to evaluate by identity, from ``common_held_out``.
        scorer: Scorer of single frames.
        recognizer: Recognition network, or None to skip the identity metrics.
        lpips: Distance of ``lpips.load_lpips``, or None to skip LPIPS.
        baseline: Whether to score the baselines too.
        on_frames: Callback with the number of frames finished since the last call.
    """
    references: dict[str, Embedding] = {}
    if recognizer is not None:
        # Training faces, because the held-out faces are the evaluated frames.
        trained = candidates[0].training
        references = {name: faceset_embedding(trained[name], recognizer) for name in faces}
    real_similarity = {
        name: float(
            np.mean([references[name] @ embedding for embedding in embed_faces(pairs, recognizer)])
        )
        for name, pairs in faces.items()
        if recognizer is not None
    }
    footage = _find_all_footage(faces)
    evaluation = RunsEvaluation(
        real_similarity=real_similarity,
        reconstructions=_reconstructions(candidates, faces, lpips),
        footage={name: _describe_footage(pairs, footage) for name, pairs in faces.items()},
    )
    details = {name: RealDetail(candidates[0].training[name]) for name in faces}
    for source, target in permutations(faces, 2):
        methods = _methods(candidates, source, target, faces[source], baseline)
        frames = _samples(faces[source], footage)
        comparison = compare(
            frames, methods, scorer, references, source, target, details[target], on_frames
        )
        evaluation.comparisons.append(comparison)
    return evaluation


def count_frames(faces: Mapping[str, Faces]) -> int:
    """Number of frames that ``evaluate_runs`` reports through ``on_frames``."""
    return sum(len(pairs) for pairs in faces.values()) * (len(faces) - 1)


def _methods(
    candidates: Sequence[Candidate], source: str, target: str, faces: Faces, baseline: bool
) -> dict[str, tuple[Kind, Method]]:
    methods: dict[str, tuple[Kind, Method]] = {
        candidate.name: ("run", Model(candidate.loaded, target, source, faces))
        for candidate in candidates
    }
    if baseline:
        for candidate in candidates:
            # Errors of this baseline are errors of reconstruction, not of the swap.
            guides = own_guides(candidate.loaded, faces, candidate.training[source], source)
            reconstruction = Model(candidate.loaded, source, source, faces, guides)
            methods[f"{candidate.name}, reconstructed"] = "baseline", reconstruction
        methods[UNSWAPPED] = "baseline", Unswapped()
        methods[NEAREST] = "baseline", NearestCrop(candidates[0].training[target])
    return methods


def _find_all_footage(faces: Mapping[str, Faces]) -> dict[Path, Source | None]:
    facesets = {faceset.path: faceset for pairs in faces.values() for faceset, _ in pairs}
    return {path: find_footage(faceset) for path, faceset in facesets.items()}


def _describe_footage(faces: Faces, footage: Mapping[Path, Source | None]) -> str:
    found = {faceset.path: footage[faceset.path] for faceset, _ in faces}
    return ", ".join(
        f"stored crops of {path.name} (its footage is missing or changed)"
        if source is None
        else f"frames of {source.path.name}"
        for path, source in found.items()
    )


def _samples(faces: Faces, footage: Mapping[Path, Source | None]) -> Iterator[Sample]:
    facesets = {faceset.path: faceset for faceset, _ in faces}
    clips = clip_names(faces)
    for path, faceset in facesets.items():
        own = [face for other, face in faces if other.path == path]
        yield from load_samples(faceset, own, footage[path], clips[path])


def _reconstructions(
    candidates: Sequence[Candidate], faces: Mapping[str, Faces], lpips: Distance | None
) -> list[Reconstruction]:
    sizes = [c.loaded.model.output_size for c in candidates]
    sizes += [c.loaded.model.input_size for c in candidates]
    side = max(MIN_SIDE, *sizes)
    reconstructions = []
    for candidate in candidates:
        for name, pairs in faces.items():
            real = held_out_tensor(pairs, side, candidate.loaded.coverage)
            guides = own_guides(candidate.loaded, pairs, candidate.training[name], name)
            decoded = reconstruct(candidate.loaded, real, name, guides)
            values = quality(decoded, real, lpips)
            reconstructions.append(Reconstruction(candidate.name, name, len(pairs), values))
    return reconstructions
