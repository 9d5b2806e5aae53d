"""Evaluates trained runs on the frames that none of them was trained on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path

import numpy as np

from faceswap.core.errors import FacesetError, IdentityError
from faceswap.core.files import read_json
from faceswap.data.sampling import split_facesets
from faceswap.evaluation.comparison import Comparison, Kind, compare
from faceswap.evaluation.footage import find_footage, shots
from faceswap.evaluation.identity import Embedding, embed_faces, evenly, faceset_reference
from faceswap.evaluation.judge import Judge, Shot
from faceswap.evaluation.methods import NEAREST, UNSWAPPED, Method, Model, NearestCrop, Unswapped
from faceswap.evaluation.reconstruction import (
    SMALLEST,
    Lpips,
    held_out_tensor,
    quality,
    reconstruct,
)
from faceswap.facesets.faceset import Face, Faceset
from faceswap.media.sources import Source
from faceswap.models.model_file import LoadedModel, load_model
from faceswap.recognizers import Recognizer
from faceswap.training.run_directory import RunDirectory

Faces = list[tuple[Faceset, Face]]


@dataclass(frozen=True)
class Candidate:
    """A run that is evaluated.

    Attributes:
        name: Of its folder.
        loaded: Its model.
        training: Faces of each identity that it was trained on.
        held_out: Faces of each identity that it never saw.
    """

    name: str
    loaded: LoadedModel
    training: dict[str, Faces]
    held_out: dict[str, Faces]


@dataclass(frozen=True)
class Reconstruction:
    """How well a run draws one identity's held-out faces as themselves."""

    run: str
    identity: str
    faces: int
    values: dict[str, float]


@dataclass
class RunsEvaluation:
    """What is known of some runs.

    Attributes:
        comparisons: One for each pair of identities.
        reconstructions: One for each run and identity.
        footage: For each identity, where its frames came from.
        likeness: For each identity, how much its held-out faces resemble the mean of those that
            were trained on: what a perfect swap to it could reach. Empty without a recogniser.
    """

    comparisons: list[Comparison] = field(default_factory=list)
    reconstructions: list[Reconstruction] = field(default_factory=list)
    footage: dict[str, str] = field(default_factory=dict)
    likeness: dict[str, float] = field(default_factory=dict)


def open_runs(paths: Sequence[Path], device: str) -> list[Candidate]:
    """Opens runs.

    Raises:
        ModelFileError: One has no model.
        FacesetError: A faceset is gone or holds other faces than the run was trained on.
    """
    return _with_unique_names([_open_run(path, device) for path in paths], paths)


def _open_run(path: Path, device: str) -> Candidate:
    run = RunDirectory(path)
    loaded = load_model(path, device)
    if not run.config.is_file() or not run.manifest.is_file():
        raise FacesetError(
            f"{path} is a model without its run, so nobody knows which faces it was trained on.",
            "Name the folder that `faceswap train` wrote, or evaluate a converted file.",
        )
    share = run.stored_config().data.held_out
    recorded = read_json(run.manifest)["identities"]
    training: dict[str, Faces] = {}
    held_out: dict[str, Faces] = {}
    for name, paths in run.stored_facesets().items():
        sets = [Faceset.open(faceset) for faceset in paths]
        _check_same(sets, [entry["sha256"] for entry in recorded[name]], path)
        pairs = [(faceset, face) for faceset in sets for face in faceset.trainable()]
        used, kept = split_facesets(pairs, share)
        training[name] = [pairs[i] for i in used]
        held_out[name] = [pairs[i] for i in kept]
    return Candidate(path.resolve().name, loaded, training, held_out)


def _check_same(sets: Sequence[Faceset], hashes: Sequence[str], run: Path) -> None:
    for faceset, expected in zip(sets, hashes, strict=True):
        if faceset.content_hash() != expected:
            raise FacesetError(
                f"{faceset.path} does not hold the faces that {run} was trained on.",
                "Restore it: which faces are held out depends on them.",
            )


def _with_unique_names(candidates: Sequence[Candidate], paths: Sequence[Path]) -> list[Candidate]:
    names = [candidate.name for candidate in candidates]
    if len(set(names)) == len(names):
        return list(candidates)
    return [replace(c, name=str(path)) for c, path in zip(candidates, paths, strict=True)]


def shared_held_out(candidates: Sequence[Candidate], at_most: int) -> dict[str, Faces]:
    """Faces of each identity that no run was trained on, evenly chosen.

    Raises:
        IdentityError: The runs are of different identities.
        FacesetError: There are no such faces.
    """
    first = candidates[0]
    for other in candidates[1:]:
        if set(other.held_out) != set(first.held_out):
            raise IdentityError(
                f"{first.name} is of {', '.join(first.held_out)}, "
                f"{other.name} of {', '.join(other.held_out)}.",
                "Compare runs of the same identities, under the same names.",
            )
    hashes: dict[Path, str] = {}
    shared: dict[str, Faces] = {}
    for name, faces in first.held_out.items():
        keys = [{_key(pair, hashes) for pair in other.held_out[name]} for other in candidates]
        common = [pair for pair in faces if all(_key(pair, hashes) in known for known in keys)]
        if not common:
            raise FacesetError(
                f"There are no faces of {name!r} that were held out of the training of "
                f"{', '.join(candidate.name for candidate in candidates)}.",
                "Compare runs on the same facesets, trained with --set data.held_out above 0.",
            )
        shared[name] = [common[place] for place in evenly(range(len(common)), at_most)]
    return shared


def _key(pair: tuple[Faceset, Face], hashes: dict[Path, str]) -> tuple[str, str]:
    faceset, face = pair
    if faceset.path not in hashes:
        hashes[faceset.path] = faceset.content_hash()
    return hashes[faceset.path], face.image


def evaluate_runs(
    candidates: Sequence[Candidate],
    faces: Mapping[str, Faces],
    judge: Judge,
    *,
    recognizer: Recognizer | None,
    lpips: Lpips | None,
    baseline: bool,
    on_frames: Callable[[int], None] = lambda _: None,
) -> RunsEvaluation:
    """Reconstructs held-out faces, and swaps held-out frames of each identity to each other one.

    Args:
        candidates: The runs, judged on the same frames.
        faces: For each identity the faces to judge, from ``shared_held_out``.
        judge: Looks at the swapped frames.
        recognizer: Identity, or None to leave it out.
        lpips: Or None to leave it out.
        baseline: Whether to judge naive answers too.
        on_frames: Called with the number of frames done since the last call.
    """
    known: dict[str, Embedding] = {}
    if recognizer is not None:
        # Of the training faces: the held-out ones are the very frames that are judged.
        trained = candidates[0].training
        known = {name: faceset_reference(trained[name], recognizer) for name in faces}
    likeness = {
        name: float(np.mean([known[name] @ one for one in embed_faces(pairs, recognizer)]))
        for name, pairs in faces.items()
        if recognizer is not None
    }
    footage = _find_all_footage(faces)
    evaluation = RunsEvaluation(
        likeness=likeness,
        reconstructions=_reconstructions(candidates, faces, lpips),
        footage={name: _describe_footage(pairs, footage) for name, pairs in faces.items()},
    )
    for source, target in permutations(faces, 2):
        methods = _methods(candidates, source, target, baseline)
        frames = _shots(faces[source], footage)
        judged = compare(frames, methods, judge, known, source, target, on_frames)
        evaluation.comparisons.append(judged)
    return evaluation


def frames_to_judge(faces: Mapping[str, Faces]) -> int:
    """How many frames ``evaluate_runs`` counts, for a progress bar."""
    return sum(len(pairs) for pairs in faces.values()) * (len(faces) - 1)


def _methods(
    candidates: Sequence[Candidate], source: str, target: str, baseline: bool
) -> dict[str, tuple[Kind, Method]]:
    methods: dict[str, tuple[Kind, Method]] = {
        candidate.name: ("run", Model(candidate.loaded, target)) for candidate in candidates
    }
    if baseline:
        for candidate in candidates:
            # What is wrong here already is the drawing's fault, and not the swap's.
            itself = Model(candidate.loaded, source)
            methods[f"{candidate.name}, redrawn"] = "baseline", itself
        methods[UNSWAPPED] = "baseline", Unswapped()
        methods[NEAREST] = "baseline", NearestCrop(candidates[0].training[target])
    return methods


def _find_all_footage(faces: Mapping[str, Faces]) -> dict[Path, Source | None]:
    facesets = {faceset.path: faceset for pairs in faces.values() for faceset, _ in pairs}
    return {path: find_footage(faceset) for path, faceset in facesets.items()}


def _describe_footage(faces: Faces, footage: Mapping[Path, Source | None]) -> str:
    found = {faceset.path: footage[faceset.path] for faceset, _ in faces}
    return ", ".join(
        f"stored crops of {path.name} (its footage is gone or changed)"
        if source is None
        else f"frames of {source.path.name}"
        for path, source in found.items()
    )


def _shots(faces: Faces, footage: Mapping[Path, Source | None]) -> Iterator[Shot]:
    facesets = {faceset.path: faceset for faceset, _ in faces}
    for path, faceset in facesets.items():
        own = [face for other, face in faces if other.path == path]
        yield from shots(faceset, own, footage[path])


def _reconstructions(
    candidates: Sequence[Candidate], faces: Mapping[str, Faces], lpips: Lpips | None
) -> list[Reconstruction]:
    sizes = [c.loaded.model.output_size for c in candidates]
    sizes += [c.loaded.model.input_size for c in candidates]
    side = max(SMALLEST, *sizes)
    found = []
    for candidate in candidates:
        for name, pairs in faces.items():
            real = held_out_tensor(pairs, side, candidate.loaded.coverage)
            drawn = reconstruct(candidate.loaded, real, name)
            values = quality(drawn, real, lpips)
            found.append(Reconstruction(candidate.name, name, len(pairs), values))
    return found
